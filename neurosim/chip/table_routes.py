"""Routing tables for any graph: up*/down*, and shortest paths in layers of virtual channels."""

from __future__ import annotations

import numpy as np

from neurosim.chip.routes import PortFunction

#: Beyond any distance.
_FAR = 1 << 30


def up_down(neighbours: np.ndarray, root: int) -> PortFunction:
    """Up*/down* routing (Schroeder et al., Autonet, IEEE J-SAC 9(8), 1991).

    A link is up if it leads nearer to the root, by hops and then by number.  A packet goes up as
    long as it has no way that only goes down, and then down, so that no channel dependency ever
    turns from down to up: there is no cycle on any graph, with a single virtual channel.
    """
    routers = len(neighbours)
    level = _distances(neighbours)[root]
    rank = np.empty(routers, np.int64)
    rank[np.lexsort((np.arange(routers), level))] = np.arange(routers)
    by_rank = np.argsort(rank)
    there = neighbours >= 0
    down = there & (rank[neighbours] > rank[:, None])
    only_down = np.full((routers, routers), _FAR, np.int64)
    only_down[np.arange(routers), np.arange(routers)] = 0
    for r in by_rank[::-1]:
        for other in neighbours[r][down[r]]:
            np.minimum(only_down[r], only_down[other] + 1, out=only_down[r])
    legal = only_down.copy()
    for r in by_rank:
        for other in neighbours[r][there[r] & ~down[r]]:
            up = np.where(only_down[r] < _FAR, _FAR, legal[other] + 1)
            np.minimum(legal[r], up, out=legal[r])
    port = np.full((routers, routers), -1, np.int64)
    for p in range(neighbours.shape[1] - 1, -1, -1):
        for r in np.flatnonzero(there[:, p]):
            other = neighbours[r, p]
            if down[r, p]:
                taken = (only_down[r] < _FAR) & (only_down[other] == only_down[r] - 1)
            else:
                taken = (only_down[r] >= _FAR) & (legal[other] == legal[r] - 1)
            port[r, taken] = p
    return _from_table(port)


def shortest(neighbours: np.ndarray) -> PortFunction:
    """Shortest paths; of several first hops the lowest port."""
    distance = _distances(neighbours)
    port = np.full(distance.shape, -1, np.int64)
    for p in range(neighbours.shape[1] - 1, -1, -1):
        r = np.flatnonzero(neighbours[:, p] >= 0)
        nearer = distance[neighbours[r, p]] == distance[r] - 1
        rows, columns = np.nonzero(nearer)
        port[r[rows], columns] = p
    return _from_table(port)


def layers(port: PortFunction, neighbours: np.ndarray) -> np.ndarray:
    """[R] the layer, or virtual channel, of each destination such that none has a cycle.

    Each destination goes to the first layer whose channel dependencies stay acyclic with those of
    its routes (as in LASH, Skeie et al., IPDPS 2002, by destination instead of by pair).  Routes
    walked backwards have the mirrored dependencies, so the layers hold for trees as well.
    """
    from neurosim.chip.deadlock import is_acyclic

    routers, ports = neighbours.shape
    found: list[np.ndarray] = []
    layer = np.zeros(routers, np.int64)
    everyone = np.arange(routers)
    for destination in range(routers):
        taken = port(everyone, np.full(routers, destination))
        moving = everyone[everyone != destination]
        following = neighbours[moving, taken[moving]]
        turn = following != destination
        a, b = moving[turn], following[turn]
        pairs = np.stack([a * ports + taken[a], b * ports + taken[b]], axis=1)
        for n in range(len(found) + 1):
            if n == len(found):
                found.append(np.zeros((0, 2), np.int64))
            joined = np.concatenate([found[n], pairs])
            if is_acyclic(joined, routers * ports):
                found[n], layer[destination] = np.unique(joined, axis=0), n
                break
    return layer


def _distances(neighbours: np.ndarray) -> np.ndarray:
    """[R, R] hops."""
    import scipy.sparse as sp
    from scipy.sparse.csgraph import shortest_path

    routers = len(neighbours)
    a, p = np.nonzero(neighbours >= 0)
    graph = sp.csr_array((np.ones(len(a)), (a, neighbours[a, p])), shape=(routers, routers))
    return shortest_path(graph, unweighted=True).astype(np.int64)


def _from_table(table: np.ndarray) -> PortFunction:
    return lambda at, to: table[at, to]
