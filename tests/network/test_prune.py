"""Pruning removes the smallest weights, exactly as many as asked, wherever they stand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from neurosim.errors import ModelError
from neurosim.network import (
    Network,
    densities,
    offset_thresholds,
    run_reference,
    with_fire,
    with_zoneout,
)
from neurosim.network.prune import prune
from neurosim.network.synthetic import make, random_egru


def positions(network: Network) -> np.ndarray:
    """All kernels' positions in the order of the tie rule."""
    return np.concatenate([m.toarray().ravel() for layer in network.layers
                           for m in (layer.kernel, layer.recurrent)])


@given(seed=st.integers(0, 2**31), sizes=st.lists(st.integers(1, 5), min_size=1, max_size=3),
       fraction=st.floats(0.0, 0.999), sparsity=st.sampled_from([0.0, 0.3]),
       levels=st.integers(1, 4))
def test_the_smallest_go(
    seed: int, sizes: list[int], fraction: float, sparsity: float, levels: int
) -> None:
    network = random_egru(sizes, 3, sparsity, seed=seed)

    def coarse(matrix: sp.csr_array) -> sp.csr_array:  # many equal magnitudes
        data = np.ceil(np.abs(matrix.data) * levels).astype(np.float32)
        return sp.csr_array((data * np.sign(matrix.data), matrix.indices, matrix.indptr),
                            shape=matrix.shape)

    network = replace(network, layers=tuple(
        replace(layer, kernel=coarse(layer.kernel), recurrent=coarse(layer.recurrent))
        for layer in network.layers))
    before = positions(network)
    # Independently: a stable sort of all positions by magnitude; the first k become zero.
    expected = before.copy()
    expected[np.argsort(np.abs(before), kind="stable")[: round(fraction * before.size)]] = 0.0
    np.testing.assert_array_equal(positions(prune(network, fraction)), expected)


def test_densities_tell_where_weights_are_left() -> None:
    network = random_egru([4], 4)
    layer = network.layers[0]
    large = replace(layer, kernel=layer.kernel.sign() * np.float32(100.0))
    left = densities(prune(replace(network, layers=(large,)), 0.5))
    assert [(d.name, d.size, d.stored) for d in left] == [
        ("layer0.kernel", 48, 48), ("layer0.recurrent_kernel", 48, 0)]
    assert [d.density for d in left] == [1.0, 0.0]


def test_pruning_leaves_the_original_and_keeps_the_rest() -> None:
    network = random_egru([6], 4, vocabulary=5)
    stored = network.layers[0].kernel.nnz
    pruned = prune(network, 0.9)
    assert network.layers[0].kernel.nnz == stored
    assert pruned.embedding is network.embedding
    assert pruned.layers[0].bias is network.layers[0].bias
    assert prune(pruned, 0.5) is pruned
    assert prune(network, 0.0) is network


@pytest.mark.parametrize("fraction", [-0.1, 1.0, math.nan])
def test_fractions_outside(fraction: float) -> None:
    with pytest.raises(ModelError, match=r"network\.prune"):
        prune(random_egru([2], 2), fraction)


def test_replay_layers_are_pruned_too() -> None:
    network = prune(make([20], 10), 0.75)
    assert sum(d.stored for d in densities(network)) == 3 * 20 * 30 // 4


def test_a_higher_threshold_fires_less_and_variants_leave_replay_alone() -> None:
    network = random_egru([30], 8, seed=4)
    inputs = np.random.default_rng(4).normal(size=(50, 8)).astype(np.float32)
    events = [np.count_nonzero(run_reference(offset_thresholds(network, x), inputs)[0])
              for x in (0.0, 0.1, 0.3)]
    assert events[0] > events[1] > events[2]
    always = run_reference(with_fire(network, "always"), inputs)[0]
    assert np.count_nonzero(always) == always.size
    assert with_zoneout(network, 0.25).layers[0].zoneout == 0.25
    replayed = make([20], 10)
    for variant in (offset_thresholds(replayed, 0.5), with_fire(replayed, "always"),
                    with_zoneout(replayed, 0.5)):
        assert variant.layers == replayed.layers


def test_variants_refuse_nonsense() -> None:
    network = random_egru([2], 2)
    with pytest.raises(ModelError, match=r"network\.fire"):
        with_fire(network, "never")
    with pytest.raises(ModelError, match=r"network\.zoneout"):
        with_zoneout(network, 1.5)
