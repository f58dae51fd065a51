"""NoC graphs: routers and links as a networkx graph, and as arrays.

Router ids ascend row by row (y, then x) over the routers that exist; core ids ascend router by
router.  Every link is two directed edges, one a direction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from neurosim.errors import ScenarioError

if TYPE_CHECKING:
    import networkx as nx

    from neurosim.chip.tiles import Tile, Topology

#: Direction order of router outputs, and the step of each in (x, y): north is y + 1.
DIRECTIONS = ("E", "N", "W", "S")
STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))


@dataclass(frozen=True)
class NocArrays:
    """The NoC graph for array code.  R routers, C cores.

    ``links`` holds (source router, destination router, direction), sorted by source and then by
    direction in the order of :data:`DIRECTIONS`; ``neighbours[r, d]`` is the router that output
    ``DIRECTIONS[d]`` of router r leads to, or -1.
    """

    router_xy: np.ndarray  # [R, 2] tile coordinates, int64
    core_router: np.ndarray  # [C] int64
    host_router: int
    links: tuple[tuple[int, int, str], ...]
    neighbours: np.ndarray  # [R, 4] int64


def build_graph(topology: Topology, routing: str = "xy") -> nx.DiGraph:
    """The NoC graph of a chip.

    Nodes are router ids with attributes ``x``, ``y``, ``chip``, ``cores`` (list of core ids) and
    ``host`` (bool); edges have ``direction``.  ``graph.graph`` holds ``routing`` and ``at``, the
    router id by (x, y).

    Raises:
        ScenarioError: some router cannot reach another.
    """
    import networkx as nx

    graph = nx.DiGraph()
    at: dict[Tile, int] = {}
    cores = 0
    holes = set(topology.without)
    for tile in _tiles(topology):
        if tile in holes and not topology.router_at_holes:
            continue
        here = 0 if tile in holes else topology.cores_per_tile
        at[tile] = len(at)
        graph.add_node(at[tile], x=tile[0], y=tile[1], chip=0, host=tile == topology.host,
                       cores=list(range(cores, cores + here)))
        cores += here
    linked = None if topology.links is None else {frozenset(link) for link in topology.links}
    for tile, router in at.items():
        for direction, (dx, dy) in zip(DIRECTIONS, STEPS, strict=True):
            other = (tile[0] + dx, tile[1] + dy)
            if other in at and (linked is None or frozenset((tile, other)) in linked):
                graph.add_edge(router, at[other], direction=direction)
    graph.graph.update(routing=routing, at=at)
    _require_connected(graph)
    return graph


def noc_arrays(graph: nx.DiGraph) -> NocArrays:
    """``graph`` as arrays."""
    order = {direction: n for n, direction in enumerate(DIRECTIONS)}
    routers = graph.number_of_nodes()
    neighbours = np.full((routers, 4), -1, np.int64)
    for a, b, direction in graph.edges(data="direction"):
        neighbours[a, order[direction]] = b
    links = tuple((a, int(neighbours[a, d]), DIRECTIONS[d])
                  for a, d in np.argwhere(neighbours >= 0).tolist())
    nodes = [graph.nodes[r] for r in range(routers)]
    return NocArrays(
        router_xy=np.array([(node["x"], node["y"]) for node in nodes], np.int64),
        core_router=np.repeat(np.arange(routers), [len(node["cores"]) for node in nodes]),
        host_router=next(r for r, node in enumerate(nodes) if node["host"]),
        links=links,
        neighbours=neighbours,
    )


def _tiles(topology: Topology) -> Iterator[Tile]:
    x0, y0 = topology.first
    for y in range(y0, y0 + topology.height):
        for x in range(x0, x0 + topology.width):
            yield x, y


def _require_connected(graph: nx.DiGraph) -> None:
    """Links go both ways, so that reaching all routers from one is enough."""
    import networkx as nx

    reached = nx.descendants(graph, 0) | {0}
    if len(reached) == len(graph):
        return
    lost = min(set(graph) - reached)
    raise ScenarioError(
        "chip.topology",
        f"the NoC graph is not connected: no way from tile {tile_of(graph, 0)} "
        f"to tile {tile_of(graph, lost)}",
        "a graph in which every router reaches every other",
    )


def tile_of(graph: nx.DiGraph, router: int) -> list[int]:
    """Coordinates [x, y] of a router's tile, as chip files write them."""
    node = graph.nodes[router]
    return [node["x"], node["y"]]
