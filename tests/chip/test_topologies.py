"""Topologies beyond the mesh, and routes on them, against counts and distances known otherwise."""

import json

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.chip import deadlock, load_chip
from neurosim.chip.topology import board_of, on_board
from neurosim.errors import ScenarioError

LINK = {"clock_hz": "300 MHz", "bits_per_cycle": 20, "latency_cycles": 60, "credit_cycles": 60,
        "buffer_flits": 8}


def grid(kind, width, height, vcs=2, **other):
    return load_chip("mesh", overrides={
        "topology.kind": kind, "topology.width": width, "topology.height": height,
        "noc.virtual_channels": vcs, **other})


def board(**other):
    """The 48 chips of a SpiNNaker board, wrapped onto itself, one tile a chip."""
    holes = [[x, y] for x in range(8) for y in range(8) if not on_board(x, y)]
    return grid("triangular_torus", 8, 8, **{
        "topology.without": holes, "topology.router_at_holes": False,
        "topology.wrap": [[8, 4], [4, 8]], **other})


def chips(kind, width, height, **other):
    return load_chip("mesh", overrides={
        "chip_link": LINK, "topology.width": 3, "topology.height": 2,
        "topology.chips": {"kind": kind, "width": width, "height": height, "gateway": [1, 1]},
        "noc.virtual_channels": 2, **other})


def graph_file(folder, graph, **attributes):
    data = nx.node_link_data(graph, edges="links")
    data.update(attributes)
    (folder / "graph.json").write_text(json.dumps(data))
    return load_chip("mesh", overrides={
        "topology.kind": "file", "topology.file": str(folder / "graph.json"),
        "noc.routing": "up_down"})


def distances(chip):
    return dict(nx.all_pairs_shortest_path_length(chip.topology_graph))


def assert_shortest(chip):
    """Single packets and trees both take shortest routes to everywhere, over links that exist."""
    far, routes = distances(chip), chip.routes
    everyone = np.arange(len(chip.topology_graph))
    for source in everyone.tolist():
        wanted = [far[source][d] for d in everyone.tolist()]
        assert routes.hops(np.full(len(everyone), source), everyone).tolist() == wanted
        tree = routes.tree(source, everyone)
        assert tree.on_route().sum(axis=1).tolist() == wanted
        assert np.array_equal(tree.router[tree.node_of], everyone)
        child = np.arange(1, len(tree.router))
        above = tree.parent[child]
        assert (above < child).all()
        assert np.array_equal(
            routes.neighbours[tree.router[above], tree.port[child]], tree.router[child])


@pytest.mark.parametrize(
    ("kind", "width", "height", "degree", "diameter"),
    [("torus", 4, 4, 4, 4), ("torus", 5, 3, 4, 3), ("ring", 7, 1, 2, 3), ("ring", 8, 1, 2, 4),
     ("triangular_torus", 5, 5, 6, 3), ("triangular_torus", 4, 6, 6, 3),
     ("triangular_torus", 12, 12, 6, 8)],
)
def test_wrapped_grids_have_known_degrees_and_diameters(kind, width, height, degree, diameter):
    chip = grid(kind, width, height)
    graph = chip.topology_graph
    assert {d for _, d in graph.out_degree} == {degree}
    assert nx.diameter(graph) == diameter
    assert_shortest(chip)


@pytest.mark.parametrize("order", ["xy", "yx"])
@given(st.sampled_from(["torus", "triangular_torus"]), st.integers(3, 7), st.integers(3, 7))
@settings(max_examples=12, deadline=None)
def test_dimension_order_is_shortest_on_every_torus(order, kind, width, height):
    assert_shortest(grid(kind, width, height, **{"noc.routing": order}))


def test_the_board_has_48_chips_with_six_links_each():
    chip = board()
    assert len(chip.topology_graph) == 48
    assert {d for _, d in chip.topology_graph.out_degree} == {6}
    assert_shortest(chip)


def test_a_triad_is_three_boards_of_48_chips():
    chips_of = {}
    for x in range(24):
        for y in range(24):
            bx, by = board_of((x, y))
            chips_of.setdefault((bx % 24, by % 24), []).append((x, y))
    assert len(chips_of) == 12 and {len(each) for each in chips_of.values()} == {48}


