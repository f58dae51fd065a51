"""No result of the reference engine depends on the order of parts within a phase."""

from __future__ import annotations

import pytest

from neurosim.engines.outcome import FINISHED, OVERFLOW
from neurosim.engines.reference import run
from neurosim.image import first_counter_difference
from neurosim.lower import SyncPlan
from neurosim.network.model import Workload
from neurosim.trace import first_difference
from tests.engines import generated
from tests.engines.machines import mesh, small_image


@pytest.mark.parametrize("seed", range(150))
def test_order_of_parts_does_not_show(seed: int) -> None:
    image = generated.machine(generated.Seeded(seed))
    ours, other = run(image, want_trace=True), run(image, want_trace=True, shuffle=seed)
    assert ours.trace is not None and other.trace is not None
    assert first_difference(ours.trace, other.trace) is None
    assert first_counter_difference(ours.counters, other.counters) is None
    assert (ours.status, set(ours.waiting), ours.overflow_unit) == (
        other.status, set(other.waiting), other.overflow_unit)


@pytest.mark.parametrize("shuffle", range(6))
def test_overflow_ends_with_its_tick_in_any_order(
    monkeypatch: pytest.MonkeyPatch, shuffle: int
) -> None:
    def huge(seed: int, steps: int, inputs: int, window: int = 0) -> Workload:
        import numpy as np

        return Workload(np.full((steps, inputs), 1e8, np.float32), window=window)

    monkeypatch.setattr("tests.engines.machines.random_workload", huge)
    image = small_image(sizes=(6,), cores=(4,), density=1.0, chip=mesh(4, 1, 1))
    ours, other = run(image, want_trace=True), run(image, want_trace=True, shuffle=shuffle)
    assert ours.status == OVERFLOW and ours.overflow_unit == other.overflow_unit
    assert ours.trace is not None and other.trace is not None
    assert first_difference(ours.trace, other.trace) is None
    assert first_counter_difference(ours.counters, other.counters) is None


def test_ticks_shorter_than_a_clock_period_are_all_begun() -> None:
    """Latched ticks are taken one an edge, without waiting for something else to happen."""
    outcome = run(small_image(sync=SyncPlan(kind="tick", period_s=1e-9)))
    assert outcome.status == FINISHED
    assert (outcome.counters.step_layer >= 0).all()
