"""Latency by hand, and its parts, which sum to it whatever the order of milestones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.engines.outcome import FINISHED
from neurosim.lower import SyncPlan
from neurosim.measure import latency
from neurosim.measure.facts import Facts
from tests.engines.conftest import ENGINES
from tests.engines.machines import mesh, small_image
from tests.measure import cases


def test_by_hand():
    # Offered at 0, .1, .2, .3 ms; complete at .5, .5, .6 (last layer: the host got nothing), 1 ms.
    found = latency.latency(cases.facts())
    assert found["total"] == pytest.approx(1e-3)
    assert found["per_step_mean"] == pytest.approx((0.5 + 0.4 + 0.4 + 0.7) / 4 * 1e-3)
    assert found["per_step_p50"] == pytest.approx(0.45e-3)
    assert found["per_step_max"] == pytest.approx(0.7e-3)
    assert found["interval_mean"] == pytest.approx(0.5e-3 / 3)
    assert latency.throughput(cases.facts()) == pytest.approx(4 / 1e-3)


def test_stages_by_hand():
    f = cases.facts()
    ticks = latency.stage_ticks(f) * 10 // f.counters.end_tick
    # Step 1: layer 1's last update (0.6 ms) comes after the host's last packet (0.5 ms).
    assert ticks.tolist() == [[2, 2, 1], [2, 2, 0], [2, 2, 0], [3, 2, 2]]


def test_unfinished_steps_do_not_count():
    f = cases.facts()
    f.counters.step_deliver[3], f.counters.step_layer[3] = -1, [7, -1]
    found = latency.latency(f)
    assert found["steps_finished"] == 3
    assert found["per_step_mean"] == pytest.approx((0.5 + 0.4 + 0.4) / 3 * 1e-3)
    assert latency.stage_ticks(f)[3].tolist() == [0, 0, 0]


def test_nothing_finished_is_none_not_nan():
    f = cases.facts()
    f.counters.step_offer[:] = -1
    found = latency.latency(f)
    assert found["per_step_mean"] is None and found["interval_mean"] is None
    assert latency.throughput(f) is None


@given(st.lists(st.tuples(*[st.integers(0, 1000)] * 4), min_size=4, max_size=4))
def test_stages_sum_to_the_latency(steps: list[tuple[int, ...]]):
    f = cases.facts()
    times = np.array(steps, np.int64)
    offer, layers = times[:, 0], times[:, 1:3]
    deliver = offer + times[:, 3]
    counters = dataclasses.replace(f.counters, step_offer=offer, step_layer=layers,
                                   step_deliver=deliver)
    stages = latency.stage_ticks(dataclasses.replace(f, counters=counters))
    assert (stages >= 0).all()
    assert (stages.sum(axis=1) == deliver - offer).all()


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_a_host_slower_than_the_tick(engine: str):
    """Inputs of 20,000 cycles each, and a tick every 2,000 cycles: step t's input comes after step
    t is over.  Latency counts from the tick, so it is never negative, and late inputs are counted.
    """
    chip = mesh(2, 2, 2, **{"host.packet_cycles": 20_000})
    period = 2000 / float(chip.noc.clock_hz)
    image = small_image(3, SyncPlan("tick", period_s=period), chip=chip, inputs=6, steps=5,
                        fire="always")
    outcome = ENGINES[engine](image)
    assert outcome.status == FINISHED
    f = Facts(None, None, None, None, image, outcome.counters)  # type: ignore[arg-type]
    due = np.arange(5) * image.tick_period
    offer, done = outcome.counters.step_offer, latency.completions(f)
    assert (done < offer)[2:].all()  # what used to be a negative latency
    assert np.array_equal(latency.offers(f), due)
    # A core of layer l works on step t at tick t + l + 1 or later.
    assert (done - due > image.n_layers * image.tick_period).all()
    assert (latency.stage_ticks(f).sum(axis=1) == done - due).all()
    # The first step is in time; the host is then busy for far longer than a tick with each.
    sends = [np.count_nonzero(row) for row in image.inputs]
    late = [t for t in range(5) if sum(sends[:t]) * image.host_send_ticks >= due[t]
            + image.tick_period]
    assert latency.late_inputs(f) == len(late) == 4
    assert outcome.counters.late_events > 0
    assert latency.late_inputs(dataclasses.replace(
        f, image=dataclasses.replace(image, tick_period=1 << 40))) == 0


def test_a_step_is_not_complete_before_it_began():
    f = cases.facts()
    f.counters.step_offer[2] = 9 * f.counters.end_tick // 10
    assert latency.stage_ticks(f)[2].tolist() == [0, 0, 0]
    assert latency.latency(f)["per_step_min"] == 0
