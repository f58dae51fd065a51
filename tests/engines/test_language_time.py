"""How long a token takes, and how many there are a second: closed forms and bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from neurosim import image as im
from neurosim import trace
from neurosim.engines import compiled
from neurosim.engines.outcome import Outcome, raise_unless_finished
from neurosim.explain import critical_path, parts, read
from neurosim.image import Counters, Image
from neurosim.lower import SyncPlan
from neurosim.network.machine import Choice, LanguagePlan
from tests.engines.language import case
from tests.engines.machines import mesh

Engine = Callable[..., Outcome]
HERTZ = 100e6
#: One clock everywhere, so that nothing waits for an edge and all is counted in cycles.
CLOCKS = {"noc.clock_hz": HERTZ, "host.clock_hz": HERTZ, "levels.150MHz.core_clock_hz": HERTZ}
COSTS = {
    "host.link_bits_per_cycle": 8, "host.latency_cycles": 3, "host.packet_cycles": 2,
    "noc.local_cycles": 2, "noc.pipeline_cycles": 4, "noc.sync_cycles": 0, "noc.flit_bits": 192,
    "core.sync_cycles": 1, "core.wake_cycles": 0, "core.receive_cycles": 50,
    "core.marker_cycles": 31, "core.accumulate_cycles": 20, "core.group_cycles": 15,
    "core.lanes": 1, "core.update_cycles": 200, "core.send_cycles": 11, "core.dense_cycles": 6,
    "core.word_cycles": 7, "host.macs_per_s": HERTZ / 5,
}


def one_unit(plan: LanguagePlan, sync: SyncPlan, steps: int = 5, words: int = 3,
             recurrent: bool = True) -> Image:
    """Host, a core with one unit that always fires, and (decoder on the chip) one with all words,
    around a single router."""
    made = case(plan, seed=4, sizes=(1,), width=1, vocabulary=words, steps=steps, prompt=1,
                density=1.0, fire="always")
    if not recurrent:
        layer = replace(made.network.layers[0], recurrent=sp.csr_array((1, 3), dtype=np.float32))
        made = replace(made, network=replace(made.network, layers=(layer,)))
    return made.image(sync, [1, 1], chip=mesh(1, 1, 2, **CLOCKS, **COSTS))


def cycles(image: Image, ticks: np.ndarray) -> list[int]:
    period = int(image.clock_period[0])
    assert (np.asarray(ticks) % period == 0).all()
    return (np.asarray(ticks) // period).tolist()


def from_host(image: Image, kind: int) -> int:
    """Cycles from the end of the host's send job to the packet's first use at a core: its link,
    then its tail (the router's output is faster), the router, the wire and the core's input."""
    tail = -(-int(image.packet_bits[kind]) // 8) - 1
    return 3 + tail + 4 + 2 + 1


def to_host(image: Image, kind: int) -> int:
    """From the end of a core's send job to the tail's arrival at the host."""
    return 2 + 4 + 3 + (-(-int(image.packet_bits[kind]) // 8) - 1)


CORE_TO_CORE = 2 + 4 + 2 + 1


@pytest.mark.parametrize("gated", [True, False])
def test_a_token_takes_the_sum_of_its_stages(engine: Engine, gated: bool) -> None:
    """Decoder on the chip, one stream, dataflow: host, unit, words, host, one after the other.

    A core works longer on the event than its marker is behind, so it takes the marker at once.
    """
    plan = LanguagePlan(decoder_on="chip", gated=gated, mode="generate")
    image = one_unit(plan, SyncPlan("dataflow"))
    outcome = engine(image)
    raise_unless_finished(image, outcome)
    counters = outcome.counters
    bits = image.packet_bits
    send = max(2, -(-int(bits[im.EVENT]) // 8))  # the link is slower than the host
    unit = 50 + (20 + 3 * 15) + 31 + 200  # event, its row of three gates, marker, update
    row, word = (20 + 3 * 6, 7) if gated else (6, 7 + 6)
    words = 50 + row + 31 + 3 * word
    choose = 5  # one result at a fifth of an operation a cycle
    expected = (send + from_host(image, im.EVENT) + unit + 11 + CORE_TO_CORE
                + words + 11 + to_host(image, im.RESULT) + choose)
    taken = cycles(image, counters.step_decided - counters.step_offer)
    # From the second token on the unit's core takes its own event and marker, and the decoder's
    # acknowledgement, while it would wait anyway.
    assert taken == [expected] * 5
    assert cycles(image, np.diff(counters.step_decided)) == [expected] * 4


def test_a_token_decoded_on_the_host(engine: Engine) -> None:
    """Gated: a time a step and a time an event; the decision waits for the marker, which the unit
    sends behind its event.  (With a recurrence the next token would wait for its row.)"""
    image = one_unit(LanguagePlan(decoder_on="host", mode="generate"), SyncPlan("dataflow"),
                     recurrent=False)
    outcome = engine(image)
    raise_unless_finished(image, outcome)
    counters = outcome.counters
    send = max(2, -(-int(image.packet_bits[im.EVENT]) // 8))
    unit = 50 + (20 + 3 * 15) + 31 + 200
    decode = 3 * 5 + 3 * 5  # three words, and three products of the one event
    expected = (send + from_host(image, im.EVENT) + unit + 2 * 11 + to_host(image, im.MARKER)
                + decode)
    assert cycles(image, counters.step_decided - counters.step_offer) == [expected] * 5
    assert cycles(image, counters.host_decode_ticks) == 5 * decode


@pytest.mark.parametrize("place", ["host", "chip"])
@pytest.mark.parametrize("sync", ["barrier", "dataflow"])
def test_the_critical_path_of_a_token_sums_to_its_latency(engine: Engine, place: Any,
                                                          sync: Any) -> None:
    plan = LanguagePlan(decoder_on=place, mode="generate", streams=2, reduction=1)
    made = case(plan, steps=5)
    image = made.image(SyncPlan(sync), [3, 2, 4])
    outcome = engine(image, want_trace=True)
    path = critical_path(read(image, outcome.trace))
    counters = outcome.counters
    assert np.array_equal(path.sums(), counters.step_decided - counters.step_offer)
    assert (path.by_part()[:, parts.DECODE] > 0).all()


# --- throughput


def busiest(image: Image, counters: Counters) -> float:
    """Ticks a step of the part that is busy for longest: a core, a channel, or the host."""
    host = counters.host_decode_ticks + image.host_send_ticks * counters.host_sent
    return max(counters.job_ticks.sum(axis=1).max(), counters.ch_busy.max(), host) / image.steps


def interval(counters: Counters) -> float:
    """Mean ticks between decisions, of the second half of the run."""
    decided = counters.step_decided
    half = len(decided) // 2
    return float(decided[-1] - decided[half - 1]) / (len(decided) - half)


@pytest.mark.parametrize("place", ["host", "chip"])
def test_streams_fill_the_machine(place: Any) -> None:
    """Dataflow: from four streams on the busiest core sets the pace, to 5 %, and stays there; the
    latency is then the number of streams times the interval (Little's law)."""
    found = {}
    for streams in (1, 4, 8, 16):
        plan = LanguagePlan(decoder_on=place, mode="generate", streams=streams, reduction=3)
        made = case(plan, seed=3, sizes=(24, 18), width=8, vocabulary=40, steps=24)
        image = made.image(SyncPlan("dataflow"), [4, 3, 6], chip=mesh(4, 4, 1))
        counters = compiled.run(image).counters
        latency = (counters.step_decided - counters.step_offer)[image.steps // 2:].mean()
        found[streams] = interval(counters) / busiest(image, counters)
        assert latency / interval(counters) == pytest.approx(streams, rel=0.03)
    assert found.pop(1) > 1.5
    assert all(0.95 < ratio < 1.05 for ratio in found.values()), found


def test_streams_under_a_barrier(engine: Engine) -> None:
    """A token enters every ceil((layers + 1) / S) supersteps."""
    for streams, period in ((1, 4), (2, 2), (3, 2), (4, 1), (5, 1)):
        plan = LanguagePlan(decoder_on="chip", mode="generate", streams=streams,
                            choice=Choice("top_k", k=2))
        image = case(plan, steps=3).image(SyncPlan("barrier"), [3, 2, 2])
        assert image.superstep_period == period
        assert image.supersteps == (image.steps - 1) * period + 4
        raise_unless_finished(image, engine(image))


@pytest.mark.parametrize("first", [True, False])
def test_a_step_is_finished_before_later_packets_are_taken(engine: Engine, first: bool) -> None:
    """From a core's beginning of a step until its units are updated it takes nothing in, if it
    finishes steps first, as it does with several streams."""
    plan = LanguagePlan(decoder_on="host", streams=4)
    made = case(plan, seed=2, sizes=(12, 9), width=8, steps=6)
    image = made.image(SyncPlan("dataflow"), [3, 2], chip=mesh(2, 2, 2))
    assert image.finish_first
    records = read(image, engine(replace(image, finish_first=first), want_trace=True).trace)
    taken = 0
    for core in range(image.first_core, image.first_source):
        mine = np.flatnonzero(records.part == core)
        kind, info = records.kind[mine], records.info[mine]
        begins = np.flatnonzero(kind == trace.STEP)
        updates = (kind == trace.END) & (info == im.UPDATE)
        takes = (kind == trace.START) & (info == im.RECEIVE)
        units = int(np.diff(image.unit_ptr)[core - image.first_core])
        for begin in begins.tolist():
            done = begin + int(np.flatnonzero(updates[begin:])[units - 1])
            taken += int(takes[begin:done].sum())
    assert (taken == 0) is first
