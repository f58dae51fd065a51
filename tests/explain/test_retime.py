"""Timing a run anew: the recorded times with the recorded costs, good predictions with others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurosim.explain import critical_path, read
from neurosim.explain.graph import build, previous
from neurosim.explain.retime import retime
from neurosim.image import Image
from neurosim.lower import SyncPlan
from tests.engines.conftest import ENGINES
from tests.engines.generated import Seeded, machine
from tests.engines.machines import mesh, small_image

BATCH = 20


@pytest.mark.parametrize("first", range(0, 120, BATCH))
def test_the_recorded_costs_give_the_recorded_times(first: int) -> None:
    """Exactly, for every record: so all conditions of the machine are among the edges."""
    for seed in range(first, first + BATCH):
        image = machine(Seeded(seed))
        records = read(image, ENGINES["simpy"](image, want_trace=True).trace)
        graph = build(records)
        ticks, causes = retime(graph)
        assert np.array_equal(ticks, records.tick), seed
        anew = critical_path(records, causes, ticks)
        assert np.array_equal(anew.sums(), anew.latency), seed


def mean_latency(image: Image) -> float:
    records = read(image, ENGINES["simpy"](image, want_trace=True).trace)
    return float(critical_path(records).latency.mean())


def machines() -> dict[str, Image]:
    chip = mesh(3, 3, 2)
    return {kind: small_image(5, SyncPlan(kind, closed_loop=True), chip=chip, sizes=(24, 18),
                              inputs=8, steps=8, cores=(4, 3)) for kind in ("barrier", "dataflow")}


CHANGES = {
    "updates x2": lambda i: {"update_ticks": i.update_ticks * 2},
    "rows x3": lambda i: {"row_ticks": i.row_ticks * 3},
    "receive x0.5": lambda i: {"receive_ticks": i.receive_ticks // 2},
    "width / 8": lambda i: {"ch_width": np.maximum(1, i.ch_width // 8)},
    "latency x4": lambda i: {"ch_latency": i.ch_latency * 4},
    "barrier x5": lambda i: {"barrier_ticks": i.barrier_ticks * 5},
}


@pytest.mark.parametrize("change", sorted(CHANGES))
@pytest.mark.parametrize("kind", ["barrier", "dataflow"])
def test_predictions_hold(kind: str, change: str) -> None:
    """The new mean latency is within 3 % of what running the changed machine gives."""
    image = machines()[kind]
    other = replace(image, **CHANGES[change](image))
    records = read(image, ENGINES["simpy"](image, want_trace=True).trace)
    ticks, causes = retime(build(records), other)
    predicted = critical_path(records, causes, ticks, other)
    assert np.array_equal(predicted.sums(), predicted.latency)
    assert float(predicted.latency.mean()) == pytest.approx(mean_latency(other), rel=0.03)


def test_previous() -> None:
    group = np.array([0, 1, 0, 0, 1, 0])
    wanted = np.array([True, False, False, True, False, False])
    assert previous(group, wanted).tolist() == [-1, -1, 0, 0, -1, 3]
