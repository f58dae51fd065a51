"""Bytes of each core's data memory, purpose by purpose.

The accounting is fixed in docs/reference/memory.md; the sizes of the things counted are the chip
file's ``core`` constants.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from neurosim.errors import MappingError
from neurosim.mapping.ends import end_memory
from neurosim.mapping.fanout import fanout
from neurosim.mapping.formats import GATES, count_fillers, index_bytes, row_cost
from neurosim.mapping.model import MemoryUse

if TYPE_CHECKING:
    import scipy.sparse as sp

    from neurosim.chip.schema import Core
    from neurosim.network.model import Layer

#: z, r, the input's part of g, the recurrence's part of g: the reset gate multiplies only the
#: last, so the two parts of g are summed apart, while z and r take both products in one sum.
SUMS_PER_UNIT = 4
#: Beside one packet per unit, the send queue holds one end-of-step marker.
MARKERS_IN_QUEUE = 1
#: Input currents in a packet: the largest payload of SpiNNaker2 is 128 bits (arXiv 2607.24396).
CURRENTS_A_PACKET = 4


@dataclass(frozen=True)
class Held:
    """What a layer's cores hold beside its synapses.

    ``buffers``: banks of gate sums; ``streams``: states a unit; ``candidates``: words that a
    decoder core offers; ``dram``: its table lies in DRAM and a few rows of it in the core;
    ``spill``: so do the synapse tables of those cores that are too small; ``rows``: so many rows.
    """

    buffers: int = 2
    streams: int = 1
    candidates: int = 1
    dram: bool = False
    spill: bool = False
    rows: int = 2


def state_bytes(core: Core, streams: int) -> int:
    """Bytes of one unit's parameters and of its state in every stream."""
    own = int(core.state_bytes_per_unit)
    more = core.stream_bytes_per_unit
    return own + (streams - 1) * (own if more is None else int(more))


def unit_bytes(layer: Layer, core: Core, held: Held) -> np.ndarray:
    """[units] bytes that each unit brings to whatever core holds it: its synapses, state, gate
    sums and place in the send queue.  Row pointers and look-up depend on the slice and are not
    in it."""
    if layer.kind in ("lookup", "decoder"):
        one = end_memory(layer, 1, core, held).total - end_memory(layer, 0, core, held).total
        return np.full(layer.units, one, np.int64)
    per_unit = (
        state_bytes(core, held.streams)
        + held.buffers * SUMS_PER_UNIT * int(core.sum_bytes)
        + int(core.queue_entry_bytes)
    )
    if held.spill:
        return np.full(layer.units, per_unit, np.int64)
    return table_bytes(layer, core) + per_unit


def table_bytes(layer: Layer, core: Core) -> np.ndarray:
    """[units] bytes of each unit's part of the synapse table, in the chip's format.

    Rows of bitmaps and dense rows cover all units of a core: counted are those of the sources that
    reach the unit itself, which are the fewest that there can be.
    """
    per_synapse = int(core.weight_bytes) + index_bytes(core)
    if core.table_format == "dense":
        return sources_per_unit(layer) * GATES * int(core.weight_bytes)
    bitmap = sources_per_unit(layer) * GATES // 8 if core.table_format == "bitmap" else 0
    return synapses_per_unit(layer) * per_synapse + bitmap


def sources_per_unit(layer: Layer) -> np.ndarray:
    """[units] int64, sources (inputs and units) with a stored synapse into each unit."""
    total = np.zeros(layer.units, np.int64)
    for kernel in _stored_kernels(layer):
        source = np.repeat(np.arange(kernel.shape[0]), np.diff(kernel.indptr))
        pairs = np.unique(source * layer.units + kernel.indices % layer.units)
        total += np.bincount(pairs % layer.units, minlength=layer.units)
    return total


def synapses_per_unit(layer: Layer) -> np.ndarray:
    """[units] int64, stored synapses into each unit, all gates, input and recurrence."""
    total = np.zeros(layer.units, np.int64)
    for kernel in _stored_kernels(layer):
        by_column = np.bincount(kernel.indices, minlength=3 * layer.units)
        total += by_column.reshape(3, layer.units).sum(axis=0)
    return total


def _stored_kernels(layer: Layer) -> tuple[sp.csr_array, ...]:
    """Kernels with weights in memory: input currents arrive multiplied."""
    return (layer.recurrent,) if layer.currents else (layer.kernel, layer.recurrent)


