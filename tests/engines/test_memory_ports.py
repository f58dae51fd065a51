"""Memory ports: hand-worked fetches, order, saturation, and outputs that do not know of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from neurosim import image as im
from neurosim import trace
from neurosim.engines.outcome import FINISHED, raise_unless_finished
from neurosim.errors import ScenarioError
from neurosim.explain.records import Records, read
from neurosim.image import Image
from neurosim.lower import SyncPlan, lower_network
from neurosim.network.model import Layer, Network, Workload
from tests.engines.machines import mesh, random_network, random_workload, spread

NS = 1000  # ticks
#: All clocks at 100 MHz: 10 ns a cycle.  A row of three synapses has 18 bytes: three bursts, 24 ns.
CLOCKS: dict[str, Any] = {
    "levels.150MHz.core_clock_hz": 1e8, "noc.clock_hz": 1e8, "host.clock_hz": 1e8,
    "noc.pipeline_cycles": 1, "noc.link_cycles": 1, "noc.local_cycles": 1, "noc.sync_cycles": 0,
    "core.sync_cycles": 2, "core.receive_cycles": 5, "core.accumulate_cycles": 3,
    "core.group_cycles": 2, "core.update_cycles": 7, "core.send_cycles": 4, "core.wake_cycles": 0,
    "host.link_bits_per_cycle": 192, "host.packet_cycles": 1,
    "dram.burst_bytes": 8, "dram.bandwidth_bytes_per_s": 1e9, "dram.latency_s": 50e-9,
}
WAY = 30  # ns between a core and a port at the same router: two local channels and the router


def layer(units: int, inputs: int, rows: int | None = None) -> Layer:
    """Every input has a synapse to each gate of every unit; nothing ever fires."""
    kernel = np.ones((inputs, 3 * units), np.float32)
    kernel[rows or inputs:] = 0
    return Layer("layer", "egru", inputs, units, sp.csr_array(kernel),
                 sp.csr_array((units, 3 * units), dtype=np.float32),
                 np.zeros(3 * units, np.float32), np.zeros(3 * units, np.float32),
                 np.full(units, 100.0, np.float32))


def machine(units: int = 1, cores: int = 1, inputs: int = 5, outstanding: int = 1,
            steps: int = 1, dram: bool = True, **sets: Any) -> Image:
    """One layer on one tile, its tables in DRAM."""
    chip = mesh(1, 1, cores, **{**CLOCKS, "dram.outstanding": outstanding, **sets})
    network = Network((layer(units, inputs),))
    mapping = spread(network, list(range(cores)), [cores])
    mapping = replace(mapping, slices=tuple(replace(s, dram=dram) for s in mapping.slices))
    work = Workload(np.ones((steps, inputs), np.float32))
    return lower_network(network, work, chip, mapping, SyncPlan("barrier"), record_outputs=True)


def records(engine: Any, image: Image) -> tuple[Any, Records]:
    outcome = engine(image, want_trace=True)
    raise_unless_finished(image, outcome)
    return outcome, read(image, outcome.trace)


def starts(r: Records, job: int, part: int | None = None) -> np.ndarray:
    part = r.image.first_core if part is None else part
    return r.tick[(r.kind == trace.START) & (r.info == job) & (r.part == part)]


def received(r: Records) -> np.ndarray:
    ends = (r.kind == trace.END) & (r.info == im.RECEIVE) & (r.part == r.image.first_core)
    return r.tick[ends]


@pytest.mark.parametrize(("latency", "wait"), [
    (46e-9, 150),  # the data lands on an edge of the core's clock
    (46.001e-9, 160),  # one tick later: the edge after
    (50e-9, 160), (56e-9, 160), (56.001e-9, 170)])
def test_a_fetch(engine: Any, latency: float, wait: int) -> None:
    """30 ns there, 24 ns of bursts, the latency, 30 ns back; an edge, and two cycles."""
    _, r = records(engine, machine(**{"dram.latency_s": latency}))
    landed = r.tick[r.kind == trace.DATA][0] - received(r)[0]
    assert landed == round((2 * WAY + 24 + latency * 1e9) * NS)
    assert starts(r, im.ACCUMULATE)[0] - received(r)[0] == wait * NS


def test_one_row_at_a_time(engine: Any) -> None:
    """Five cycles to receive, 160 ns of waiting, nine cycles of work: 300 ns a row."""
    outcome, r = records(engine, machine())
    since = starts(r, im.RECEIVE)[0]
    assert ((starts(r, im.ACCUMULATE) - since) // NS).tolist() == [210, 510, 810, 1110, 1410]
    assert outcome.counters.waiting_ticks.tolist() == [5 * 160 * NS]
    assert outcome.counters.stalled_ticks.tolist() == [0]


def test_a_second_row_is_fetched_while_the_first_is_worked_on(engine: Any) -> None:
    """Receiving goes first while fewer than two rows wait:

    row       1    2    3    4    5
    received  50   100  350  490  650
    ready     210  260  510  650  810
    started   210  350  510  650  810
    """
    outcome, r = records(engine, machine(outstanding=2))
    since = starts(r, im.RECEIVE)[0]
    assert ((received(r) - since) // NS).tolist() == [50, 100, 350, 490, 650]
    assert ((starts(r, im.ACCUMULATE) - since) // NS).tolist() == [210, 350, 510, 650, 810]
    # From 100 to 210, from 490 to 510, from 740 to 810.
    assert outcome.counters.waiting_ticks.tolist() == [(110 + 20 + 70) * NS]


def test_requests_of_a_tick_are_served_by_core(engine: Any) -> None:
    """Three cores receive the same event at once; each waits for the transfers before its own."""
    image = machine(units=3, cores=3, inputs=1)
    outcome, r = records(engine, image)
    serves = np.flatnonzero(r.kind == trace.SERVE)
    assert (r.port[serves] >> trace.REQUEST_BITS).tolist() == [0, 1, 2]
    assert np.diff(r.tick[serves]).tolist() == [24 * NS, 24 * NS]
    assert outcome.counters.port_requests.tolist() == [3]
    assert outcome.counters.port_wait.tolist() == [(24 + 48) * NS]
    assert outcome.counters.fetched_bytes.tolist() == [18, 18, 18]


@pytest.mark.parametrize("bandwidth", [1e7, 3.7e7])
def test_a_saturated_port_gives_its_bandwidth(engine: Any, bandwidth: float) -> None:
    """Transfers follow each other without a gap, so that the port gives all that it can."""
    image = machine(units=6, cores=6, inputs=20, outstanding=4, steps=1,
                    **{"dram.bandwidth_bytes_per_s": bandwidth})
    outcome, r = records(engine, image)
    serves, counters = np.flatnonzero(r.kind == trace.SERVE), outcome.counters
    transfer = 3 * round(8 / bandwidth * 1e12)
    assert (np.diff(r.tick[serves]) == transfer).all()
    assert len(serves) == 6 * 20 and int(counters.port_busy[0]) == len(serves) * transfer
    rate = len(serves) * 24 / (counters.port_busy[0] / image.tick_hz)
    assert rate == pytest.approx(bandwidth, rel=1e-5)  # bursts take whole ps
    # In a closed loop of 6 cores with 4 requests each, a request waits for the others.
    mean = counters.port_wait[0] / len(serves)
    assert 0.5 * 24 * transfer < mean < 24 * transfer


@pytest.mark.parametrize(("outstanding", "expected", "waiting"), [
    (1, [140, 210, 360], 140 + 80),  # unit 2's data is asked for when unit 0 is done, at 210
    (2, [140, 210, 280], 140)])  # both at the beginning; the second lands 16 ns after the first
def test_data_of_units(engine: Any, outstanding: int, expected: list[int], waiting: int) -> None:
    """Units 0 and 2 need 8 and 16 bytes, unit 1 none; an update takes 70 ns."""
    image = machine(units=3, inputs=1, outstanding=outstanding)
    image = replace(image, unit_dram_bytes=np.array([8, 0, 16]), row_dram_bytes=np.zeros(1, int))
    outcome, r = records(engine, image)
    begun = r.tick[(r.kind == trace.STEP) & (r.part == image.first_core)][-1]
    assert ((starts(r, im.UPDATE) - begun) // NS).tolist() == expected
    assert outcome.counters.waiting_ticks.tolist() == [waiting * NS]
    assert outcome.counters.fetched_bytes.tolist() == [24]


PLANS = {"barrier": SyncPlan("barrier"), "per_layer": SyncPlan("barrier", order="per_layer"),
         "dataflow": SyncPlan("dataflow"), "dataflow_3": SyncPlan("dataflow", buffers=3)}


@pytest.mark.parametrize("plan", sorted(PLANS))
@pytest.mark.parametrize("outstanding", [1, 3])
@pytest.mark.parametrize("which", [(True, True, True, True), (True, False, False, True)])
def test_outputs_do_not_know_where_tables_are(engine: Any, plan: str, outstanding: int,
                                              which: tuple[bool, ...]) -> None:
    """Bit for bit the same; only the time is longer, unless fetches hide behind work."""
    chip = mesh(2, 2, 1, **{"dram.outstanding": outstanding, "dram.tiles": [[0, 0], [1, 1]]})
    network, work = random_network(4, 5, [9, 7]), random_workload(4, 6, 5)
    mapping = spread(network, [0, 1, 2, 3], [2, 2])
    spilled = replace(mapping, slices=tuple(
        replace(s, dram=dram) for s, dram in zip(mapping.slices, which, strict=True)))
    near, far = (lower_network(network, work, chip, each, PLANS[plan], record_outputs=True)
                 for each in (mapping, spilled))
    assert near.n_ports == 0 and far.n_ports == 2
    here, there = engine(near), engine(far)
    assert there.status == FINISHED
    assert here.counters.outputs.tobytes() == there.counters.outputs.tobytes()
    longer = there.counters.end_tick - here.counters.end_tick
    assert longer > 0 if outstanding == 1 else longer >= 0
    assert np.array_equal(here.counters.synaptic_ops, there.counters.synaptic_ops)
    rows = there.counters.job_count[:, im.ACCUMULATE]
    assert there.counters.port_requests.sum() == rows[np.array(which)].sum()
    assert there.counters.fetched_bytes.sum() == 6 * there.counters.synaptic_ops[
        np.array(which)].sum()


def test_a_core_uses_the_nearest_port(engine: Any) -> None:
    chip = mesh(4, 1, 1, **{"dram.tiles": [[0, 0], [3, 0]]})
    assert chip.dram_ports.nearest.tolist() == [0, 0, 1, 1]
    assert chip.dram_ports.hops.tolist() == [0, 1, 1, 0]
    network = random_network(1, 3, [8])
    mapping = spread(network, [0, 1, 2, 3], [4])
    mapping = replace(mapping, slices=tuple(replace(s, dram=True) for s in mapping.slices))
    image = lower_network(network, random_workload(1, 2, 3), chip, mapping, SyncPlan())
    cycle = int(image.clock_period[0])
    assert (image.port_request_ticks // cycle).tolist() == [3, 5, 5, 3]  # pipeline 1, link 1
    counters = engine(image).counters
    by_core = counters.job_count[:, im.ACCUMULATE]
    assert counters.port_requests.tolist() == [by_core[:2].sum(), by_core[2:].sum()]


# --- several events in a packet


def packed(events: int, keys: str = "core") -> Image:
    """Five units that always fire on one core, three on another behind it."""
    chip = mesh(2, 1, 1, **{**CLOCKS, "packet.events_per_packet": events})
    network = random_network(2, 4, [5, 3], density=1.0, fire="always")
    return lower_network(network, random_workload(2, 2, 4), chip,
                         spread(network, [0, 1], [1, 1], keys), SyncPlan("barrier"),
                         record_outputs=True, record_host=True)


def test_packets_of_three_events(engine: Any) -> None:
    """A core updates three units before its first packet leaves, and two before its last."""
    one, three = engine(packed(1)), engine(packed(3), want_trace=True)
    image, r = packed(3), read(packed(3), three.trace)
    first = image.first_core
    jobs = r.info[(r.kind == trace.START) & (r.part == first) & (r.step == 0)
                  & (r.info != im.RECEIVE) & (r.info != im.ACCUMULATE)]
    update, send = im.UPDATE, im.SEND
    assert jobs.tolist() == [update] * 3 + [send] + [update] * 2 + [send]
    # Both engines deliver one packet: one receive job, then a row for each event.
    there = r.info[(r.kind == trace.START) & (r.part == first + 1) & (r.source == first)
                   & (r.step == 0)]
    receive, row = im.RECEIVE, im.ACCUMULATE
    assert there.tolist() == [receive, row, row, row, receive, row, row]
    a, b = one.counters, three.counters
    assert a.outputs.tobytes() == b.outputs.tobytes()
    assert a.host_values.tobytes() == b.host_values.tobytes()
    assert np.array_equal(a.synaptic_ops, b.synaptic_ops)
    assert np.array_equal(a.layer_events, b.layer_events)
    # Inputs that are not zero travel together as well; every event is counted once.
    assert a.packed_events == 0 and b.packed_events > 0
    assert a.offered[im.EVENT] == b.offered[im.EVENT] + b.packed_events
    assert np.array_equal(b.copies, b.delivered) and b.in_flight == 0
    assert b.job_count[:, im.SEND].tolist() == [2 * 2, 2 * 1]


def test_packing_needs_shared_trees() -> None:
    with pytest.raises(ScenarioError, match=r"chip\.packet\.events_per_packet.*mapping\.keys"):
        packed(3, keys="unit")
