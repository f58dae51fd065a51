"""A network on a chip, or traffic alone, as one Image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from neurosim import image as im
from neurosim.chip import Chip
from neurosim.chip.topology import BOARD_LINK, CHIP_LINK
from neurosim.errors import ScenarioError
from neurosim.lower import ticks
from neurosim.lower.channels import Endpoints, Periods, check_buffers, lower_channels
from neurosim.lower.inputs import lower_inputs
from neurosim.lower.language import (
    check_language,
    lower_language,
    update_cycles,
    without_decoder,
)
from neurosim.lower.memory import lower_memory, no_memory, shift_parts
from neurosim.lower.routers import refuse_disorder, router_fields
from neurosim.lower.synapses import lower_synapses, lower_units
from neurosim.lower.talk import lower_talk
from neurosim.lower.traffic import Pattern, Process, traffic_fields
from neurosim.mapping.memory import CURRENTS_A_PACKET
from neurosim.mapping.model import Mapping
from neurosim.network.machine import LanguagePlan
from neurosim.network.model import RECURRENT_KINDS, Network, Workload

_KINDS = {"barrier": im.SYNC_BARRIER, "tick": im.SYNC_TICK, "dataflow": im.SYNC_DATAFLOW}
#: An input current as it travels.
_FLOAT_BITS = 32
_POLICIES = {"stall": im.STALL, "drop": im.DROP, "overwrite": im.OVERWRITE}


@dataclass(frozen=True)
class SyncPlan:
    """The synchronisation discipline; None in a time means the chip file's value."""

    kind: Literal["barrier", "tick", "dataflow"] = "barrier"
    order: Literal["skewed", "per_layer"] = "skewed"
    base_s: float | None = None
    per_core_s: float | None = None
    period_s: float = 0.0
    buffers: int = 2
    closed_loop: bool = False


@dataclass(frozen=True)
class Clocks:
    """Tick rate and the periods of the clock domains, in ticks."""

    tick_hz: int
    core: int
    noc: int
    host: int
    links: dict[int, int]  # by kind of link

    @property
    def channels(self) -> Periods:
        return Periods(self.noc, self.host, self.links)


def lower_clocks(chip: Chip) -> Clocks:
    level = f"chip.levels.{chip.default_level}.core_clock_hz"
    hertz = {level: float(chip.level.core_clock_hz), "chip.noc.clock_hz": float(chip.noc.clock_hz),
             "chip.host.clock_hz": float(chip.host.clock_hz)}
    if chip.chip_link is not None:
        board = chip.board_link or chip.chip_link
        hertz["chip.chip_link.clock_hz"] = float(chip.chip_link.clock_hz)
        hertz["chip.board_link.clock_hz"] = float(board.clock_hz)
    rate = ticks.tick_rate(hertz)
    core, noc, host, *links = (ticks.period(rate, f) for f in hertz.values())
    return Clocks(rate, core, noc, host, dict(zip((CHIP_LINK, BOARD_LINK), links, strict=False)))


