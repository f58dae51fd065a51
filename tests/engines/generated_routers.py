"""Generated routers: queues at outputs, choices on the way, heads that give up, listed packets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim import image as im
from neurosim.image import Image

if TYPE_CHECKING:
    from tests.engines.generated import Draw


def router_changes(draw: Draw, rng: np.random.Generator, image: Image) -> dict[str, Any]:
    """One of the things that few routers do, or a combination that makes sense."""
    kind = draw.choice(("output", "choice", "blocked"))
    if kind == "output":
        return _output(draw, image)
    if kind == "blocked" and image.sync != im.SYNC_DATAFLOW:
        changes = _blocked(draw, rng, image)
        return {**changes, **_choice(draw, image)} if draw.integer(0, 1) else changes
    return {**_choice(draw, image), **_adaptive(draw, image)}


def _output(draw: Draw, image: Image) -> dict[str, Any]:
    changes: dict[str, Any] = {"queueing": im.QUEUE_OUTPUT}
    if draw.integer(0, 2) == 0:
        changes["ch_credits"] = np.where(image.ch_port >= 0, im.UNLIMITED, image.ch_credits)
    return changes


def _choice(draw: Draw, image: Image) -> dict[str, Any]:
    if image.n_vcs == 1 or image.sync == im.SYNC_DATAFLOW:
        return {}
    return {"vc_step": draw.integer(1, image.n_vcs)}


def _adaptive(draw: Draw, image: Image) -> dict[str, Any]:
    """Sources' packets may also take any other link towards a router that is no farther away."""
    if not image.n_sources or draw.integer(0, 1):
        return {}
    other = np.full(image.route_channel.shape, -1, np.int64)
    hops = _hops(image)
    for router in range(image.n_routers):
        for channel in range(int(image.out_ptr[router]), int(image.out_ptr[router + 1])):
            if image.ch_port[channel] < 0:
                continue
            nearer = hops[image.ch_part[channel]] < hops[router]
            other[router, nearer & (image.route_channel[router] != channel)] = channel
    return {"route_other": other}


def _hops(image: Image) -> np.ndarray:
    """[R, sinks] links on the way by the table of routes."""
    hops = np.zeros(image.route_channel.shape, np.int64)
    for router in range(image.n_routers):
        for sink in range(image.n_sources):
            at, n = router, 0
            while n < 99 and image.ch_port[image.route_channel[at, sink]] >= 0:
                at, n = int(image.ch_part[image.route_channel[at, sink]]), n + 1
            hops[router, sink] = n
    return hops


def _blocked(draw: Draw, rng: np.random.Generator, image: Image) -> dict[str, Any]:
    period = int(image.clock_period[0])
    first, second = _detours(rng, image)
    return {
        "blocked_ticks": period * draw.integer(1, 12), "detour_ticks": period * draw.integer(1, 12),
        "ch_detour": first, "ch_detour_on": second,
        "reinject_packets": draw.choice((0, 1, 2, 50)),
        "reinject_ticks": int(period * draw.choice((1, 5, 20))),
    }


def _detours(rng: np.random.Generator, image: Image) -> tuple[np.ndarray, np.ndarray]:
    """Ways round links by a third router; for sources' packets any two links will do."""
    n = image.n_outputs
    first, second = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    links = np.flatnonzero(image.ch_port[:n] >= 0)
    for a in links:
        for b in rng.permutation(links):
            if b == a or image.ch_owner[b] != image.ch_owner[a]:
                continue
            onward = [c for c in links if image.ch_owner[c] == image.ch_part[b]
                      and (image.n_sources > 0 or image.ch_part[c] == image.ch_part[a])]
            if onward:
                first[a], second[a] = b, rng.choice(onward)
                break
    return first, second


def listed(draw: Draw, rng: np.random.Generator, image: Image) -> Image:
    """A list of packets instead of a process; some several at once, some of other lengths."""
    period, last = int(image.clock_period[0]), max(1, image.end_tick)
    n, sources = draw.integer(0, 40), image.n_sources
    source = np.sort(rng.integers(0, sources, n))
    tick = rng.integers(0, last // period + 2, n) * period
    order = np.lexsort((tick, source))
    dest = (source + rng.integers(1, sources, n)) % sources
    longest = int(image.packet_bits[im.TRAFFIC])
    shorter = rng.integers(1, longest + 1, im.LENGTHS - 1)
    return replace(
        image, traffic_log_miss=0.0, traffic_dest_kind=im.DEST_LISTED,
        offer_ptr=np.concatenate([[0], np.cumsum(np.bincount(source, minlength=sources))]),
        offer_tick=tick[order], offer_dest=dest[order], length_bits=shorter,
        offer_length=rng.integers(0, draw.choice((1, im.LENGTHS)), n))
