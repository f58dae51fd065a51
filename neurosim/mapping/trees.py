"""Multicast trees: the union of dimension-ordered routes from one source.

Routes from one source under one dimension order agree up to where they part, so their union is a
tree and enters each router once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from neurosim.chip.topology import DIRECTIONS

if TYPE_CHECKING:
    import networkx as nx

_ORDER = {direction: n for n, direction in enumerate(DIRECTIONS)}


def multicast_tree(
    graph: nx.DiGraph, src_router: int, dst_routers: Iterable[int]
) -> dict[int, list[int]]:
    """The tree along which a packet is copied from one router to several.

    Args:
        graph: a NoC graph whose routes were checked (``chip.topology_graph``).
        src_router: router of the sender.
        dst_routers: routers to reach; the sender's own may be among them (0 hops).

    Returns:
        For every router of the tree, ``src_router`` first, the next routers in the order E, N, W,
        S; empty at leaves.  Each router appears once as a key and, but for the source, once as a
        next router.
    """
    at, nodes = graph.graph["at"], graph.nodes
    x_first = graph.graph["routing"] == "xy"
    x0, y0 = nodes[src_router]["x"], nodes[src_router]["y"]

    def before(router: int) -> int:
        """The router before ``router`` on its route: the last dimension is undone first."""
        x, y = nodes[router]["x"], nodes[router]["y"]
        if (y != y0) if x_first else (x == x0):
            y += 1 if y0 > y else -1
        else:
            x += 1 if x0 > x else -1
        return at[x, y]

    tree: dict[int, list[int]] = {src_router: []}
    for router in dst_routers:
        branch = []
        while router not in tree:
            branch.append(router)
            router = before(router)
        for following in reversed(branch):
            tree[router].append(following)
            tree[following] = []
            router = following
    for here, forks in tree.items():
        if len(forks) > 1:
            order = {other: _ORDER[graph.edges[here, other]["direction"]] for other in forks}
            forks.sort(key=order.__getitem__)
    return tree


def tree_hops(tree: dict[int, list[int]]) -> int:
    """Links that one packet crosses on the tree."""
    return len(tree) - 1
