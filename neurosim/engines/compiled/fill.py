"""Initial words of every table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neurosim import image as im
from neurosim import rules
from neurosim.engines.compiled import layout as at
from neurosim.engines.compiled.layout import NEVER
from neurosim.image import Image

if TYPE_CHECKING:
    from neurosim.engines.compiled.state import State


def _entries(state: State, name: str, length: int, count: int) -> np.ndarray:
    """A table as [count, length], a view of the words."""
    first = getattr(state.tables, name)
    return state.words[first: first + count * length].reshape(count, length)


def header(state: State, image: Image) -> None:
    m, grid = state.words, state.tables.grid
    m[[at.H_FREE, at.H_OVERFLOW, at.H_DEFERRED]] = at.NONE
    m[at.H_LAST] = NEVER if image.end_tick < 0 else image.end_tick // grid
    m[[at.Y_SUPERSTEP, at.Y_LAST, at.Y_CAUSE]] = -1
    m[[at.Y_RELEASE, at.Y_TIMER]] = NEVER
    if image.sync == im.SYNC_BARRIER:
        m[[at.Y_RELEASE, at.Y_SUPERSTEP]] = 0
    elif image.sync == im.SYNC_TICK:
        m[at.Y_TIMER] = 0
    for name, count in (("step_offer", 1), ("step_deliver", 1), ("step_layer", image.n_layers)):
        _entries(state, name, count, image.steps)[:] = -1
    clock = _entries(state, "clock", 2, image.sync_part + 1)
    clock[:, 0] = image.clock_period // grid
    clock[:, 1] = image.clock_phase // grid
    clock[image.first_port: image.first_source] = clock[-1] = 1, 0


def needs(image: Image) -> np.ndarray:
    """[Q, 8] credits that packets of each size take: flits in a router's buffer, one place at an
    endpoint."""
    from neurosim.engines.compiled.programs import sizes

    flits = np.array([rules.flits(int(bits), image.flit_bits) for bits in sizes(image)])
    return np.where(image.ch_port[:, None] < 0, 1, flits[None, :])


def channels(state: State, image: Image, rings: np.ndarray) -> None:
    from neurosim.engines.compiled.programs import sizes, transfers

    grid, vcs = state.tables.grid, image.n_vcs
    n = len(image.ch_owner)
    c = _entries(state, "channel", at.CHANNEL, n)
    c[:, at.C_QUEUE] = np.where(image.ch_port >= 0, image.ch_port * vcs, at.NONE)
    c[:, at.C_FAR] = image.ch_part
    c[:, at.C_LATENCY] = image.ch_latency // grid
    c[:, at.C_CYCLE] = image.ch_cycle // grid
    c[:, at.C_OWNER] = image.ch_owner
    need = needs(image)
    c[:, at.C_COST: at.C_COST + 8] = (transfers(image) // grid) << at.COST_TICKS | need
    m, flits = state.words, state.tables.flits
    m[flits: flits + 8] = [rules.flits(int(bits), image.flit_bits) for bits in sizes(image)]
    k = _entries(state, "credit", at.CREDIT, n * vcs)
    k[:, at.K_HAVE] = np.repeat(image.ch_credits, vcs)
    worth = need.max(axis=1)
    first, last = image.n_outputs + image.n_cores, image.n_outputs + image.n_cores + image.n_sources
    worth[first:last] = need[first:last][:, [im.TRAFFIC, *range(im.PACKET_KINDS, 8)]].max(axis=1)
    k[:, at.K_WORTH] = np.repeat(worth, vcs)
    k[:, at.K_KEY] = -1
    k[:, at.K_DELAY] = np.repeat(image.ch_credit_delay // grid, vcs)
    lengths = np.repeat(rings, vcs)
    k[:, at.K_MASK] = lengths - 1
    k[:, at.K_RING] = state.tables.ring + at.RING * (np.cumsum(lengths) - lengths)
    _entries(state, "grant_key", 1, n)[:] = -1
    detour = _entries(state, "detour_of", 2, n)
    detour[:] = at.NONE
    if len(image.ch_detour):
        detour[: image.n_outputs, 0] = image.ch_detour
        detour[: image.n_outputs, 1] = image.ch_detour_on
    if state.tables.program == at.OUTPUT_QUEUES:
        _entries(state, "out_queue", 2, image.n_outputs * vcs)[:] = at.NONE


def routers(state: State, image: Image) -> None:
    grid, vcs = state.tables.grid, image.n_vcs
    ports = len(image.in_channel)
    router = np.repeat(np.arange(image.n_routers), np.diff(image.in_ptr))
    q = _entries(state, "queue", at.QUEUE, ports * vcs)
    q[:, [at.Q_HEAD, at.Q_TAIL, at.Q_READER, at.Q_KEY]] = at.NONE
    q[:, at.Q_READ] = state.tables.queue + at.QUEUE * np.repeat(np.arange(ports) * vcs, vcs)
    q[:, at.Q_CHANNEL] = np.repeat(image.in_channel, vcs)
    q[:, at.Q_ROUTER] = np.repeat(router, vcs)
    q[:, at.Q_PORT] = np.repeat(np.arange(ports), vcs)
    q[:, at.Q_SLOT] = np.arange(ports * vcs) - np.repeat(image.in_ptr[router] * vcs, vcs)
    r = _entries(state, "router", at.ROUTER, image.n_routers)
    r[:, at.R_QUEUE] = image.in_ptr[:-1] * vcs
    r[:, at.R_SLOTS] = np.diff(image.in_ptr) * vcs
    r[:, at.R_OUT] = image.out_ptr[:-1]
    r[:, at.R_OUTPUTS] = np.diff(image.out_ptr)
    _entries(state, "first_out", 1, image.n_routers)[:, 0] = image.out_ptr[:-1]
    if image.blocked_ticks > 0:
        _reinjection(state, image, r)
    n = image.n_routers
    r[:, at.R_PERIOD] = image.clock_period[:n] // grid
    r[:, at.R_PHASE] = image.clock_phase[:n] // grid
    r[:, at.R_READY] = image.ready_cycles[:n] * (image.clock_period[:n] // grid)


def _reinjection(state: State, image: Image, r: np.ndarray) -> None:
    """One more input of every router, behind all others."""
    r[:, at.R_SLOTS] += 1
    first = len(image.in_channel) * image.n_vcs
    q = _entries(state, "queue", at.QUEUE, first + image.n_routers)[first:]
    q[:, [at.Q_HEAD, at.Q_TAIL, at.Q_READER, at.Q_KEY, at.Q_CHANNEL, at.Q_PORT]] = at.NONE
    q[:, at.Q_READ] = state.tables.queue + at.QUEUE * (first + np.arange(image.n_routers))
    q[:, at.Q_ROUTER] = np.arange(image.n_routers)
    q[:, at.Q_SLOT] = r[:, at.R_SLOTS] - 1


def stages(state: State, image: Image) -> None:
    grid, cores = state.tables.grid, image.n_cores
    s = _entries(state, "stage", at.STAGE, cores + image.n_hosts)
    for name in ("JOB", "SYNC_KEY", "LAST", "HEAD", "COMING", "FIFO", "TAIL_CELL", "FETCHED",
                 "STALLED", "WAITING", "STEP_KEY", "SUPERSTEP", "PORT"):
        s[:, getattr(at, f"S_{name}")] = at.NONE
    parts = np.concatenate([np.arange(image.first_core, image.first_port),
                            np.arange(image.first_host, image.sync_part)])
    s[:, at.S_PART] = parts
    s[:, at.S_PERIOD] = image.clock_period[parts] // grid
    s[:, at.S_PHASE] = image.clock_phase[parts] // grid
    s[:, at.S_READY] = image.ready_cycles[parts] * (image.clock_period[parts] // grid)
    s[:, at.S_CHANNEL] = image.injection_channel(parts)
    c, host = s[:cores], s[cores:]
    host[:, at.S_SEND] = image.host_send_ticks // grid
    host[:, at.S_N_ACKS] = image.host_n_acks
    c[:, at.S_N_ACKS: at.S_N_ACKS + 2] = image.n_acks
    c[:, at.S_ASLEEP] = 1
    for field, name in (
        (at.S_STAGE, "core_stage"), (at.S_DELIVERS, "core_channel"), (at.S_DEPTH, "core_fifo"),
        (at.S_POLICY, "core_policy"), (at.S_MARKER_TREE, "marker_tree"),
        (at.S_ACK_TREE, "ack_tree"), (at.S_RESULT_TREE, "result_tree"),
        (at.S_CHILDREN, "core_results"),
    ):
        c[:, field] = getattr(image, name)
    for field, name in ((at.S_SEND, "send_ticks"), (at.S_UPDATE, "update_ticks"),
                        (at.S_WAKE, "wake_ticks")):
        c[:, field] = getattr(image, name) // grid
    c[:, at.S_RECEIVE: at.S_RECEIVE + im.PACKET_KINDS] = image.receive_ticks // grid
    c[:, at.S_N_MARKERS] = image.n_markers.sum(axis=1)
    c[:, at.S_FETCHES] = image.core_fetches
    c[:, at.S_PLAIN] = (image.core_fetches == 1) & (image.core_port < 0)
    c[:, at.S_FIRST_UNIT] = image.unit_ptr[:-1]
    c[:, at.S_UNIT] = c[:, at.S_END_UNIT] = image.unit_ptr[1:]
    if cores:
        free = _entries(state, "markers", image.n_sums, cores)[:, : image.streams]
        free[:] = image.n_markers[:, 1:]
    x = _entries(state, "source", at.SOURCE, image.n_sources)
    sources = np.arange(image.first_source, image.first_host)
    x[:, at.X_BUSY_KEY] = at.NONE
    x[:, at.X_CHANNEL] = image.injection_channel(sources)
    x[:, at.X_PERIOD] = image.clock_period[sources] // grid
    x[:, at.X_PHASE] = image.clock_phase[sources] // grid
    x[:, at.X_FIXED] = image.traffic_dest
    if len(image.offer_ptr):
        x[:, at.X_DRAWS], x[:, at.X_FIXED] = image.offer_ptr[:-1], image.offer_ptr[1:]
        _entries(state, "offers", at.OFFERS, image.n_sources)[:, at.X_DRAWS] = image.offer_ptr[:-1]


def ports(state: State, image: Image) -> None:
    """Memory ports, and what cores know of theirs: times in exact ticks."""
    from neurosim.engines.compiled.state import request_rings

    t, rings = state.tables, request_rings(image)
    p = _entries(state, "port", at.PORT, image.n_ports)
    p[:, at.P_KEY] = at.NONE
    p[:, at.P_RING] = t.request + at.REQUEST * (np.cumsum(rings) - rings)
    p[:, at.P_MASK] = rings - 1
    p[:, at.P_BURST], p[:, at.P_TICKS] = image.port_burst_bytes, image.port_burst_ticks
    p[:, at.P_PART] = np.arange(image.first_port, image.first_source)
    asks = np.flatnonzero(image.core_port >= 0)
    s = _entries(state, "stage", at.STAGE, image.n_cores)
    fetches = image.core_fetches[asks]
    s[asks, at.S_PORT] = t.port + at.PORT * image.core_port[asks]
    s[asks, at.S_REQUEST] = image.port_request_ticks[asks]
    s[asks, at.S_LATENCY] = image.port_latency_ticks[asks]
    s[asks, at.S_DATA] = t.datum + at.DATUM * (np.cumsum(fetches) - fetches)
    s[:, at.S_ASK_UNIT] = s[:, at.S_END_UNIT]


def trees(state: State, image: Image) -> None:
    t, m = state.tables, state.words
    output = image.br_channel - image.out_ptr[image.ch_owner[image.br_channel]]
    on_link = image.ch_port[image.br_channel] >= 0
    following = image.br_next.copy()
    following[on_link] = image.node_ptr[following[on_link]]
    last = np.zeros(len(following), np.int64)
    last[image.node_ptr[1:] - 1] = 1
    packed = (following << at.BRANCH_NEXT) | (last << at.BRANCH_LAST) | output
    packed |= image.br_vc << at.BRANCH_VC
    m[t.branch: t.branch + len(packed)] = packed
    m[t.root: t.root + len(image.tree_root)] = image.node_ptr[image.tree_root]
    m[t.copies: t.copies + len(image.tree_copies)] = image.tree_copies
    m[t.tree_next: t.tree_next + len(image.tree_next)] = image.tree_next
    if image.blocked_ticks > 0:
        m[t.below + image.node_ptr[:-1]] = im.node_copies(image)