def memory_use(
    layer: Layer, slice_of_unit: np.ndarray, n_slices: int, core: Core, held: Held
) -> list[MemoryUse]:
    """Memory of each slice of a layer.

    Args:
        layer: kernels in CSR by source unit.
        slice_of_unit: [units] slice that holds each unit.
        n_slices: slices of this layer.
        core: sizes (chip file section ``core``).
        held: banks, streams and candidates.

    Returns:
        One entry a slice.  Rows are counted where a source has at least one synapse in the
        slice; a source without any has no row, no pointer and no look-up entry.

    Raises:
        MappingError: a slice has more columns than a column index can count.
    """
    units = np.bincount(slice_of_unit, minlength=n_slices)
    if layer.kind in ("lookup", "decoder"):
        return [end_memory(layer, n, core, held) for n in units.tolist()]
    weights, indices, rows, longest = (np.zeros(n_slices, np.int64) for _ in range(4))
    place = places_in_slices(slice_of_unit, n_slices)
    for kernel in _stored_kernels(layer):
        counts = fanout(kernel, slice_of_unit, n_slices)
        fillers = np.zeros(counts.nnz, np.int64)
        if core.table_format == "delta8":
            fillers = _fillers(kernel, counts, slice_of_unit, place, units)
        cost = row_cost(core, counts.data, GATES * units[counts.indices], fillers)
        weights += np.bincount(counts.indices, cost.weights, n_slices).astype(np.int64)
        indices += np.bincount(counts.indices, cost.indices, n_slices).astype(np.int64)
        rows += np.bincount(counts.indices, minlength=n_slices)
        np.maximum.at(longest, counts.indices, cost.weights + cost.indices)
    _require_countable(layer, units, core)
    if layer.currents:
        rows += -(-GATES * units // CURRENTS_A_PACKET)
    per_unit = held.buffers * SUMS_PER_UNIT * int(core.sum_bytes)
    slots = int(core.fifo_packets) + MARKERS_IN_QUEUE
    found = [
        MemoryUse(
            weights=w,
            indices=i,
            row_pointers=(r + 1) * int(core.row_pointer_bytes),
            lookup=r * int(core.lookup_bytes),
            state=n * state_bytes(core, held.streams),
            sums=n * per_unit,
            queues=(n + slots) * int(core.queue_entry_bytes),
        )
        for w, i, r, n in zip(weights.tolist(), indices.tolist(), rows.tolist(), units.tolist(),
                              strict=True)
    ]
    if not held.spill:
        return found
    return [_spilled(use, held.rows * row) if use.total > int(core.data_bytes) else use
            for use, row in zip(found, longest.tolist(), strict=True)]


def _spilled(use: MemoryUse, landing: int) -> MemoryUse:
    """The same core with its table in DRAM and ``landing`` bytes for the rows that it works on."""
    return replace(use, weights=landing, indices=0, dram=use.weights + use.indices)


def places_in_slices(slice_of_unit: np.ndarray, n_slices: int) -> np.ndarray:
    """[units] place of each unit within its slice, in ascending order of units."""
    order = np.argsort(slice_of_unit, kind="stable")
    sizes = np.bincount(slice_of_unit, minlength=n_slices)
    place = np.empty(len(slice_of_unit), np.int64)
    place[order] = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return place


def _fillers(kernel: sp.csr_array, counts: sp.csr_array, slice_of_unit: np.ndarray,
             place: np.ndarray, units: np.ndarray) -> np.ndarray:
    """[rows] fillers of each (source, slice) row, in the order of ``counts``."""
    n_slices, n_units = counts.shape[1], len(slice_of_unit)
    source = np.repeat(np.arange(kernel.shape[0]), np.diff(kernel.indptr))
    unit, gate = kernel.indices % n_units, kernel.indices // n_units
    there = slice_of_unit[unit].astype(np.int64)
    keys = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr)) * n_slices + counts.indices
    row = np.searchsorted(keys, source * n_slices + there)
    return count_fillers(row, gate * units[there] + place[unit], len(keys))


def _require_countable(layer: Layer, units: np.ndarray, core: Core) -> None:
    size = index_bytes(core)
    columns = GATES * int(units.max(initial=0))
    if size and core.table_format != "delta8" and columns > 256**size:
        raise MappingError(
            "chip",
            f"a core would hold {columns} columns of layer {layer.name!r}, more than a column "
            f"index of {size} bytes can count",
            "more cores, or a larger core.index_bytes",
        )
