"""Packets are conserved and stay in order on random topologies, loads and holes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim import image as im
from neurosim import trace
from neurosim.chip import Chip, load_chip
from neurosim.chip.topology import noc_arrays
from neurosim.lower import SyncPlan, lower_traffic
from tests.engines.machines import small_image


@st.composite
def chips(draw: Any) -> Chip:
    kind = draw(st.sampled_from(["mesh", "holes", "torus", "ring", "triangular_torus", "chips"]))
    width, height = draw(st.integers(3, 4)), draw(st.integers(3, 4))
    noc: dict[str, Any] = {
        "buffer_flits": draw(st.integers(2, 4)), "pipeline_cycles": draw(st.integers(0, 2)),
        "virtual_channels": draw(st.integers(2, 3)), "credit_cycles": draw(st.integers(1, 3)),
        "routing": draw(st.sampled_from(["xy", "yx"]))}
    topology: dict[str, Any] = {"kind": kind, "width": width, "height": height}
    overrides: dict[str, Any] = {}
    if kind == "ring":
        topology = {"kind": "ring", "width": width * 2, "height": 1}
    elif kind == "chips":
        topology = {"width": 2, "height": 2, "chips": {
            "kind": "torus", "width": 3, "height": 3, "gateway": [1, 0]}}
        overrides = {"chip_link": {
            "clock_hz": "100 MHz", "bits_per_cycle": draw(st.sampled_from([20, 192])),
            "latency_cycles": 4, "credit_cycles": 2, "buffer_flits": 2}}
    elif kind == "holes":
        holes = draw(st.sets(st.tuples(st.integers(1, 2), st.integers(0, height - 1)),
                             max_size=height - 1))
        topology.update(kind="mesh", without=[list(hole) for hole in holes],
                        router_at_holes=False)
        noc["routing"] = draw(st.sampled_from(["up_down", "shortest"]))
        noc["virtual_channels"] = 4
        if not _connected(width, height, holes):
            topology["router_at_holes"] = True
    plain = kind != "mesh"  # elsewhere the way over the centre may have cycles
    noc.update(draw(st.sampled_from(_ROUTERS[plain])))
    return load_chip("mesh", overrides={**overrides, "topology": topology, "noc": noc})


#: Routers that keep the order of a pair's packets; the way over the centre on full meshes only.
_IDEAL = {"queueing": "output", "unlimited_buffers": True}
_ANYWHERE = [{}, {}, {"queueing": "output"}, _IDEAL, {"multicast": "unicast"}]
_ROUTERS = ([*_ANYWHERE, {"multicast": "central", "routing": "xy"}], _ANYWHERE)


def _connected(width: int, height: int, holes: set[tuple[int, int]]) -> bool:
    graph = nx.grid_2d_graph(width, height)
    graph.remove_nodes_from(holes)
    return (0, 0) in graph and nx.is_connected(graph)


@settings(max_examples=30, deadline=None)
@given(chips(), st.sampled_from([0.05, 0.4, 1.0]), st.integers(1, 2), st.integers(0, 99))
def test_traffic_is_conserved_and_in_order(engine: Any, chip: Chip, rate: float, flits: int,
                                           seed: int) -> None:
    image = lower_traffic(chip, "uniform", rate, flits, 300, 0, seed)
    outcome = engine(image, want_trace=True)
    counters = outcome.counters
    assert counters.copies[im.TRAFFIC] == counters.delivered[im.TRAFFIC] + counters.in_flight
    assert counters.delivered[im.TRAFFIC] > 0
    last: dict[tuple[int, int], int] = {}
    for record in outcome.trace:
        _, part, kind, _ = trace.unpack(int(record["rank"]))
        if kind == trace.DELIVER:
            pair = (int(record["source"]), part)
            assert int(record["sequence"]) > last.get(pair, -1)
            last[pair] = int(record["sequence"])


@settings(max_examples=20, deadline=None)
@given(chips(), st.sampled_from(["barrier", "dataflow"]), st.integers(0, 99))
def test_a_network_gives_the_same_outputs_on_any_topology(engine: Any, chip: Chip, kind: str,
                                                          seed: int) -> None:
    """Every event reaches every core that wants it exactly once, whatever the way."""
    outcome = engine(small_image(seed, SyncPlan(kind), chip))
    plain = engine(small_image(seed, SyncPlan("barrier")))
    assert np.array_equal(outcome.counters.outputs, plain.counters.outputs)
    assert outcome.counters.in_flight == 0
    assert (outcome.counters.delivered == outcome.counters.copies).all()


@st.composite
def disorderly(draw: Any) -> Chip:
    """Routers that may change the order of a pair's packets: choices, detours, drops."""
    kind = draw(st.sampled_from(["adaptive", "channels", "blocked"]))
    noc: dict[str, Any] = {"buffer_flits": draw(st.integers(2, 4)),
                           "credit_cycles": draw(st.integers(1, 3))}
    topology: dict[str, Any] = {"width": draw(st.integers(3, 4)), "height": draw(st.integers(3, 4))}
    more: dict[str, Any] = {}
    if kind == "adaptive":
        noc["routing"] = "west_first_adaptive"
    elif kind == "channels":
        topology["kind"] = draw(st.sampled_from(["mesh", "torus", "triangular_torus"]))
        noc.update(virtual_channels=4, vc_choice="most_room")
    else:
        topology["kind"] = draw(st.sampled_from(["torus", "triangular_torus"]))
        more["blocked"] = {"wait_s": draw(st.sampled_from([1e-8, 5e-8])), "detour_wait_s": 2e-8,
                           "reinject_packets": draw(st.sampled_from([1, 4096])),
                           "reinject_s": 2e-8}
    return load_chip("mesh", overrides={"topology": topology, "noc": noc, **more})


