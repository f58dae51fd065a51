"""From an Image to words: the state of the machine before its first tick."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurosim import image as im
from neurosim.engines.compiled import layout as at
from neurosim.engines.compiled.data import Data
from neurosim.engines.compiled.layout import NEVER, Tables
from neurosim.engines.compiled.programs import (
    longest_chain,
    program_of,
    router_constants,
    transfers,
)
from neurosim.errors import SimulationError
from neurosim.image import Image

#: Slots of the wheel: enough for the longest wait, within these bounds.
_FEWEST_SLOTS, _MOST_SLOTS, _MOST_WHEEL_WORDS = 64, 1 << 16, 1 << 21
_INT32 = 2**31 - 1
#: The state of so many routers stays in the caches.
_NEAR_ROUTERS = 512


@dataclass
class State:
    """All that a run changes."""

    words: np.ndarray
    tables: Tables
    data: Data
    trace: np.ndarray | None = None


@dataclass
class _Plan:
    """Hands out tables one after the other."""

    size: int = at.HEADER
    first: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, entries: int, length: int) -> None:
        self.size = -(-self.size // 8) * 8  # a cache line is eight words
        self.first[name] = self.size
        self.size += entries * length


def grid_of(image: Image) -> int:
    """Greatest common divisor of all periods, phases and durations but the synchroniser's and the
    memory ports'."""
    clocked = clocked_parts(image)
    durations = [
        image.clock_period[clocked], image.clock_phase[clocked], image.ch_latency, image.ch_cycle,
        image.ch_credit_delay, image.receive_ticks, image.send_ticks, image.update_ticks,
        image.wake_ticks, image.row_ticks, np.array([
            image.blocked_ticks, image.detour_ticks, image.reinject_ticks, image.histogram_ticks]),
        image.offer_tick, np.array([image.host_send_ticks]),
        np.array([image.decode_base_ticks, image.decode_event_ticks])]
    if not image.n_hosts:
        del durations[-2:]
    return max(1, int(np.gcd.reduce([np.gcd.reduce(x, axis=None) for x in durations if x.size])))


def clocked_parts(image: Image) -> np.ndarray:
    """All parts but memory ports and the synchroniser."""
    return np.concatenate([np.arange(image.first_port),
                           np.arange(image.first_source, image.sync_part)])


def check(image: Image) -> None:
    """What this engine does not cover is refused by name.

    Raises:
        SimulationError: a router with more inputs, outputs or branches than a word has bits;
            traffic without an end; memory faster than a cycle of the core that asks.
    """
    asks = image.core_port >= 0
    ways = np.minimum(image.port_request_ticks, image.port_latency_ticks)[asks]
    if (ways < image.clock_period[image.first_core: image.first_port][asks]).any():
        raise SimulationError("chip.dram.latency_s", "compiled covers memory that answers a core "
                              "after a cycle of its clock or more", "engine: simpy")
    most = at.MOST
    inputs = int(np.diff(image.in_ptr).max(initial=0)) * image.n_vcs
    outputs = int(np.diff(image.out_ptr).max(initial=0))
    if image.n_vcs > at.MOST_VCS:
        raise SimulationError(
            "engine", f"compiled covers up to {at.MOST_VCS} virtual channels; this chip has "
            f"{image.n_vcs}", "engine: simpy, or fewer virtual channels")
    branches = int(np.diff(image.node_ptr).max(initial=0))
    if branches > most:
        raise SimulationError(
            "engine", f"compiled covers up to {most} copies of a packet at a router; here are "
            f"{branches}", "engine: simpy, or noc.multicast tree")
    inputs += int(image.blocked_ticks > 0)
    if max(inputs, outputs) > most:
        raise SimulationError(
            "engine", f"compiled covers routers of up to {most} outputs and {most} input queues; "
            f"this chip has {outputs} and {inputs}", "engine: simpy, or fewer cores a tile")
    if image.n_sources and image.end_tick < 0:
        raise SimulationError("workload.traffic.cycles", "traffic without an end never ends")


