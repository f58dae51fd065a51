"""How many cores each layer needs and gets, within the memory of each core."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from neurosim.errors import MappingError
from neurosim.mapping.memory import MARKERS_IN_QUEUE, memory_use, unit_bytes
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
        self, layer: Layer, work: np.ndarray, core: Core, buffers: int, partition: str
    ) -> None:
        self.layer, self.work, self.core = layer, work, core
        self.buffers, self.partition = buffers, partition
        self.capacity = int(core.data_bytes)
        self.unit_bytes = unit_bytes(layer, core, buffers)
        self._cuts: dict[int, tuple[np.ndarray, list[MemoryUse]]] = {}

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
        free = self.capacity - self._fixed_bytes
        if free <= 0:
            return self.layer.units
        return min(self.layer.units, max(1, math.ceil(int(self.unit_bytes.sum()) / free)))

    def more(self, count: int) -> int:
        """A larger number of slices to try when ``count`` do not fit; at most one a unit."""
        use = self.fullest(count)
        shared = use.row_pointers + use.lookup + self._fixed_bytes
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
    def _fixed_bytes(self) -> int:
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
        if max(use.total for use in cut[1]) <= self.capacity:
            return cut
        by_bytes = balanced_slices(self.layer, self.unit_bytes.astype(float), count)
        return min(cut, self._measure(by_bytes, count),
                   key=lambda each: max(use.total for use in each[1]))

    def _measure(self, slices: np.ndarray, count: int) -> tuple[np.ndarray, list[MemoryUse]]:
        return slices, memory_use(self.layer, slices, count, self.core, self.buffers)


def count_cores(
    plans: Sequence[LayerPlan], chip: Chip, cores: int | None,
    cores_per_layer: Sequence[int] | None,
) -> list[int]:
    """Cores of each layer, such that all slices fit.

    Raises:
        MappingError: more cores than usable, fewer than layers, or a layer that does not fit.
    """
    if cores is not None and not 1 <= cores <= chip.usable:
        raise MappingError("chip.cores", f"is {cores}, but {chip.name} has {chip.usable} usable "
                           "cores", f"1 to {chip.usable}")
    available = chip.usable if cores is None else cores
    if cores_per_layer is not None:
        return _given_counts(plans, list(cores_per_layer), available)
    if available < len(plans):
        raise MappingError("chip.cores", f"{len(plans)} layers need a core each, but there are "
                           f"{available}", f"{len(plans)} or more")
    work = [float(plan.work.sum()) for plan in plans]
    most = [plan.layer.units for plan in plans]
    fewest = [plan.fewest for plan in plans]
    while sum(fewest) <= available:
        counts = share_cores(work, fewest, most, available)
        misfits = [n for n, plan in enumerate(plans) if not plan.fits(counts[n])]
        if not misfits:
            return counts
        if any(counts[n] == most[n] for n in misfits):
            break
        for n in misfits:
            fewest[n] = plans[n].more(counts[n])
    raise _does_not_fit(plans, share_cores(work, [1] * len(plans), most, available), chip, cores)


def _given_counts(plans: Sequence[LayerPlan], counts: list[int], available: int) -> list[int]:
    key = "mapping.cores_per_layer"
    if len(counts) != len(plans):
        raise MappingError(key, f"has {len(counts)} entries for {len(plans)} layers",
                           f"{len(plans)} entries")
    for plan, count in zip(plans, counts, strict=True):
        if not 1 <= count <= plan.layer.units:
            raise MappingError(key, f"gives layer {plan.layer.name!r} {count} cores",
                               f"1 to {plan.layer.units}, its units")
    if sum(counts) > available:
        raise MappingError(key, f"takes {sum(counts)} cores of {available}",
                           f"a sum of {available} or less")
    for plan, count in zip(plans, counts, strict=True):
        if not plan.fits(count):
            raise _misfit(key, plan, count, _cores_that_do(plan.enough(), "for this layer"))
    return counts


def _does_not_fit(
    plans: Sequence[LayerPlan], counts: list[int], chip: Chip, cores: int | None
) -> MappingError:
    """The error for the layer that is furthest over."""
    worst = max(range(len(plans)), key=lambda n: plans[n].fullest(counts[n]).total)
    enough = [plan.enough() for plan in plans]
    total = None if None in enough else sum(count for count in enough if count)
    what = _cores_that_do(total, f"in all ({chip.name} has {chip.usable})")
    return _misfit("chip" if cores is None else "chip.cores", plans[worst], counts[worst], what)


def _misfit(key: str, plan: LayerPlan, count: int, cores_that_do: str) -> MappingError:
    use = plan.fullest(count)
    over = use.total - plan.capacity
    ways = [cores_that_do] if cores_that_do else []
    table = use.weights + use.indices
    if over < table:
        percent = math.ceil(100 * over / table)
        ways.append(f"pruning {percent} % more of its stored weights")
    ways.append(f"core.data_bytes of {use.total}")
    return MappingError(
        key,
        f"layer {plan.layer.name!r} does not fit on {count} core{'s' * (count > 1)}: the fullest "
        f"takes {use.total} of {plan.capacity} bytes, {over} too many",
        ", or ".join(ways),
    )


def _cores_that_do(count: int | None, scope: str) -> str:
    return "" if count is None else f"{count} cores {scope}"
