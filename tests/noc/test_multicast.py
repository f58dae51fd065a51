"""Three ways of multicast give the same results, with the traffic and tables that each has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurosim import image as im
from neurosim import trace
from neurosim.chip import load_chip
from neurosim.chip.deadlock import tree_cycle
from neurosim.lower import SyncPlan, lower_network
from neurosim.mapping.tables import table_use
from neurosim.network.model import Workload
from tests.engines.machines import mesh, random_network, small_image, spread

WAYS = ("tree", "central", "unicast")


def chip(way: str, **other: Any) -> Any:
    return mesh(3, 3, 2, **{"noc.multicast": way, "topology.centre": [1, 1], **other})


@pytest.mark.parametrize("kind", ["barrier", "dataflow"])
def test_outputs_do_not_depend_on_the_way(engine: Any, kind: str) -> None:
    runs = [engine(small_image(3, SyncPlan(kind), chip(way), sizes=(12, 9), cores=(4, 3)))
            for way in WAYS]
    for outcome in runs:
        counters = outcome.counters
        assert np.array_equal(counters.outputs, runs[0].counters.outputs)
        assert (counters.delivered == counters.copies).all()
        assert np.array_equal(counters.delivered, runs[0].counters.delivered)
    tree, central, unicast = (run.counters for run in runs)
    assert np.array_equal(tree.offered, central.offered)
    assert unicast.offered[im.EVENT] == unicast.copies[im.EVENT] > tree.offered[im.EVENT]
    # Every copy of a unicast is a send job of its core.
    assert unicast.job_count[:, im.SEND].sum() > tree.job_count[:, im.SEND].sum()


def test_one_event_takes_the_hops_that_its_way_says(engine: Any) -> None:
    """From [0, 0] to cores of three tiles in the lowest row and the upper right corner: hops on
    paper.  tree: along x through [1, 0] and [2, 0], and up to [2, 2]: 4.  central: to [1, 1] 2, and
    from there 2 + 1 + 2 + 2 (to [0, 0], [1, 0], [2, 0], [2, 2]).  unicast: 0 + 1 + 2 + 4."""
    expected = {"tree": 4, "central": 2 + 7, "unicast": 7}
    for way, hops in expected.items():
        device = chip(way, **{"topology.cores_per_tile": 1})
        network = random_network(0, 1, [5], density=1.0)
        mapping = spread(network, [0, 1, 2, 8], [4])
        image = lower_network(network, Workload(np.ones((2, 1), np.float32)), device, mapping,
                              SyncPlan("barrier"))
        kinds = np.full(len(image.unit_kind), im.UNIT_REPLAY)
        play = np.zeros((1, len(kinds)), np.float32)
        play[0, 0] = 1.0  # only unit 0 fires
        image = replace(image, unit_kind=kinds, replay=play, inputs=np.zeros_like(image.inputs))
        outcome = engine(image, want_trace=True)
        event = [r for r in outcome.trace
                 if trace.unpack(int(r["rank"]))[2] == trace.GRANT and r["step"] == 0
                 and image.ch_port[trace.unpack(int(r["rank"]))[3]] >= 0]
        assert len(event) == hops, way  # the host, at [0, 0], shares that tile's copy


def test_tables_hold_what_the_way_needs() -> None:
    network = random_network(1, 4, [12, 9])
    use = {}
    for way in WAYS:
        device = chip(way)
        mapping = spread(network, list(range(7)), [4, 3])
        use[way] = table_use(network, device, mapping)
    assert not use["unicast"].keys.any()
    centre = 4  # router of [1, 1]
    at = np.flatnonzero(use["central"].keys)
    assert at.tolist() == [centre]
    # One key for every unit and input with a destination.
    assert use["central"].keys[centre] == 12 + 9 + 4
    assert (use["tree"].keys > 0).sum() > 1


@pytest.mark.parametrize("routing", ["xy", "yx", "west_first", "up_down"])
def test_ways_over_the_centre_are_free_of_cycles(routing: str) -> None:
    for size in ((4, 4), (5, 3)):
        device = load_chip("mesh", overrides={
            "topology.width": size[0], "topology.height": size[1], "topology.centre": [1, 1],
            "noc.multicast": "central", "noc.routing": routing})
        assert tree_cycle(device.routes) is None


def test_spinnaker2_way_on_its_own_chip(engine: Any) -> None:
    device = load_chip("spinnaker2", overrides={"noc.multicast": "central"})
    assert device.routes.centre is not None
    centre = int(device.routes.centre[0])
    assert device.routes.names[centre] == "[4, 3]"
    outcome = engine(small_image(2, SyncPlan("barrier"), device, sizes=(9, 6), cores=(5, 4)))
    plain = engine(small_image(2, SyncPlan("barrier"), load_chip("spinnaker2"), sizes=(9, 6),
                               cores=(5, 4)))
    assert np.array_equal(outcome.counters.outputs, plain.counters.outputs)
    assert outcome.counters.in_flight == 0


def test_boards_go_from_centre_to_centre(engine: Any) -> None:
    sets = {"topology": {"width": 2, "height": 2, "chips": {
        "kind": "mesh", "width": 2, "height": 1, "gateway": [1, 0]}},
        "chip_link": {"clock_hz": "100 MHz", "bits_per_cycle": 192, "latency_cycles": 4,
                      "credit_cycles": 2, "buffer_flits": 4}}
    runs = [engine(small_image(5, SyncPlan("barrier"),
                               load_chip("mesh", overrides={**sets, "noc.multicast": way}),
                               sizes=(8, 6), cores=(4, 3))) for way in WAYS]
    for outcome in runs:
        assert np.array_equal(outcome.counters.outputs, runs[0].counters.outputs)
        assert outcome.counters.in_flight == 0