@settings(max_examples=30, deadline=None)
@given(disorderly(), st.integers(1, 2), st.integers(0, 99))
def test_every_packet_arrives_once_or_is_counted_as_lost(engine: Any, chip: Chip, flits: int,
                                                         seed: int) -> None:
    """A burst, and then silence: what was offered reaches its own sink once, or was lost."""
    image = lower_traffic(chip, "uniform", 0.1, flits, 6000, 0, seed)
    rng, n = np.random.default_rng(seed), image.n_sources
    source = np.repeat(np.arange(n), 30)
    dest = (source + rng.integers(1, n, len(source))) % n
    tick = np.sort(rng.integers(0, 60, (n, 30)), axis=1).reshape(-1) * int(image.clock_period[0])
    image = replace(
        image, traffic_log_miss=0.0, traffic_dest_kind=im.DEST_LISTED,
        offer_ptr=30 * np.arange(n + 1), offer_tick=tick, offer_dest=dest,
        offer_length=np.zeros(len(source), np.int64))
    outcome = engine(image, want_trace=True)
    arrived = set()
    for record in outcome.trace:
        _, part, kind, _ = trace.unpack(int(record["rank"]))
        if kind == trace.DELIVER:
            packet = 30 * (int(record["source"]) - image.first_source) + int(record["sequence"])
            assert packet not in arrived and part - image.first_source == dest[packet]
            arrived.add(packet)
    counters = outcome.counters
    lost = int((counters.router_dropped - counters.router_reinjected).sum())
    assert counters.dropped[im.TRAFFIC] == lost
    assert len(arrived) + lost == len(source) and counters.in_flight == 0
    if chip.blocked is None or int(chip.blocked.reinject_packets) > 1000:
        assert lost == 0


def test_arrays_of_a_graph_list_every_link_once() -> None:
    chip = load_chip("mesh", overrides={"topology.kind": "torus", "noc.virtual_channels": 2})
    arrays = noc_arrays(chip.topology_graph)
    assert len(arrays.links) == len(set(arrays.links)) == (arrays.neighbours >= 0).sum()
