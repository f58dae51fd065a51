"""The check that routes cannot deadlock, before anything runs.

A channel is a link's virtual channel.  Channel a depends on b where some packet may hold a and wait
for b.  Routes are free of deadlock if these dependencies have no cycle (Dally and Seitz, IEEE
Trans. Computers C-36(5), 1987).  Cores and hosts always take packets in, so only links count.
Single packets and multicast trees follow different VC rules and never meet; both are checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from neurosim.errors import ScenarioError

if TYPE_CHECKING:
    from neurosim.chip.routes import Routes

#: Pairs (router, destination) looked at together; bounds the memory of the check.
_PAIRS = 1 << 20
#: Trees are checked on NoCs of up to so many routers, and so are single packets beyond which the
#: routes to the routers of one row and column stand for all.
MOST_TREES, MOST_ROUTERS = 256, 1024


def check_routes(routes: Routes) -> None:
    """Refuse routes that are broken or can deadlock.

    Raises:
        ScenarioError: naming two tiles without a route, or the cycle of channels.
    """
    routers = len(routes.neighbours)
    cycle = unicast_cycle(routes)
    if cycle is None and routers <= MOST_TREES and (
            routes.layer is None or routes.centre is not None):
        cycle = tree_cycle(routes)
    if cycle is not None:
        raise ScenarioError(
            "chip.noc.routing", f"{routes.what} routes can deadlock: {name_cycle(routes, cycle)}",
            "a routing function, or noc.virtual_channels, whose channel dependencies have no "
            "cycle; or noc.check_deadlock: false")


def unicast_cycle(routes: Routes) -> np.ndarray | None:
    """[n] channels in a cycle that single packets may wait in, or None."""
    routers = len(routes.neighbours)
    everyone = np.arange(routers)
    if routers > MOST_ROUTERS:
        reference = routes.names[0].strip("[]").split(",")
        everyone = np.array([r for r in everyone if set(
            routes.names[r].strip("[]").split(",")) & set(reference)][:MOST_ROUTERS])
    return _cycle(routes, np.concatenate(list(_unicast_pairs(routes, everyone))))


def _unicast_pairs(routes: Routes, destinations: np.ndarray) -> Iterator[np.ndarray]:
    routers, ports = routes.neighbours.shape
    at_once = max(1, _PAIRS // routers)
    for begin in range(0, len(destinations), at_once):
        to = destinations[begin: begin + at_once]
        port, vc = routes.unicast(to)
        vc = _checked_vc(routes, vc)
        router = np.broadcast_to(np.arange(routers)[:, None], port.shape)
        ways = [port]
        if routes.other is not None:
            ways.append(routes.other(router, np.broadcast_to(to[None, :], port.shape)))
        column = np.broadcast_to(np.arange(len(to))[None, :], port.shape)
        for first in ways:
            following = routes.neighbours[router, first]
            turns = (first >= 0) & (following != to[None, :])
            channel = ((router * ports + first) * routes.n_vcs + vc)[turns]
            here, sink = following[turns], column[turns]
            for second in ways:
                onward = (here * ports + second[here, sink]) * routes.n_vcs + vc[here, sink]
                goes = second[here, sink] >= 0
                yield np.unique(np.stack([channel[goes], onward[goes]], axis=1), axis=0)


def _checked_vc(routes: Routes, vc: np.ndarray) -> np.ndarray:
    """Where a hop may take any channel of a class, the class stands for all of them: if the
    classes' dependencies have no cycle, then whatever is chosen, no packet waits in a circle."""
    return vc % routes.classes if routes.any_vc else vc


def tree_cycle(routes: Routes) -> np.ndarray | None:
    """[n] channels in a cycle that multicast packets may wait in, or None."""
    routers, ports = routes.neighbours.shape
    found = []
    for source in range(routers):
        tree = routes.multicast(source, np.arange(routers))
        vc = _checked_vc(routes, tree.vc)
        channel = (tree.router[tree.parent] * ports + tree.port) * routes.n_vcs + vc
        turns = np.flatnonzero(tree.parent > 0)
        found.append(np.stack([channel[tree.parent[turns]], channel[turns]], axis=1))
    return _cycle(routes, np.concatenate(found))


def _cycle(routes: Routes, pairs: np.ndarray) -> np.ndarray | None:
    channels = routes.neighbours.size * routes.n_vcs
    return None if is_acyclic(pairs, channels) else dependency_cycle(pairs)


def is_acyclic(pairs: np.ndarray, channels: int) -> bool:
    """Whether dependencies [n, 2] among so many channels have no cycle."""
    import scipy.sparse as sp
    from scipy.sparse.csgraph import connected_components

    if not len(pairs):
        return True
    graph = sp.csr_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])),
                         shape=(channels, channels))
    parts, _ = connected_components(graph, directed=True, connection="strong")
    return bool(parts == channels and (pairs[:, 0] != pairs[:, 1]).all())


def dependency_cycle(pairs: np.ndarray) -> np.ndarray | None:
    """A cycle among dependencies [n, 2], each channel waiting for the next, or None."""
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_edges_from(np.unique(pairs, axis=0).tolist())
    try:
        return np.array([edge[0] for edge in nx.find_cycle(graph)])
    except nx.NetworkXNoCycle:
        return None


def name_cycle(routes: Routes, cycle: np.ndarray) -> str:
    """A cycle of channels in words: the tiles that it passes, and its virtual channels."""
    ports = routes.neighbours.shape[1]
    router, vc = cycle // routes.n_vcs // ports, cycle % routes.n_vcs
    tiles = [routes.names[r] for r in router]
    shown = " -> ".join([*tiles, tiles[0]])
    return shown + (f" on virtual channel {vc[0]}" if len(set(vc.tolist())) == 1 else "")
