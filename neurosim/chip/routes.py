"""Routes: which output, and which virtual channel, a packet takes at every router on its way.

A routing function here looks at (router, destination) alone.  Packets to one destination follow it
as it is; a multicast packet takes, from its sender, a tree that holds the route to each of its
destinations.  The virtual channel (VC) is known beforehand, too:

- on wrapped grids it follows the dateline rule (Dally and Seitz, IEEE Trans. Computers C-36(5),
  1987): within a dimension, links before and after the wrap-around are different channels.  For
  single packets VC 1 means "still to wrap around", a function of router and destination; on trees
  VC 1 means "wrapped around already", a function of source and router, so that all destinations
  of a tree agree;
- with tables it is the layer that the destination, or on trees the source, was given.

Channels beyond those that the dateline rule needs spread packets by destination, or trees by
source, so that packets to different places block each other less; a packet never changes between
them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neurosim.errors import ScenarioError

#: (routers, destinations) -> output ports, element-wise; -1: there is none.
PortFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class SourceTree:
    """All routes from one router.  Node 0 is that router; parents come before their children."""

    router: np.ndarray  # [N]
    parent: np.ndarray  # [N] node, -1 at node 0
    port: np.ndarray  # [N] output of the parent's router that leads here, -1 at node 0
    vc: np.ndarray  # [N] virtual channel on that link
    node_of: np.ndarray  # [E] node at which each destination's route ends

    def on_route(self) -> np.ndarray:
        """[E, N] bool, the nodes that each destination's route passes; node 0 is left out."""
        passes = np.zeros((len(self.node_of), len(self.router)), bool)
        rows, at = np.arange(len(self.node_of)), self.node_of.copy()
        while len(rows):
            away = at > 0
            rows, at = rows[away], at[away]
            passes[rows, at] = True
            at = self.parent[at]
        return passes


