"""Kinds of routers: queues at outputs, choice of virtual channels, adaptive routes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurosim import image as im
from neurosim import trace
from neurosim.chip import load_chip
from neurosim.chip.deadlock import tree_cycle, unicast_cycle
from neurosim.chip.routes import Routes
from neurosim.engines import compiled
from neurosim.errors import ScenarioError
from neurosim.image import Image
from neurosim.lower import SyncPlan, lower_traffic
from tests.engines.machines import small_image

IDEAL = {"noc.queueing": "output", "noc.unlimited_buffers": True}


def mesh(k: int = 8, **other: Any) -> Any:
    return load_chip("mesh", overrides={
        "topology.width": k, "topology.height": k, "noc.buffer_flits": 8,
        "noc.credit_cycles": 3, **other})


def traffic(rate: float, pattern: Any = "uniform", cycles: int = 6000, warmup: int = 2000,
            flits: int = 1, k: int = 8, **other: Any) -> Image:
    return lower_traffic(mesh(k, **other), pattern, rate, flits, cycles, warmup)


def latency(image: Image) -> float:
    """Mean cycles, on the compiled engine."""
    counters = compiled.run(image).counters
    return float(counters.latency_sum.sum() / counters.latency_count.sum()
                 / image.clock_period[0])


def accepted(image: Image) -> float:
    counters = compiled.run(image).counters
    cycles = (image.end_tick - image.traffic_warmup_tick) / int(image.clock_period[0])
    return float(counters.sink_delivered.sum() * image.traffic_flits / image.n_sources / cycles)


# --- queues at outputs


def test_ideal_output_queues_saturate_near_the_bound() -> None:
    """Without blocking by others a mesh carries nearly what its bisection does, 0.492: at 0.47 it
    is far from three times the unloaded latency, where single FIFOs are long saturated."""
    zero = latency(traffic(0.01, cycles=20000, **IDEAL))
    assert latency(traffic(0.47, cycles=12000, **IDEAL)) < 3 * zero
    assert accepted(traffic(0.48, cycles=12000, **IDEAL)) > 0.475
    assert latency(traffic(0.47, cycles=6000)) > 10 * zero


def test_kinds_of_routers_are_in_the_order_of_theory() -> None:
    """Highest accepted rate: single FIFO, virtual channels, output queues of the same size, and
    those without limit."""
    rates = [accepted(traffic(0.6, cycles=3000, **other)) for other in (
        {}, {"noc.virtual_channels": 4}, {"noc.queueing": "output"}, IDEAL)]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(0.37, abs=0.012)


def test_an_output_serves_who_came_first(engine: Any) -> None:
    """Two inputs, one output: in the order of their arrival, whichever input that is."""
    image = traffic(0.5, "hotspot", cycles=400, warmup=0, k=3, **IDEAL)
    image = replace(image, traffic_hot_fraction=1.0)
    outcome = engine(image, want_trace=True)
    first: dict[tuple[tuple[int, int], int], tuple[int, int]] = {}
    served: dict[int, tuple[int, int]] = {}
    for record in outcome.trace:
        _, part, kind, port = trace.unpack(int(record["rank"]))
        packet = (int(record["source"]), int(record["sequence"]))
        if kind == trace.ARRIVE:
            first[packet, part] = (int(record["tick"]), port)
        elif kind == trace.GRANT:
            came = first[packet, part]
            assert came >= served.get(port, (-1, -1)), "someone who came later went first"
            served[port] = came
    assert len(first) > 100


def test_zero_load_is_the_same_for_all_routers(engine: Any) -> None:
    """One packet alone cannot tell them apart."""
    ends = []
    for other in ({}, IDEAL, {"noc.queueing": "output"}, {"noc.virtual_channels": 2},
                  {"noc.virtual_channels": 2, "noc.vc_choice": "most_room"},
                  {"noc.routing": "west_first_adaptive"}):
        image = traffic(0.1, cycles=400, warmup=0, k=4, **other)
        image = replace(image, traffic_log_miss=0.0, traffic_dest_kind=im.DEST_LISTED,
                        offer_ptr=np.array([0, 1] + [1] * 15), offer_tick=np.array([0]),
                        offer_dest=np.array([15]), offer_length=np.array([0]))
        outcome = engine(image, want_trace=True)
        kinds = np.array([trace.unpack(int(r))[2] for r in outcome.trace["rank"]])
        ends.append(int(outcome.trace["tick"][kinds == trace.DELIVER][0]))
    assert set(ends) == {ends[0]}


# --- choice of virtual channels


def test_channels_chosen_by_room_carry_at_least_as_much() -> None:
    fixed, chosen = (accepted(traffic(0.6, cycles=3000, **{
        "noc.virtual_channels": 4, "noc.vc_choice": choice}))
        for choice in ("route", "most_room"))
    assert chosen > fixed - 0.005


def test_choice_keeps_to_its_side_of_the_dateline(engine: Any) -> None:
    """A torus with four channels: packets after the wrap-around stay on their class."""
    chip = load_chip("mesh", overrides={
        "topology.kind": "torus", "noc.virtual_channels": 4, "noc.vc_choice": "most_room"})
    image = lower_traffic(chip, "uniform", 0.9, 1, 400, 0)
    outcome = engine(image, want_trace=True)
    kinds = np.array([trace.unpack(int(r))[2] for r in outcome.trace["rank"]])
    dest = {(int(r["source"]), int(r["sequence"])): int(r["info"])
            for r in outcome.trace[kinds == trace.OFFER]}
    used: set[int] = set()
    for record in outcome.trace:
        _, router, kind, channel = trace.unpack(int(record["rank"]))
        if kind == trace.GRANT and image.ch_port[channel] >= 0:
            sink = dest[int(record["source"]), int(record["sequence"])]
            assert record["info"] % 2 == image.route_vc[router, sink] % 2
            used.add(int(record["info"]))
    assert used == {0, 1, 2, 3}


# --- adaptive routes


def test_adaptive_routes_relieve_what_west_first_crowds() -> None:
    """Transpose: half of the pairs go east and may spread over both dimensions."""
    fixed, adaptive = (accepted(traffic(0.4, "transpose", cycles=3000, **{
        "noc.routing": routing})) for routing in ("west_first", "west_first_adaptive"))
    assert adaptive > 1.04 * fixed


def test_adaptive_packets_take_shortest_ways_and_no_turn_to_the_west(engine: Any) -> None:
    image = traffic(0.5, cycles=300, warmup=0, k=4, **{"noc.routing": "west_first_adaptive"})
    outcome = engine(image, want_trace=True)
    ways: dict[tuple[int, int], list[int]] = {}
    for record in outcome.trace:
        _, router, kind, channel = trace.unpack(int(record["rank"]))
        if kind == trace.GRANT and image.ch_port[channel] >= 0:
            step = int(image.ch_part[channel]) - router
            ways.setdefault((int(record["source"]), int(record["sequence"])), []).append(step)
    assert len(ways) > 200 and max(map(len, ways.values())) <= 6
    for steps in ways.values():
        assert -1 not in steps or steps[: steps.count(-1)] == [-1] * steps.count(-1)
        assert not {1, -1} <= set(steps) and not {4, -4} <= set(steps)


def test_the_turn_model_is_free_of_cycles_and_all_turns_are_not() -> None:
    """The check looks at every turn that a choice may make."""
    routes = mesh(4, **{"noc.routing": "west_first_adaptive"}).routes
    assert unicast_cycle(routes) is None and tree_cycle(routes) is None
    xy, yx = mesh(4).routes, mesh(4, **{"noc.routing": "yx"}).routes
    both = Routes(xy.port, xy.neighbours, xy.wraps, xy.axis, xy.n_vcs, xy.names, "any",
                  other=yx.port)
    cycle = unicast_cycle(both)
    assert cycle is not None and len(cycle) >= 4


def test_all_turns_deadlock_in_a_run_and_are_named(engine: Any) -> None:
    """What the check refuses: packets that choose between XY and YX wait in a circle."""
    image = traffic(1.0, cycles=1500, warmup=0, k=4, **{
        "noc.routing": "xy", "noc.buffer_flits": 1})
    yx = traffic(1.0, cycles=1500, warmup=0, k=4, **{
        "noc.routing": "yx", "noc.buffer_flits": 1})
    outcome = engine(replace(image, route_other=np.where(
        yx.route_channel == image.route_channel, -1, yx.route_channel)))
    from neurosim.engines.outcome import STUCK, stuck_reason, waiting_cycle

    assert outcome.status == STUCK
    cycle = waiting_cycle(outcome.waiting)
    assert len(cycle) >= 4 and "waits for router" in stuck_reason(image, outcome)


# --- what does not go together


@pytest.mark.parametrize(("other", "key"), [
    ({"noc.routing": "west_first_adaptive"}, "noc.routing"),
    ({"noc.virtual_channels": 2, "noc.vc_choice": "most_room"}, "noc.vc_choice")])
def test_dataflow_is_refused_where_packets_may_overtake(other: Any, key: str) -> None:
    chip = load_chip("mesh", overrides=other)
    with pytest.raises(ScenarioError, match=f"markers behind their events.*chip.{key}"):
        small_image(0, SyncPlan("dataflow"), chip)
    small_image(0, SyncPlan("barrier"), chip)


@pytest.mark.parametrize("other", [
    {"noc.routing": "west_first_adaptive"}, {"noc.vc_choice": "most_room"}])
def test_output_queues_serve_who_came_first_and_choose_nothing(other: Any) -> None:
    with pytest.raises(ScenarioError, match="output queues go without"):
        mesh(4, **IDEAL, **other)


def test_adaptive_west_first_needs_a_plain_mesh() -> None:
    with pytest.raises(ScenarioError, match="is west_first_adaptive on a torus"):
        load_chip("mesh", overrides={
            "topology.kind": "torus", "noc.virtual_channels": 2,
            "noc.routing": "west_first_adaptive"})