@pytest.mark.parametrize("kind", ["mesh", "torus", "triangular_torus"])
def test_machines_of_chips_route_by_their_gateways(kind):
    chip = chips(kind, 3, 3)
    graph, routes = chip.topology_graph, chip.routes
    assert chip.core_count == 3 * 3 * 6
    kinds = [k for *_, k in graph.edges(data="kind")]
    between = {"mesh": 2 * 12, "torus": 2 * 18, "triangular_torus": 2 * 27}[kind]
    assert kinds.count("chip_link") == between
    where = np.array([graph.nodes[r]["chip"] for r in graph])
    inner = nx.diameter(graph.subgraph(np.flatnonzero(where == 0).tolist()))
    for source in (0, 17, 53):
        for destination in range(54):
            path = routes.path(source, destination)
            assert len(path) == len(set(path))
            crossings = (where[path[1:]] != where[path[:-1]]).sum()
            assert crossings == nx.shortest_path_length(
                nx.quotient_graph(graph, lambda a, b: where[a] == where[b]),
                frozenset(np.flatnonzero(where == where[source]).tolist()),
                frozenset(np.flatnonzero(where == where[destination]).tolist()))
            assert len(path) - 1 - crossings <= 2 * inner


def test_parts_of_a_machine_hold_for_the_whole():
    """The check by parts and the check of all channels agree where both can be done."""
    for kind in ("mesh", "torus", "triangular_torus"):
        routes = chips(kind, 4, 4).routes
        assert deadlock.unicast_cycle(routes) is None
        assert deadlock.tree_cycle(routes) is None


def test_reserved_cores_of_every_chip_come_last():
    chip = chips("mesh", 2, 1, **{"usable_cores": 4})
    routers = chip.noc_arrays.core_router
    assert chip.usable == 8 and chip.core_count == 12
    assert chip.noc_arrays.router_chip[routers[:8]].tolist() == [0] * 4 + [1] * 4
    assert chip.noc_arrays.router_chip[routers[8:]].tolist() == [0] * 2 + [1] * 2


# --- deadlock


@pytest.mark.parametrize(
    ("kind", "width", "height", "cycle"),
    [("ring", 5, 1, 5), ("torus", 5, 5, 5), ("triangular_torus", 5, 5, 5)],
)
def test_one_virtual_channel_is_too_few_and_the_cycle_is_named(kind, width, height, cycle):
    with pytest.raises(ScenarioError, match="can deadlock") as caught:
        grid(kind, width, height, vcs=1)
    assert caught.value.why.count("->") == cycle
    assert "noc.virtual_channels" in str(caught.value)
    forced = grid(kind, width, height, vcs=1, **{"noc.check_deadlock": False})
    found = deadlock.unicast_cycle(forced.routes)
    assert found is not None and len(found) == cycle
    assert deadlock.tree_cycle(forced.routes) is not None


def test_rings_of_three_need_no_second_channel():
    """Routes of one hop never hold a channel while they wait for another."""
    grid("ring", 3, 1, vcs=1)


@pytest.mark.parametrize("order", ["xy", "yx", "west_first", "up_down"])
def test_mesh_orders_are_acyclic(order):
    routes = grid("mesh", 4, 4, vcs=1, **{"noc.routing": order}).routes
    assert deadlock.unicast_cycle(routes) is None
    assert deadlock.tree_cycle(routes) is None


def test_a_cycle_of_dependencies_is_found_and_no_other():
    chain = np.array([[0, 1], [1, 2], [2, 3], [0, 3]])
    assert deadlock.is_acyclic(chain, 4) and deadlock.dependency_cycle(chain) is None
    closed = np.concatenate([chain, [[3, 1]]])
    assert not deadlock.is_acyclic(closed, 4)
    assert sorted(deadlock.dependency_cycle(closed).tolist()) == [1, 2, 3]


# --- any graph


@given(st.integers(4, 14), st.integers(0, 10**6), st.booleans())
@settings(max_examples=40, deadline=None)
def test_tables_for_any_graph_arrive_without_cycles(tmp_path_factory, n, seed, shortest):
    graph = nx.gnp_random_graph(n, 0.3, seed=seed)
    graph.add_edges_from((i, i + 1) for i in range(n - 1))
    chip = graph_file(tmp_path_factory.mktemp("graph"), graph)
    if shortest:
        chip = load_chip("mesh", overrides={
            "topology.kind": "file", "topology.file": chip.topology.file,
            "noc.routing": "shortest", "noc.virtual_channels": 8})
        assert_shortest(chip)
    routes, far = chip.routes, distances(chip)
    everyone = np.arange(n)
    for source in range(n):
        there = routes.hops(np.full(n, source), everyone)
        assert (there >= [far[source][d] for d in range(n)]).all()
        tree = routes.tree(source, everyone)
        assert len(tree.router) == n == len(set(tree.router.tolist()))
    assert deadlock.unicast_cycle(routes) is None
    assert deadlock.tree_cycle(routes) is None


def test_shortest_paths_without_enough_channels_name_the_cycle(tmp_path):
    chip = graph_file(tmp_path, nx.cycle_graph(6))
    with pytest.raises(ScenarioError, match=r"shortest-path routes can deadlock: .* -> "):
        load_chip("mesh", overrides={"topology.kind": "file", "topology.file": chip.topology.file,
                                     "noc.routing": "shortest"})


