"""From words back to an Outcome."""

from __future__ import annotations

import numpy as np

from neurosim.engines.compiled import layout as at
from neurosim.engines.compiled.fill import _entries
from neurosim.engines.compiled.programs import sizes, transfers
from neurosim.engines.compiled.state import State
from neurosim.engines.compiled.waits import waits
from neurosim.engines.outcome import (
    FINISHED,
    INTERRUPTED,
    OVERFLOW,
    STOPPED,
    STUCK,
    Outcome,
    Wait,
    stuck,
)
from neurosim.image import (
    BATCHES,
    CORE_JOBS,
    DECODE_NONE,
    HISTOGRAM_BINS,
    PACKET_KINDS,
    ROW_CLASSES,
    SYNC_BARRIER,
    SYNC_NONE,
    Counters,
    Image,
)


def outcome(state: State, image: Image, counters: Counters, interrupted: bool,
            trace: np.ndarray | None) -> Outcome:
    """Counters, trace and status of a run that has ended."""
    m = state.words
    fill_counters(state, image, counters)
    unit = int(m[at.H_OVERFLOW])
    waiting: tuple[Wait, ...] = ()
    if unit >= 0:
        status = OVERFLOW
    elif interrupted:
        status = INTERRUPTED
        if image.end_tick >= 0:
            counters.end_tick = int(m[at.H_NOW]) * state.tables.grid
    elif image.end_tick >= 0:
        waiting = tuple(waits(state, image))
        status = STUCK if stuck(waiting) else STOPPED
        waiting = waiting if status == STUCK else ()
    elif counters.in_flight or not finished(state, image):
        status, waiting = STUCK, tuple(waits(state, image))
    else:
        status = FINISHED
    return Outcome(counters, trace, status, waiting, unit)


def last_tick(state: State) -> int:
    """Exact tick after which nothing is recorded: it would have landed after the end."""
    last, t = int(state.words[at.H_LAST]), state.tables
    if last == at.NEVER:
        return at.NEVER - 1
    # The run ends between two grid ticks at most one apart, or with the grid tick `last`.
    exact = last * t.grid
    return t.end_tick if exact <= t.end_tick < exact + t.grid else exact


