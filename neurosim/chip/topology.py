"""NoC graphs: routers and links as a networkx graph, and as arrays.

Router ids ascend chip by chip and within a chip row by row (y, then x) over the routers that exist;
core ids ascend router by router, cores that are reserved on each chip last.  Every link is two
directed edges, one a direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.chip.tiles import Grid, Tile, Topology
from neurosim.errors import ScenarioError

if TYPE_CHECKING:
    import networkx as nx

#: Outputs of a router on a mesh, torus or ring, and the step of each in (x, y): north is y + 1.
DIRECTIONS = ("E", "N", "W", "S")
STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
#: Outputs on SpiNNaker's triangular torus, in the order of its link numbers.
TRIANGULAR = ("E", "NE", "N", "W", "SW", "S")
TRIANGULAR_STEPS = ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1))
#: What a link is: within a chip, between chips of a board, between boards.
ON_CHIP, CHIP_LINK, BOARD_LINK = 0, 1, 2
LINK_KINDS = ("on_chip", "chip_link", "board_link")
#: In a triad of 12 x 12 chips, the lower left chips of the three boards.
_BOARD_ROOTS = ((0, 0), (4, 8), (8, 4))


@dataclass(frozen=True)
class NocArrays:
    """The NoC graph for array code.  R routers, P output ports for links, C cores.

    ``links`` holds (source router, destination router, direction), sorted by source and port;
    ``neighbours[r, p]`` is the router that port p of router r leads to, or -1.  ``link_kind`` is
    one of :data:`ON_CHIP`, :data:`CHIP_LINK` and :data:`BOARD_LINK`; ``link_cycles`` and
    ``link_bits`` are 0 where the chip file's section for that kind holds; ``wraps`` marks links
    that lead around a torus.
    """

    router_xy: np.ndarray  # [R, 2] tile coordinates, int64
    router_chip: np.ndarray  # [R] int64
    core_router: np.ndarray  # [C] int64
    host_router: int
    links: tuple[tuple[int, int, str], ...]
    directions: tuple[str, ...]  # [P]
    neighbours: np.ndarray  # [R, P] int64
    link_kind: np.ndarray  # [R, P] int64
    link_cycles: np.ndarray  # [R, P] int64
    link_bits: np.ndarray  # [R, P] int64
    wraps: np.ndarray  # [R, P] bool


def build_graph(topology: Topology, usable: int | None = None) -> nx.DiGraph:
    """The NoC graph of a chip, or of a machine of chips.

    Nodes are router ids with attributes ``x``, ``y``, ``chip``, ``cores`` (list of core ids),
    ``host`` (bool) and ``name``; edges have ``direction``, ``port``, ``kind`` (of
    :data:`LINK_KINDS`), ``wraps`` and, where the link has its own, ``cycles`` and ``bits``.
    ``graph.graph`` holds ``directions`` and, for grids, ``at``, the router id by (x, y).

    Args:
        usable: cores a chip that applications may use, None: all; the others of every chip get
            the highest ids.

    Raises:
        ScenarioError: some router cannot reach another; two links join the same two routers.
    """
    if topology.kind == "file":
        from neurosim.chip.graph_file import read_graph

        graph = read_graph(topology)
    else:
        graph = _grid_graph(topology)
    _number_cores(graph, usable)
    _require_connected(graph)
    return graph


def _grid_graph(topology: Topology) -> nx.DiGraph:
    import networkx as nx

    graph = nx.DiGraph()
    triangular = topology.kind == "triangular_torus"
    directions, steps = (TRIANGULAR, TRIANGULAR_STEPS) if triangular else (DIRECTIONS, STEPS)
    holes = set(topology.without)
    tiles = [t for t in places(topology) if t not in holes or topology.router_at_holes]
    chips = [(0, 0)] if topology.chips is None else existing(topology.chips)
    at: dict[Tile, int] = {}
    for chip, (cx, cy) in enumerate(chips):
        for tile in tiles:
            x, y = tile[0] + cx * topology.width, tile[1] + cy * topology.height
            at[x, y] = len(graph)
            cores = 0 if tile in holes else topology.cores_per_tile
            graph.add_node(len(graph), x=x, y=y, chip=chip, cores=[-1] * cores, name=f"[{x}, {y}]",
                           host=tile == topology.host and chip == 0)
    linked = None if topology.links is None else {frozenset(link) for link in topology.links}
    around = wrap_vectors(topology) if topology.kind != "mesh" else ()
    local = [(a, port, b, wraps) for a, port, b, wraps in adjacent(tiles, steps, around)
             if linked is None or frozenset((a, b)) in linked]
    for cx, cy in chips:
        dx, dy = cx * topology.width, cy * topology.height
        for a, port, b, wraps in local:
            _link(graph, at[a[0] + dx, a[1] + dy], at[b[0] + dx, b[1] + dy], port,
                  directions[port], "on_chip", wraps)
    if topology.chips is not None:
        directions = (*directions, *_join_chips(graph, at, topology))
    graph.graph.update(at=at, directions=directions)
    return graph


def _join_chips(graph: nx.DiGraph, at: dict[Tile, int], topology: Topology) -> tuple[str, ...]:
    """Links between gateways; returns the names of their directions, in the order of ports."""
    chips = topology.chips
    assert chips is not None
    triangular = chips.kind == "triangular_torus"
    names, steps = (TRIANGULAR, TRIANGULAR_STEPS) if triangular else (DIRECTIONS, STEPS)
    around = wrap_vectors(chips) if chips.kind != "mesh" else ()
    gx, gy = chips.gateway
    for a, port, b, wraps in adjacent(existing(chips), steps, around):
        start, end = (at[gx + x * topology.width, gy + y * topology.height] for x, y in (a, b))
        far = chips.boards and (wraps or board_of(a) != board_of(b))
        _link(graph, start, end, len(DIRECTIONS) + port, f"chip {names[port]}",
              "board_link" if far else "chip_link", wraps)
    return tuple(f"chip {name}" for name in names)


def _link(graph: nx.DiGraph, a: int, b: int, port: int, direction: str, kind: str,
          wraps: bool) -> None:
    if graph.has_edge(a, b):
        raise ScenarioError("chip.topology", f"two links lead from tile {tile_of(graph, a)} to "
                            f"tile {tile_of(graph, b)}", "at most one in each direction")
    graph.add_edge(a, b, direction=direction, port=port, kind=kind, wraps=wraps)


def board_of(chip: Tile) -> tuple[int, int]:
    """The board that a chip of a SpiNNaker machine belongs to, as its triad's and own root.

    Boards are hexagons of 48 chips; in every 12 x 12 chips there are three, wrapped around.
    """
    for rx, ry in _BOARD_ROOTS:
        for sx in (0, -12):
            for sy in (0, -12):
                x, y = chip[0] % 12 - rx - sx, chip[1] % 12 - ry - sy
                if on_board(x, y):
                    return (chip[0] // 12 * 12 + rx + sx, chip[1] // 12 * 12 + ry + sy)
    raise AssertionError("every chip of a triad is on a board")


def on_board(x: int, y: int) -> bool:
    """Whether (x, y) is one of the 48 places of a hexagonal board with its corner at (0, 0)."""
    return 0 <= x < 8 and 0 <= y < 8 and -4 < x - y < 5


def places(grid: Grid) -> list[Tile]:
    """All places of a grid, holes included, row by row."""
    x0, y0 = grid.first
    return [(x, y) for y in range(y0, y0 + grid.height) for x in range(x0, x0 + grid.width)]


def existing(grid: Grid) -> list[Tile]:
    """The places that are there, row by row."""
    return [place for place in places(grid) if place not in set(grid.without)]


def wrap_vectors(grid: Grid) -> tuple[Tile, Tile]:
    """Two vectors that lead from a place to itself."""
    return grid.wrap if grid.wrap is not None else ((grid.width, 0), (0, grid.height))


def lattice(around: tuple[Tile, ...]) -> list[Tile]:
    """Small combinations of the wrap vectors, the zero vector first."""
    if not around:
        return [(0, 0)]
    (ax, ay), (bx, by) = around
    combos = [(i * ax + j * bx, i * ay + j * by) for i in range(-2, 3) for j in range(-2, 3)]
    return sorted(combos, key=lambda v: (abs(v[0]) + abs(v[1]), v))


def adjacent(
    tiles: list[Tile], steps: tuple[Tile, ...], around: tuple[Tile, ...]
) -> list[tuple[Tile, int, Tile, bool]]:
    """(place, port, neighbour, wrapped around) of all neighbouring places."""
    there = set(tiles)
    shifts = lattice(around)
    found = []
    for x, y in tiles:
        for port, (dx, dy) in enumerate(steps):
            for sx, sy in shifts:
                other = (x + dx + sx, y + dy + sy)
                if other in there:
                    if other != (x, y):
                        found.append(((x, y), port, other, (sx, sy) != (0, 0)))
                    break
    return found


def _number_cores(graph: nx.DiGraph, usable: int | None) -> None:
    """Core ids router by router; beyond ``usable`` a chip, the chips' last cores, at the end."""
    nodes = [graph.nodes[r] for r in range(len(graph))]
    per_chip: dict[int, int] = {}
    late: list[tuple[list[int], int]] = []
    number = 0
    for node in nodes:
        for n in range(len(node["cores"])):
            taken = per_chip.get(node["chip"], 0)
            per_chip[node["chip"]] = taken + 1
            if usable is not None and taken >= usable:
                late.append((node["cores"], n))
                continue
            node["cores"][n] = number
            number += 1
    for cores, n in late:
        cores[n] = number
        number += 1


