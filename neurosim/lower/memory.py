"""Memory ports as arrays: who asks which, how long the way is, and how fast data comes."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim import image as im
from neurosim.chip import Chip
from neurosim.lower import ticks
from neurosim.mapping.ends import FLOAT_BYTES
from neurosim.mapping.formats import RowCost
from neurosim.mapping.model import Mapping
from neurosim.network.model import Network


def lower_memory(chip: Chip, mapping: Mapping, core_router: np.ndarray, tick_hz: int, noc: int,
                 core: int) -> dict[str, Any]:
    """Ports of the cores whose tables lie in DRAM; nothing where there are none.

    A request and the data's first bits take what an empty network takes
    (docs/reference/machine-model.md), at least a cycle of the core.

    Args:
        core_router: [C] router of each slice's core.
        tick_hz, noc, core: ticks per second, periods of the network's and the cores' clocks.

    Raises:
        ScenarioError: slices in DRAM on a chip without any.
    """
    in_dram = np.array([part.dram for part in mapping.slices], bool)
    if not in_dram.any():
        return no_memory(len(in_dram))
    ports, costs = chip.dram_ports, chip.dram
    assert costs is not None
    hops, net = ports.hops[core_router], chip.noc
    router = int(net.pipeline_cycles) + int(net.sync_cycles)
    cycles = 2 * int(net.local_cycles) + (hops + 1) * router + hops * int(net.link_cycles)
    way = np.maximum(cycles * noc, core)
    latency = ticks.from_seconds(tick_hz, float(costs.latency_s))
    n, burst = len(ports.router), int(costs.burst_bytes)
    transfer = ticks.from_seconds(tick_hz, burst / float(costs.bandwidth_bytes_per_s))
    return {
        "core_port": np.where(in_dram, ports.nearest[core_router], -1).astype(np.int64),
        "core_fetches": np.where(in_dram, int(costs.outstanding), 1).astype(np.int64),
        "port_request_ticks": np.where(in_dram, way, 0).astype(np.int64),
        "port_latency_ticks": np.where(in_dram, way + latency, 0).astype(np.int64),
        "port_burst_bytes": np.full(n, burst, np.int64),
        "port_burst_ticks": np.full(n, max(1, transfer), np.int64),
    }


def no_memory(cores: int) -> dict[str, np.ndarray]:
    """Fields of an Image without memory ports."""
    return {
        "core_port": np.full(cores, -1, np.int64),
        "core_fetches": np.ones(cores, np.int64),
        **{key: np.zeros(cores, np.int64) for key in ("port_request_ticks", "port_latency_ticks")},
        **{key: np.zeros(0, np.int64) for key in ("port_burst_bytes", "port_burst_ticks")},
    }


def shift_parts(arrays: dict[str, Any]) -> None:
    """Make room for memory ports in the numbers of parts: between cores and sources."""
    first = arrays["n_routers"] + arrays["n_cores"]
    for key in ("ch_owner", "ch_part"):
        arrays[key] = arrays[key] + np.where(arrays[key] >= first, arrays["n_ports"], 0)


def row_bytes(network: Network, classes: np.ndarray, entries: np.ndarray,
              cost: RowCost) -> np.ndarray:
    """[rows] bytes of each row with its indices; rows of decoder and embedding are dense.

    A core of a dense decoder keeps the events that it receives and fetches the rows of its words
    when it updates them (:func:`unit_bytes`).
    """
    # Input currents bring their values along.
    result = np.where(classes == im.ROW_CURRENT, 0, cost.weights + cost.indices)
    first, last = network.layers[0], network.layers[-1]
    if last.kind == "decoder":
        decoder = entries * (last.weight_bits // 8) if last.gated else np.zeros_like(entries)
        result = np.where(classes == im.ROW_DECODER, decoder, result)
    # An int8 row of the embedding has its scale with it.
    scale = FLOAT_BYTES if first.weight_bits == 8 else 0
    lookup = np.where(entries > 0, entries * (first.weight_bits // 8) + scale, 0)
    return np.where(classes == im.ROW_LOOKUP, lookup, result).astype(np.int64)


def unit_bytes(network: Network, mapping: Mapping) -> np.ndarray:
    """[units] bytes that an update first needs from DRAM: the row of a word of a dense decoder."""
    parts = [np.zeros(0, np.int64)]
    for part in mapping.slices:
        layer = network.layers[part.layer]
        streamed = part.dram and layer.kind == "decoder" and not layer.gated
        row = layer.inputs * (layer.weight_bits // 8) if streamed else 0
        parts.append(np.full(len(part.units), row, np.int64))
    return np.concatenate(parts)
