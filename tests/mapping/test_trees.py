"""Multicast trees on random meshes with holes."""

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.chip import load_chip, routing
from neurosim.chip.tiles import Topology
from neurosim.chip.topology import DIRECTIONS, build_graph
from neurosim.mapping.trees import multicast_tree, tree_hops


@st.composite
def graphs(draw):
    width, height = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    tiles = [(x, y) for x in range(width) for y in range(height)]
    holes = draw(st.lists(st.sampled_from(tiles), max_size=len(tiles) - 1, unique=True))
    topology = Topology(width=width, height=height, cores_per_tile=1, without=tuple(holes),
                        host=(0, 0))
    return build_graph(topology, draw(st.sampled_from(["xy", "yx"])))


@given(graphs(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_tree_is_the_union_of_the_routes(graph, data):
    router = st.integers(0, len(graph) - 1)
    src, destinations = data.draw(router), data.draw(st.lists(router, max_size=12))
    tree = multicast_tree(graph, src, destinations)
    edges = [(a, b) for a, following in tree.items() for b in following]

    routes = [routing.path(graph, src, dst) for dst in destinations]
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
        order = [DIRECTIONS.index(graph.edges[here, b]["direction"]) for b in following]
        assert order == sorted(order)


def test_a_row_broadcast_is_one_line():
    graph = load_chip("mesh", overrides={"topology.width": 5, "topology.height": 1}).topology_graph
    assert multicast_tree(graph, 0, [4, 2, 1]) == {0: [1], 1: [2], 2: [3], 3: [4], 4: []}


def test_full_broadcast_takes_one_hop_a_router():
    graph = load_chip("mesh").topology_graph
    assert tree_hops(multicast_tree(graph, 5, graph)) == len(graph) - 1


def test_the_own_router_takes_no_hop():
    graph = load_chip("mesh").topology_graph
    assert multicast_tree(graph, 3, [3]) == {3: []}
    assert multicast_tree(graph, 3, []) == {3: []}
