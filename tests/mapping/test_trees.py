"""Multicast trees on random meshes and tori with holes."""

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.chip import load_chip
from neurosim.mapping.trees import multicast_tree, tree_hops


@st.composite
def chips(draw):
    """Meshes with holes and wrapped grids, of one chip each."""
    kind = draw(st.sampled_from(["mesh", "mesh", "torus", "triangular_torus"]))
    least = 1 if kind == "mesh" else 3
    width, height = draw(st.integers(least, 6)), draw(st.integers(least, 6))
    tiles = [(x, y) for x in range(width) for y in range(height)]
    holes = draw(st.lists(st.sampled_from(tiles), max_size=len(tiles) - 1, unique=True))
    return load_chip("mesh", overrides={
        "topology": {"kind": kind, "width": width, "height": height,
                     "without": [list(hole) for hole in holes]},
        "noc.routing": draw(st.sampled_from(["xy", "yx"])), "noc.virtual_channels": 2})


@given(chips(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_tree_is_the_union_of_the_routes(chip, data):
    graph, trees = chip.topology_graph, chip.routes
    router = st.integers(0, len(graph) - 1)
    src, destinations = data.draw(router), data.draw(st.lists(router, max_size=12))
    tree = multicast_tree(trees, src, destinations)
    edges = [(a, b) for a, following in tree.items() for b in following]

    routes = [trees.path(src, dst) for dst in destinations]
    assert set(edges) == {e for r in routes for e in zip(r, r[1:], strict=False)}
    assert len(edges) == len(set(edges)) == tree_hops(tree) == len(tree) - 1
    # Each router is entered once, the source never.
    entered = [b for _, b in edges]
    assert len(entered) == len(set(entered)) and src not in entered
    # Nothing dangles: every leaf is a destination.
    leaves = {r for r, following in tree.items() if not following}
    assert leaves <= set(destinations) | {src}
    assert set(destinations) <= set(tree)
    assert not edges or nx.is_arborescence(nx.DiGraph(edges))
    # Sharing never costs hops.
    distances = [len(r) - 1 for r in routes]
    assert max(distances, default=0) <= tree_hops(tree) <= sum(distances)
    for here, following in tree.items():
        order = [graph.edges[here, b]["port"] for b in following]
        assert order == sorted(order)


def test_a_row_broadcast_is_one_line():
    row = load_chip("mesh", overrides={"topology.width": 5, "topology.height": 1})
    assert multicast_tree(row.routes, 0, [4, 2, 1]) == {0: [1], 1: [2], 2: [3], 3: [4], 4: []}


def test_full_broadcast_takes_one_hop_a_router():
    chip = load_chip("mesh")
    assert tree_hops(multicast_tree(chip.routes, 5, range(16))) == 15


def test_the_own_router_takes_no_hop():
    routes = load_chip("mesh").routes
    assert multicast_tree(routes, 3, [3]) == {3: []}
    assert multicast_tree(routes, 3, []) == {3: []}
