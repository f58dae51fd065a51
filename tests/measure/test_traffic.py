"""Traffic by hand, and the zero-load latency against its formula and against runs."""

from __future__ import annotations

import math

import pytest

from neurosim.chip import load_chip
from neurosim.engines import reference
from neurosim.image import BATCHES, HISTOGRAM_BINS, Counters
from neurosim.lower import lower_traffic
from neurosim.measure import measure, traffic
from neurosim.measure.facts import Facts
from tests.measure import cases


def test_by_hand():
    found = traffic.traffic(cases.facts())
    assert found["hops"] == 7 and found["bits"] == 444  # not what goes to cores and host
    assert found["packets"] == 22 and found["deliveries"] == 26 and found["markers"] == 4
    assert found["max_link_utilisation"] == pytest.approx(0.25)
    assert found["mean_link_utilisation"] == pytest.approx((0.25 + 0.125) / 2)
    assert found["host_out_utilisation"] == pytest.approx(0.5)
    assert found["host_in"] == 12 and found["host_out"] == 2


def test_host_sends_at_its_own_or_its_links_pace():
    f = cases.facts()
    link = f.chip.host
    cycles = math.ceil(int(f.chip.packet.event_bits) / int(link.link_bits_per_cycle))
    marker = math.ceil(int(f.chip.packet.marker_bits) / int(link.link_bits_per_cycle))
    own = int(link.packet_cycles)
    busy = (8 * max(own, cycles) + 4 * max(own, marker)) / float(link.clock_hz)
    assert traffic.host_in_utilisation(f) == pytest.approx(busy / cases.TOTAL_S)


def mesh_line(width: int, **overrides: float):
    return load_chip("mesh", overrides={"topology.width": width, "topology.height": 1, **overrides})


@pytest.mark.parametrize("flits", [1, 3])
@pytest.mark.parametrize("pipeline", [0, 2])
def test_zero_load_formula(flits: int, pipeline: int):
    """local + (h + 1) pipeline + h link + local + flits - 1 cycles; on a line of 4 the next
    neighbour, cyclically, is 1, 1, 1 and 3 hops away."""
    chip = mesh_line(4, **{"noc.pipeline_cycles": pipeline, "noc.link_cycles": 2,
                           "noc.local_cycles": 3, "noc.sync_cycles": 1})
    image = lower_traffic(chip, "neighbour", 0.1, flits, 10, 0)
    hops = (1 + 1 + 1 + 3) / 4
    expected = 3 + (hops + 1) * (pipeline + 1) + 2 * hops + 3 + flits - 1
    assert traffic.zero_load_cycles(image) == pytest.approx(expected)


def test_a_run_without_contention_has_zero_load_latency():
    image = lower_traffic(mesh_line(2), "bit_complement", 0.01, 1, 4000, 100)
    counters = reference.run(image).counters
    found = measure("t", "", {}, "simpy", 0, None, None, mesh_line(2), None, image, counters)
    waits = found["traffic.traffic_latency_cycles"]
    assert waits["packets"] > 20
    # Two nodes, each with its own link: packets meet no other; only a source's own gap delays.
    assert waits["p50"] == waits["zero_load"]
    assert waits["mean"] == pytest.approx(waits["zero_load"], abs=0.1)
    assert found["traffic.accepted_rate"] == pytest.approx(found["traffic.offered_rate"], rel=0.1)


def test_hotspot_weights():
    """Three nodes in a line, the middle one hot: its pairs (1 hop) get the extra share."""
    image = lower_traffic(mesh_line(3), "hotspot", 0.1, 1, 10, 0)
    alone = lower_traffic(mesh_line(3), "uniform", 0.1, 1, 10, 0)
    hot = image.traffic_hot_fraction
    # Ends send to the middle with hot + (1 - hot) / 2, else 2 hops; the middle always 1 hop.
    near = hot + (1 - hot) / 2
    hops = (2 * (near + 2 * (1 - near)) + 1) / 3
    fewer = 2 * (4 / 3 - hops)  # a hop takes 2 cycles: pipeline and link
    assert traffic.zero_load_cycles(image) == pytest.approx(
        traffic.zero_load_cycles(alone) - fewer)


def made_up(image) -> Counters:
    c = Counters.empty(image)
    c.end_tick = image.end_tick
    return c


def test_interval_from_batch_means():
    """Means 10 and 14: 12 +- t(0.975, 1) * sd / sqrt 2 = 12 +- 12.706 * 2."""
    chip = mesh_line(2)
    image = lower_traffic(chip, "bit_complement", 0.1, 1, 100, 0)
    cycle = int(image.clock_period[image.first_source])
    c = made_up(image)
    c.latency_sum[[0, BATCHES - 1]] = [50 * cycle, 70 * cycle]
    c.latency_count[[0, BATCHES - 1]] = 5
    found = traffic.source_traffic(Facts(None, None, chip, None, image, c))
    low, high = found["traffic_latency_cycles"]["mean_ci95"]
    assert (low + high) / 2 == pytest.approx(12.0)
    assert (high - low) / 2 == pytest.approx(12.7062 * 2, rel=1e-4)


def test_percentiles_and_the_open_bin():
    chip = mesh_line(2)
    image = lower_traffic(chip, "bit_complement", 0.1, 1, 100, 0)
    c = made_up(image)
    c.latency_histogram[[3, 7]] = [60, 39]
    c.latency_histogram[HISTOGRAM_BINS - 1] = 1
    waits = traffic.source_traffic(Facts(None, None, chip, None, image, c))
    assert waits["traffic_latency_cycles"]["p50"] == 3
    assert waits["traffic_latency_cycles"]["p99"] == 7
    c.latency_histogram[HISTOGRAM_BINS - 1] = 50
    waits = traffic.source_traffic(Facts(None, None, chip, None, image, c))
    assert waits["traffic_latency_cycles"]["p99"] is None


def test_rates_per_node_and_cycle():
    chip = mesh_line(2)
    image = lower_traffic(chip, "bit_complement", 0.1, 1, 100, 20)
    c = made_up(image)
    c.source_offered[:], c.sink_delivered[:] = [12, 8], [9, 6]
    found = traffic.source_traffic(Facts(None, None, chip, None, image, c))
    assert found["offered_rate"] == pytest.approx(20 / (2 * 100))
    assert found["accepted_rate"] == pytest.approx(15 / (2 * 100))
