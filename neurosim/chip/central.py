"""Multicast by a chip's central router: look-up there, then a copy to every tile.

So does SpiNNaker2 (arXiv 2607.24396): a spike packet goes to the SpiNNaker router in the middle of
the chip, whose table says which tiles get a copy; each copy travels on its own, and the tile's
router hands it to the cores that its mask names.  Between chips a packet goes once, from centre to
centre.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neurosim.errors import ScenarioError

if TYPE_CHECKING:
    from neurosim.chip.routes import Routes, SourceTree
    from neurosim.chip.schema import Chip


def centres(chip: Chip) -> np.ndarray:
    """[R] the router that looks up multicast packets for each router: its chip's gateway, or the
    tile ``topology.centre`` (null: the host's).

    Raises:
        ScenarioError: several chips in a graph file, or no router at that tile.
    """
    arrays, topology = chip.noc_arrays, chip.topology
    chips = len(np.unique(arrays.router_chip))
    if topology.chips is not None:
        local = (arrays.router_xy - np.array(topology.first)) % np.array(
            [topology.width, topology.height]) + np.array(topology.first)
        gateways = np.flatnonzero((local == np.array(topology.chips.gateway)).all(axis=1))
        of_chip = np.full(chips, -1, np.int64)
        of_chip[arrays.router_chip[gateways]] = gateways
        return of_chip[arrays.router_chip]
    if chips > 1:
        raise ScenarioError("chip.noc.multicast", "the chips of a graph file have no gateways",
                            "tree or unicast")
    centre = arrays.host_router
    if topology.centre is not None and topology.kind != "file":
        found = np.flatnonzero((arrays.router_xy == np.array(topology.centre)).all(axis=1))
        if not len(found):
            raise ScenarioError("chip.topology.centre", f"is at tile {list(topology.centre)}, "
                                "which has no router", "a tile with a router")
        centre = int(found[0])
    return np.full(len(arrays.router_xy), centre, np.int64)


def central_tree(routes: Routes, source: int, destinations: np.ndarray) -> SourceTree:
    """The way of a packet over the centres: one node for every router on every copy's way."""
    from neurosim.chip.routes import SourceTree

    assert routes.centre is not None
    destinations = np.asarray(destinations, np.int64)
    home = int(routes.centre[source])
    grown = _Nodes(source)
    middle = grown.chain(routes.tree(source, np.array([home])), 0, 0)
    there = np.unique(routes.centre[destinations])
    among = routes.tree(home, there)
    at = grown.copy(among, middle)
    node_of: dict[int, int] = {}
    for centre, start in zip(there.tolist(), among.node_of.tolist(), strict=True):
        tiles = np.unique(destinations[routes.centre[destinations] == centre])
        own = routes.tree(centre, tiles)
        for n, tile in enumerate(tiles.tolist()):
            node_of[tile] = grown.chain(own, n, at[start])
    router, parent, port, vc = np.array(grown.nodes, np.int64).T
    return SourceTree(router, parent, port, vc,
                      np.array([node_of[d] for d in destinations.tolist()], np.int64))


class _Nodes:
    """(router, parent, port, virtual channel) of a tree's nodes, parents first."""

    def __init__(self, source: int) -> None:
        self.nodes = [(source, -1, -1, 0)]

    def chain(self, tree: SourceTree, destination: int, start: int) -> int:
        """Add one route of ``tree``, from the node ``start``; returns its last node."""
        steps = []
        node = int(tree.node_of[destination])
        while node > 0:
            steps.append(node)
            node = int(tree.parent[node])
        for step in reversed(steps):
            self.nodes.append((int(tree.router[step]), start, int(tree.port[step]),
                               int(tree.vc[step])))
            start = len(self.nodes) - 1
        return start

    def copy(self, tree: SourceTree, start: int) -> list[int]:
        """Add all of ``tree`` from the node ``start``; returns where its nodes are."""
        at = [start]
        for n in range(1, len(tree.router)):
            self.nodes.append((int(tree.router[n]), at[int(tree.parent[n])], int(tree.port[n]),
                               int(tree.vc[n])))
            at.append(len(self.nodes) - 1)
        return at