def lower_network(
    network: Network,
    workload: Workload,
    chip: Chip,
    mapping: Mapping,
    sync: SyncPlan,
    seed: int = 0,
    record_outputs: bool = False,
    record_host: bool = False,
    language: LanguagePlan | None = None,
    record_logits: bool = False,
) -> im.Image:
    """A mapped network with its workload as an Image.

    Args:
        network, workload: those of the machine (:mod:`neurosim.network.machine`), which have
            the layers that ``language`` puts on cores.
        language: where tokens are embedded and decoded; None: outside the machine.
        record_outputs, record_host, record_logits: keep all units' outputs, the events that the
            host received, and the logits that the machine computed.

    Raises:
        ScenarioError: zero-time cycles, packets larger than buffers, clocks without a common
            tick, or dataflow over FIFOs that lose packets.
    """
    language = language or LanguagePlan()
    check_language(network, workload, chip, sync.kind, language)
    clocks = lower_clocks(chip)
    core_router = chip.noc_arrays.core_router[[s.core for s in mapping.slices]]
    ends = Endpoints(core_router, np.zeros(0, np.int64), np.array([chip.noc_arrays.host_router]))
    fabric = lower_channels(chip, ends, clocks.channels)
    bits = _packet_bits(network, chip)
    check_buffers(chip, bits)
    discipline = _discipline(network, workload, chip, mapping, sync, clocks, language)
    tables, connections = lower_synapses(network, mapping, chip, clocks.core)
    units = lower_units(network, mapping)
    talk = lower_talk(network, mapping, fabric, connections, sync.kind == "dataflow",
                      workload.streams, discipline["n_sums"], language)
    inputs = lower_inputs(network, workload, mapping)
    memory = lower_memory(chip, mapping, core_router, clocks.tick_hz, clocks.noc, clocks.core)
    fabric.arrays["n_ports"] = len(memory["port_burst_bytes"])
    shift_parts(fabric.arrays)
    fields: dict[str, Any] = {
        **_no_traffic(fabric.arrays["n_routers"], seed),
        **memory,
        **fabric.arrays,
        **tables,
        **units,
        **talk,
        **_cores(network, chip, mapping, clocks),
        **discipline,
        **inputs,
        **lower_language(network, chip, clocks, language, talk["host_n_results"], record_logits),
        **_domains(chip, fabric.arrays, clocks),
        **router_fields(chip, fabric, clocks.noc, 1),
        "core_channel": fabric.end_channel[: len(mapping.slices)],
        "tick_hz": clocks.tick_hz,
        "n_vcs": int(chip.noc.virtual_channels),
        "flit_bits": int(chip.noc.flit_bits),
        "packet_bits": bits,
        "packet_events": _packet_events(chip, mapping),
        "steps": workload.steps,
        "streams": workload.streams,
        "n_layers": len(network.layers),
        "window": workload.window,
        "end_tick": -1,
        "record_outputs": record_outputs,
        "record_host": record_host or language.decoder_on == "host",
        "host_send_ticks": max(1, int(chip.host.packet_cycles)) * clocks.host,
    }
    return im.Image(**fields)


def _packet_bits(network: Network, chip: Chip) -> np.ndarray:
    """[PACKET_KINDS] of a network's packets; what it never sends has one bit."""
    packet = chip.packet
    bits = np.ones(im.PACKET_KINDS, np.int64)
    bits[im.EVENT] = int(packet.event_bits)
    bits[im.MARKER] = int(packet.marker_bits)
    bits[im.ACK] = int(packet.ack_bits)
    if network.layers[-1].kind == "decoder":
        bits[im.RESULT] = int(packet.result_bits)
    if network.layers[0].currents:
        header = int(packet.event_bits) - int(packet.payload_bits)
        bits[im.CURRENT] = header + CURRENTS_A_PACKET * _FLOAT_BITS
    return bits


def _packet_events(chip: Chip, mapping: Mapping) -> int:
    """Most events in a packet; they must share their tree.

    Raises:
        ScenarioError: several events a packet with a tree for every unit.
    """
    most = chip.packet.events_per_packet
    if most is None or int(most) == 1:
        return 1
    if mapping.keys != "core":
        raise ScenarioError("chip.packet.events_per_packet", f"is {int(most)}, but units have "
                            "multicast trees of their own", "mapping.keys: core")
    return int(most)


def _domains(chip: Chip, arrays: dict[str, Any], clocks: Clocks) -> dict[str, np.ndarray]:
    """Clock and arrival latency of every part."""
    counts = [arrays["n_routers"], arrays["n_cores"], arrays["n_ports"], arrays["n_sources"],
              arrays["n_hosts"], 1]
    router_cycles = int(chip.noc.pipeline_cycles) + int(chip.noc.sync_cycles)
    period = np.repeat([clocks.noc, clocks.core, 1, clocks.noc, clocks.host, 1], counts)
    cycles = np.repeat([router_cycles, int(chip.core.sync_cycles), 0, 0, 0, 0], counts)
    return {"clock_period": period.astype(np.int64), "ready_cycles": cycles.astype(np.int64),
            "clock_phase": np.zeros(len(period), np.int64)}


