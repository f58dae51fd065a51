"""Traffic without a network: one source and sink a tile."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from neurosim import image as im
from neurosim.chip import Chip
from neurosim.errors import ScenarioError
from neurosim.lower.channels import Endpoints, Fabric, Periods, check_buffers, lower_channels

Pattern = Literal["uniform", "transpose", "bit_complement", "hotspot", "neighbour"]
Process = Literal["bernoulli", "poisson"]
#: Share of a hotspot source's packets that go to the hotspot.
HOT_FRACTION = 0.1


def destinations(pattern: Pattern, xy: np.ndarray) -> tuple[int, np.ndarray]:
    """(destination kind, [S] fixed destination or hotspot) of the sources at tiles ``xy``.

    transpose: (x, y) to (y, x); bit_complement: node i to n - 1 - i; neighbour: (x, y) to the next
    node of its row, cyclically; hotspot: one packet in ten to the middle node, others uniform.

    Raises:
        ScenarioError: the pattern needs another shape of mesh.
    """
    n = len(xy)
    index = {tuple(tile): i for i, tile in enumerate(xy.tolist())}
    low = xy.min(axis=0)
    if pattern == "uniform":
        return im.DEST_UNIFORM, np.zeros(n, np.int64)
    if pattern == "hotspot":
        return im.DEST_HOTSPOT, np.full(n, n // 2, np.int64)
    if pattern == "bit_complement":
        return im.DEST_FIXED, n - 1 - np.arange(n, dtype=np.int64)
    if pattern == "transpose":
        swapped = [(y - low[1] + low[0], x - low[0] + low[1]) for x, y in xy.tolist()]
        if any(tile not in index for tile in swapped):
            raise ScenarioError("workload.traffic.pattern", "transpose needs a square of tiles",
                                "another pattern, or a square mesh")
        return im.DEST_FIXED, np.array([index[tile] for tile in swapped], np.int64)
    rows: dict[int, list[int]] = {}
    for i, (_, y) in enumerate(xy.tolist()):
        rows.setdefault(y, []).append(i)
    fixed = np.zeros(n, np.int64)
    for row in rows.values():
        row.sort(key=lambda i: int(xy[i, 0]))
        for here, following in zip(row, row[1:] + row[:1], strict=True):
            fixed[here] = following
    return im.DEST_FIXED, fixed


def traffic_fields(chip: Chip, pattern: Pattern, rate: float, packet_flits: int, cycles: int,
                   warmup: int, seed: int, periods: Periods,
                   process: Process) -> dict[str, Any]:
    """All Image fields that a traffic run fills."""
    arrays = chip.noc_arrays
    tiles = np.unique(arrays.core_router)
    if len(tiles) < 2:
        raise ScenarioError("workload.traffic", "traffic needs two tiles with cores or more")
    none = np.zeros(0, np.int64)
    fabric = lower_channels(chip, Endpoints(none, tiles, none), periods)
    bits = np.ones(im.PACKET_KINDS, np.int64)
    bits[im.TRAFFIC] = packet_flits * int(chip.noc.flit_bits)
    check_buffers(chip, bits)
    kind, fixed = destinations(pattern, arrays.router_xy[tiles])
    channel, vc = _routes(fabric, tiles)
    chance = rate / periods.noc if process == "poisson" else rate  # of an offer, per source edge
    return {
        **fabric.arrays,
        "packet_bits": bits,
        "route_channel": channel,
        "route_vc": vc,
        "end_tick": (warmup + cycles) * periods.noc,
        "seed": seed,
        "traffic_log_miss": -math.inf if chance >= 1.0 else math.log1p(-chance),
        "traffic_flits": packet_flits,
        "traffic_dest_kind": kind,
        "traffic_dest": fixed,
        "traffic_hot_fraction": HOT_FRACTION,
        "traffic_warmup_tick": warmup * periods.noc,
    }


def _routes(fabric: Fabric, tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[R, S] output towards each sink, a link or the sink's own channel at its router, and the
    virtual channel on it."""
    port, vc = fabric.routes.unicast(tiles)
    result = fabric.link_channel[np.arange(len(port))[:, None], port]
    result[tiles, np.arange(len(tiles))] = fabric.end_channel
    vc[tiles, np.arange(len(tiles))] = 0
    return result, vc
