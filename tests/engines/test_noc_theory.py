"""The NoC against closed forms: zero-load latency, link and credit throughput, timing gates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.machines import mesh
from neurosim import image as im
from neurosim import trace
from neurosim.lower import lower_traffic


def one_pair(source: int, sink: int, rate: float, flits: int, cycles: int, chip: Any) -> im.Image:
    """Traffic from one tile to one other; all other sources map onto themselves (silent)."""
    image = lower_traffic(chip, "uniform", rate, flits, cycles, 0)
    fixed = np.arange(image.n_sources, dtype=np.int64)
    fixed[source] = sink
    return replace(image, traffic_dest_kind=im.DEST_FIXED, traffic_dest=fixed)


def records(outcome: Any, kind: int) -> np.ndarray:
    """The trace's records of one kind, in order."""
    kinds = np.array([trace.unpack(int(rank))[2] for rank in outcome.trace["rank"]])
    return outcome.trace[kinds == kind]


def zero_load_cycles(hops: int, flits: int, pipeline: int, link: int, local: int) -> int:
    """Injection, one pipeline a router, one link a hop, delivery, and the tail."""
    return local + (hops + 1) * pipeline + hops * link + local + flits - 1


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_zero_load_latency_is_the_closed_form(engine: Any, data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 5)), data.draw(st.integers(2, 5))
    pipeline, link = data.draw(st.integers(0, 4)), data.draw(st.integers(1, 4))
    local, flits = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    source = data.draw(st.integers(0, width * height - 1))
    sink = data.draw(st.integers(0, width * height - 1).filter(lambda s: s != source))
    chip = mesh(width, height, 1, **{
        "noc.pipeline_cycles": pipeline, "noc.link_cycles": link, "noc.local_cycles": local,
        "noc.buffer_flits": 8})
    image = one_pair(source, sink, 0.001, flits, 4000, chip)
    outcome = engine(image, want_trace=True)
    offers = {int(r["sequence"]): int(r["tick"]) for r in records(outcome, trace.OFFER)}
    hops = abs(source % width - sink % width) + abs(source // width - sink // width)
    period = int(image.clock_period[0])
    delivered = records(outcome, trace.DELIVER)
    for record in delivered:
        took = int(record["tick"]) - offers[int(record["sequence"])]
        if int(record["sequence"]) == 0:  # nothing before it in the network
            assert took == period * zero_load_cycles(hops, flits, pipeline, link, local)


@pytest.mark.parametrize("buffer", [1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("credit", [1, 3])
def test_throughput_is_buffer_over_round_trip(engine: Any, buffer: int, credit: int) -> None:
    """A saturated channel moves min(1, buffer / round trip) flits a cycle: the round trip is link
    + pipeline + one cycle on the next channel + credit delay."""
    pipeline, link, cycles = 2, 1, 2000
    chip = mesh(2, 1, 1, **{
        "noc.pipeline_cycles": pipeline, "noc.link_cycles": link, "noc.local_cycles": link,
        "noc.buffer_flits": buffer, "noc.credit_cycles": credit})
    image = one_pair(0, 1, 1.0, 1, cycles, chip)
    outcome = engine(image, want_trace=True)
    grants = records(outcome, trace.GRANT)
    ports = np.array([trace.unpack(int(r))[2:] for r in grants["rank"]])[:, 1]
    on_link = grants["tick"][image.ch_port[ports] >= 0] // int(image.clock_period[0])
    steady = on_link[len(on_link) // 2:]
    round_trip = link + pipeline + 1 + credit
    period = max(buffer, round_trip)  # buffer packets in so many cycles
    lag = buffer
    assert np.array_equal(steady[lag:] - steady[:-lag], np.full(len(steady) - lag, period))


@pytest.mark.parametrize("flits", [1, 2, 5])
def test_saturated_link_is_busy_without_a_gap(engine: Any, flits: int) -> None:
    """Enough buffer: one packet every ``flits`` cycles, exactly."""
    chip = mesh(2, 1, 1, **{"noc.buffer_flits": 64})
    image = one_pair(0, 1, 1.0, flits, 1000, chip)
    outcome = engine(image, want_trace=True)
    grants = records(outcome, trace.GRANT)
    ports = np.array([trace.unpack(int(r))[2:] for r in grants["rank"]])[:, 1]
    on_link = grants["tick"][image.ch_port[ports] >= 0] // int(image.clock_period[0])
    assert len(on_link) > 100
    assert set(np.diff(on_link)) == {flits}


@pytest.mark.parametrize("key", ["noc.pipeline_cycles", "noc.link_cycles", "noc.credit_cycles"])
def test_a_cycle_more_or_less_moves_the_grant_by_a_cycle(engine: Any, key: str) -> None:
    """Both sides of each gate: the second packet through a one-flit buffer goes at the first edge
    at which its last condition holds, not one earlier, not one later."""
    times = []
    for cycles in (2, 3, 4):
        chip = mesh(2, 1, 1, **{"noc.buffer_flits": 1, "noc.pipeline_cycles": 2, key: cycles})
        image = one_pair(0, 1, 1.0, 1, 60, chip)
        outcome = engine(image, want_trace=True)
        grants = records(outcome, trace.GRANT)
        ports = np.array([trace.unpack(int(r))[2:] for r in grants["rank"]])[:, 1]
        on_link = grants["tick"][image.ch_port[ports] >= 0] // int(image.clock_period[0])
        times.append(int(on_link[1] - on_link[0]))
    assert np.diff(times).tolist() == [1, 1]


def test_two_inputs_share_an_output_in_turn(engine: Any) -> None:
    """Round robin: two saturated sources into one link take turns, grant by grant."""
    chip = mesh(3, 1, 1, **{"noc.buffer_flits": 16})
    image = lower_traffic(chip, "uniform", 1.0, 1, 400, 0)
    image = replace(image, traffic_dest_kind=im.DEST_FIXED, traffic_dest=np.array([2, 2, 2]))
    outcome = engine(image, want_trace=True)
    delivered = records(outcome, trace.DELIVER)["source"][50:]
    assert np.array_equal(delivered[::2], np.full(len(delivered[::2]), delivered[0]))
    assert set(delivered[:2]) == {image.first_source, image.first_source + 1}


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_packets_are_conserved_and_in_order(engine: Any, data: st.DataObject) -> None:
    chip = mesh(data.draw(st.integers(2, 4)), data.draw(st.integers(1, 4)), 1, **{
        "noc.buffer_flits": data.draw(st.integers(2, 4)),
        "noc.credit_cycles": data.draw(st.integers(1, 4))})
    pattern = data.draw(st.sampled_from(["uniform", "bit_complement", "hotspot", "neighbour"]))
    image = lower_traffic(chip, pattern, data.draw(st.sampled_from([0.05, 0.4, 1.0])),
                          data.draw(st.integers(1, 2)), 200, 0, data.draw(st.integers(0, 99)))
    outcome = engine(image, want_trace=True)
    counters = outcome.counters
    kind = im.TRAFFIC
    assert counters.copies[kind] == counters.delivered[kind] + counters.in_flight
    assert counters.delivered[kind] > 0
    delivered = records(outcome, trace.DELIVER)
    part = [trace.unpack(int(r))[1] for r in delivered["rank"]]
    last: dict[tuple[int, int], int] = {}
    for record, sink in zip(delivered, part, strict=True):
        pair = (int(record["source"]), sink)
        assert int(record["sequence"]) > last.get(pair, -1)
        last[pair] = int(record["sequence"])