def fill_counters(state: State, image: Image, counters: Counters) -> None:
    m, t = state.words, state.tables
    grid, cores = t.grid, image.n_cores
    counters.end_tick = int(image.end_tick if image.end_tick >= 0 else m[at.H_END])
    counts = _entries(state, "granted", 8, image.n_outputs)
    counters.ch_packets[:] = counts.sum(axis=1)
    counters.ch_bits[:] = counts @ sizes(image)
    counters.ch_busy[:] = (counts * transfers(image)[: image.n_outputs]).sum(axis=1)
    counters.offered[:] = m[at.H_OFFERED: at.H_OFFERED + PACKET_KINDS]
    counters.copies[:] = m[at.H_COPIES: at.H_COPIES + PACKET_KINDS]
    counters.delivered[:] = m[at.H_DELIVERED: at.H_DELIVERED + PACKET_KINDS]
    counters.dropped[:] = m[at.H_DROPPED: at.H_DROPPED + PACKET_KINDS]
    counters.in_flight = int((counters.copies - counters.delivered - counters.dropped).sum())
    s = _entries(state, "stage", at.STAGE, cores + image.n_hosts)[:cores]
    counters.job_count[:] = s[:, at.S_JOB_COUNT: at.S_JOB_COUNT + CORE_JOBS]
    counters.job_ticks[:] = s[:, at.S_JOB_TICKS: at.S_JOB_TICKS + CORE_JOBS] * grid
    counters.synaptic_ops[:] = s[:, at.S_SYNAPTIC: at.S_SYNAPTIC + ROW_CLASSES]
    counters.stalled_ticks[:] = s[:, at.S_STALLED_TICKS] * grid
    counters.fetched_bytes[:] = s[:, at.S_FETCHED_BYTES]
    counters.waiting_ticks[:] = s[:, at.S_WAITING_TICKS] * grid
    counters.wakes[:] = s[:, at.S_WAKES]
    counters.fifo_max[:] = s[:, at.S_FIFO_MAX]
    counters.core_dropped[:] = s[:, at.S_DROPPED]
    for name in ("layer_events", "layer_updates"):
        getattr(counters, name)[:] = _entries(state, name, 1, image.n_layers)[:, 0]
    routers = _entries(state, "router_counts", at.COUNTS, image.n_routers)
    counters.router_waits[:] = routers[:, at.N_WAITS]
    counters.router_detours[:] = routers[:, at.N_DETOURS]
    counters.router_dropped[:] = routers[:, at.N_DROPPED]
    counters.router_reinjected[:] = routers[:, at.N_REINJECTED]
    counters.late_cores, counters.late_events = int(m[at.H_LATE_CORES]), int(m[at.H_LATE_EVENTS])
    counters.host_sent = int(m[at.H_HOST_SENT])
    counters.host_decode_ticks = int(m[at.H_DECODE_TICKS]) * grid
    counters.step_offer[:] = _entries(state, "step_offer", 1, image.steps)[:, 0]
    counters.step_deliver[:] = _entries(state, "step_deliver", 1, image.steps)[:, 0]
    counters.step_layer[:] = _entries(state, "step_layer", image.n_layers, image.steps)
    counters.packed_events = int(m[at.H_PACKED])
    fill_ports(state, image, counters)
    x = _entries(state, "source", at.SOURCE, image.n_sources)
    counters.source_offered[:] = x[:, at.X_COUNTED]
    counters.sink_delivered[:] = x[:, at.X_DELIVERED]
    batch = _entries(state, "batch", BATCHES, 2)
    counters.latency_sum[:] = batch[0] * grid
    counters.latency_count[:] = batch[1]
    counters.latency_histogram[:] = m[t.histogram: t.histogram + HISTOGRAM_BINS]


def fill_ports(state: State, image: Image, counters: Counters) -> None:
    """What memory ports served, and the requests that had arrived by the end."""
    m, end = state.words, last_tick(state)
    p = _entries(state, "port", at.PORT, image.n_ports)
    for name, field in (("busy", at.P_BUSY), ("wait", at.P_WAIT)):
        getattr(counters, f"port_{name}")[:] = p[:, field]
    for n, port in enumerate(p):
        places = (port[at.P_FIRST] + np.arange(port[at.P_COUNT])) & port[at.P_MASK]
        arrivals = m[port[at.P_RING] + at.REQUEST * places + at.A_ARRIVAL]
        counters.port_requests[n] = port[at.P_SERVED] + int((arrivals <= end).sum())


def _stages(state: State, image: Image) -> np.ndarray:
    return _entries(state, "stage", at.STAGE, image.n_cores + image.n_hosts)


def finished(state: State, image: Image) -> bool:
    """All steps done by all stages, and by the synchroniser."""
    if image.sync == SYNC_NONE:
        return True
    s = _stages(state, image)
    idle = (s[:, at.S_JOB] < 0) & (s[:, at.S_HEAD] < 0) & (s[:, at.S_UNIT] >= s[:, at.S_END_UNIT])
    done = bool(idle.all() and (s[:, at.S_BEGUN] >= image.steps).all())
    sends = s[: image.n_cores][image.result_tree >= 0]
    done = done and bool((sends[:, at.S_SENT] >= sends[:, at.S_BEGUN]).all())
    m = state.words
    if image.decode != DECODE_NONE:
        done = done and int(m[at.H_DECIDED]) >= image.steps
    done = done and m[at.H_DEFERRED] < 0 and m[at.H_ARRIVED] <= m[at.H_DECIDED]
    return done and (image.sync != SYNC_BARRIER
                     or int(m[at.Y_SUPERSTEP]) == image.supersteps - 1)
