"""Synapse table formats: the bytes of a row, and the entries that a core steps through.

A row holds the stored weights from one source into one slice of n units, in 3n columns (gate by
gate, units in the order of the slice).

| format | index of a weight | entries stepped through |
|---|---|---|
| ``csr`` | ``index_bytes`` of the chip file | stored weights |
| ``csr16``, ``csr32`` | 2 or 4 bytes | stored weights |
| ``delta8`` | 1 byte, the gap to the column before | stored weights and fillers |
| ``bitmap`` | 1 bit a column, in whole words | stored weights, after a scan of the words |
| ``dense`` | none: zeros are stored | all columns |

``delta8``: the byte holds the gap less one, 0 to 254; 255 is a filler that skips 255 columns and
has no weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from neurosim.chip.schema import Core

FORMATS = ("csr", "csr16", "csr32", "delta8", "bitmap", "dense")
GATES = 3
SKIP = 255
_WORD_BITS, _WORD_CYCLES = 32, 1


@dataclass(frozen=True)
class RowCost:
    """Element-wise over rows: bytes of weights, bytes of indices, cycles to step through."""

    weights: np.ndarray
    indices: np.ndarray
    cycles: np.ndarray


def index_bytes(core: Core) -> int:
    """Bytes of index beside every stored weight (0: kept per row, or none)."""
    own = {"csr16": 2, "csr32": 4, "delta8": 1, "bitmap": 0, "dense": 0}
    return own.get(core.table_format, int(core.index_bytes))


def bitmap_bytes(core: Core, columns: int) -> int:
    """Bytes of the bitmap of a row of so many columns, in whole words."""
    bits = _WORD_BITS if core.bitmap_word_bits is None else int(core.bitmap_word_bits)
    return -(-(-(-columns // bits) * bits) // 8)


def scan_cycles(core: Core) -> float:
    """Cycles to scan a column of a bitmap row, on average."""
    bits = _WORD_BITS if core.bitmap_word_bits is None else int(core.bitmap_word_bits)
    cycles = _WORD_CYCLES if core.bitmap_word_cycles is None else int(core.bitmap_word_cycles)
    return cycles / bits


def row_cost(core: Core, stored: np.ndarray, columns: np.ndarray, fillers: np.ndarray) -> RowCost:
    """What rows take; a row without stored weights does not exist and costs nothing.

    Args:
        stored: weights of each row; columns: of the row's slice; fillers: of ``delta8``
            (:func:`count_fillers`), ignored by the others.

    ``cycles`` = ceil(entries / lanes) x group_cycles, and for bitmaps the scan of the words; the
    cost of finding the row (``accumulate_cycles``) is not in it.
    """
    there = stored > 0
    columns = np.where(there, columns, 0)
    weight, lanes, group = (int(c) for c in (core.weight_bytes, core.lanes, core.group_cycles))
    entries, kept, scan = stored, stored, np.zeros_like(stored)
    indices = stored * index_bytes(core)
    if core.table_format == "delta8":
        fillers = np.where(there, fillers, 0)
        entries, indices = stored + fillers, indices + fillers
    elif core.table_format == "bitmap":
        bits = _WORD_BITS if core.bitmap_word_bits is None else int(core.bitmap_word_bits)
        cycles = _WORD_CYCLES if core.bitmap_word_cycles is None else int(core.bitmap_word_cycles)
        words = -(-columns // bits)
        indices, scan = -(-words * bits // 8), words * cycles
    elif core.table_format == "dense":
        entries = kept = columns
    return RowCost(kept * weight, indices, -(-entries // lanes) * group + scan)


def count_fillers(row: np.ndarray, column: np.ndarray, n_rows: int) -> np.ndarray:
    """[n_rows] fillers that ``delta8`` needs for weights at (row, column) pairs in any order."""
    order = np.lexsort((column, row))
    row, column = row[order], column[order]
    before = np.concatenate([[-1], column[:-1]])
    first = np.concatenate([[True], row[1:] != row[:-1]])[: len(row)]
    gap = column - np.where(first, -1, before[: len(row)])
    return np.bincount(row, (gap - 1) // SKIP, n_rows).astype(np.int64)
