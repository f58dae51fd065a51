"""Units, synapse tables and who talks to whom, core by core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim import image as im
from neurosim.chip import Chip
from neurosim.lower.inputs import current_packets
from neurosim.lower.language import end_row_cycles
from neurosim.lower.memory import row_bytes, unit_bytes
from neurosim.lower.ticks import duration
from neurosim.mapping.fanout import fanout
from neurosim.mapping.formats import GATES, count_fillers, row_cost
from neurosim.mapping.model import Mapping
from neurosim.network.model import RECURRENT_KINDS, Layer, Network

#: Gate sum of kernel and recurrent columns, in the gate order z, r, g.
_KERNEL_SUM = np.array([im.SUM_Z, im.SUM_R, im.SUM_G_INPUT])
_RECURRENT_SUM = np.array([im.SUM_Z, im.SUM_R, im.SUM_G_RECURRENT])
_GATE_OF_SUM = np.array([0, 1, 2, 2])
_UNIT_KINDS = {"egru": im.UNIT_EGRU, "replay": im.UNIT_REPLAY, "lookup": im.UNIT_LOOKUP,
               "decoder": im.UNIT_LOGIT}


@dataclass(frozen=True)
class Population:
    """Sources of synapses: the host's inputs (slice -1), or one slice.

    ``members`` are indices within the population's layer (or inputs), by local number.
    """

    slice_: int
    members: np.ndarray


@dataclass(frozen=True)
class Connection:
    """All synapses from one layer (or the inputs) to one layer.

    ``row_class``: who feeds the rows; ``sources``: slices of the source layer
    (-1: host); ``targets``: slices of the target layer; ``counts``: [source units, targets] dense
    or sparse synapse counts; ``block[s, t]``: first row of the block of table rows that holds
    sources[s]'s units at targets[t], or -1 where there is none.
    """

    row_class: int
    sources: tuple[int, ...]
    targets: tuple[int, ...]
    reaches: Any  # scipy csr [source units, targets]
    block: np.ndarray


def unit_numbers(network: Network, mapping: Mapping) -> tuple[np.ndarray, list[np.ndarray]]:
    """(unit_ptr [C+1], for each layer [units] the number of each unit)."""
    sizes = [len(s.units) for s in mapping.slices]
    unit_ptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    number = [np.full(layer.units, -1, np.int64) for layer in network.layers]
    for c, s in enumerate(mapping.slices):
        number[s.layer][s.units] = np.arange(unit_ptr[c], unit_ptr[c + 1])
    return unit_ptr, number


def slices_of(network: Network, mapping: Mapping) -> tuple[list[list[int]], list[np.ndarray]]:
    """(slices of each layer, for each layer [units] the position of its slice among them)."""
    by_layer: list[list[int]] = [[] for _ in network.layers]
    position = [np.full(layer.units, -1, np.int64) for layer in network.layers]
    for c, s in enumerate(mapping.slices):
        position[s.layer][s.units] = len(by_layer[s.layer])
        by_layer[s.layer].append(c)
    return by_layer, position


def lower_units(network: Network, mapping: Mapping) -> dict[str, Any]:
    """Parameters of every unit, core by core."""
    unit_ptr, _ = unit_numbers(network, mapping)
    columns = [layer.units * (layer.kind in RECURRENT_KINDS) for layer in network.layers]
    first_column = np.cumsum(columns) - columns
    parts = [_slice_units(network.layers[s.layer], s.layer, s.units, int(first_column[s.layer]))
             for s in mapping.slices]
    merged = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return {"unit_ptr": unit_ptr, "replay": _replay(network), **merged}


def _slice_units(layer: Layer, index: int, units: np.ndarray, column: int) -> dict[str, Any]:
    n, recurrent = layer.units, layer.kind in RECURRENT_KINDS
    b, q = np.asarray(layer.bias, np.float64), np.asarray(layer.recurrent_bias, np.float64)
    bias = np.zeros((len(units), im.SUMS_PER_UNIT))
    bias[:, im.SUM_Z] = b[units] + q[units]
    if recurrent:
        bias[:, im.SUM_R] = b[n + units] + q[n + units]
        bias[:, im.SUM_G_INPUT], bias[:, im.SUM_G_RECURRENT] = b[2 * n + units], q[2 * n + units]
    threshold = np.asarray(layer.threshold, np.float64)[units]
    return {
        "unit_kind": np.full(len(units), _UNIT_KINDS[layer.kind], np.int64),
        "unit_column": column * recurrent + units.astype(np.int64),
        "unit_layer": np.full(len(units), index, np.int64),
        "unit_offset": np.arange(len(units), dtype=np.int64),
        "unit_bias": bias,
        "unit_threshold": threshold + layer.threshold_offset,
        "unit_reset": threshold + layer.reset_offset,
        "unit_zoneout": np.full(len(units), float(layer.zoneout)),
        "unit_always": np.full(len(units), layer.fire == "always"),
        "unit_levels": np.full(len(units), layer.event_levels, np.int64),
    }


def _replay(network: Network) -> np.ndarray:
    """[rows, columns] of all replayed layers side by side; zeros for computing layers."""
    layers = network.layers[network.recurrent]
    rows = {len(layer.replay) for layer in layers if layer.replay is not None}
    if not rows:
        return np.zeros((0, 0), np.float32)
    n = int(np.lcm.reduce(np.array(sorted(rows))))
    blocks = [np.zeros((n, layer.units), np.float32) if layer.replay is None
              else np.tile(layer.replay, (n // len(layer.replay), 1)) for layer in layers]
    return np.concatenate(blocks, axis=1).astype(np.float32)


def lower_synapses(
    network: Network, mapping: Mapping, chip: Chip, core_period: int
) -> tuple[dict[str, np.ndarray], list[Connection]]:
    """Synapse tables of all cores, and the connections that routes are made from.

    Rows stand in blocks, one a (target core, source slice) pair that shares a synapse; a block has
    a row for each unit of the source slice, so that base + unit offset finds it.
    """
    by_layer, position = slices_of(network, mapping)
    unit_ptr, number = unit_numbers(network, mapping)
    local = [np.zeros(layer.units, np.int64) for layer in network.layers]
    for s in mapping.slices:
        local[s.layer][s.units] = np.arange(len(s.units))
    connections: list[Connection] = []
    rows: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    classes: list[np.ndarray] = []
    n_rows = 0
    for index, layer in enumerate(network.layers):
        inputs = (np.zeros(layer.inputs, np.int64), np.arange(layer.inputs), (-1,)) if index == 0 \
            else (position[index - 1], local[index - 1], tuple(by_layer[index - 1]))
        recurrent = (position[index], local[index], tuple(by_layer[index]))
        for row_class, kernel, sums, (pos, loc, sources) in (
            (_kernel_class(layer, index), layer.kernel, _KERNEL_SUM, inputs),
            (im.ROW_RECURRENT, layer.recurrent, _RECURRENT_SUM, recurrent),
        ):
            if row_class == im.ROW_CURRENT:
                columns, owner = current_packets(layer, mapping)
                kernel = _packets_as_kernel(columns, layer)
                pos, loc = np.zeros(len(columns), np.int64), np.arange(len(columns))
            reaches = fanout(kernel, position[index], len(by_layer[index]))
            sizes = np.bincount(pos, minlength=len(sources))
            if row_class == im.ROW_CURRENT:  # a packet has one receiver, so all share one block
                block = np.full((1, len(by_layer[index])), n_rows)
                n_rows += len(columns)
            else:
                block, n_rows = _blocks(reaches, pos, sizes, n_rows)
            connections.append(
                Connection(row_class, sources, tuple(by_layer[index]), reaches, block))
            unit, gate = kernel.indices % layer.units, kernel.indices // layer.units
            source = np.repeat(np.arange(kernel.shape[0]), np.diff(kernel.indptr))
            rows.append(block[pos[source], position[index][unit]] + loc[source])
            targets.append(im.SUMS_PER_UNIT * number[index][unit] + sums[gate])
            weights.append(np.asarray(kernel.data, np.float32))
            new_rows = n_rows - sum(len(c) for c in classes)
            classes.append(np.full(new_rows, row_class, np.int64))
    return _tables(network, np.concatenate(rows), np.concatenate(targets),
                   np.concatenate(weights), np.concatenate(classes), n_rows, unit_ptr, mapping,
                   chip, core_period), connections


def _kernel_class(layer: Layer, index: int) -> int:
    """Row class of a layer's kernel."""
    if layer.kind == "decoder":
        return im.ROW_DECODER
    if index:
        return im.ROW_FORWARD
    if layer.kind == "lookup":
        return im.ROW_LOOKUP
    return im.ROW_CURRENT if layer.currents else im.ROW_INPUT


