"""NoC graphs and routes against formulas."""

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.chip import load_chip
from neurosim.chip.topology import DIRECTIONS
from neurosim.errors import ScenarioError


def mesh(width, height, without=(), **other):
    return load_chip("mesh", overrides={"topology.width": width, "topology.height": height,
                                        "topology.without": [list(t) for t in without], **other})


@given(st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_a_full_mesh_has_the_known_size(width, height):
    chip = mesh(width, height)
    graph, arrays = chip.topology_graph, chip.noc_arrays
    assert len(graph) == width * height
    assert graph.number_of_edges() == 2 * (2 * width * height - width - height)
    assert arrays.links == tuple(sorted(
        arrays.links, key=lambda link: (link[0], DIRECTIONS.index(link[2]))))
    if len(graph) > 1:
        assert nx.diameter(graph) == width + height - 2


def test_ids_ascend_row_by_row_and_cores_router_by_router():
    chip = mesh(3, 2, without=[(1, 0)], **{"topology.cores_per_tile": 2})
    assert chip.noc_arrays.router_xy.tolist() == [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]]
    assert chip.noc_arrays.core_router.tolist() == [0, 0, 2, 2, 3, 3, 4, 4, 5, 5]
    assert [d["cores"] for _, d in chip.topology_graph.nodes(data=True)][2] == [2, 3]
    assert chip.noc_arrays.host_router == 0


def test_directions_point_where_they_say():
    arrays = mesh(3, 3).noc_arrays
    step = {"E": (1, 0), "N": (0, 1), "W": (-1, 0), "S": (0, -1)}
    for a, b, direction in arrays.links:
        assert tuple(arrays.router_xy[b] - arrays.router_xy[a]) == step[direction]


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_paths_are_dimension_ordered_and_shortest(data):
    order = data.draw(st.sampled_from(["xy", "yx", "west_first"]))
    holes = data.draw(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=5))
    chip = mesh(5, 4, without=sorted(holes), **{"noc.routing": order})
    graph, xy, routes = chip.topology_graph, chip.noc_arrays.router_xy, chip.routes
    src, dst = data.draw(st.integers(0, 19)), data.draw(st.integers(0, 19))
    route = routes.path(src, dst)
    assert (route[0], route[-1]) == (src, dst)
    assert len(route) - 1 == abs(xy[src] - xy[dst]).sum() == routes.hops(src, dst)
    steps = [graph.edges[a, b]["direction"] for a, b in zip(route, route[1:], strict=False)]
    rank = {"xy": "EWNS", "yx": "NSEW", "west_first": "WNSE"}[order]
    places = [rank.index(s) // (2 if order != "west_first" else 1) for s in steps]
    if order == "west_first":  # N and S never meet on one route
        places = [2 if p == 1 else p for p in places]
    assert places == sorted(places)


def test_holes_without_routers_are_refused_naming_the_route():
    with pytest.raises(ScenarioError, match=r"XY route from tile .* missing"):
        mesh(3, 3, without=[(1, 1)], **{"topology.router_at_holes": False})


def test_a_cut_mesh_is_refused_as_not_connected():
    with pytest.raises(ScenarioError, match="not connected") as caught:
        mesh(3, 2, without=[(1, 0), (1, 1)], **{"topology.router_at_holes": False})
    assert "[2, 0]" in str(caught.value)


def test_missing_outer_rows_are_harmless():
    chip = mesh(3, 3, without=[(0, 2), (1, 2), (2, 2)], **{"topology.router_at_holes": False})
    assert len(chip.topology_graph) == 6


def test_a_host_needs_a_router():
    with pytest.raises(ScenarioError, match="no router"):
        mesh(3, 3, without=[(0, 0)], **{"topology.router_at_holes": False})


def test_links_to_missing_tiles_are_refused():
    with pytest.raises(ScenarioError, match="missing"):
        mesh(2, 2, without=[(1, 1)], **{"topology.router_at_holes": False,
                                        "topology.links": [[[0, 1], [1, 1]]]})
