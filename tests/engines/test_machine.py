"""Computing machines: outputs do not depend on timing, packets are conserved, nothing deadlocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.machines import mesh, random_network, random_workload, small_image, spread
from neurosim import image as im
from neurosim import trace
from neurosim.engines.outcome import FINISHED, raise_unless_finished
from neurosim.image import first_counter_difference
from neurosim.lower import SyncPlan, lower_network
from neurosim.network import run_reference

PLANS = {
    "barrier": SyncPlan("barrier"),
    "per_layer": SyncPlan("barrier", order="per_layer"),
    "barrier_closed": SyncPlan("barrier", closed_loop=True),
    "tick": SyncPlan("tick", period_s=1e-3),
    "dataflow": SyncPlan("dataflow"),
    "dataflow_3": SyncPlan("dataflow", buffers=3),
    "dataflow_closed": SyncPlan("dataflow", closed_loop=True),
}


def reference_outputs(seed: int, sizes: tuple[int, ...], inputs: int, steps: int,
                      window: int = 0, **extra: Any) -> np.ndarray:
    network = random_network(seed, inputs, list(sizes), **extra)
    work = random_workload(seed, steps, inputs, window)
    return np.concatenate(run_reference(network, work.inputs, window), axis=1)


@pytest.mark.parametrize("plan", sorted(PLANS))
@pytest.mark.parametrize("window", [0, 3])
def test_outputs_are_the_references_under_every_discipline(engine: Any, plan: str,
                                                           window: int) -> None:
    image = small_image(5, PLANS[plan], steps=8, window=window)
    outcome = engine(image)
    raise_unless_finished(image, outcome)
    expected = reference_outputs(5, (6, 5), 4, 8, window)
    np.testing.assert_allclose(outcome.counters.outputs, expected, rtol=0, atol=1e-6)
    assert (expected != 0).any() and (expected == 0).any()
    assert np.array_equal(outcome.counters.host_values, outcome.counters.outputs[:, 6:])


def test_outputs_are_bit_identical_whatever_the_machine(engine: Any) -> None:
    """Discipline, core counts, placement, unit order, FIFO depth, buffers, keys: same bits."""
    first = engine(small_image(7, PLANS["barrier"], sizes=(9, 7), steps=6)).counters.outputs
    variants = [
        small_image(7, PLANS["dataflow"], sizes=(9, 7), steps=6, cores=(4, 3)),
        small_image(7, PLANS["dataflow"], sizes=(9, 7), steps=6, cores=(1, 1), shift=5),
        small_image(7, PLANS["per_layer"], sizes=(9, 7), steps=6, shuffle_units=3, keys="core"),
        small_image(7, PLANS["dataflow_3"], sizes=(9, 7), steps=6, cores=(3, 2),
                    chip=mesh(3, 2, 1, **{"core.fifo_packets": 1, "noc.buffer_flits": 1})),
    ]
    for image in variants:
        assert engine(image).counters.outputs.tobytes() == first.tobytes()


def test_dense_twin_is_a_gru(engine: Any) -> None:
    """Always fire with threshold 0: y = c = h, the GRU with reset after the product."""
    network = random_network(2, 3, [4], density=1.0, fire="always")
    layer = network.layers[0]
    network = type(network)((type(layer)(**{**vars(layer), "threshold": np.zeros(4)}),))
    work = random_workload(2, 6, 3)
    chip = mesh()
    image = lower_network(network, work, chip, spread(network, [0, 1], [2]), SyncPlan(),
                          record_outputs=True)
    kernel, recurrent = layer.kernel.toarray().astype(float), layer.recurrent.toarray()
    h = np.zeros(4)
    for t in range(6):
        a = work.inputs[t] @ kernel + layer.bias
        q = h @ recurrent + layer.recurrent_bias
        z, r = (1 / (1 + np.exp(-(a + q)[k: k + 4])) for k in (0, 4))
        g = np.tanh(a[8:] + r * q[8:])
        h = z * h + (1 - z) * g
        np.testing.assert_allclose(engine(image).counters.outputs[t], h, atol=1e-6)


@settings(max_examples=60)
@given(st.data())
def test_no_small_chip_deadlocks_and_packets_are_conserved(engine: Any,
                                                           data: st.DataObject) -> None:
    """Buffers and FIFOs down to one place; forks, self-traffic, several disciplines."""
    plan = PLANS[data.draw(st.sampled_from(sorted(PLANS)))]
    chip = mesh(data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)), 3, **{
        "core.fifo_packets": data.draw(st.integers(1, 3)),
        "noc.buffer_flits": data.draw(st.integers(1, 2)),
        "noc.credit_cycles": data.draw(st.integers(1, 3)),
        "core.send_cycles": data.draw(st.sampled_from([1, 40])),
        "core.receive_cycles": data.draw(st.sampled_from([1, 60])),
        "core.update_cycles": data.draw(st.sampled_from([1, 200]))})
    layers = data.draw(st.integers(1, min(3, chip.core_count)))
    sizes = tuple(data.draw(st.integers(2, 5)) for _ in range(layers))
    cores = tuple(1 if layers == 3 else data.draw(st.integers(1, min(n, chip.core_count // layers)))
                  for n in sizes)
    image = small_image(data.draw(st.integers(0, 50)), plan, chip, sizes, 3, 4, cores,
                        data.draw(st.sampled_from(["unit", "core"])),
                        density=data.draw(st.sampled_from([0.0, 0.2, 1.0])))
    outcome = engine(image)
    assert outcome.status == FINISHED
    counters = outcome.counters
    assert counters.in_flight == 0 and not counters.dropped.any()
    assert np.array_equal(counters.copies, counters.delivered)
    assert counters.layer_updates.tolist() == [4 * n for n in sizes]


@pytest.mark.parametrize("policy", ["drop", "overwrite"])
def test_full_fifos_lose_packets_and_count_them(engine: Any, policy: str) -> None:
    chip = mesh(2, 2, 2, **{"core.fifo_packets": 1, "core.fifo_policy": policy,
                            "core.receive_cycles": 500, "noc.buffer_flits": 2})
    image = small_image(1, PLANS["barrier"], chip, sizes=(8, 6), inputs=8, density=1.0)
    outcome = engine(image, want_trace=True)
    counters = outcome.counters
    assert outcome.status == FINISHED
    assert counters.dropped[im.EVENT] > 0
    assert counters.dropped.sum() == counters.core_dropped.sum()
    assert np.array_equal(counters.copies, counters.delivered + counters.dropped)


def test_a_short_tick_is_overrun_and_counted_late(engine: Any) -> None:
    generous = engine(small_image(1, SyncPlan("tick", period_s=1e-3))).counters
    assert generous.late_cores == 0 and generous.late_events == 0
    hasty = engine(small_image(1, SyncPlan("tick", period_s=1e-6))).counters
    assert hasty.late_cores > 0 and hasty.late_events > 0
    assert hasty.layer_updates.tolist() == generous.layer_updates.tolist()


@settings(max_examples=25)
@given(st.integers(0, 1000), st.sampled_from(sorted(PLANS)), st.integers(1, 10_000))
def test_order_within_a_phase_changes_nothing(seed: int, plan: str, shuffle: int) -> None:
    from neurosim.engines import reference

    image = small_image(seed, PLANS[plan], mesh(2, 2, 2, **{"noc.buffer_flits": 1}), steps=3)
    a = reference.run(image, want_trace=True)
    b = reference.run(image, want_trace=True, shuffle=shuffle)
    assert trace.first_difference(a.trace, b.trace) is None
    assert first_counter_difference(a.counters, b.counters) is None


def test_every_cause_is_earlier_than_its_effect(engine: Any) -> None:
    for plan in sorted(PLANS):
        records = engine(small_image(3, PLANS[plan]), want_trace=True).trace
        keys = set(zip(records["tick"].tolist(), records["rank"].tolist(), strict=True))
        assert len(keys) == len(records), "keys are unique"
        for r in records:
            cause = (int(r["cause_tick"]), int(r["cause_rank"]))
            assert cause < (int(r["tick"]), int(r["rank"]))
            assert cause == trace.NO_CAUSE or cause in keys


def test_an_overflowing_sum_names_its_unit(engine: Any) -> None:
    network = random_network(0, 2, [2], density=1.0)
    network.layers[0].kernel.data[:] = 3e6
    work = random_workload(0, 2, 2)
    work.inputs[:] = 2.0
    image = lower_network(network, work, mesh(), spread(network, [0], [1]), SyncPlan())
    outcome = engine(image)
    with pytest.raises(Exception, match="a gate sum of unit 0"):
        raise_unless_finished(image, outcome)
