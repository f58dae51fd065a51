"""Which source unit reaches which slice, and with how many synapses."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

#: Largest dense count table held at once, in entries.
_DENSE_ENTRIES = 1 << 24


def fanout(kernel: sp.csr_array, slice_of_unit: np.ndarray, n_slices: int) -> sp.csr_array:
    """Synapse counts from each source unit into each slice of the destination layer.

    Args:
        kernel: [sources, gates * units] CSR; columns ``gate * units + unit``, 1 or 3 gates.
        slice_of_unit: [units] int, the slice that holds each unit of the destination layer.
        n_slices: number of slices of that layer.

    Returns:
        [sources, n_slices] CSR int64 with sorted indices: stored synapses (all gates).  An entry
        exists exactly where there is at least one synapse, so its pattern is the multicast
        destination set of each source.
    """
    sources, columns = kernel.shape
    units = len(slice_of_unit)
    if columns not in (units, 3 * units):
        raise ValueError(f"kernel has {columns} columns for {units} units, expected {3 * units}")
    slice_of_column = np.tile(np.asarray(slice_of_unit, np.int32), columns // units)
    # Counting into a dense table beats sorting where most entries of the table are hit.
    if kernel.nnz * 4 > sources * n_slices:
        return _count_dense(kernel, slice_of_column, n_slices)
    counts = sp.csr_array(
        (np.ones(kernel.nnz, np.int64), slice_of_column[kernel.indices], kernel.indptr.copy()),
        shape=(sources, n_slices),
    )
    counts.sum_duplicates()
    return counts


def _count_dense(
    kernel: sp.csr_array, slice_of_column: np.ndarray, n_slices: int
) -> sp.csr_array:
    sources = kernel.shape[0]
    rows_at_once = max(1, _DENSE_ENTRIES // n_slices)
    blocks = []
    for first in range(0, sources, rows_at_once):
        last = min(sources, first + rows_at_once)
        begin, end = kernel.indptr[first], kernel.indptr[last]
        row = np.repeat(
            np.arange(last - first, dtype=np.int64), np.diff(kernel.indptr[first : last + 1])
        )
        entry = row * n_slices + slice_of_column[kernel.indices[begin:end]]
        table = np.bincount(entry, minlength=(last - first) * n_slices)
        blocks.append(sp.csr_array(table.reshape(last - first, n_slices)))
    if len(blocks) == 1:
        return blocks[0]
    return sp.csr_array(sp.vstack(blocks, format="csr"))
