"""From words back to an Outcome."""

from __future__ import annotations

import numpy as np

from neurosim.engines.compiled import layout as at
from neurosim.engines.compiled.fill import _entries
from neurosim.engines.compiled.state import State, transfers
from neurosim.engines.outcome import FINISHED, INTERRUPTED, OVERFLOW, STOPPED, STUCK, Outcome
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
    waiting: tuple[tuple[int, int], ...] = ()
    if unit >= 0:
        status = OVERFLOW
    elif interrupted:
        status = INTERRUPTED
        if image.end_tick >= 0:
            counters.end_tick = int(m[at.H_NOW]) * state.tables.grid
    elif image.end_tick >= 0:
        status = STOPPED
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
    counts = _entries(state, "granted", 8, image.n_outputs)[:, :PACKET_KINDS]
    counters.ch_packets[:] = counts.sum(axis=1)
    counters.ch_bits[:] = counts @ image.packet_bits
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
    counters.waiting_ticks[:] = s[:, at.S_WAITING_TICKS] * grid
    counters.wakes[:] = s[:, at.S_WAKES]
    counters.fifo_max[:] = s[:, at.S_FIFO_MAX]
    counters.core_dropped[:] = s[:, at.S_DROPPED]
    for name in ("layer_events", "layer_updates"):
        getattr(counters, name)[:] = _entries(state, name, 1, image.n_layers)[:, 0]
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
    for name, field in (("bytes", at.P_BYTES), ("busy", at.P_BUSY), ("wait", at.P_WAIT)):
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


def waits(state: State, image: Image) -> list[tuple[int, int]]:
    """(part, awaited part) of every head that cannot go on, and of the synchroniser."""
    m, t = state.words, state.tables
    pairs = []
    queues = _entries(state, "queue", at.QUEUE, len(image.in_channel) * image.n_vcs)
    for q in queues[queues[:, at.Q_HEAD] >= 0]:
        router, cell = int(q[at.Q_ROUTER]), int(q[at.Q_HEAD])
        outputs = [int(m[cell + at.E_OUT])]
        if outputs[0] < 0:
            first, left = t.branch + int(m[cell + at.E_NODE]), int(q[at.Q_LEFT])
            outputs = [int(m[first + b]) & 63 for b in range(at.MOST) if left >> b & 1]
        pairs += [(router, int(image.ch_part[image.out_ptr[router] + o])) for o in outputs]
    for s in _stages(state, image):
        if s[at.S_HEAD] >= 0:
            pairs.append((int(s[at.S_PART]), int(image.ch_part[s[at.S_CHANNEL]])))
    if image.sync == SYNC_BARRIER:
        have = _entries(state, "have", 1, image.sync_part - image.n_routers)[:, 0]
        parts = image.n_routers + np.flatnonzero(have == 0)
        ports = (parts >= image.first_port) & (parts < image.first_source)
        pairs += [(image.sync_part, int(part)) for part in parts[~ports]]
    return pairs
