"""A run small enough to work out by hand: two layers on two tiles, counters written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from neurosim.chip import Chip, load_chip
from neurosim.image import (
    ACCUMULATE,
    EVENT,
    MARKER,
    RECEIVE,
    ROW_FORWARD,
    ROW_INPUT,
    ROW_RECURRENT,
    SEND,
    UPDATE,
    Counters,
    Image,
)
from neurosim.lower import SyncPlan, lower_network
from neurosim.mapping.model import Mapping, MemoryUse, Slice
from neurosim.measure import Result, measure
from neurosim.measure.facts import Facts
from neurosim.network.model import Layer, Network, Workload

STEPS = 4
#: Simulated time of the hand-made run.
TOTAL_S = 1e-3


def layer(inputs: int, units: int, zero_rows: int = 0) -> Layer:
    """All weights 1, but for ``zero_rows`` input rows without a synapse."""
    kernel = np.ones((inputs, 3 * units), np.float32)
    kernel[:zero_rows] = 0.0
    return Layer(
        name="layer", kind="egru", inputs=inputs, units=units, kernel=sp.csr_array(kernel),
        recurrent=sp.csr_array(np.ones((units, 3 * units), np.float32)),
        bias=np.zeros(3 * units, np.float32), recurrent_bias=np.zeros(3 * units, np.float32),
        threshold=np.zeros(units, np.float32))


def network() -> Network:
    """3 inputs (one row empty), layers of 2 and 1 units, a decoder to 5 tokens."""
    decoder = np.arange(5, dtype=np.float32)[:, None] / 10
    return Network((layer(3, 2, zero_rows=1), layer(2, 1)), decoder_weight=decoder,
                   sha256="0" * 64)


def workload() -> Workload:
    return Workload(np.ones((STEPS, 3), np.float32), targets=np.array([0, 4, 1, 2]))


def chip(**overrides: Any) -> Chip:
    """Two tiles with one core each; costs that are easy to multiply."""
    plain = {
        "topology.width": 2, "topology.height": 1, "energy.static_w": 2e-3,
        "energy.noc_j_per_bit_hop": {"value": 2e-12, "source": "test", "flag": "assumed",
                                     "range": [1e-12, 4e-12]},
        "energy.router_j_per_packet": 1e-11, "energy.host_link_j_per_bit": 1e-11,
        "energy.sram_j_per_byte": 1e-12, "levels.150MHz.core_sleep_w": 1e-3,
        "levels.150MHz.core_active_j_per_cycle": 1e-11,
    }
    return load_chip("mesh", overrides={**plain, **overrides})


def mapping() -> Mapping:
    uses = (MemoryUse(100, 50, 20, 10, 28, 32, 60), MemoryUse(60, 30, 10, 8, 14, 16, 62))
    slices = (Slice(0, 0, np.arange(2)), Slice(1, 1, np.arange(1)))
    return Mapping(slices, uses, 1000)


def image(the_chip: Chip, sync: str = "dataflow", record: bool = True) -> Image:
    return lower_network(network(), workload(), the_chip, mapping(), SyncPlan(kind=sync),
                         record_outputs=record, record_host=True)


def counters(of: Image) -> Counters:
    """Four steps.  Both units of layer 0 fire on steps 0 and 1, layer 1 on steps 2 and 3."""
    c = Counters.empty(of)
    ms = of.tick_hz // 1000  # ticks
    c.end_tick = ms
    c.job_ticks[:] = 0
    c.job_ticks[0, [RECEIVE, ACCUMULATE, SEND, UPDATE]] = [ms // 10, ms // 5, ms // 20, ms // 20]
    c.job_ticks[1, [RECEIVE, UPDATE]] = [ms // 10, ms // 10]
    c.stalled_ticks[0] = ms // 10
    c.job_count[0] = [12, 12, 4, 8]  # receive, accumulate, send, update
    c.job_count[1] = [6, 6, 2, 4]
    east, west = _link(of, 0), _link(of, 1)
    c.ch_packets[east], c.ch_bits[east], c.ch_busy[east] = 5, 300, ms // 4
    c.ch_packets[west], c.ch_bits[west], c.ch_busy[west] = 2, 144, ms // 8
    to_host = _end(of, of.first_host)
    c.ch_packets[to_host], c.ch_bits[to_host], c.ch_busy[to_host] = 2, 144, ms // 2
    c.offered[[EVENT, MARKER]] = [18, 4]
    c.copies[[EVENT, MARKER]] = [22, 4]
    c.delivered[[EVENT, MARKER]] = [22, 4]
    # Two inputs with synapses a step; 4 events of layer 0, 2 of layer 1.
    c.synaptic_ops[0, [ROW_INPUT, ROW_RECURRENT]] = [STEPS * 2 * 6, 4 * 6]
    c.synaptic_ops[1, [ROW_FORWARD, ROW_RECURRENT]] = [4 * 3, 2 * 3]
    c.layer_events[:] = [4, 2]
    c.layer_updates[:] = [8, 4]
    c.host_sent = 12
    c.step_offer[:] = np.array([0, 1, 2, 3]) * ms // 10
    c.step_layer[:] = np.array([[2, 4], [3, 6], [4, 6], [6, 8]]) * ms // 10
    c.step_deliver[:] = np.array([5, 5, -1, 10]) * ms // 10
    if c.outputs.size:
        c.outputs[:2, :2], c.outputs[2:, 2] = 0.5, 0.25
        c.host_values[2:, 0] = 0.25
    return c


def _link(of: Image, router: int) -> int:
    """The one router-to-router output of a router."""
    outs = range(int(of.out_ptr[router]), int(of.out_ptr[router + 1]))
    return next(q for q in outs if of.ch_port[q] >= 0)


def _end(of: Image, part: int) -> int:
    return next(q for q in range(of.n_outputs) if of.ch_port[q] < 0 and of.ch_part[q] == part)


def facts(record: bool = True, **overrides: Any) -> Facts:
    the_chip = chip(**overrides)
    of = image(the_chip, record=record)
    return Facts(network(), workload(), the_chip, mapping(), of, counters(of))


def result(given: Facts | None = None, **extra: Any) -> Result:
    f = given or facts()
    return measure("by hand", "ab" * 32, {"seed": 0}, "simpy", 0, f.network, f.workload, f.chip,
                   f.mapping, f.image, f.counters, **extra)
