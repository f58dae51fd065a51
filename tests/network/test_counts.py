"""Operation counts against counting one by one, and against the published DVS tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.network import count_operations, run_reference
from neurosim.network.counts import sparsity
from neurosim.network.synthetic import make, random_egru
from neurosim.network.workload import synthetic_inputs


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31), sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
       zeros=st.floats(0.0, 1.0), steps=st.integers(1, 4))
def test_counts_are_what_one_counts(
    seed: int, sizes: list[int], zeros: float, steps: int
) -> None:
    network = random_egru(sizes, 3, 0.4, vocabulary=4, seed=seed)
    rng = np.random.default_rng(seed)
    x, *outputs = [rng.normal(size=(steps, n)) * (rng.random((steps, n)) > zeros)
                   for n in (3, *sizes)]
    input_macs = synaptic = recurrent_only = dense = decoder = 0
    for t in range(steps):
        for index, layer in enumerate(network.layers):
            before = x if index == 0 else outputs[index - 1]
            for w_row, active in zip(layer.kernel.toarray(), before[t] != 0, strict=True):
                for weight in w_row:
                    met = int(weight != 0 and active)
                    input_macs += met * (index == 0)
                    synaptic += met * (index > 0)
                    recurrent_only += int(weight != 0)
                    dense += 1
            for w_row, active in zip(layer.recurrent.toarray(), outputs[index][t] != 0,
                                     strict=True):
                for weight in w_row:
                    synaptic += int(weight != 0 and active)
                    recurrent_only += int(weight != 0 and active)
                    dense += 1
        for active in outputs[-1][t] != 0:
            decoder += 4 * int(active)
    counts = count_operations(network, x, outputs)
    assert counts.input_macs == input_macs
    assert counts.synaptic_ops == input_macs + synaptic
    assert counts.macs_effective == input_macs + synaptic
    assert counts.macs_effective_recurrent == recurrent_only
    assert counts.macs_dense == dense
    assert counts.decoder_macs_gated == decoder
    assert counts.decoder_macs == steps * 4 * sizes[-1]
    assert counts.neuron_updates == steps * sum(sizes)
    assert counts.elementwise_macs == 3 * steps * sum(sizes)
    assert counts.events == sum(int((y != 0).sum()) for y in outputs)


@pytest.mark.parametrize(("units", "activity_sparsity", "recurrent_only", "effective"), [
    (512, 0.8379, 4.19e6, 3.53e6),
    (1024, 0.8253, 10.54e6, 7.94e6),
])
def test_dvs_shapes_give_the_published_macs(
    units: int, activity_sparsity: float, recurrent_only: float, effective: float
) -> None:
    """EGRU on DVS gesture, 2048 inputs, two layers (arXiv 2206.06178): MACs a step are
    total - sparsity * 6 h^2 in the paper's tables, total - sparsity * 9 h^2 event-driven."""
    network = make([units, units], 2048, activity=1.0 - activity_sparsity, steps=10)
    work = synthetic_inputs(network, 10)
    counts = count_operations(network, work.inputs, run_reference(network, work.inputs))
    # Published to three or four digits, and the events of a step are whole.
    assert counts.macs_effective_recurrent / 10 == pytest.approx(recurrent_only, rel=1e-3)
    assert counts.macs_effective / 10 == pytest.approx(effective, rel=1e-3)
    assert counts.macs_dense / 10 == 2048 * 3 * units + 9 * units**2


def test_sparsity() -> None:
    network = make([10, 20], 5, weight_sparsity=0.5, activity=0.2, events="uniform", steps=4)
    outputs = run_reference(network, np.ones((4, 5)))
    got = sparsity(network, outputs)
    assert got.weight == pytest.approx(0.5, abs=1e-3)
    assert got.activity == pytest.approx(0.8)
    assert got.activity_per_layer == pytest.approx((0.8, 0.8))
    counts = count_operations(network, np.ones((4, 5)), outputs)
    everything = 4 * sum(m.nnz for m in (network.layers[0].recurrent, network.layers[1].kernel,
                                         network.layers[1].recurrent))
    assert got.activity_fanout_weighted == pytest.approx(
        1 - (counts.synaptic_ops - counts.input_macs) / everything)
