"""What crosses from `lower` to the engines and back: integer and float arrays, nothing else.

An engine knows only an :class:`Image`; it returns :class:`Counters` and, when asked, a trace.  All
times are int64 ticks of ``1 / tick_hz`` seconds.  The meaning of every field is fixed in
docs/reference/machine-model.md.

Numbering.  Parts: routers, cores, memory ports, sources, hosts, synchroniser, in that order.
Channels: the
outputs of all routers (grouped by router, ascending), then one injection channel for every core,
source and host in part order.  Input ports are grouped by router.  Units are numbered core by
core.  Core i of an Image holds slice i of the mapping; the chip's other cores do not appear.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

# Packet kinds.
EVENT, MARKER, ACK, TRAFFIC, RESULT, CURRENT = 0, 1, 2, 3, 4, 5
PACKET_KINDS = 6
# Synchronisation disciplines.
SYNC_NONE, SYNC_BARRIER, SYNC_TICK, SYNC_DATAFLOW = 0, 1, 2, 3
# Input FIFO policies.
STALL, DROP, OVERWRITE = 0, 1, 2
# Jobs of a core; DECODE is the host's, which otherwise only SENDs.
RECEIVE, ACCUMULATE, SEND, UPDATE, DECODE = 0, 1, 2, 3, 4
JOBS = ("receive", "accumulate", "send", "update", "decode")
#: Jobs that cores do.
CORE_JOBS = 4
# Row classes: who feeds a synapse row.
ROW_INPUT, ROW_FORWARD, ROW_RECURRENT, ROW_DECODER, ROW_LOOKUP, ROW_CURRENT = 0, 1, 2, 3, 4, 5
ROW_CLASSES = 6
# Unit kinds.
UNIT_EGRU, UNIT_REPLAY, UNIT_LOOKUP, UNIT_LOGIT = 0, 1, 2, 3
# Where logits are computed.
DECODE_NONE, DECODE_HOST, DECODE_CHIP = 0, 1, 2
# How a token is chosen from them.
CHOOSE_GREEDY, CHOOSE_SAMPLE, CHOOSE_TOP_K = 0, 1, 2
# Destination patterns of traffic sources; DEST_LISTED: packets of `offer_...`.
DEST_FIXED, DEST_UNIFORM, DEST_HOTSPOT, DEST_LISTED = 0, 1, 2, 3
# Where packets wait in a router: in queues of its inputs, or of its outputs.
QUEUE_INPUT, QUEUE_OUTPUT = 0, 1
#: Credits that stand for a buffer without limit.
UNLIMITED = 1 << 40
#: Most lengths of listed packets.
LENGTHS = 3
#: Gate sums of an EGRU unit: z and r take both products; g keeps input and recurrence apart,
#: because the reset gate multiplies the recurrent product only.
SUM_Z, SUM_R, SUM_G_INPUT, SUM_G_RECURRENT = 0, 1, 2, 3
SUMS_PER_UNIT = 4
#: Latency histogram of traffic: bins of `histogram_ticks`, the last one open.
HISTOGRAM_BINS = 1 << 15
BATCHES = 32


@dataclass(frozen=True)
class Image:
    """A scenario lowered to arrays.  Index names: P parts, R routers, C cores, M memory ports,
    S sources, H hosts, O router outputs, Q channels (O + C + S + H), I input ports, N tree nodes,
    B branches, U units, W rows, Y synapses, T steps of all streams, L layers, V words."""

    # --- counts and clocks
    tick_hz: int
    n_routers: int
    n_cores: int
    n_ports: int
    n_sources: int
    n_hosts: int
    n_vcs: int
    flit_bits: int
    clock_period: np.ndarray  # [P] ticks
    clock_phase: np.ndarray  # [P] ticks
    ready_cycles: np.ndarray  # [P] own cycles from the edge at or after arrival to first use
    # --- network on chip
    out_ptr: np.ndarray  # [R+1] channels of router r: out_ptr[r] .. out_ptr[r+1]
    in_ptr: np.ndarray  # [R+1] input ports of router r
    in_channel: np.ndarray  # [I] the channel that feeds the port
    ch_owner: np.ndarray  # [Q] part that sends on it
    ch_port: np.ndarray  # [Q] input port it feeds, or -1: it ends at an endpoint
    ch_part: np.ndarray  # [Q] part at its far end
    ch_latency: np.ndarray  # [Q] ticks from grant to the head's arrival
    ch_cycle: np.ndarray  # [Q] ticks per transfer of ch_width bits
    ch_width: np.ndarray  # [Q] bits per ch_cycle
    ch_credits: np.ndarray  # [Q] far room per VC: flits (port), packets (endpoint); -1: any
    ch_credit_delay: np.ndarray  # [Q] ticks from a freed slot to the credit's landing, >= 0
    # --- routes
    node_ptr: np.ndarray  # [N+1] branches of a tree node
    br_channel: np.ndarray  # [B] channel to take
    br_vc: np.ndarray  # [B] virtual channel on it
    br_next: np.ndarray  # [B] node at the next router, or the endpoint's base (row, column, code)
    tree_root: np.ndarray  # [trees] node at the sender's router
    tree_copies: np.ndarray  # [trees] endpoint deliveries
    route_channel: np.ndarray  # [R, S] channel towards source-sink s (traffic), else empty
    route_vc: np.ndarray  # [R, S]
    route_other: np.ndarray  # [R, S] another channel that is allowed, or -1; [R, 0]: none anywhere
    tree_next: np.ndarray  # [trees] tree of the same packet's next copy (unicast), or -1
    # --- routers
    queueing: int  # QUEUE_INPUT or QUEUE_OUTPUT
    vc_step: int  # 0: routes name the VC; k: on links any VC congruent to theirs modulo k
    blocked_ticks: int  # a head waits so long before it may take its detour; 0: for ever
    detour_ticks: int  # and so long more before it is dropped
    ch_detour: np.ndarray  # [O] first channel of the way round a blocked link, or -1; [0]: none
    ch_detour_on: np.ndarray  # [O] second channel of it, at the next router
    reinject_packets: int  # places of a router's re-injection queue
    reinject_ticks: int  # software time of one re-injection
    packet_bits: np.ndarray  # [PACKET_KINDS] by packet kind
    packet_events: int  # most events in an event packet
    # --- steps
    steps: int
    streams: int  # S interleaved sequences: step u is step u // S of stream u % S
    n_layers: int
    sync: int
    supersteps: int
    superstep_period: int  # supersteps between two tokens of one stage
    tick_period: int
    barrier_ticks: int
    report_ticks: int
    n_sums: int  # banks of gate sums (nbuf)
    window: int
    end_tick: int  # stop here whatever is in flight; -1: run until done
    # --- cores
    finish_first: bool  # sends and updates come before receptions
    core_stage: np.ndarray  # [C] 1 + layer
    core_channel: np.ndarray  # [C] router output that delivers to the core
    core_fifo: np.ndarray  # [C] packets
    core_policy: np.ndarray  # [C]
    receive_ticks: np.ndarray  # [C, PACKET_KINDS]
    send_ticks: np.ndarray  # [C]
    update_ticks: np.ndarray  # [C]
    wake_ticks: np.ndarray  # [C]
    marker_tree: np.ndarray  # [C] or -1
    ack_tree: np.ndarray  # [C] or -1
    n_markers: np.ndarray  # [C, 2] sources whose markers complete a step, by delay
    n_acks: np.ndarray  # [C, 2] receivers that acknowledge, by delay (0 forward, 1 recurrent)
    # --- memory ports
    core_port: np.ndarray  # [C] number of the core's port, or -1
    core_fetches: np.ndarray  # [C] rows (and, apart, units) fetched and not worked off, at most
    port_request_ticks: np.ndarray  # [C] from a core's request to its arrival at the port
    port_latency_ticks: np.ndarray  # [C] from the end of the port's transfer to DATA at the core
    port_burst_bytes: np.ndarray  # [M] what is read at once
    port_burst_ticks: np.ndarray  # [M] transfer of a burst
    # --- units, core by core
    unit_ptr: np.ndarray  # [C+1]
    unit_kind: np.ndarray  # [U]
    unit_column: np.ndarray  # [U] column in recorded outputs; of look-ups and logits: unit of layer
    unit_layer: np.ndarray  # [U]
    unit_tree: np.ndarray  # [U] or -1: no destination
    unit_offset: np.ndarray  # [U] index within its core's slice, added to the endpoint's base
    unit_bias: np.ndarray  # [U, 4] float64, by gate sum
    unit_threshold: np.ndarray  # [U] float64, firing
    unit_reset: np.ndarray  # [U] float64, subtracted from c when fired
    unit_zoneout: np.ndarray  # [U] float64
    unit_always: np.ndarray  # [U] fire always
    unit_levels: np.ndarray  # [U] levels that an output is rounded to; 0: float32
    unit_dram_bytes: np.ndarray  # [U] bytes that an update first needs from DRAM; 0: none
    replay: np.ndarray  # [rows, columns] float32, or [0, 0]
    lookup: np.ndarray  # [V, units of the lookup layer] float32, or [0, 0]
    output_columns: int  # units of all recurrent layers, side by side in recorded outputs
    # --- synapse tables, all cores one after the other
    row_ptr: np.ndarray  # [W+1]
    row_ticks: np.ndarray  # [W] accumulate job
    row_class: np.ndarray  # [W]
    row_dram_bytes: np.ndarray  # [W] bytes to fetch from DRAM; 0: the row is in local memory
    syn_target: np.ndarray  # [Y] gate sum: 4 * unit + gate
    syn_weight: np.ndarray  # [Y] float32
    # --- host
    host_send_ticks: int
    input_row: np.ndarray  # [T] row of inputs that enters; -1: the token that step u - S chose
    host_marker_tree: int
    host_n_markers: int
    host_n_acks: int
    closed_loop: bool
    input_tree: np.ndarray  # [input packets] or -1
    input_offset: np.ndarray  # [input packets]
    inputs: np.ndarray  # [rows, input packets x values in each] float32
    input_width: int  # values in a packet of input currents; 0: packets are events of one value
    output_units: int  # units whose events the host receives: of the last layer
    record_outputs: bool
    record_host: bool
    # --- decoder
    decode: int
    decoder_weight: np.ndarray  # [V, output_units] float32 (DECODE_HOST), or [0, 0]
    decoder_bias: np.ndarray  # [V] float64 (DECODE_HOST), or [0]
    decoder_levels: int  # levels that values are rounded to where they enter a logit; 0: none
    vocabulary: int
    decode_base_ticks: int  # job of the host a step: its decoder, or its choice among results
    decode_event_ticks: int  # and for every event of the step
    choice: int
    candidates: int  # words that every part of the vocabulary offers (k of CHOOSE_TOP_K, else 1)
    temperature: float
    choice_seed: int
    result_tree: np.ndarray  # [C] to the core's parent in the tree of results, or -1
    core_results: np.ndarray  # [C] results a step from the core's children
    host_n_results: int  # results a step at the host
    record_logits: bool
    # --- traffic sources
    seed: int
    traffic_log_miss: float  # log(1 - rate), rate in packets per cycle; 0.0: none
    traffic_flits: int
    traffic_dest_kind: int
    traffic_dest: np.ndarray  # [S] fixed destination, or hotspot
    traffic_hot_fraction: float
    traffic_warmup_tick: int
    histogram_ticks: int  # width of a bin of latencies
    length_bits: np.ndarray  # [LENGTHS - 1] bits of listed packets of length class 1, 2, ...
    offer_ptr: np.ndarray  # [S+1] listed packets of each source, by tick; [0]: none
    offer_tick: np.ndarray  # [P]
    offer_dest: np.ndarray  # [P]
    offer_length: np.ndarray  # [P] length class; 0: packet_bits[TRAFFIC]

    @property
    def first_core(self) -> int:
        return self.n_routers

    @property
    def first_port(self) -> int:
        """The first memory port; cores are ``first_core .. first_port - 1``."""
        return self.n_routers + self.n_cores

    @property
    def first_source(self) -> int:
        return self.first_port + self.n_ports

    @property
    def first_host(self) -> int:
        return self.first_source + self.n_sources

    @property
    def sync_part(self) -> int:
        return self.first_host + self.n_hosts

    @property
    def n_outputs(self) -> int:
        """Router outputs; higher channel numbers are injection channels."""
        return int(self.out_ptr[-1])

    def injection_channel(self, part: Any) -> Any:
        """Channel on which a core, source or host injects; of one part or an array of them."""
        behind = self.n_ports * (part >= self.first_source)
        return self.n_outputs + part - self.n_routers - behind


@dataclass
class Counters:
    """What an engine counted.  All int64 but the two float32 records."""

    end_tick: int
    ch_packets: np.ndarray  # [O] copies granted
    ch_bits: np.ndarray  # [O]
    ch_busy: np.ndarray  # [O] ticks
    offered: np.ndarray  # [PACKET_KINDS] packets
    copies: np.ndarray  # [PACKET_KINDS] endpoint copies that those packets owe
    delivered: np.ndarray  # [PACKET_KINDS] copies taken in at endpoints
    dropped: np.ndarray  # [PACKET_KINDS] copies lost at full FIFOs
    in_flight: int  # copies owed but neither delivered nor dropped at the end
    packed_events: int  # events that travelled in another event's packet
    job_count: np.ndarray  # [C, CORE_JOBS]
    job_ticks: np.ndarray  # [C, CORE_JOBS], wake included
    stalled_ticks: np.ndarray  # [C] only a send without credit to do
    waiting_ticks: np.ndarray  # [C] only work to do whose data is on its way from DRAM
    wakes: np.ndarray  # [C]
    fifo_max: np.ndarray  # [C] packets
    core_dropped: np.ndarray  # [C]
    synaptic_ops: np.ndarray  # [C, ROW_CLASSES]
    layer_events: np.ndarray  # [L] units fired
    layer_updates: np.ndarray  # [L]
    router_waits: np.ndarray  # [R] heads that waited blocked_ticks
    router_detours: np.ndarray  # [R] branches granted the way round a blocked link
    router_dropped: np.ndarray  # [R] packets taken out after that
    router_reinjected: np.ndarray  # [R] of these, put into the re-injection queue
    late_cores: int
    late_events: int
    step_offer: np.ndarray  # [T] first OFFER at the host
    step_deliver: np.ndarray  # [T] last DELIVER at the host, or -1
    step_layer: np.ndarray  # [T, L] last update of the layer
    host_sent: int
    host_decode_ticks: int  # the host was busy with decoding and choosing
    chosen: np.ndarray  # [T] token chosen from the step's logits, or -1
    step_decided: np.ndarray  # [T] tick at which it was, or -1
    outputs: np.ndarray  # [T, columns] float32, or [0, 0]
    host_values: np.ndarray  # [T, output_units] float32, or [0, 0]
    logits: np.ndarray  # [T, V] float32, or [0, 0]
    # memory ports
    port_requests: np.ndarray  # [M] requests that arrived
    fetched_bytes: np.ndarray  # [C] bytes asked for, of requests whose transfer began
    port_busy: np.ndarray  # [M] ticks of their transfers
    port_wait: np.ndarray  # [M] ticks from their arrivals to their transfers
    # traffic, measured on packets delivered at or after the warm-up
    source_offered: np.ndarray  # [S] offered at or after the warm-up
    sink_delivered: np.ndarray  # [S]
    latency_sum: np.ndarray  # [BATCHES] ticks, by time of delivery
    latency_count: np.ndarray  # [BATCHES]
    latency_histogram: np.ndarray  # [HISTOGRAM_BINS]

    @staticmethod
    def empty(image: Image) -> Counters:
        """All zeros, shaped for ``image``."""

        def zeros(*shape: int) -> np.ndarray:
            return np.zeros(shape, np.int64)

        cores, outs, steps, layers = image.n_cores, image.n_outputs, image.steps, image.n_layers
        return Counters(
            end_tick=0,
            ch_packets=zeros(outs),
            ch_bits=zeros(outs),
            ch_busy=zeros(outs),
            offered=zeros(PACKET_KINDS),
            copies=zeros(PACKET_KINDS),
            delivered=zeros(PACKET_KINDS),
            dropped=zeros(PACKET_KINDS),
            in_flight=0,
            packed_events=0,
            job_count=zeros(cores, CORE_JOBS),
            job_ticks=zeros(cores, CORE_JOBS),
            stalled_ticks=zeros(cores),
            waiting_ticks=zeros(cores),
            wakes=zeros(cores),
            fifo_max=zeros(cores),
            core_dropped=zeros(cores),
            synaptic_ops=zeros(cores, ROW_CLASSES),
            layer_events=zeros(layers),
            layer_updates=zeros(layers),
            router_waits=zeros(image.n_routers),
            router_detours=zeros(image.n_routers),
            router_dropped=zeros(image.n_routers),
            router_reinjected=zeros(image.n_routers),
            late_cores=0,
            late_events=0,
            step_offer=np.full(steps, -1, np.int64),
            step_deliver=np.full(steps, -1, np.int64),
            step_layer=np.full((steps, layers), -1, np.int64),
            host_sent=0,
            host_decode_ticks=0,
            chosen=np.full(steps, -1, np.int64),
            step_decided=np.full(steps, -1, np.int64),
            outputs=np.zeros(
                (steps, image.output_columns) if image.record_outputs else (0, 0), np.float32
            ),
            host_values=np.zeros(
                (steps, image.output_units) if image.record_host else (0, 0), np.float32
            ),
            logits=np.zeros((steps, image.vocabulary) if image.record_logits else (0, 0),
                            np.float32),
            port_requests=zeros(image.n_ports),
            fetched_bytes=zeros(cores),
            port_busy=zeros(image.n_ports),
            port_wait=zeros(image.n_ports),
            source_offered=zeros(image.n_sources),
            sink_delivered=zeros(image.n_sources),
            latency_sum=zeros(BATCHES),
            latency_count=zeros(BATCHES),
            latency_histogram=zeros(HISTOGRAM_BINS),
        )


def node_copies(image: Image) -> np.ndarray:
    """[N] endpoint copies that leave a tree at each node and beyond."""
    copies = np.zeros(max(0, len(image.node_ptr) - 1), np.int64)
    on_link = image.ch_port[image.br_channel] >= 0
    for node in range(len(copies) - 1, -1, -1):  # children have higher numbers
        of = slice(int(image.node_ptr[node]), int(image.node_ptr[node + 1]))
        beyond = image.br_next[of][on_link[of]]
        copies[node] = copies[beyond].sum() + (~on_link[of]).sum()
    return copies


def first_counter_difference(a: Counters, b: Counters) -> str | None:
    """Name and values of the first counter in which two runs differ, or None."""
    for field in fields(Counters):
        x, y = np.asarray(getattr(a, field.name)), np.asarray(getattr(b, field.name))
        if x.shape != y.shape:
            return f"{field.name}: shape {x.shape} != {y.shape}"
        if not np.array_equal(x, y):
            x, y = np.atleast_1d(x), np.atleast_1d(y)
            where = tuple(int(i) for i in np.argwhere(x != y)[0])
            return f"{field.name}{list(where)}: {x[where]} != {y[where]}"
    return None
