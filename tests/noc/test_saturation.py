"""Saturation: never above the busiest channel's bound, and where the field's routers saturate."""

from __future__ import annotations

from typing import Any

import pytest

from neurosim.chip import load_chip
from neurosim.engines import select
from neurosim.lower import lower_traffic
from neurosim.noc import saturation_bound


def image(width: int, height: int, pattern: Any, rate: float = 1.0, flits: int = 1,
          cycles: int = 600, warmup: int = 400, **other: Any) -> Any:
    chip = load_chip("mesh", overrides={
        "topology.width": width, "topology.height": height, "noc.buffer_flits": 8,
        "noc.credit_cycles": 3, **other})
    return lower_traffic(chip, pattern, rate, flits, cycles, warmup)


def accepted(engine: Any, lowered: Any) -> float:
    """Flits taken in per node and cycle after the warm-up."""
    counters = engine(lowered).counters
    cycles = (lowered.end_tick - lowered.traffic_warmup_tick) / int(lowered.clock_period[0])
    return counters.sink_delivered.sum() * lowered.traffic_flits / lowered.n_sources / cycles


@pytest.mark.parametrize(("k", "nodes"), [(4, 16), (6, 36), (8, 64)])
def test_uniform_bound_of_a_mesh_is_its_bisection(k: int, nodes: int) -> None:
    """Half of the traffic of half the nodes crosses k links each way: 4/k, and a node's packets
    all go elsewhere."""
    expected = min(1.0, 4 / k * (nodes - 1) / nodes)
    assert saturation_bound(image(k, k, "uniform")) == pytest.approx(expected)


@pytest.mark.parametrize("k", [4, 6, 8])
def test_transpose_bound_with_xy_is_one_over_k_minus_one(k: int) -> None:
    assert saturation_bound(image(k, k, "transpose")) == pytest.approx(1 / (k - 1))


@pytest.mark.parametrize("n", [5, 6, 7, 8, 9, 10, 12])
def test_uniform_bound_of_a_ring(n: int) -> None:
    """Hops that cross a link in one direction: those of all shorter routes, and, on an even ring,
    the opposite nodes' packets of every second node, which overlap on n / 4 links, rounded up."""
    positive = (sum(range(1, (n + 1) // 2)) + (-(-n // 4) if n % 2 == 0 else 0)) / (n - 1)
    ring = image(n, 1, "uniform", **{"topology.kind": "ring", "noc.virtual_channels": 2})
    assert saturation_bound(ring) == pytest.approx(min(1.0, 1 / positive))


def test_bound_counts_flits_and_slow_links() -> None:
    one, four = (saturation_bound(image(4, 4, "uniform", flits=f)) for f in (1, 4))
    assert four == pytest.approx(one / 4)
    link = {"clock_hz": "300 MHz", "bits_per_cycle": 20, "latency_cycles": 4,
            "credit_cycles": 1, "buffer_flits": 8}
    chips = image(1, 1, "uniform", **{"chip_link": link, "topology.chips": {
        "kind": "mesh", "width": 2, "height": 1, "gateway": [0, 0]}})
    assert saturation_bound(chips) == pytest.approx(1 / 10)  # 192 bits take 10 cycles of 20


def test_fifo_mesh_saturates_where_cycle_accurate_simulators_do(engine: Any) -> None:
    """8 x 8, XY, one FIFO of 8 flits a port, credit delay 3: 0.373 flits per node and cycle; here
    what is taken in at a load just above, within 0.01 (the window is short)."""
    rate = accepted(engine, image(8, 8, "uniform", rate=0.39, cycles=400, warmup=400))
    assert rate == pytest.approx(0.373, abs=0.01)
    assert rate < saturation_bound(image(8, 8, "uniform"))


def test_fifo_mesh_throughput_over_a_long_window() -> None:
    """The same on the fast engine, over 10,000 cycles, at the load and beyond."""
    for rate in (0.373, 0.4, 0.6):
        lowered = image(8, 8, "uniform", rate=rate, cycles=10_000, warmup=2_000)
        run = select("auto", lowered)[1]
        assert accepted(run, lowered) == pytest.approx(0.373, abs=0.01)


def test_transpose_saturates_at_its_bound(engine: Any) -> None:
    """Below 1/7 all is taken in; beyond, the busiest link is full, and only it limits."""
    for rate in (0.12, 0.2):
        lowered = image(8, 8, "transpose", rate=rate, cycles=300, warmup=300)
        counters = engine(lowered).counters
        links = lowered.ch_port[: lowered.n_outputs] >= 0
        busiest = counters.ch_busy[links].max() / lowered.end_tick
        if rate < 1 / 7:
            offered = counters.source_offered.sum()
            assert counters.sink_delivered.sum() == pytest.approx(offered, rel=0.05)
            assert busiest < 7 * rate * 1.25
        else:
            assert 0.9 < busiest <= 1.0


@pytest.mark.parametrize("pattern", ["uniform", "bit_complement", "neighbour", "hotspot"])
@pytest.mark.parametrize("kind", ["mesh", "torus", "triangular_torus"])
def test_no_channel_carries_more_than_it_can(engine: Any, pattern: str, kind: str) -> None:
    """At full load on 16 nodes: all channels within their capacity, and something arrives."""
    lowered = image(4, 4, pattern, cycles=100, warmup=50, **{
        "topology.kind": kind, "noc.virtual_channels": 2})
    counters = engine(lowered).counters
    assert counters.sink_delivered.sum() > 0
    assert (counters.ch_busy <= lowered.end_tick + int(lowered.clock_period[0])).all()
