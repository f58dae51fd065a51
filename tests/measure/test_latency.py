"""Latency by hand, and its parts, which sum to it whatever the order of milestones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.measure import latency
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
