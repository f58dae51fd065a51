"""Routers, links and the channels of cores, sources and hosts, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim import rules
from neurosim.chip import Chip
from neurosim.chip.routes import Routes
from neurosim.chip.topology import BOARD_LINK, CHIP_LINK, NocArrays
from neurosim.errors import ScenarioError
from neurosim.image import UNLIMITED


@dataclass(frozen=True)
class Endpoints:
    """Routers at which cores, traffic sources and hosts sit, in part order."""

    core_router: np.ndarray
    source_router: np.ndarray
    host_router: np.ndarray

    @property
    def all(self) -> np.ndarray:
        return np.concatenate([self.core_router, self.source_router, self.host_router])


@dataclass(frozen=True)
class Fabric:
    """The NoC as lowered: arrays for the Image, and what routes are built from.

    ``link_channel[r, p]`` is the channel of link port p of router r, or -1; ``end_channel[e]`` the
    router output that delivers to endpoint e (endpoints in part order); ``unicast``: a packet goes
    to one destination only.
    """

    arrays: dict[str, Any]
    routes: Routes
    link_channel: np.ndarray
    end_channel: np.ndarray
    end_router: np.ndarray
    unicast: bool = False


@dataclass(frozen=True)
class Periods:
    """Clock periods in ticks; those of links between chips and boards by kind of link."""

    noc: int
    host: int
    links: dict[int, int]


def lower_channels(chip: Chip, ends: Endpoints, periods: Periods) -> Fabric:
    """Number channels and input ports, and fill their arrays."""
    noc = chip.noc_arrays
    n_routers, n_ends = len(noc.router_xy), len(ends.all)
    link_from, link_dir = np.nonzero(noc.neighbours >= 0)
    link_to = noc.neighbours[link_from, link_dir]

    # Outputs of a router: links in the order of ports, then its endpoints in part order.
    owner = np.concatenate([link_from, ends.all])
    order = np.argsort(owner, kind="stable")
    channel = np.empty(len(owner), np.int64)
    channel[order] = np.arange(len(owner))
    n_links = len(link_from)
    link_ids, end_ids = channel[:n_links], channel[n_links:]
    n_out = len(owner)

    # Input ports of a router: links ascending by channel, then injections in part order.
    injection = n_out + np.arange(n_ends)
    fed_by = np.concatenate([link_ids, injection])
    at = np.concatenate([link_to, ends.all])
    port_order = np.lexsort((fed_by, at))
    in_channel = fed_by[port_order]
    port_of = np.full(n_out + n_ends, -1, np.int64)
    port_of[in_channel] = np.arange(len(in_channel))

    part = np.empty(n_out + n_ends, np.int64)
    part[link_ids] = link_to
    part[end_ids] = n_routers + np.arange(n_ends)
    part[injection] = ends.all
    link_channel = np.full(noc.neighbours.shape, -1, np.int64)
    link_channel[link_from, link_dir] = link_ids
    arrays: dict[str, Any] = {
        "n_routers": n_routers,
        "n_cores": len(ends.core_router),
        "n_sources": len(ends.source_router),
        "n_hosts": len(ends.host_router),
        "out_ptr": _pointers(owner, n_routers),
        "in_ptr": _pointers(at, n_routers),
        "in_channel": in_channel,
        "ch_owner": np.concatenate([owner[order], n_routers + np.arange(n_ends)]),
        "ch_port": port_of,
        "ch_part": part,
    }
    timing = _timing(chip, ends, n_out, end_ids, injection, periods)
    _special_links(chip, noc, link_channel, timing, periods)
    arrays.update(timing)
    return Fabric(arrays, chip.routes, link_channel, end_ids, ends.all,
                  chip.noc.multicast == "unicast")


def _pointers(owner: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=n))]).astype(np.int64)


def _timing(chip: Chip, ends: Endpoints, n_out: int, end_ids: np.ndarray, injection: np.ndarray,
            periods: Periods) -> dict[str, np.ndarray]:
    """Latency, width, credits of every channel."""
    n, noc_period, host_period = n_out + len(injection), periods.noc, periods.host
    noc, host, core = chip.noc, chip.host, chip.core
    flit = int(noc.flit_bits)
    latency = np.full(n, int(noc.link_cycles) * noc_period, np.int64)
    cycle = np.full(n, noc_period, np.int64)
    width = np.full(n, flit, np.int64)
    buffer = UNLIMITED if noc.unlimited_buffers else int(noc.buffer_flits)
    credits = np.full(n, buffer, np.int64)
    local = np.concatenate([end_ids, injection])
    latency[local] = int(noc.local_cycles) * noc_period
    n_cores, n_hosts = len(ends.core_router), len(ends.host_router)
    credits[end_ids] = -1
    if core.fifo_policy == "stall":
        credits[end_ids[:n_cores]] = int(core.fifo_packets)
    if n_hosts:
        of_host = np.concatenate([end_ids[-n_hosts:], injection[-n_hosts:]])
        latency[of_host] = int(host.latency_cycles) * host_period
        cycle[of_host] = host_period
        width[of_host] = int(host.link_bits_per_cycle)
    delay = np.full(n, int(noc.credit_cycles) * noc_period, np.int64)
    return {"ch_latency": latency, "ch_cycle": cycle, "ch_width": width, "ch_credits": credits,
            "ch_credit_delay": delay}


def _special_links(chip: Chip, noc: NocArrays, link_channel: np.ndarray,
                   timing: dict[str, np.ndarray], periods: Periods) -> None:
    """Links that differ from the chip's own: between chips, by direction, or by a graph file."""
    if chip.noc.link_cycles_y is not None:
        ports = [p for p, name in enumerate(noc.directions) if name in ("N", "S")]
        vertical = link_channel[:, ports]
        timing["ch_latency"][vertical[vertical >= 0]] = int(chip.noc.link_cycles_y) * periods.noc
    for key, own, factor in (("ch_latency", noc.link_cycles, periods.noc),
                             ("ch_width", noc.link_bits, 1)):
        given = own > 0
        timing[key][link_channel[given]] = own[given] * factor
    for kind in (CHIP_LINK, BOARD_LINK):
        link = chip.board_link or chip.chip_link if kind == BOARD_LINK else chip.chip_link
        if link is None or not (noc.link_kind == kind).any():
            continue
        of_kind, period = link_channel[noc.link_kind == kind], periods.links[kind]
        timing["ch_latency"][of_kind] = int(link.latency_cycles) * period
        timing["ch_cycle"][of_kind] = period
        timing["ch_width"][of_kind] = int(link.bits_per_cycle)
        if not chip.noc.unlimited_buffers:
            timing["ch_credits"][of_kind] = int(link.buffer_flits)
        timing["ch_credit_delay"][of_kind] = int(link.credit_cycles) * period


def check_buffers(chip: Chip, packet_bits: np.ndarray) -> None:
    """Virtual cut-through needs room for a whole packet.

    Raises:
        ScenarioError: the largest packet does not fit an input buffer.
    """
    if chip.noc.unlimited_buffers:
        return
    flit, buffer = int(chip.noc.flit_bits), int(chip.noc.buffer_flits)
    need = max(rules.flits(int(bits), flit) for bits in packet_bits)
    if need > buffer:
        raise ScenarioError(
            "chip.noc.buffer_flits", f"a packet of {need} flits never fits a buffer of {buffer}",
            f"{need} or more")
    for key in ("chip_link", "board_link"):
        link = getattr(chip, key)
        if link is not None and need > int(link.buffer_flits):
            raise ScenarioError(
                f"chip.{key}.buffer_flits", f"a packet of {need} flits never fits a buffer of "
                f"{int(link.buffer_flits)}", f"{need} or more")
