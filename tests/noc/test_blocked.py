"""Routers that do not wait for ever: detour, drop, re-injection, against times worked by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurosim import image as im
from neurosim import trace
from neurosim.chip import load_chip
from neurosim.engines.outcome import FINISHED
from neurosim.errors import ScenarioError
from neurosim.lower import SyncPlan, lower_traffic
from neurosim.lower.routers import detours
from tests.engines.machines import small_image

WAIT, MORE, SOFTWARE = 10, 5, 20
#: 3 x 3 tiles of a triangular torus: [0, 0] is 0, its neighbours E 1, NE 4, N 3.
SOURCE, SINK, ASIDE = 0, 1, 4
CLOCK = 300e6


def chip(reinject: int = 10, **other: Any) -> Any:
    return load_chip("mesh", overrides={
        "topology": {"kind": "triangular_torus", "width": 3, "height": 3},
        "blocked": {"wait_s": WAIT / CLOCK, "detour_wait_s": MORE / CLOCK,
                    "reinject_packets": reinject, "reinject_s": SOFTWARE / CLOCK}, **other})


def one_packet(device: Any, *blocked: int, cycles: int = 200) -> im.Image:
    """A packet from SOURCE to SINK at cycle 0; nothing passes SOURCE's links to ``blocked``."""
    image = lower_traffic(device, "uniform", 0.1, 1, cycles, 0)
    credits = image.ch_credits.copy()
    for to in blocked:
        links = (image.ch_owner == SOURCE) & (image.ch_part == to) & (image.ch_port >= 0)
        credits[links] = 0
    n = image.n_sources
    return replace(
        image, ch_credits=credits, traffic_log_miss=0.0, traffic_dest_kind=im.DEST_LISTED,
        offer_ptr=np.array([0] + [1] * n), offer_tick=np.array([0]),
        offer_dest=np.array([SINK]), offer_length=np.array([0]))