def _packets_as_kernel(columns: np.ndarray, layer: Layer) -> Any:
    """[packets, gates * units] CSR: a packet's values as weights of 1, in their order."""
    import scipy.sparse as sp

    some = columns >= 0
    ptr = np.concatenate([[0], np.cumsum(some.sum(axis=1))])
    return sp.csr_array((np.ones(int(ptr[-1]), np.float32), columns[some], ptr),
                        shape=(len(columns), layer.gates * layer.units))


def _row_shapes(row: np.ndarray, target: np.ndarray, unit_ptr: np.ndarray, n_rows: int,
                table_format: str) -> tuple[np.ndarray, np.ndarray]:
    """([rows] columns of the slice that holds the row, [rows] fillers of ``delta8``)."""
    unit = target // im.SUMS_PER_UNIT
    core = np.searchsorted(unit_ptr, unit, side="right") - 1
    size = np.diff(unit_ptr)[core]
    columns = np.zeros(n_rows, np.int64)
    columns[row] = GATES * size
    if table_format != "delta8":
        return columns, np.zeros(n_rows, np.int64)
    gate = _GATE_OF_SUM[target % im.SUMS_PER_UNIT]
    return columns, count_fillers(row, gate * size + unit - unit_ptr[core], n_rows)


def _blocks(reaches: Any, pos: np.ndarray, sizes: np.ndarray,
            n_rows: int) -> tuple[np.ndarray, int]:
    """First row of the block of every (source slice, target slice) pair with a synapse."""
    block = np.full((len(sizes), reaches.shape[1]), -1, np.int64)
    source = np.repeat(np.arange(reaches.shape[0]), np.diff(reaches.indptr))
    pairs = np.unique(pos[source] * reaches.shape[1] + reaches.indices)
    s, t = pairs // reaches.shape[1], pairs % reaches.shape[1]
    start = n_rows + np.concatenate([[0], np.cumsum(sizes[s])])
    block[s, t] = start[:-1]
    return block, int(start[-1])


