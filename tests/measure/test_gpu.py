"""The GPU roofline against arithmetic on the published language model."""

from __future__ import annotations

import pytest

from neurosim.measure.gpu import GPUS, comparison, dense_weights, roofline
from neurosim.network import synthetic
from tests.measure import cases


def test_the_published_model_has_the_published_number_of_weights():
    network = synthetic.make([1350, 1350, 750], 750, weight_sparsity=0.999, steps=1)
    assert dense_weights(network) == (24_165_000, 0)


def test_time_is_bytes_over_bandwidth_and_energy_time_by_power():
    network = cases.network()
    kernels, decoder = 3 * 2 * (3 + 2) + 3 * 1 * (2 + 1), 5
    assert dense_weights(network) == (kernels, decoder)
    for gpu in GPUS:
        model = roofline(network, gpu)
        assert model["time_per_token_s"] == pytest.approx(4 * (kernels + decoder) / gpu.bandwidth)
        assert model["energy_per_token_high_j"] == pytest.approx(
            model["time_per_token_s"] * gpu.board_w)
    a100 = roofline(network, GPUS[0])
    assert a100["power_low_w"] == pytest.approx(60.0)


def test_results_hold_it_only_with_a_network():
    assert [gpu["name"] for gpu in comparison(cases.network())] == [gpu.name for gpu in GPUS]
    assert comparison(None) == []
