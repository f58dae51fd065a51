import numpy as np
import pytest
import scipy.sparse as sp

from neurosim.mapping import fanout as module
from neurosim.mapping.fanout import fanout


def brute_force(dense, slice_of_unit, n_slices):
    units = len(slice_of_unit)
    counts = np.zeros((dense.shape[0], n_slices), int)
    for source, column in zip(*np.nonzero(dense), strict=True):
        counts[source, slice_of_unit[column % units]] += 1
    return counts


@pytest.mark.parametrize("density", [0.0, 0.03, 0.5, 1.0])
@pytest.mark.parametrize("block", [1 << 24, 20])
def test_equals_a_count_by_hand(density, block, monkeypatch):
    monkeypatch.setattr(module, "_DENSE_ENTRIES", block)
    rng = np.random.default_rng(3)
    dense = rng.random((17, 3 * 11)) * (rng.random((17, 33)) < density)
    slice_of_unit = rng.integers(0, 4, 11)
    counts = fanout(sp.csr_array(dense), slice_of_unit, 5)
    assert counts.shape == (17, 5)
    assert np.array_equal(counts.toarray(), brute_force(dense, slice_of_unit, 5))
    assert (counts.data > 0).all()
    assert counts.has_sorted_indices


def test_refuses_a_kernel_of_other_width():
    with pytest.raises(ValueError, match="columns"):
        fanout(sp.csr_array((4, 10)), np.zeros(3, int), 1)
