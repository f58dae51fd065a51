"""Dimension-ordered routing, and the check that a routing function cannot deadlock.

A routing function here is a next-hop function of (router, destination).  It is free of routing
deadlock if its channel dependency graph has no cycle (Dally and Seitz, IEEE Trans. Computers
C-36(5), 1987): channels are nodes, and channel a depends on b where some packet may hold a and
wait for b.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from neurosim.chip.topology import tile_of
from neurosim.errors import ScenarioError

if TYPE_CHECKING:
    import networkx as nx

#: Pairs (router, destination) looked at together; bounds the memory of the check.
_PAIRS = 1 << 22


def path(graph: nx.DiGraph, src: int, dst: int) -> list[int]:
    """Routers that a packet visits from ``src`` to ``dst``, both included.

    The order of dimensions is ``graph.graph["routing"]``: ``xy`` goes along x first.

    Raises:
        ScenarioError: the route needs a router or link that does not exist.
    """
    at = graph.graph["at"]
    nodes = graph.nodes
    x, y = nodes[src]["x"], nodes[src]["y"]
    end_x, end_y = nodes[dst]["x"], nodes[dst]["y"]
    x_first = graph.graph["routing"] == "xy"
    routers = [src]
    while (x, y) != (end_x, end_y):
        if x != end_x and (x_first or y == end_y):
            x += 1 if end_x > x else -1
        else:
            y += 1 if end_y > y else -1
        router = at.get((x, y), -1)
        if router < 0 or not graph.has_edge(routers[-1], router):
            raise _broken_route(graph, src, dst, (x, y))
        routers.append(router)
    return routers


def hops(router_xy: np.ndarray, src: np.ndarray, dst: np.ndarray) -> np.ndarray:
    """Links on the dimension-ordered route between routers ``src`` and ``dst`` (element-wise)."""
    return np.abs(router_xy[src] - router_xy[dst]).sum(axis=-1)


def next_hop(
    router_xy: np.ndarray, neighbours: np.ndarray, routing: str, at: np.ndarray, dst: np.ndarray
) -> np.ndarray:
    """Next router on the way from routers ``at`` to ``dst`` (element-wise, broadcast).

    Args:
        router_xy: [R, 2]; neighbours: [R, 4] (:class:`neurosim.chip.topology.NocArrays`).
        routing: ``xy`` or ``yx``.

    Returns:
        int64: the router itself where it is the destination, -1 where the link is missing.
    """
    delta = router_xy[dst] - router_xy[at]
    dx, dy = delta[..., 0], delta[..., 1]
    along_x = np.where(dx > 0, 0, 2)
    along_y = np.where(dy > 0, 1, 3)
    output = np.where((dx != 0) if routing == "xy" else (dy == 0), along_x, along_y)
    return np.where((dx == 0) & (dy == 0), dst, neighbours[at, output])


def next_hops(
    router_xy: np.ndarray, neighbours: np.ndarray, routing: str, destinations: np.ndarray
) -> np.ndarray:
    """[R, D] :func:`next_hop` from every router to each of D ``destinations``."""
    routers = np.arange(len(router_xy))
    return next_hop(router_xy, neighbours, routing, routers[:, None],
                    np.asarray(destinations)[None, :])


def channel_dependencies(next_hop: np.ndarray, destinations: np.ndarray) -> np.ndarray:
    """Dependencies between channels that a next-hop table makes.

    Args:
        next_hop: [R, D] as returned by :func:`next_hops`, without -1.
        destinations: [D] the routers that the columns lead to.

    Returns:
        [n, 3] distinct (a, b, c): some packet may hold channel a-b and wait for channel b-c.
    """
    column = np.arange(next_hop.shape[1])[None, :]
    second = next_hop[next_hop, column]
    router = np.arange(next_hop.shape[0])[:, None]
    away = (router != destinations[None, :]) & (next_hop != destinations[None, :])
    triples = np.stack([np.broadcast_to(router, next_hop.shape)[away], next_hop[away],
                        second[away]], axis=1)
    return np.unique(triples, axis=0)


def dependency_cycle(triples: np.ndarray) -> list[tuple[int, int]] | None:
    """A cycle of channels in a dependency graph, or None.

    Args:
        triples: [n, 3] dependencies as returned by :func:`channel_dependencies`.

    Returns:
        Channels (from router, to router), each waiting for the next and the last for the first.
    """
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_edges_from(((a, b), (b, c)) for a, b, c in triples.tolist())
    try:
        return [edge[0] for edge in nx.find_cycle(graph)]
    except nx.NetworkXNoCycle:
        return None


def check_routes(graph: nx.DiGraph) -> None:
    """Refuse a chip on which some route is broken or routes can deadlock.

    A mesh without missing routers or links needs no look: dimension order is legal on it and
    acyclic by construction.

    Raises:
        ScenarioError: naming two tiles without a route, or the cycle of channels.
    """
    from neurosim.chip.topology import noc_arrays

    arrays = noc_arrays(graph)
    width, height = np.ptp(arrays.router_xy, axis=0) + 1
    if len(arrays.links) == 2 * (2 * width * height - width - height):
        return
    routers = len(arrays.router_xy)
    found = []
    at_once = max(1, _PAIRS // routers)
    for first in range(0, routers, at_once):
        destinations = np.arange(first, min(routers, first + at_once))
        table = next_hops(arrays.router_xy, arrays.neighbours, graph.graph["routing"],
                          destinations)
        if (table < 0).any():
            stuck, column = np.argwhere(table < 0)[0]
            path(graph, int(stuck), int(destinations[column]))
        found.append(channel_dependencies(table, destinations))
    cycle = dependency_cycle(np.unique(np.concatenate(found), axis=0))
    if cycle is not None:
        raise ScenarioError("chip.noc.routing", f"routes can deadlock: {name_cycle(graph, cycle)}",
                            "a routing function whose channel dependencies have no cycle")


def name_cycle(graph: nx.DiGraph, cycle: list[tuple[int, int]]) -> str:
    """A cycle of channels in words, by tile coordinates."""
    assert all(a[1] == b[0] for a, b in pairwise([*cycle, cycle[0]]))
    tiles = [tile_of(graph, a) for a, _ in cycle]
    return " -> ".join(str(tile) for tile in [*tiles, tiles[0]])


def _broken_route(
    graph: nx.DiGraph, src: int, dst: int, missing: tuple[int, int]
) -> ScenarioError:
    routing = graph.graph["routing"]
    return ScenarioError(
        "chip.topology",
        f"the {routing.upper()} route from tile {tile_of(graph, src)} to tile "
        f"{tile_of(graph, dst)} needs a link to tile {list(missing)}, which is missing",
        "router_at_holes: true, or links along every such route",
    )
