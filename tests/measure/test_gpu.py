"""The GPU roofline against arithmetic on the published language model."""

from __future__ import annotations

import itertools

import pytest

from neurosim.measure.gpu import (
    GPUS,
    break_even,
    comparison,
    dense_weights,
    energy_per_token_j,
    power_w,
    roofline,
    step_s,
)
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


def test_batches_share_the_weights_until_arithmetic_binds():
    """1 M weights on the A100: 4 MB take 2.57 us; arithmetic binds from batch 26 on
    (4 B / 1.555e12 = 2 B / 19.5e12 at B = 25.08)."""
    weights, a100 = 1_000_000, GPUS[0]
    bytes_s = 4 * weights / a100.bandwidth
    assert step_s(weights, a100, 25) == pytest.approx(bytes_s)
    assert step_s(weights, a100, 50) == pytest.approx(2 * 50 * weights / a100.peak)
    assert power_w(weights, a100, 1) == pytest.approx(60.0)
    assert power_w(weights, a100, 50) == pytest.approx(400.0)
    assert energy_per_token_j(weights, a100, 1) == pytest.approx(60.0 * bytes_s)
    energies = [energy_per_token_j(weights, a100, b) for b in range(1, 60)]
    assert all(a >= b * (1 - 1e-12) for a, b in itertools.pairwise(energies))


@pytest.mark.parametrize("batch", [1, 3, 17])
def test_break_even_is_the_first_batch_that_is_cheap(batch):
    weights, gpu = 31_665_000, GPUS[0]
    joules = energy_per_token_j(weights, gpu, batch)
    assert break_even(weights, gpu, joules * (1 + 1e-9)) == batch
    assert break_even(weights, gpu, 0.0) is None


def test_tensor_cores_need_a_larger_batch_and_reach_less_energy():
    """BF16: half the bytes; arithmetic binds from 312e12 / 1.555e12 = 200.6 on."""
    weights, gpu = 31_665_000, GPUS[0]
    assert step_s(weights, gpu, 200, "bf16") == pytest.approx(2 * weights / gpu.bandwidth)
    assert step_s(weights, gpu, 201, "bf16") == pytest.approx(2 * 201 * weights / 312e12)
    least = energy_per_token_j(weights, gpu, 2**12, "bf16")
    assert least == pytest.approx(2 * weights / 312e12 * 400.0)
