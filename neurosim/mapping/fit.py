"""How many cores each layer needs and gets, within the memory of each core."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from neurosim.errors import MappingError
from neurosim.mapping.ends import end_memory
from neurosim.mapping.memory import (
    MARKERS_IN_QUEUE,
    Held,
    memory_use,
    unit_bytes,
)
from neurosim.mapping.misfit import cores_that_do, does_not_fit, misfit
from neurosim.mapping.model import MemoryUse
from neurosim.mapping.partition import balanced_slices, even_slices, share_cores

if TYPE_CHECKING:
    from neurosim.chip.schema import Chip, Core
    from neurosim.network.model import Layer


class LayerPlan:
    """One layer cut into any number of slices; cuts are kept, because they are asked for again.

    Balanced cuts even out work; where that overfills a core, they even out bytes instead.
    """

    def __init__(
        self, layer: Layer, work: np.ndarray, core: Core, held: Held, partition: str
    ) -> None:
        self.layer, self.work, self.core = layer, work, core
        self.held, self.end = held, layer.kind in ("lookup", "decoder")
        self.partition = "even" if self.end else partition
        self.capacity = int(core.data_bytes)
        self.unit_bytes = unit_bytes(layer, core, held)
        self._cuts: dict[int, tuple[np.ndarray, list[MemoryUse]]] = {}

    def spilling(self) -> LayerPlan:
        """The same layer, where cores that are too small keep their tables in DRAM."""
        return LayerPlan(self.layer, self.work, self.core, replace(self.held, spill=True),
                         self.partition)

    def slices(self, count: int) -> np.ndarray:
        """[units] slice of each unit when cut into ``count``."""
        return self._cut(count)[0]

    def memory(self, count: int) -> list[MemoryUse]:
        """Memory of each slice when cut into ``count``."""
        return self._cut(count)[1]

    def fullest(self, count: int) -> MemoryUse:
        """The largest slice when cut into ``count``."""
        return max(self.memory(count), key=lambda use: use.total)

    def fits(self, count: int) -> bool:
        """True if every slice is within the data memory."""
        return self.fullest(count).total <= self.capacity

    @property
    def fewest(self) -> int:
        """No cut into fewer slices can fit: all units' bytes, over what queues leave free."""
        free = self.capacity - self.fixed_bytes
        if free <= 0:
            return self.layer.units
        return min(self.layer.units, max(1, math.ceil(int(self.unit_bytes.sum()) / free)))

    def more(self, count: int) -> int:
        """A larger number of slices to try when ``count`` do not fit; at most one a unit."""
        use = self.fullest(count)
        shared = self.fixed_bytes + (0 if self.end else use.row_pointers + use.lookup)
        if use.dram:
            shared += use.weights
        if shared < self.capacity:
            wanted = math.ceil(count * (use.total - shared) / (self.capacity - shared))
        else:
            wanted = 2 * count
        return min(self.layer.units, max(count + 1, wanted))

    def enough(self) -> int | None:
        """A number of slices that fits, near the smallest; None if one unit a core is too much."""
        count = self.fewest
        while not self.fits(count):
            if count == self.layer.units:
                return None
            count = self.more(count)
        return count

    @property
    def fixed_bytes(self) -> int:
        """Bytes of a core that holds no unit."""
        if self.end:
            return end_memory(self.layer, 0, self.core, self.held).total
        slots = int(self.core.fifo_packets) + MARKERS_IN_QUEUE
        return slots * int(self.core.queue_entry_bytes) + int(self.core.row_pointer_bytes)

    def _cut(self, count: int) -> tuple[np.ndarray, list[MemoryUse]]:
        if count not in self._cuts:
            self._cuts[count] = self._make_cut(count)
        return self._cuts[count]

    def _make_cut(self, count: int) -> tuple[np.ndarray, list[MemoryUse]]:
        if self.partition == "even" or count in (1, self.layer.units):
            return self._measure(even_slices(self.layer.units, count), count)
        cut = self._measure(balanced_slices(self.layer, self.work, count), count)
        if all(use.total <= self.capacity and not use.dram for use in cut[1]):
            return cut
        weight = unit_bytes(self.layer, self.core, replace(self.held, spill=False))
        by_bytes = balanced_slices(self.layer, weight.astype(float), count)

        def badness(each: tuple[np.ndarray, list[MemoryUse]]) -> tuple[int, int]:
            fullest = max(use.total for use in each[1])
            if self.held.spill:
                fullest = max(0, fullest - self.capacity)
            return fullest, sum(use.dram for use in each[1])

        return min(cut, self._measure(by_bytes, count), key=badness)

    def _measure(self, slices: np.ndarray, count: int) -> tuple[np.ndarray, list[MemoryUse]]:
        return slices, memory_use(self.layer, slices, count, self.core, self.held)


