"""What the host sends: rows of inputs, which of them enters when, and packets of currents."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.mapping.memory import CURRENTS_A_PACKET
from neurosim.mapping.model import Mapping
from neurosim.network.model import RECURRENT_KINDS, Layer, Network, Workload


def lower_inputs(network: Network, workload: Workload, mapping: Mapping) -> dict[str, Any]:
    """Inputs, the embedding on the chip, and what the host receives."""
    first, last = network.layers[0], network.layers[-1]
    inputs = np.ascontiguousarray(workload.inputs, np.float32)
    width = 0
    if first.currents:
        columns, _ = current_packets(first, mapping)
        width = columns.shape[1]
        padded = np.concatenate([inputs, np.zeros((len(inputs), 1), np.float32)], axis=1)
        inputs = np.ascontiguousarray(padded[:, columns.reshape(-1)])
    rows = np.arange(workload.steps) if workload.rows is None else workload.rows
    return {
        "inputs": inputs,
        "input_row": np.asarray(rows, np.int64),
        "input_width": width,
        "lookup": np.zeros((0, 0), np.float32) if first.table is None
        else np.ascontiguousarray(first.table, np.float32),
        "output_columns": sum(layer.units for layer in network.layers
                              if layer.kind in RECURRENT_KINDS),
        "output_units": 0 if last.kind == "decoder" else last.units,
    }


def current_packets(layer: Layer, mapping: Mapping) -> tuple[np.ndarray, np.ndarray]:
    """Which input currents travel together: those of one core, unit by unit, z, r, g.

    Returns:
        [packets, values] column of the layer's inputs (gate * units + unit), -1 in the last packet
        of a core where it is not full; and [packets] position of the core's slice in the layer.
    """
    width, packets, owners = CURRENTS_A_PACKET, [], []
    of_layer = [s for s in mapping.slices if s.layer == 0]
    for position, s in enumerate(of_layer):
        columns = (s.units[:, None] + layer.units * np.arange(layer.gates)[None, :]).reshape(-1)
        columns = np.append(columns, np.full(-len(columns) % width, -1))
        packets.append(columns.reshape(-1, width))
        owners.append(np.full(len(packets[-1]), position, np.int64))
    return np.concatenate(packets).astype(np.int64), np.concatenate(owners)