def _cores(network: Network, chip: Chip, mapping: Mapping, clocks: Clocks) -> dict[str, Any]:
    """Costs and queues of the cores; all cores are alike."""
    core, n = chip.core, len(mapping.slices)

    def job(key: str) -> int:
        return ticks.duration(f"chip.core.{key}", int(getattr(core, key)), clocks.core)

    event, marker = job("receive_cycles"), job("marker_cycles")
    by_kind = np.full(im.PACKET_KINDS, event, np.int64)
    by_kind[[im.MARKER, im.ACK]] = marker
    update = np.full(n, job("update_cycles"), np.int64)
    for c, s in enumerate(mapping.slices):
        layer = network.layers[s.layer]
        if layer.kind not in RECURRENT_KINDS:
            update[c] = update_cycles(layer, core, len(s.units)) * clocks.core
    return {
        "core_stage": np.array([1 + s.layer for s in mapping.slices], np.int64),
        "core_fifo": np.full(n, int(core.fifo_packets), np.int64),
        "core_policy": np.full(n, _POLICIES[core.fifo_policy], np.int64),
        "receive_ticks": np.tile(by_kind, (n, 1)),
        "send_ticks": np.full(n, job("send_cycles"), np.int64),
        "update_ticks": update,
        "wake_ticks": np.full(n, int(core.wake_cycles) * clocks.core, np.int64),
    }


