"""A trace that need not fit into memory: read a stretch at a time, from an array or its file."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import numpy as np

from neurosim import trace

#: Records read at a time: 32 MiB, and a few hundred bytes each while they are worked on.
STRETCH = 1 << 19


class Pieces:
    """Records in order of their keys.

    Args:
        records: of :data:`neurosim.trace.RECORD`, in any order; what is memory-mapped is in order,
            as engines write it, and is read from its file, so that no more of it stays in memory
            than is asked for.
    """

    def __init__(self, records: np.ndarray) -> None:
        mapped = getattr(records, "filename", None) is not None
        if not mapped and not in_order(records):
            records = trace.in_order(records)
        self._records = records
        self._file: str | None = str(records.filename) if mapped else None  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self._records)

    def rows(self, first: int, end: int) -> np.ndarray:
        """Records ``first`` up to, not including, ``end``."""
        if self._file is None:
            return self._records[first:end]
        offset = int(self._records.offset) + first * trace.RECORD.itemsize  # type: ignore[attr-defined]
        return np.fromfile(self._file, trace.RECORD, max(0, end - first), offset=offset)

    def find(self, tick: int) -> int:
        """Number of the first record at or after ``tick``."""
        return bisect_left(range(len(self)), tick,
                           key=lambda i: int(self.rows(i, i + 1)["tick"][0]))

    def stretches(self, length: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
        """(number of the first record, records) of one stretch after the other."""
        length = length or STRETCH
        for first in range(0, len(self), length):
            yield first, self.rows(first, min(first + length, len(self)))


def in_order(records: np.ndarray) -> bool:
    """Whether keys rise from record to record."""
    tick, rank = records["tick"], records["rank"]
    return bool(((tick[1:] > tick[:-1]) | ((tick[1:] == tick[:-1]) & (rank[1:] > rank[:-1]))).all())
