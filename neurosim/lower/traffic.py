"""Traffic without a network: one source and sink a tile."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np

from neurosim import image as im
from neurosim.chip import Chip
from neurosim.errors import ScenarioError
from neurosim.lower.channels import Endpoints, Fabric, Periods, check_buffers, lower_channels
from neurosim.lower.packet_list import PacketList, read_packets
from neurosim.lower.routers import router_fields

Pattern = Literal["uniform", "transpose", "bit_complement", "hotspot", "neighbour", "trace-file"]
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
                   process: Process, file: Path | None = None) -> dict[str, Any]:
    """All Image fields that a traffic run fills; ``file``: the list of ``trace-file``."""
    arrays = chip.noc_arrays
    tiles = np.unique(arrays.core_router)
    if len(tiles) < 2:
        raise ScenarioError("workload.traffic", "traffic needs two tiles with cores or more")
    none = np.zeros(0, np.int64)
    fabric = lower_channels(chip, Endpoints(none, tiles, none), periods)
    listed = None if file is None else read_packets(file, len(tiles), packet_flits)
    longest = packet_flits if listed is None else int(listed.flits.max(initial=1))
    bits = np.ones(im.PACKET_KINDS, np.int64)
    bits[im.TRAFFIC] = longest * int(chip.noc.flit_bits)
    check_buffers(chip, bits)
    kind, fixed = (im.DEST_LISTED, np.zeros(len(tiles), np.int64)) if listed is not None \
        else destinations(pattern, arrays.router_xy[tiles])
    channel, vc, other = _routes(fabric, tiles)
    chance = rate / periods.noc if process == "poisson" else rate  # of an offer, per source edge
    return {
        **fabric.arrays,
        **router_fields(chip, fabric, periods.noc, int(bits[im.TRAFFIC]), process == "poisson"),
        "packet_bits": bits,
        "route_channel": channel,
        "route_vc": vc,
        "route_other": other,
        "end_tick": (warmup + cycles) * periods.noc,
        "seed": seed,
        "traffic_log_miss": 0.0 if listed is not None
        else -math.inf if chance >= 1.0 else math.log1p(-chance),
        "traffic_flits": longest,
        "traffic_dest_kind": kind,
        "traffic_dest": fixed,
        "traffic_hot_fraction": HOT_FRACTION,
        "traffic_warmup_tick": warmup * periods.noc,
        **_listed_fields(listed, len(tiles), int(chip.noc.flit_bits), periods.noc),
    }


def _listed_fields(listed: PacketList | None, sources: int, flit_bits: int,
                   period: int) -> dict[str, Any]:
    """The list of packets; length class 0 is the longest."""
    none = np.zeros(0, np.int64)
    if listed is None:
        return dict.fromkeys(("offer_ptr", "offer_tick", "offer_dest", "offer_length"), none)
    lengths = np.unique(listed.flits)[::-1]
    bits = np.full(im.LENGTHS, lengths.max(initial=1) * flit_bits, np.int64)
    bits[: len(lengths)] = lengths * flit_bits
    return {
        "offer_ptr": np.concatenate([[0], np.cumsum(np.bincount(
            listed.source, minlength=sources))]).astype(np.int64),
        "offer_tick": listed.cycle * period, "offer_dest": listed.destination,
        "offer_length": np.searchsorted(-lengths, -listed.flits).astype(np.int64),
        "length_bits": bits[1:],
    }


def _routes(fabric: Fabric, tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[R, S] output towards each sink, a link or the sink's own channel at its router, the
    virtual channel on it, and the other link that an adaptive route may take, or -1."""
    routes, routers = fabric.routes, np.arange(len(fabric.link_channel))[:, None]
    port, vc = routes.unicast(tiles)
    result = fabric.link_channel[routers, port]
    result[tiles, np.arange(len(tiles))] = fabric.end_channel
    vc[tiles, np.arange(len(tiles))] = 0
    if routes.other is None:
        return result, vc, np.zeros(0, np.int64)
    second = routes.other(*np.broadcast_arrays(routers, tiles[None, :]))
    other = np.where(second >= 0, fabric.link_channel[routers, second], -1)
    return result, vc, other