def _discipline(network: Network, workload: Workload, chip: Chip, mapping: Mapping,
                sync: SyncPlan, clocks: Clocks, language: LanguagePlan) -> dict[str, Any]:
    """Supersteps, barrier and tick in ticks; the combinations that cannot work are refused."""
    layers, streams = len(network.layers), workload.streams
    if sync.kind == "dataflow":
        refuse_disorder(chip)
    if sync.kind == "dataflow" and chip.core.fifo_policy != "stall":
        raise ScenarioError(
            "sync", f"dataflow would wait forever for markers that a FIFO set to "
            f"{chip.core.fifo_policy} lost", "chip.core.fifo_policy stall, or barrier or tick")
    period = 1 if sync.order == "skewed" or sync.kind != "barrier" else layers
    waits = sync.closed_loop or (workload.rows is not None and bool((workload.rows < 0).any()))
    if waits and sync.kind != "dataflow":
        # A token enters when the one before of its stream is out.
        period = max(period, -(-(layers + 1) // streams))
    # Where the host decodes, it is one more stage behind the last layer.
    stages = layers + 1 + (language.decoder_on == "host")
    base = float(chip.sync.barrier_base_s) if sync.base_s is None else sync.base_s
    per = float(chip.sync.barrier_per_core_s) if sync.per_core_s is None else sync.per_core_s
    barrier = ticks.from_seconds(clocks.tick_hz, base + per * len(mapping.slices))
    report = ticks.from_seconds(clocks.tick_hz, float(chip.sync.report_s))
    if sync.kind == "barrier" and barrier < 1:
        raise ScenarioError("sync.base", "a barrier that takes no time makes a zero-time cycle",
                            "base + per_core * cores above 0")
    tick = ticks.from_seconds(clocks.tick_hz, sync.period_s)
    if sync.kind == "tick" and tick < 1:
        raise ScenarioError("sync.period", "is shorter than a tick of the simulation", "above 1 ps")
    return {
        "sync": _KINDS[sync.kind],
        "supersteps": (workload.steps - 1) * period + stages,
        "superstep_period": period,
        "tick_period": max(1, tick),
        "barrier_ticks": max(1, barrier),
        "report_ticks": max(1, report),
        "n_sums": streams + max(2, sync.buffers) - 1,
        "closed_loop": sync.closed_loop,
        # With run-ahead over many steps, finished ones must not wait behind later ones' packets.
        "finish_first": sync.kind == "dataflow" and streams > 1,
    }


def _no_traffic(n_routers: int, seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "traffic_log_miss": 0.0,
        "traffic_flits": 0,
        "traffic_dest_kind": 0,
        "traffic_dest": np.zeros(0, np.int64),
        "traffic_hot_fraction": 0.0,
        "traffic_warmup_tick": 0,
        "route_channel": np.zeros((n_routers, 0), np.int64),
        "route_vc": np.zeros((n_routers, 0), np.int64),
        **{name: np.zeros(0, np.int64) for name in (
            "route_other", "offer_ptr", "offer_tick", "offer_dest", "offer_length")},
    }


def lower_traffic(chip: Chip, pattern: Pattern, rate: float, packet_flits: int, cycles: int,
                  warmup: int, seed: int = 0, process: Process = "bernoulli",
                  file: Path | None = None) -> im.Image:
    """Synthetic traffic on a chip's NoC as an Image: one source and sink on every tile with cores.

    Args:
        rate: packets per node and NoC cycle, 0 < rate <= 1.
        process: ``bernoulli`` offers at the edges of the NoC's clock, at most one packet a cycle;
            ``poisson`` at any tick, which is a Bernoulli process so fine that gaps are
            exponential to one part in thousands.
        packet_flits: length of every packet.
        cycles, warmup: NoC cycles measured, and before them.
        file: the list of packets of pattern ``trace-file``; ``rate`` and ``process`` do not count.

    Raises:
        ScenarioError: a pattern that does not suit the tiles, a packet larger than a buffer, a
            bad list of packets.
    """
    clocks = lower_clocks(chip)
    traffic = traffic_fields(chip, pattern, rate, packet_flits, cycles, warmup, seed,
                             clocks.channels, process, file)
    traffic["n_ports"] = 0
    domains = _domains(chip, traffic, clocks)
    if process == "poisson":
        first = traffic["n_routers"]
        domains["clock_period"][first: first + traffic["n_sources"]] = 1
    fields: dict[str, Any] = {
        **_nothing_to_compute(),
        **without_decoder(),
        **no_memory(0),
        "packet_events": 1,
        **traffic,
        **domains,
        "tick_hz": clocks.tick_hz,
        "n_vcs": int(chip.noc.virtual_channels),
        "flit_bits": int(chip.noc.flit_bits),
    }
    return im.Image(**fields)


def _nothing_to_compute() -> dict[str, Any]:
    """Fields of an Image without cores, units and steps."""
    ints = np.zeros(0, np.int64)
    floats = np.zeros(0, np.float64)
    names = (
        "core_stage", "core_channel", "core_fifo", "core_policy", "send_ticks", "update_ticks",
        "wake_ticks", "marker_tree", "ack_tree", "result_tree", "core_results", "unit_kind",
        "unit_column", "unit_layer", "unit_tree", "unit_offset", "unit_levels", "unit_dram_bytes",
        "row_ticks", "row_class", "row_dram_bytes", "syn_target", "input_tree", "input_offset",
        "input_row", "br_channel", "br_vc", "br_next", "tree_root", "tree_copies", "tree_next")
    return {
        **dict.fromkeys(names, ints),
        **{name: np.zeros(1, np.int64) for name in ("unit_ptr", "row_ptr", "node_ptr")},
        **dict.fromkeys(("unit_threshold", "unit_reset", "unit_zoneout"), floats),
        "unit_always": np.zeros(0, bool),
        "unit_bias": np.zeros((0, im.SUMS_PER_UNIT)),
        "receive_ticks": np.zeros((0, im.PACKET_KINDS), np.int64),
        "n_markers": np.zeros((0, 2), np.int64),
        "n_acks": np.zeros((0, 2), np.int64),
        "replay": np.zeros((0, 0), np.float32),
        "lookup": np.zeros((0, 0), np.float32),
        "inputs": np.zeros((0, 0), np.float32),
        "syn_weight": np.zeros(0, np.float32),
        "steps": 0, "streams": 1, "n_layers": 0, "sync": im.SYNC_NONE, "supersteps": 0,
        "superstep_period": 1, "tick_period": 1, "barrier_ticks": 1, "report_ticks": 1,
        "n_sums": 2, "window": 0,
        "host_send_ticks": 1, "host_marker_tree": -1, "host_n_markers": 0, "host_n_acks": 0,
        "host_n_results": 0,
        "closed_loop": False, "finish_first": False, "output_units": 0, "output_columns": 0,
        "input_width": 0, "record_outputs": False, "record_host": False,
    }