def fitting(
    plans: Sequence[LayerPlan], chip: Chip, cores: int | None,
    cores_per_layer: Sequence[int] | None, ends: Mapping[str, int | None], spill: bool,
) -> tuple[list[LayerPlan], list[int]]:
    """Plans and cores of each layer such that all slices fit.

    With ``spill``, where nothing else does: cores are shared by work, and of the slices those with
    the largest tables, which are too much for their cores, keep them in DRAM.

    Raises:
        MappingError: as :func:`count_cores`; to spill, but the chip has no DRAM.
    """
    if not spill:
        return list(plans), count_cores(plans, chip, cores, cores_per_layer, ends)
    if chip.dram is None:
        raise MappingError("mapping.spill", f"is true, but {chip.name} has no DRAM",
                           "false, or a chip file with a section dram")
    try:
        return list(plans), count_cores(plans, chip, cores, cores_per_layer, ends)
    except MappingError:
        spilling = [plan if plan.end else plan.spilling() for plan in plans]
        return spilling, count_cores(spilling, chip, cores, cores_per_layer, ends)


def count_cores(
    plans: Sequence[LayerPlan], chip: Chip, cores: int | None,
    cores_per_layer: Sequence[int] | None, ends: Mapping[str, int | None] | None = None,
) -> list[int]:
    """Cores of each layer, such that all slices fit.

    Args:
        cores_per_layer: of the recurrent layers; ends: of ``lookup`` and ``decoder`` layers by
            kind, None where they get what their work asks for.

    Raises:
        MappingError: more cores than usable, fewer than layers, or a layer that does not fit.
    """
    if cores is not None and not 1 <= cores <= chip.usable:
        raise MappingError("chip.cores", f"is {cores}, but {chip.name} has {chip.usable} usable "
                           "cores", f"1 to {chip.usable}")
    available = chip.usable if cores is None else cores
    given = _given_counts(plans, cores_per_layer, ends or {}, available, chip.dram is not None)
    if available < len(plans):
        raise MappingError("chip.cores", f"{len(plans)} layers need a core each, but there are "
                           f"{available}", f"{len(plans)} or more")
    work = [float(plan.work.sum()) for plan in plans]
    most = [given.get(n, plan.layer.units) for n, plan in enumerate(plans)]
    fewest = [given.get(n, plan.fewest) for n, plan in enumerate(plans)]
    while sum(fewest) <= available:
        counts = share_cores(work, fewest, most, available)
        misfits = [n for n, plan in enumerate(plans) if not plan.fits(counts[n])]
        if not misfits:
            return counts
        if any(counts[n] == most[n] for n in misfits):
            break
        for n in misfits:
            fewest[n] = plans[n].more(counts[n])
    least = [given.get(n, 1) for n in range(len(plans))]
    if sum(least) > available:
        raise MappingError("chip.cores", f"{sum(least)} cores are asked for, with one a layer "
                           f"where no number is given, but there are {available}",
                           f"{sum(least)} or more")
    raise does_not_fit(plans, share_cores(work, least, most, available), chip, cores)


#: Keys that give the cores of layers that are no recurrent ones.
END_KEYS = {"lookup": "embedding.cores", "decoder": "decoder.cores"}


def _given_counts(
    plans: Sequence[LayerPlan], cores_per_layer: Sequence[int] | None,
    ends: Mapping[str, int | None], available: int, has_dram: bool,
) -> dict[int, int]:
    """Cores of the layers for which a number is given, by layer; each fits."""
    given: dict[int, tuple[int, str]] = {}
    key = "mapping.cores_per_layer"
    inner = [n for n, plan in enumerate(plans) if not plan.end]
    if cores_per_layer is not None:
        if len(cores_per_layer) != len(inner):
            raise MappingError(key, f"has {len(cores_per_layer)} entries for {len(inner)} layers",
                               f"{len(inner)} entries")
        given = {n: (count, key) for n, count in zip(inner, cores_per_layer, strict=True)}
    for n, plan in enumerate(plans):
        wanted = ends.get(plan.layer.kind) if plan.end else None
        if wanted is not None:
            given[n] = wanted, END_KEYS[plan.layer.kind]
    for n, (count, key) in given.items():
        if not 1 <= count <= plans[n].layer.units:
            raise MappingError(key, f"gives layer {plans[n].layer.name!r} {count} cores",
                               f"1 to {plans[n].layer.units}, its units")
    total = sum(count for count, _ in given.values())
    if total > available:
        raise MappingError(key, f"takes {total} cores of {available}",
                           f"a sum of {available} or less")
    for n, (count, key) in given.items():
        if not plans[n].fits(count):
            raise misfit(key, plans[n], count,
                         cores_that_do(plans[n].enough(), "for this layer"), has_dram)
    return {n: count for n, (count, _) in given.items()}
