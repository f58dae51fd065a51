"""The critical path adds up to the latency, exactly, on every machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim import image as im
from neurosim import trace
from neurosim.engines.outcome import FINISHED
from neurosim.explain import CriticalPath, Records, critical_path, parts, read
from neurosim.explain.split import split
from neurosim.image import Image
from neurosim.lower import SyncPlan
from neurosim.measure import latency
from neurosim.measure.facts import Facts
from tests.engines.conftest import ENGINES
from tests.engines.generated import Seeded, machine
from tests.engines.machines import mesh, small_image

MACHINES = 200
BATCH = 25


def explained(image: Image, engine: str = "simpy") -> tuple[Any, Records, CriticalPath]:
    outcome = ENGINES[engine](image, want_trace=True)
    records = read(image, outcome.trace)
    return outcome, records, critical_path(records)


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize("first", range(0, MACHINES, BATCH))
def test_generated_machines(engine: str, first: int) -> None:
    """Reading refuses causes that do not precede their effects; parts sum to latencies."""
    some = 0
    for seed in range(first, first + BATCH):
        image = machine(Seeded(seed))
        outcome, records, path = explained(image, engine)
        assert np.array_equal(path.sums(), path.latency), seed
        assert (path.ticks > 0).all()
        only_edges_are_left(records, seed)
        if image.sync != im.SYNC_NONE:
            same_steps_as_the_counters(image, outcome, path, seed)
        some += len(path.ticks)
    assert some > 1000


def only_edges_are_left(records: Records, seed: int) -> None:
    """What the costs do not explain is shorter than a clock period."""
    index = np.flatnonzero(records.cause >= 0)
    gaps = split(records, index)
    cause = records.cause[index]
    assert np.array_equal(gaps.ticks.sum(axis=1), records.tick[index] - records.tick[cause]), seed
    # A report leaves on its sender's clock; a stage behind several ticks catches up edge by edge.
    report = records.part[index] == records.image.sync_part
    part = np.where(report, records.part[cause], records.part[index])
    behind = (records.kind[index] == trace.STEP) | (
        (records.kind[index] == trace.START) & (records.info[index] == im.DECODE))
    behind &= records.image.sync == im.SYNC_TICK
    edges = ((gaps.part == parts.EDGE) * gaps.ticks).sum(axis=1)
    assert ((edges < records.image.clock_period[part]) | (edges == 0) | behind).all(), seed


def same_steps_as_the_counters(image: Image, outcome: Any, path: CriticalPath,
                               seed: int) -> None:
    """The steps, and the latencies, that `latency_s` is about.  In a run that was cut short, a step
    may have a path up to the last of some units' updates."""
    facts = Facts(None, None, None, None, image, outcome.counters)  # type: ignore[arg-type]
    took = latency.completions(facts) - latency.offers(facts)
    done = np.flatnonzero(latency.finished(facts) & (took > 0))
    common = np.isin(path.step, done)
    assert common.all() or outcome.status != FINISHED, seed
    assert np.array_equal(path.step[common], done), seed
    assert np.array_equal(path.end[common], latency.completions(facts)[done]), seed
    assert np.array_equal(path.begin[common], latency.offers(facts)[done]), seed


def test_a_trace_in_any_order_reads_the_same() -> None:
    image = small_image(1, SyncPlan("dataflow"))
    records = ENGINES["simpy"](image, want_trace=True).trace
    shuffled = records[np.random.default_rng(0).permutation(len(records))]
    assert np.array_equal(read(image, records).cause, read(image, shuffled).cause)


def test_a_cause_that_is_missing_or_late_is_refused() -> None:
    image = small_image(1, SyncPlan("dataflow"))
    records = ENGINES["simpy"](image, want_trace=True).trace
    wrong = records.copy()
    wrong["cause_rank"][-1] += 1
    with pytest.raises(ValueError, match="not in the trace"):
        read(image, wrong)
    wrong = records.copy()
    wrong["cause_tick"][5], wrong["cause_rank"][5] = records["tick"][9], records["rank"][9]
    with pytest.raises(ValueError, match="precede"):
        read(image, wrong)


def one_core(**sets: Any) -> Image:
    """One input, one unit on one core of the host's tile; the unit always fires."""
    chip = mesh(1, 1, 1, **{"core.wake_cycles": 7, **sets})
    image = small_image(4, SyncPlan("dataflow"), chip=chip, sizes=(1,), inputs=1, steps=1,
                        cores=(1,), density=1.0, fire="always")
    assert image.inputs[0, 0] != 0
    return image


def test_one_unit_by_hand() -> None:
    """Host sends, packet and marker travel, core receives both, updates, and sends both back."""
    image = one_core()
    _, _, path = explained(image)
    ticks = dict(zip(parts.NAMES, path.by_part()[0].tolist(), strict=True))
    noc, core = int(image.clock_period[0]), int(image.clock_period[1])
    host_out = image.injection_channel(image.first_host)
    # The event's row keeps the core busy until after the marker came, so the path runs through
    # the host's first packet only.
    bits = image.packet_bits
    cycles = -(-bits[im.EVENT] // image.ch_width[host_out])
    assert ticks["host sending"] == max(image.host_send_ticks, cycles * image.ch_cycle[host_out])
    assert ticks["receive"] == image.receive_ticks[0, :2].sum()
    assert ticks["synaptic work"] == image.row_ticks[0]
    assert ticks["wake"] == 7 * core
    assert ticks["update"] == image.update_ticks[0]
    assert ticks["send"] == 2 * image.send_ticks[0]  # its event, then its marker
    assert ticks["router pipeline"] == 2 * image.ready_cycles[0] * noc
    assert ticks["core input"] == image.ready_cycles[1] * core
    to_host = int(np.flatnonzero(image.ch_part[: image.n_outputs] == image.first_host)[0])
    tail = -(-bits[im.MARKER] // image.ch_width[to_host]) * image.ch_cycle[to_host]
    assert ticks["host link"] == (image.ch_latency[host_out] + image.ch_latency[to_host] + tail
                                  - image.ch_cycle[to_host])
    assert ticks["link wire"] == ticks["barrier"] == ticks["credit"] == 0


def test_places_and_layers_of_a_path() -> None:
    image = small_image(2, SyncPlan("barrier"), chip=mesh(3, 2, 1), cores=(3, 2))
    _, records, path = explained(image)
    work = np.isin(path.part, parts.CORE_WORK)
    assert ((path.place[work] >= image.first_core) & (path.place[work] < image.first_source)).all()
    core = path.place[work] - image.first_core
    assert np.array_equal(path.layer[work], image.core_stage[core] - 1)
    wires = path.part == parts.WIRE
    channel = path.place[wires] - image.sync_part - 1
    assert (image.ch_part[channel] < image.n_routers).all()
    assert (image.ch_owner[channel] < image.n_routers).all()
    barrier = path.part == parts.BARRIER
    assert barrier.any() and (path.place[barrier] == image.sync_part).all()
    assert (path.ticks[barrier] == image.barrier_ticks).sum() >= barrier.sum() - len(path.step)


def test_the_reference_names_every_part_and_class(project: Path) -> None:
    text = (project / "docs" / "reference" / "critical-path.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    named = {name.strip() for row in rows for name in row.split(",")}
    assert set(parts.NAMES) <= named
    assert all(f"**{name}**" in text for name in parts.CLASSES)
    assert len(parts.NAMES) == len(parts.MEANINGS) == len(parts.CLASS_OF)