def noc_arrays(graph: nx.DiGraph) -> NocArrays:
    """``graph`` as arrays."""
    routers, directions = len(graph), graph.graph["directions"]
    shape = (routers, len(directions))
    neighbours = np.full(shape, -1, np.int64)
    kind, cycles, bits = (np.zeros(shape, np.int64) for _ in range(3))
    wraps = np.zeros(shape, bool)
    for a, b, edge in graph.edges(data=True):
        at = a, edge["port"]
        neighbours[at], kind[at] = b, LINK_KINDS.index(edge["kind"])
        wraps[at] = edge["wraps"]
        cycles[at], bits[at] = edge.get("cycles", 0), edge.get("bits", 0)
    links = tuple((a, int(neighbours[a, p]), directions[p])
                  for a, p in np.argwhere(neighbours >= 0).tolist())
    nodes: list[dict[str, Any]] = [graph.nodes[r] for r in range(routers)]
    core_router = np.full(sum(len(node["cores"]) for node in nodes), -1, np.int64)
    for r, node in enumerate(nodes):
        core_router[node["cores"]] = r
    return NocArrays(
        router_xy=np.array([(node["x"], node["y"]) for node in nodes], np.int64),
        router_chip=np.array([node["chip"] for node in nodes], np.int64),
        core_router=core_router,
        host_router=next(r for r, node in enumerate(nodes) if node["host"]),
        links=links, directions=directions, neighbours=neighbours, link_kind=kind,
        link_cycles=cycles, link_bits=bits, wraps=wraps,
    )


def _require_connected(graph: nx.DiGraph) -> None:
    import networkx as nx

    there = nx.descendants(graph, 0) | {0}
    back = nx.ancestors(graph, 0) | {0}
    if len(there) == len(back) == len(graph):
        return
    lost = min(set(graph) - (there & back))
    a, b = (0, lost) if lost not in there else (lost, 0)
    raise ScenarioError(
        "chip.topology",
        f"the NoC graph is not connected: no way from tile {tile_of(graph, a)} "
        f"to tile {tile_of(graph, b)}",
        "a graph in which every router reaches every other",
    )


def tile_of(graph: nx.DiGraph, router: int) -> str:
    """A router's tile as chip files write it: [x, y], or the name of a graph file's node."""
    return str(graph.nodes[router]["name"])
