"""Which units live where: the result of partition and placement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Slice:
    """The units of one layer that one core holds; a core holds at most one slice.

    ``core`` indexes the chip's cores; ``units`` are indices within the layer, ascending.
    ``dram``: its synapse or look-up table lies in DRAM, not in the core's memory.
    """

    layer: int
    core: int
    units: np.ndarray
    dram: bool = False


@dataclass(frozen=True)
class MemoryUse:
    """Bytes of one core's data memory by purpose (docs/reference/memory.md).

    ``dram``: bytes of its table in DRAM, which are no part of the total; ``weights`` then are the
    rows that are in the core for a time.
    """

    weights: int
    indices: int
    row_pointers: int
    lookup: int
    state: int
    sums: int
    queues: int
    dram: int = 0

    @property
    def total(self) -> int:
        return (self.weights + self.indices + self.row_pointers + self.lookup + self.state
                + self.sums + self.queues)


@dataclass(frozen=True)
class Mapping:
    """All slices, layer by layer, and what they take of each core's memory.

    ``memory[i]`` belongs to ``slices[i]``.  ``keys`` says whether a unit has a multicast tree of
    its own (``unit``) or shares its core's (``core``).
    """

    slices: tuple[Slice, ...]
    memory: tuple[MemoryUse, ...]
    capacity_bytes: int
    keys: str = "unit"