@dataclass(frozen=True)
class Routes:
    """A routing function over a NoC graph.  R routers, P output ports.

    ``axis[p]``: ports of one axis share datelines; ``layer[r]``: VC of all packets to (trees:
    from) router r, or None for datelines; ``names``: routers for people.
    """

    port: PortFunction
    neighbours: np.ndarray  # [R, P]
    wraps: np.ndarray  # [R, P] bool
    axis: np.ndarray  # [P]
    n_vcs: int
    names: tuple[str, ...]
    what: str  # the routing function, for messages
    layer: np.ndarray | None = None
    manhattan: np.ndarray | None = None  # [R, 2] coordinates, where distance is no more than that
    other: PortFunction | None = None  # another output that single packets may take, or -1
    any_vc: bool = False  # a hop may take any virtual channel of the route's class
    centre: np.ndarray | None = None  # [R] where multicast packets are looked up; None: everywhere

    @property
    def classes(self) -> int:
        """Kinds of virtual channels that must stay apart: before and after a wrap-around."""
        return min(2 if self.wraps.any() else 1, self.n_vcs)

    def unicast(self, destinations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """([R, D] output port towards each of D destinations, -1 at itself; [R, D] its VC).

        Raises:
            ScenarioError: some router has no route.
        """
        routers, there = np.arange(len(self.neighbours))[:, None], np.asarray(destinations)[None]
        port = self.port(*np.broadcast_arrays(routers, there))
        port = np.where(routers == there, -1, port)
        if ((port < 0) & (routers != there)).any():
            a, column = np.argwhere((port < 0) & (routers != there))[0]
            raise self.broken(int(a), int(destinations[column]))
        if self.layer is not None:
            return port, np.broadcast_to(self.layer[destinations], port.shape).copy()
        following = self.neighbours[routers, port]
        column = np.arange(port.shape[1])[None]
        wraps = self.wraps[routers, port] & (port >= 0)
        same = self.axis[port[following, column]] == self.axis[port]
        same &= (port >= 0) & (port[following, column] >= 0)
        still = wraps
        for _ in range(len(port)):
            more = wraps | (same & still[following, column])
            if np.array_equal(more, still):
                break
            still = more
        return port, self._vc(still, np.broadcast_to(destinations, port.shape))

    def _vc(self, wrapped: np.ndarray, spread_by: np.ndarray) -> np.ndarray:
        """The dateline rule within one of several sets of channels."""
        classes = self.classes
        return spread_by % (self.n_vcs // classes) * classes + np.minimum(
            wrapped.astype(np.int64), classes - 1)

    def tree(self, source: int, destinations: np.ndarray) -> SourceTree:
        """Routes from one router to many, as a tree.

        Raises:
            ScenarioError: some destination cannot be reached.
        """
        destinations = np.asarray(destinations, np.int64)
        if self.layer is not None:
            return self._tree_by_tables(source, destinations)
        grown = _Growth(self, source)
        at, node = np.full(len(destinations), source), np.zeros(len(destinations), np.int64)
        for _ in range(len(self.neighbours) + 1):
            moving = np.flatnonzero(at != destinations)
            if not len(moving):
                return grown.done(node)
            port = self.port(at[moving], destinations[moving])
            if (port < 0).any():
                raise self.broken(source, int(destinations[moving[port < 0][0]]))
            node[moving] = grown.grow(node[moving], at[moving], port)
            at[moving] = self.neighbours[at[moving], port]
        raise ScenarioError("chip.noc.routing", f"{self.what} runs in a circle from "
                            f"{self.names[source]}", "a routing function that arrives")

    def multicast(self, source: int, destinations: np.ndarray) -> SourceTree:
        """The way of a multicast packet: the tree of routes, or that over the centres.

        Raises:
            ScenarioError: some destination cannot be reached.
        """
        from neurosim.chip.central import central_tree

        if self.centre is None:
            return self.tree(source, destinations)
        return central_tree(self, source, destinations)

    def _tree_by_tables(self, source: int, destinations: np.ndarray) -> SourceTree:
        """The routes to ``source``, walked backwards: these are legal, and they form a tree."""
        assert self.layer is not None
        everyone = np.arange(len(self.neighbours))
        port = self.port(everyone, np.full(len(everyone), source))
        towards = np.where(everyone == source, -1, self.neighbours[everyone, port])
        wanted = np.zeros(len(everyone), bool)
        at = np.unique(destinations)
        depth = np.full(len(everyone), -1)
        depth[source] = 0
        while len(at):
            wanted[at] = True
            at = np.unique(towards[at[at != source]])
            at = at[~wanted[at]]
        for r in np.flatnonzero(wanted):
            chain = []
            while depth[r] < 0:
                chain.append(r)
                r = towards[r]
            depth[chain[::-1]] = depth[r] + 1 + np.arange(len(chain))
        routers = np.flatnonzero(wanted | (everyone == source))
        routers = routers[np.lexsort((routers, depth[routers]))]
        number = np.full(len(everyone), -1, np.int64)
        number[routers] = np.arange(len(routers))
        parent = np.where(routers == source, -1, number[towards[routers]])
        back = self.back[routers, port[routers]]
        return SourceTree(
            routers, parent, np.where(routers == source, -1, back),
            np.full(len(routers), self.layer[source]), number[destinations])

    @cached_property
    def back(self) -> np.ndarray:
        """[R, P] the port at the far end that leads back."""
        port_to = {(int(a), int(self.neighbours[a, p])): int(p)
                   for a, p in np.argwhere(self.neighbours >= 0)}
        result = np.full(self.neighbours.shape, -1, np.int64)
        for a, p in np.argwhere(self.neighbours >= 0).tolist():
            result[a, p] = port_to.get((int(self.neighbours[a, p]), a), -1)
        return result

    def hops(self, source: np.ndarray, destination: np.ndarray) -> np.ndarray:
        """Links on the route of a single packet, element-wise (broadcast)."""
        if self.manhattan is not None:
            return np.abs(self.manhattan[source] - self.manhattan[destination]).sum(axis=-1)
        at, to = (np.array(a) for a in np.broadcast_arrays(source, destination))
        count = np.zeros(at.shape, np.int64)
        while (moving := at != to).any():
            at[moving] = self.neighbours[at[moving], self.port(at[moving], to[moving])]
            count += moving
        return count

    def path(self, source: int, destination: int) -> list[int]:
        """Routers that a single packet visits, both ends included.

        Raises:
            ScenarioError: the route needs a router or link that does not exist.
        """
        routers = [source]
        while routers[-1] != destination:
            port = int(self.port(np.array([routers[-1]]), np.array([destination]))[0])
            if port < 0 or len(routers) > len(self.neighbours):
                raise self.broken(source, destination)
            routers.append(int(self.neighbours[routers[-1], port]))
        return routers

    def broken(self, source: int, destination: int) -> ScenarioError:
        return ScenarioError(
            "chip.topology",
            f"the {self.what} route from tile {self.names[source]} to tile "
            f"{self.names[destination]} needs a link that is missing",
            "router_at_holes: true, links along every such route, or noc.routing up_down")


class _Growth:
    """A source tree while it is grown hop by hop; nodes are the distinct beginnings of routes."""

    def __init__(self, routes: Routes, source: int) -> None:
        self.routes = routes
        none = np.array([-1], np.int64)
        self.router, self.parent, self.port = [np.array([source], np.int64)], [none], [none]
        self.vc = [np.zeros(1, np.int64)]
        self.axis, self.wrapped = none, np.zeros(1, bool)  # of the newest nodes
        self.first, self.count = 0, 1

    def grow(self, node: np.ndarray, at: np.ndarray, port: np.ndarray) -> np.ndarray:
        """Nodes one hop on from ``node``; all of them are among the newest."""
        routes, ports = self.routes, self.routes.neighbours.shape[1]
        keys, first, inverse = np.unique(node * ports + port, return_index=True,
                                         return_inverse=True)
        parent, router, port = node[first], at[first], port[first]
        axis = routes.axis[port]
        before = parent - self.first
        wrapped = routes.wraps[router, port] | (self.wrapped[before] & (self.axis[before] == axis))
        self.router.append(routes.neighbours[router, port])
        self.parent.append(parent)
        self.port.append(port)
        self.vc.append(routes._vc(wrapped, np.full(len(port), self.router[0][0])))
        self.first, self.axis, self.wrapped = self.count, axis, wrapped
        self.count += len(keys)
        return self.first + inverse.reshape(-1)

    def done(self, node: np.ndarray) -> SourceTree:
        return SourceTree(np.concatenate(self.router), np.concatenate(self.parent),
                          np.concatenate(self.port), np.concatenate(self.vc), node)