def _tables(network: Network, row: np.ndarray, target: np.ndarray, weight: np.ndarray,
            classes: np.ndarray, n_rows: int, unit_ptr: np.ndarray, mapping: Mapping, chip: Chip,
            core_period: int) -> dict[str, np.ndarray]:
    order = np.argsort(row, kind="stable")
    entries = np.bincount(row, minlength=n_rows)
    core = chip.core
    columns, fillers = _row_shapes(row, target, unit_ptr, n_rows, core.table_format)
    cost = row_cost(core, entries, columns, fillers)
    ends = end_row_cycles(network, core, classes, entries)
    cycles = np.where(ends > 0, ends, int(core.accumulate_cycles) + cost.cycles)
    if n_rows and (entries > 0).any():
        duration("chip.core.accumulate_cycles", int(cycles[entries > 0].min()), core_period)
    return {
        "row_ptr": np.concatenate([[0], np.cumsum(entries)]).astype(np.int64),
        "row_ticks": cycles.astype(np.int64) * core_period,
        "row_class": classes,
        "row_dram_bytes": row_bytes(network, classes, entries, cost)
        * _in_dram(row, target, unit_ptr, mapping, n_rows),
        "unit_dram_bytes": unit_bytes(network, mapping),
        "syn_target": target[order],
        "syn_weight": weight[order],
    }


def _in_dram(row: np.ndarray, target: np.ndarray, unit_ptr: np.ndarray, mapping: Mapping,
             n_rows: int) -> np.ndarray:
    """[rows] bool: the tables that the mapping puts into DRAM."""
    there = np.zeros(n_rows, bool)
    if any(part.dram for part in mapping.slices):
        core = np.searchsorted(unit_ptr, target // im.SUMS_PER_UNIT, side="right") - 1
        there[row] = np.array([part.dram for part in mapping.slices])[core]
    return there