def events(outcome: Any, image: im.Image) -> list[tuple[int, str, int, int]]:
    """(cycle, kind, part, far part of a grant's channel) of what routers and sinks did."""
    found = []
    period = int(image.clock_period[0])
    for record in outcome.trace:
        _, part, kind, port = trace.unpack(int(record["rank"]))
        if kind in (trace.GRANT, trace.DELIVER, trace.DROPPED):
            far = int(image.ch_part[port]) if kind == trace.GRANT else -1
            found.append((int(record["tick"]) // period, trace.KINDS[kind], part, far))
    return found


def test_a_blocked_packet_takes_the_way_round_after_its_wait(engine: Any) -> None:
    """Ready in cycle 2 (injection 0, local 1, pipeline 1); it waits 10; two more hops of 2."""
    image = one_packet(chip(), SINK)
    outcome = engine(image, want_trace=True)
    assert events(outcome, image) == [
        (12, "GRANT", SOURCE, ASIDE), (14, "GRANT", ASIDE, SINK),
        (16, "GRANT", SINK, image.first_source + SINK),
        (17, "DELIVER", image.first_source + SINK, -1)]
    counters = outcome.counters
    assert counters.router_waits.sum() == counters.router_waits[SOURCE] == 1
    assert counters.router_detours[SOURCE] == 1 and not counters.router_dropped.any()


def test_a_link_that_frees_in_time_is_taken(engine: Any) -> None:
    image = one_packet(chip())
    outcome = engine(image, want_trace=True)
    assert events(outcome, image)[0] == (2, "GRANT", SOURCE, SINK)
    assert not outcome.counters.router_waits.any()


def test_without_a_way_round_it_is_dropped_and_sent_again(engine: Any) -> None:
    """Both links blocked: dropped in cycle 2 + 10 + 5, in software for 20, then waiting on."""
    image = one_packet(chip(), SINK, ASIDE)
    outcome = engine(image, want_trace=True)
    assert events(outcome, image) == [(17, "DROP", SOURCE, -1)]
    counters = outcome.counters
    assert counters.router_dropped[SOURCE] == counters.router_reinjected[SOURCE] == 1
    assert counters.dropped.sum() == 0 and counters.in_flight == 1


def test_software_sends_it_when_it_is_served(engine: Any) -> None:
    """A direct link without room for 30 cycles: re-injected in 17 + 20 = 37."""
    image = one_packet(chip(), SINK, ASIDE)
    link = int(np.flatnonzero((image.ch_owner == SOURCE) & (image.ch_part == SINK)
                              & (image.ch_port >= 0))[0])
    credits = image.ch_credits.copy()
    credits[link] = 1
    # Another packet, from the same tile, holds the link's one place: its sink's router never lets
    # it go before cycle 30, because the sink's channel is so slow.
    sink_channel = int(np.flatnonzero(image.ch_part[: image.n_outputs]
                                      == image.first_source + SINK)[0])
    width = image.ch_width.copy()
    width[sink_channel] = max(1, int(image.packet_bits[im.TRAFFIC]) // 30)
    n = image.n_sources
    image = replace(image, ch_credits=credits, ch_width=width,
                    offer_ptr=np.array([0] + [2] * n), offer_tick=np.array([0, 0]),
                    offer_dest=np.array([SINK, SINK]), offer_length=np.array([0, 0]))
    outcome = engine(image, want_trace=True)
    seen = [event for event in events(outcome, image) if event[2] == SOURCE]
    assert seen[0] == (2, "GRANT", SOURCE, SINK)
    drops = [event for event in seen if event[1] == "DROP"]
    assert len(drops) == 1
    again = [event for event in seen if event[1] == "GRANT"][1]
    assert again[0] >= drops[0][0] + SOFTWARE and again[3] == SINK
    assert outcome.counters.delivered[im.TRAFFIC] == 2


def test_a_full_software_queue_loses_packets_and_counts_them(engine: Any) -> None:
    image = one_packet(chip(reinject=0), SINK, ASIDE)
    counters = engine(image).counters
    assert counters.router_dropped[SOURCE] == 1 and not counters.router_reinjected.any()
    assert counters.dropped[im.TRAFFIC] == 1 and counters.in_flight == 0


def test_ways_round_are_spinnakers() -> None:
    """Port p: over p + 1, and from there p - 1, of the six."""
    device = load_chip("mesh", overrides={
        "topology": {"kind": "triangular_torus", "width": 5, "height": 5},
        "noc.virtual_channels": 2})
    found = detours(device.noc_arrays.neighbours)
    assert len(found) == 25 * 6
    for (router, port), ((here, first), (_, second)) in found.items():
        assert here == router and first == (port + 1) % 6 and second == (port - 1) % 6


def test_nothing_deadlocks_where_packets_are_dropped(engine: Any) -> None:
    """A ring without datelines, which would stand still: with drops everything arrives."""
    device = load_chip("mesh", overrides={
        "topology": {"kind": "ring", "width": 9, "height": 1},
        "noc": {"buffer_flits": 1, "virtual_channels": 1},
        "blocked": {"wait_s": 1e-7, "detour_wait_s": 1e-7, "reinject_packets": 4096,
                    "reinject_s": 1e-7}})
    outcome = engine(small_image(0, SyncPlan("barrier"), device, sizes=(27,), cores=(9,), inputs=4,
                                 steps=2, density=1.0))
    assert outcome.status == FINISHED
    assert outcome.counters.in_flight == 0 == outcome.counters.dropped.sum()
    plain = engine(small_image(0, SyncPlan("barrier"), sizes=(27,), cores=(3,), inputs=4, steps=2,
                               density=1.0))
    assert np.array_equal(outcome.counters.outputs, plain.counters.outputs)


def test_lost_copies_let_the_barrier_go_on(engine: Any) -> None:
    device = load_chip("mesh", overrides={
        "topology": {"kind": "ring", "width": 9, "height": 1},
        "noc": {"buffer_flits": 1, "virtual_channels": 1},
        "blocked": {"wait_s": 1e-8, "detour_wait_s": 1e-8, "reinject_packets": 0,
                    "reinject_s": 1e-7}})
    outcome = engine(small_image(0, SyncPlan("barrier"), device, sizes=(27,), cores=(9,), inputs=4,
                                 steps=3, density=1.0))
    counters = outcome.counters
    assert outcome.status == FINISHED and counters.in_flight == 0
    assert counters.dropped[im.EVENT] > 0
    assert (counters.copies == counters.delivered + counters.dropped).all()


def test_dataflow_is_refused() -> None:
    with pytest.raises(ScenarioError, match="with chip.blocked packets that are dropped"):
        small_image(0, SyncPlan("dataflow"), chip())
    with pytest.raises(ScenarioError, match="markers behind their events"):
        small_image(0, SyncPlan("dataflow"), load_chip("spinnaker1"))
    small_image(0, SyncPlan("dataflow"), load_chip("spinnaker1", overrides={"blocked": None}))


def test_the_board_takes_detours(engine: Any) -> None:
    """SpiNNaker1's 48 chips, crowded and impatient: packets wait, go round and come through."""
    device = load_chip("spinnaker1-board", overrides={"blocked.wait_s": "0.3 us"})
    image = lower_traffic(device, "uniform", 0.03, 1, 6000, 0)
    counters = engine(image).counters
    assert counters.router_waits.sum() > 0 and counters.router_detours.sum() > 0
    lost = counters.copies - counters.delivered
    assert counters.in_flight == (lost - counters.dropped).sum() >= 0