def test_graphml_and_json_hold_the_same_graph(tmp_path):
    graph = nx.petersen_graph()
    nx.set_node_attributes(graph, 2, "cores")
    nx.set_edge_attributes(graph, 3, "cycles")
    by_json = graph_file(tmp_path, graph)
    nx.write_graphml(graph, tmp_path / "graph.graphml")
    by_xml = load_chip("mesh", overrides={
        "topology.kind": "file", "topology.file": str(tmp_path / "graph.graphml"),
        "noc.routing": "up_down"})
    assert by_xml.core_count == by_json.core_count == 20
    assert np.array_equal(by_xml.noc_arrays.neighbours, by_json.noc_arrays.neighbours)
    assert set(by_xml.noc_arrays.link_cycles.flatten().tolist()) == {3}


def test_a_chip_file_names_its_graph_relative_to_itself(tmp_path):
    (tmp_path / "graph.json").write_text(json.dumps(nx.node_link_data(nx.path_graph(3),
                                                                      edges="links")))
    (tmp_path / "chip.yaml").write_text(
        "include: mesh\ntopology: {kind: file, file: graph.json}\nnoc: {routing: up_down}\n")
    chip = load_chip(tmp_path / "chip.yaml")
    assert chip.core_count == 3 and len(chip.topology.file_sha256) == 64


NODES = [{"id": 0}, {"id": 1}, {"id": 2}]
BOTH = {"directed": False, "nodes": NODES}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "no JSON"),
        ("[]", "no node-link graph"),
        ({**BOTH, "links": [{"source": 0, "target": 9}]}, "node 9, which is missing"),
        ({**BOTH, "links": [{"source": 0, "target": 0}]}, "to itself"),
        ({**BOTH, "links": [{"source": 0, "target": 1}]}, "not connected"),
        ({**BOTH, "links": [{"source": 0, "target": 1}] * 2}, "twice"),
        ({**BOTH, "nodes": [*NODES, {"id": 1}], "links": []}, "node 1 twice"),
        ({**BOTH, "links": [{"source": 0, "target": 1, "bits": 0}]}, "bits 0"),
        ({**BOTH, "links": [{"source": 0, "target": 1, "cycles": -3}]}, "cycles -3"),
        ({**BOTH, "links": [{"source": 0, "target": 1, "speed": 3}]}, "'speed'"),
        ({**BOTH, "nodes": [{"id": 0, "cores": 0}], "links": []}, "no cores"),
        ({"directed": True, "nodes": NODES, "links": [{"source": 0, "target": 1}]}, "no way back"),
        ({"directed": False, "nodes": [], "links": []}, "no nodes"),
        ({"directed": False, "nodes": [{"id": 0, "host": True}, {"id": 1, "host": True}],
          "links": [{"source": 0, "target": 1}]}, "hosts at nodes 0 and 1"),
    ],
)
def test_bad_graph_files_give_one_clear_line(tmp_path, content, why):
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "graph.json").write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load_chip("mesh", overrides={
            "topology.kind": "file", "topology.file": str(tmp_path / "graph.json"),
            "noc.routing": "up_down"})
    shown = str(caught.value)
    assert why in shown and "\n" not in shown


@pytest.mark.parametrize(
    ("overrides", "key", "why"),
    [
        ({"topology.kind": "torus", "topology.width": 2}, "topology.kind", "twice"),
        ({"topology.kind": "ring"}, "topology.kind", "4 tiles high"),
        ({"topology.kind": "file"}, "topology.kind", "is missing"),
        ({"topology.kind": "torus", "noc.routing": "west_first"}, "noc.routing", "torus"),
        ({"topology.kind": "triangular_torus", "topology.wrap": [[8, 4], [4, 8]]},
         "topology.wrap", "48 places"),
        ({"chip_link": {**LINK, "bits_per_cycle": 0}}, "chip_link", "zero"),
        ({"chip_link": {**LINK, "latency_cycles": -1}}, "chip_link", "negative"),
        ({"topology.file": "nowhere.json"}, "topology.file", "no file"),
    ],
)
def test_impossible_topologies_are_blamed_on_their_key(overrides, key, why):
    with pytest.raises(ScenarioError) as caught:
        load_chip("mesh", overrides=overrides)
    assert why in str(caught.value)
    assert caught.value.key.startswith(f"chip.set.{key}")


def test_many_chips_need_links_between_them():
    with pytest.raises(ScenarioError, match="chip_link: is missing"):
        load_chip("mesh", overrides={
            "topology.chips": {"width": 3, "height": 3, "gateway": [0, 0]}})