def build(image: Image, counters: im.Counters, want_trace: bool, careful: bool) -> State:
    """The state of a machine at rest, with everything that happens at tick 0 in the wheel."""
    check(image)
    grid = grid_of(image)
    careful = careful or image.sync == im.SYNC_TICK or (image.end_tick >= 0 and image.n_cores > 0)
    data = _data(image, counters, grid)
    plan, constants = _Plan(), _constants(image, grid, careful)
    program = constants["program"]
    stages, channels = image.n_cores + image.n_hosts, len(image.ch_owner)
    slots = _slots(image, grid, constants["words"])
    rings = ring_sizes(image)
    for name, entries, length in (
        ("channel", channels, at.CHANNEL), ("credit", channels * image.n_vcs, at.CREDIT),
        ("ring", int(rings.sum()) * image.n_vcs, at.RING),
        ("queue", len(image.in_channel) * image.n_vcs
         + image.n_routers * int(image.blocked_ticks > 0), at.QUEUE),
        ("flits", 8, 1), ("router", image.n_routers, at.ROUTER),
        ("requests", 64, 1), ("detours", 64, 1), ("snapshot", 64, 1),
        ("detour_of", channels, 2), ("below", len(image.br_channel), 1),
        ("first_out", image.n_routers, 1), ("tree_next", len(image.tree_root), 1),
        ("out_queue", image.n_outputs * image.n_vcs * int(program == at.OUTPUT_QUEUES), 2),
        ("router_counts", image.n_routers, at.COUNTS),
        ("grant_key", channels, 1), ("granted", image.n_outputs, 8),
        ("stage", stages, at.STAGE), ("port", image.n_ports, at.PORT),
        ("request", int(request_rings(image).sum()), at.REQUEST),
        ("datum", int(image.core_fetches[image.core_port >= 0].sum()), at.DATUM),
        ("acks", stages, 4 * image.n_sums), ("markers", image.n_cores, image.n_sums),
        ("have", image.sync_part - image.n_routers, 1), ("source", image.n_sources, at.SOURCE),
        ("offers", image.n_sources, at.OFFERS), ("clock", image.sync_part + 1, 2),
        ("wheel", slots, constants["words"]), ("occupied", max(1, slots // 64), 1),
        ("batch", 2, im.BATCHES), ("histogram", 1, im.HISTOGRAM_BINS),
        ("host_received", image.steps, 1), ("host_count", image.steps, 1),
        ("host_events", image.steps, 1), ("host_done", image.steps, 3),
        ("host_best", 1, 1 + 2 * image.candidates), ("entering", image.output_units, 2),
        ("step_row", image.steps, 1), ("step_offer", image.steps, 1),
        ("best", image.n_cores * image.n_sums if image.decode == im.DECODE_CHIP else 0,
         constants["best_entry"]),
        ("step_deliver", image.steps, 1), ("step_layer", image.steps, image.n_layers),
        ("layer_events", image.n_layers, 1), ("layer_updates", image.n_layers, 1),
        ("branch", len(image.br_channel), 1),
        ("root", len(image.tree_root), 1), ("copies", len(image.tree_copies), 1),
        ("sums", image.n_sums, constants["sum_bank"]), ("scratch", 1, at.CELL),
        ("report", constants["reports"], at.REPORT),
    ):
        plan.add(name, entries, length)
    plan.add("cell", 0, 1)
    tables = Tables(**plan.first, **constants, wheel_mask=slots - 1)
    state = State(np.zeros(plan.size, np.int64), tables, data)
    from neurosim.engines.compiled import fill

    fill.header(state, image)
    fill.channels(state, image, rings)
    fill.routers(state, image)
    fill.stages(state, image)
    fill.ports(state, image)
    fill.trees(state, image)
    grow_cells(state, max(1024, 2 * tables.cell_margin))
    if want_trace:
        make_room(state, 0)
    return state


def grow_cells(state: State, more: int) -> None:
    """Add free cells behind all others."""
    words, first = state.words, len(state.words)
    state.words = m = np.concatenate([words, np.zeros(more * at.CELL, np.int64)])
    cells = first + at.CELL * np.arange(more)
    m[cells + at.E_NEXT] = np.append(cells[1:], m[at.H_FREE])
    m[at.H_FREE] = cells[0]
    m[at.H_FREE_CELLS] += more


def make_room(state: State, records: int) -> None:
    """Room for so many records, and for what one tick may write behind them."""
    t, margin = state.tables, state.tables.record_margin
    if state.trace is not None and records + margin <= t.records:
        return
    kept = 8 * int(state.words[at.H_RECORDS])
    old, state.trace = state.trace, np.empty(8 * (records + margin), np.int64)
    if old is not None:
        state.trace[:kept] = old[:kept]
    state.tables = t._replace(records=records + margin)


def grow_reports(state: State) -> None:
    """Twice the room for reports on their way: the ring moves behind everything else."""
    t, m = state.tables, state.words
    ring = m[t.report: t.report + at.REPORT * t.reports].reshape(-1, at.REPORT)
    ring = np.roll(ring, -int(m[at.Y_FIRST]), axis=0)
    reports = 2 * t.reports
    moved = np.zeros((reports, at.REPORT), np.int64)
    moved[: len(ring)] = ring
    state.words = np.concatenate([m, moved.reshape(-1)])
    state.words[at.Y_FIRST] = 0
    state.tables = t._replace(report=len(m), reports=reports)


def _constants(image: Image, grid: int, careful: bool) -> dict[str, Any]:
    ends = image.n_cores + image.n_hosts
    chain, copies = longest_chain(image), 1  # packets of an offer, cells that a grant may take
    if image.queueing == im.QUEUE_OUTPUT:
        copies = 1 + int(np.diff(image.node_ptr).max(initial=0))
    host_inputs = (len(image.input_tree) + 1) * image.n_hosts * chain
    channels = len(image.ch_owner)
    reporters = ends + (image.n_routers if image.blocked_ticks else 0)
    # Deliveries that a busy core looks at only when it has time.
    waiting = int((image.core_fifo + image.ch_latency[image.core_channel]
                   // image.ch_cycle[image.core_channel] + 2).sum())
    sends = chain * (3 + (image.candidates if image.decode == im.DECODE_CHIP else 0))
    return {
        **router_constants(image, grid),
        "grid": grid, "n_vcs": image.n_vcs, "words": (image.sync_part + 64) // 64,
        "n_routers": image.n_routers, "first_port": image.first_port,
        "packet_events": max(1, image.packet_events),
        "fetching": int(((image.core_fetches > 1) | (image.core_port >= 0)).any()),
        "first_source": image.first_source,
        "first_host": image.first_host, "sync_part": image.sync_part, "n_sums": image.n_sums,
        "sum_bank": im.SUMS_PER_UNIT * len(image.unit_kind),
        "widest_period": int(image.clock_period[clocked_parts(image)].max()) // grid,
        "mixed": int(len(np.unique(image.ch_width)) * len(np.unique(image.ch_cycle)) > 1),
        "careful": int(careful), "far": int(image.n_routers > _NEAR_ROUTERS), "records": 0,
        "reports": 4 * reporters + 16,
        "cell_margin": (channels + sends * image.n_cores) * copies + image.n_sources + host_inputs
        + 1 + (ends * image.packet_events if image.packet_events > 1 else 0),
        "record_margin": 3 * channels + (7 + sends) * ends + 3 * image.n_sources + host_inputs
        + 4 * int(request_rings(image).sum()) + waiting + 2 * image.n_routers + 64,
        "report_margin": reporters, "sync": image.sync, "steps": image.steps,
        "supersteps": image.supersteps, "superstep_period": image.superstep_period,
        "barrier": image.barrier_ticks, "report_delay": image.report_ticks,
        "tick_period": image.tick_period,
        "end_tick": image.end_tick if image.end_tick >= 0 else NEVER,
        "n_layers": image.n_layers, "window": image.window,
        "closed_loop": int(image.closed_loop), "host_markers": image.host_n_markers,
        "host_marker_tree": image.host_marker_tree, "n_inputs": len(image.input_tree),
        "input_width": image.input_width, "input_columns": image.inputs.shape[1],
        "n_units": len(image.unit_kind), "columns": image.output_columns,
        "lookup_rows": image.lookup.shape[0], "lookup_columns": image.lookup.shape[1],
        "streams": image.streams, "finish_first": int(image.finish_first), "decode": image.decode,
        "decode_base": image.decode_base_ticks // grid,
        "decode_event": image.decode_event_ticks // grid,
        "decoder_levels": image.decoder_levels, "vocabulary": image.vocabulary,
        "choice": image.choice, "choice_seed": image.choice_seed,
        "candidates": image.candidates, "best_entry": at.B_LIST + 1 + 2 * image.candidates,
        "host_results": image.host_n_results, "record_logits": int(image.record_logits),
        "temperature": float(image.temperature),
        "output_units": image.output_units, "replay_rows": max(1, len(image.replay)),
        "record_outputs": int(image.record_outputs), "record_host": int(image.record_host),
        "warmup": image.traffic_warmup_tick,
        "batch_span": max(1, image.end_tick + 1 - image.traffic_warmup_tick),
        "seed": image.seed, "dest_kind": image.traffic_dest_kind, "n_sources": image.n_sources,
        "log_miss": float(image.traffic_log_miss),
        "hot_fraction": float(image.traffic_hot_fraction),
    }


def _slots(image: Image, grid: int, words: int) -> int:
    """Slots of the wheel: a power of two above the longest wait if that is not too much."""
    waits = [transfers(image).max(initial=1) + image.ch_latency.max(initial=1)
             + image.ch_credit_delay.max(initial=1) + int(image.ready_cycles.max())
             * int(image.clock_period[clocked_parts(image)].max())]
    waits += [int(x.max(initial=0)) for x in (image.receive_ticks, image.update_ticks,
                                               image.row_ticks, image.send_ticks)]
    longest = max(waits) // grid + 2
    widest = int(image.clock_period[clocked_parts(image)].max()) // grid
    slots = _FEWEST_SLOTS
    while slots < longest and slots < _MOST_SLOTS and 2 * slots * words <= _MOST_WHEEL_WORDS:
        slots *= 2
    while slots < 4 * widest:
        slots *= 2
    return slots


def ring_sizes(image: Image) -> np.ndarray:
    """[Q] credits of one buffer that can be on their way, as powers of two.

    Reads of a port follow each other, so its credits land at least the router's shortest transfer
    apart and within its longest; a core's leave with its receptions.
    """
    took = transfers(image)[: image.n_outputs]
    n = image.n_routers
    owner = image.ch_owner[: image.n_outputs]
    longest, shortest = np.zeros(n, np.int64), np.full(n, NEVER)
    np.maximum.at(longest, owner, took.max(axis=1, initial=0))
    np.minimum.at(shortest, owner, took.min(axis=1, initial=NEVER))
    span, apart = image.ch_credit_delay.copy(), np.ones(len(image.ch_owner), np.int64)
    to_router = image.ch_port >= 0
    far = image.ch_part[to_router]
    span[to_router] += longest[far]
    apart[to_router] = shortest[far]
    if image.blocked_ticks > 0:  # a drop takes a cycle
        period = image.clock_period[far]
        span[to_router] += period
        apart[to_router] = np.minimum(apart[to_router], period)
    apart[image.core_channel] = image.receive_ticks.min(axis=1)
    at_once = np.ones(len(image.ch_owner), np.int64)
    if image.queueing == im.QUEUE_OUTPUT:  # an input is read for several at a time
        at_once[to_router] = np.diff(image.out_ptr)[far]
    most = np.minimum((span // apart + 2) * at_once, np.maximum(image.ch_credits, 1) + 1)
    return 1 << np.ceil(np.log2(np.maximum(most, 2))).astype(np.int64)


def request_rings(image: Image) -> np.ndarray:
    """[M] most requests at a port, as powers of two: every core asks for rows and for units."""
    asks = image.core_port >= 0
    most = np.bincount(image.core_port[asks], weights=2 * image.core_fetches[asks],
                       minlength=image.n_ports)
    return 1 << np.ceil(np.log2(np.maximum(most, 2))).astype(np.int64)


def _data(image: Image, counters: im.Counters, grid: int) -> Data:
    ticks = image.row_ticks // grid
    if max(ticks.max(initial=0), len(image.syn_target), image.syn_target.max(initial=0)) > _INT32:
        raise SimulationError("engine", "compiled covers tables of up to 2^31 synapses and rows "
                              "of up to 2^31 clock edges", "engine: simpy")
    rows = np.stack([image.row_ptr[:-1], np.diff(image.row_ptr), ticks, image.row_class], axis=1)
    vc = image.route_vc << at.BRANCH_VC
    first = image.out_ptr[:-1, None]
    other = np.where(image.route_other >= 0, image.route_other - first[: len(image.route_other)],
                     at.NO_OTHER) if image.route_other.size else np.zeros((1, 1), np.int64)
    routes = (image.route_channel - first) | vc
    return Data(
        rare=None if program_of(image) == at.PLAIN else 1,
        routes=_own(routes.T, np.uint8), other=_own(other.T, np.uint8),
        offer_tick=_own(image.offer_tick // grid, np.int64),
        offer_dest=_own(image.offer_dest, np.int64),
        offer_length=_own(image.offer_length, np.int64), rows=rows.astype(np.int32).reshape(-1),
        synapses=_synapses(image),
        row_bytes=_own(image.row_dram_bytes if image.n_ports else np.zeros(1), np.int64),
        unit_bytes=_own(image.unit_dram_bytes, np.int64),
        h=np.zeros(len(image.unit_kind) * image.streams),
        unit_bias=_own(image.unit_bias, np.float64),
        unit_always=_own(image.unit_always, np.int64), replay=_own(image.replay, np.float32),
        lookup=_own(image.lookup, np.float32), inputs=_own(image.inputs, np.float32),
        outputs=counters.outputs, host_values=counters.host_values,
        decoder_weight=_own(image.decoder_weight, np.float32),
        decoder_bias=_own(image.decoder_bias, np.float64),
        host_results=np.zeros(2 * image.host_n_results * image.steps, np.int64),
        chosen=counters.chosen, step_decided=counters.step_decided, logits=counters.logits,
        **{name: _own(getattr(image, name), np.int64) for name in (
            "unit_layer", "unit_column", "unit_kind", "unit_tree", "unit_offset", "unit_levels",
            "input_row", "input_tree", "input_offset")},
        **{name: _own(getattr(image, name), np.float64) for name in (
            "unit_threshold", "unit_reset", "unit_zoneout")})


def _synapses(image: Image) -> np.ndarray:
    """Target in the upper half, weight in the lower: one cache line for both."""
    packed = np.empty((len(image.syn_target), 2), np.int32)
    packed[:, 0] = np.asarray(image.syn_weight, np.float32).view(np.int32)
    packed[:, 1] = image.syn_target
    return packed.view(np.int64).reshape(-1)  # little endian: column 1 is the upper half


def _own(array: np.ndarray, kind: Any) -> np.ndarray:
    """Contiguous and writable, so that one compiled version fits all."""
    result = np.ascontiguousarray(array, kind)
    return result if result.flags.writeable else result.copy()
