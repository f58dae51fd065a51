"""How routers queue, choose and give up, as Image fields."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neurosim import image as im
from neurosim.chip import Chip
from neurosim.errors import ScenarioError
from neurosim.lower.channels import Fabric

_QUEUES = {"input": im.QUEUE_INPUT, "output": im.QUEUE_OUTPUT}
#: A router and one of its ports.
Link = tuple[int, int]
#: Bins of latencies a cycle, where offers come between clock edges.
FINE_BINS = 16


def router_fields(chip: Chip, fabric: Fabric, noc_period: int, traffic_bits: int,
                  fine: bool = False) -> dict[str, Any]:
    """What routers of this chip do beside passing packets on.

    Args:
        traffic_bits: bits of a packet of synthetic traffic.
        fine: latencies are no whole cycles.
    """
    return {
        "queueing": _QUEUES[chip.noc.queueing],
        "vc_step": fabric.routes.classes if fabric.routes.any_vc else 0,
        "histogram_ticks": max(1, noc_period // FINE_BINS) if fine else noc_period,
        "length_bits": np.full(im.LENGTHS - 1, traffic_bits, np.int64),
        **_blocked(chip, fabric, noc_period),
    }


def _blocked(chip: Chip, fabric: Fabric, noc_period: int) -> dict[str, Any]:
    """Waits in whole cycles of the routers, rounded up; the way round every link."""
    none = np.zeros(0, np.int64)
    blocked = chip.blocked
    if blocked is None:
        return {"blocked_ticks": 0, "detour_ticks": 0, "ch_detour": none, "ch_detour_on": none,
                "reinject_packets": 0, "reinject_ticks": 0}
    hertz = float(chip.noc.clock_hz)

    def ticks(seconds: Any) -> int:
        return max(1, math.ceil(float(seconds) * hertz - 1e-9)) * noc_period

    outputs = len(fabric.arrays["ch_owner"]) - len(fabric.end_router)
    first, second = (np.full(outputs, -1, np.int64) for _ in range(2))
    if blocked.detour:
        for link, (leg, onward) in detours(chip.noc_arrays.neighbours).items():
            channel = fabric.link_channel[link]
            first[channel], second[channel] = fabric.link_channel[leg], fabric.link_channel[onward]
    return {
        "blocked_ticks": ticks(blocked.wait_s), "detour_ticks": ticks(blocked.detour_wait_s),
        "ch_detour": first, "ch_detour_on": second,
        "reinject_packets": int(blocked.reinject_packets),
        "reinject_ticks": ticks(blocked.reinject_s),
    }


def detours(neighbours: np.ndarray) -> dict[Link, tuple[Link, Link]]:
    """For each link (router, port) the two links round it: by the next port, in the order of
    ports, whose router has a link to the same neighbour.  On SpiNNaker's triangular torus that is
    port + 1, and from there port - 1 (Furber et al., IEEE Trans. Computers 62(12), 2013)."""
    ports = int(neighbours.shape[1])
    found: dict[Link, tuple[Link, Link]] = {}
    for router, port in np.argwhere(neighbours >= 0).tolist():
        there = neighbours[router, port]
        for turn in range(1, ports):
            aside = (port + turn) % ports
            middle = int(neighbours[router, aside])
            onward = np.flatnonzero(neighbours[middle] == there)
            if middle not in (-1, there) and len(onward):
                found[router, port] = (router, aside), (middle, int(onward[0]))
                break
    return found


def refuse_disorder(chip: Chip) -> None:
    """Dataflow needs every packet, and those of a pair of cores in order.

    Raises:
        ScenarioError: a router that may lose packets, or change their order.
    """
    noc = chip.noc
    several = int(noc.virtual_channels) > chip.routes.classes
    for key, why, allowed in (
        ("noc.routing", "adaptive routes change the order of packets"
         if noc.routing == "west_first_adaptive" else "", "a deterministic routing"),
        ("noc.vc_choice", "virtual channels chosen by room change the order of packets"
         if noc.vc_choice == "most_room" and several else "", "route"),
        ("blocked", "packets that are dropped or take detours come late, out of order or never"
         if chip.blocked is not None else "", "null, where packets wait"),
    ):
        if why:
            raise ScenarioError(
                "sync", f"dataflow needs the markers behind their events, but with chip.{key} "
                f"{why}", f"chip.set.{key}: {allowed}; or barrier or tick")
