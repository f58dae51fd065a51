"""Which record goes with which: the last one before it, and the k-th of two kinds."""

from __future__ import annotations

import numpy as np


def previous(group: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """[N] for each record the last one before it of its group that is ``wanted``, or -1."""
    n = len(group)
    order = np.argsort(group, kind="stable")
    position = np.where(wanted[order], np.arange(n), -1)
    last = np.concatenate([[-1], np.maximum.accumulate(position)[:-1]]) if n else position
    found = np.where(last >= 0, order[last], -1)
    found = np.where((found >= 0) & (group[found] == group[order]), found, -1)
    result = np.empty(n, np.int64)
    result[order] = found
    return result


def paired(first: np.ndarray, then: np.ndarray,
            group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The k-th record of ``first`` in a group [N] and the k-th of ``then`` in it."""
    def numbered(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        order = index[np.argsort(group[index], kind="stable")]
        begin = np.searchsorted(group[order], group[order])
        return order, np.stack([group[order], np.arange(len(order)) - begin])

    (a, a_number), (b, b_number) = numbered(first), numbered(then)
    _, code = np.unique(np.concatenate([a_number, b_number], axis=1), axis=1, return_inverse=True)
    _, at_a, at_b = np.intersect1d(code[: len(a)], code[len(a):], return_indices=True)
    return a[at_a], b[at_b]
