"""Where everything lies: one array of int64 words holds the whole state of the machine.

A table has a first word (a field of :class:`Tables`) and entries of equal length; ``X_FIELD``
names a word within an entry.  One array, constant distances: the compiled loop keeps a single
address in a register, and what an entry needs lies in one or two cache lines.

Times here are in *grid ticks*: the image's ticks divided by the greatest common divisor of every
clock period and duration but the synchroniser's (``Tables.grid``).  Words that hold exact ticks
instead say so.  Keys of trace records (pairs of words, tick and rank) have exact ticks and are
written only when tracing.
"""

from __future__ import annotations

from typing import NamedTuple

#: Later than everything.
NEVER = 1 << 60
NONE = -1

# --- header: words of the machine as a whole
(H_NOW, H_NEXT, H_FREE, H_FREE_CELLS, H_END, H_OVERFLOW, H_LAST, H_RECORDS, H_LATE_CORES,
 H_LATE_EVENTS, H_HOST_SENT, H_BROKEN, H_DECIDED, H_ARRIVED, H_DEFERRED,
 H_DECODE_TICKS, H_PACKED) = range(17)
#: Counts by packet kind, eight words each.
H_OFFERED, H_COPIES, H_DELIVERED, H_DROPPED = 64, 72, 80, 88
#: Exact tick before which no more records come (traces).
H_BEFORE = 27
#: Synchroniser: superstep, sum of balances, members that reported, key of the last report;
#: release on its way: exact tick (or NEVER), key of its cause; reports on their way: first, count.
(Y_SUPERSTEP, Y_BALANCE, Y_HAVE, Y_LAST, Y_LAST_RANK, Y_RELEASE, Y_CAUSE, Y_CAUSE_RANK, Y_FIRST,
 Y_COUNT, Y_TIMER, Y_TIMER_NUMBER) = range(28, 40)
HEADER = 96

# --- channel: an output of a router, or an injection channel
(C_BUSY, C_POINTER, C_QUEUE, C_LATENCY) = range(4)
#: By packet kind, then by length class of listed packets from 1 on ("size"):
#: (ticks on the channel << COST_TICKS) | credits that a packet takes.
C_COST = 4
COST_TICKS, COST_NEED = 24, (1 << 24) - 1
# Only where a copy ends, or when somebody waits.
C_FAR, C_CYCLE, C_OWNER = 12, 13, 14
CHANNEL = 16

# --- credit: room at the far end of a channel, by virtual channel; K_HAVE < 0: any
#: K_RING, K_MASK: ring of the credits on their way; K_FIRST, K_COUNT: those of it.
(K_HAVE, K_WAITED, K_FIRST, K_COUNT, K_RING, K_MASK, K_DELAY, K_WORTH, K_AT, K_KEY,
 K_KEY_RANK) = range(11)
CREDIT = 16
#: A credit on its way: tick, amount, key, rank of key.
RING = 4

# --- input queue of a router: port and virtual channel.  Q_READ: the port's first queue, whose
# Q_FREE, Q_READER and Q_KEY are the port's: one read at a time.
(Q_HEAD, Q_TAIL, Q_ROUTER, Q_SLOT, Q_CHANNEL, Q_READ, Q_FREE, Q_READER, Q_LEFT, Q_FREED, Q_KEY,
 Q_KEY_RANK, Q_PORT) = range(13)
QUEUE = 16
# --- router
(R_ACTIVE, R_QUEUE, R_SLOTS, R_OUT, R_PERIOD, R_PHASE, R_READY, R_OUTPUTS) = range(8)
ROUTER = 8

# --- cell: one copy of a packet, wherever it is
(E_NEXT, E_READY, E_NODE, E_OUT, E_VC, E_META, E_OFFSET, E_VALUE, E_WHOLE, E_INCOMING, E_ARRIVED,
 E_SOURCE, E_SEQUENCE, E_QUEUED, E_KEY, E_KEY_RANK) = range(16)
#: A packet of several events has -2 - (first cell of its bundle) as its offset.  A bundle is a
#: chain of cells with an offset and a value each; E_READY of its first counts the packet's copies.
#: In a send queue E_OUT holds the copies that the packet owes.
#: A row to accumulate: its number in E_NODE, bank in E_VC; E_READY: from when (NEVER: not known);
#: E_LAST: it is the last of its packet; E_INCOMING: it still has to be asked for.
E_LAST = E_OUT
#: Traffic carries the tick of its offer instead of a value, and its length class.
E_OFFERED, E_LENGTH = E_VALUE, E_OFFSET
#: In a router that does not wait for ever: first tick as a readable head or NONE, whether it has
#: waited blocked_ticks, branches left of a re-injected copy.
E_SINCE, E_COUNTED, E_SAVED = E_QUEUED, E_KEY, E_KEY_RANK
#: In the queue of an output: the cell before, the input's slot (in E_OUT), the cell that counts the
#: branches left of the copy or NONE.
E_BEFORE, E_HOLDER = E_QUEUED, E_KEY
#: In that cell: branches left, tick at which the last one's tail leaves.
E_BRANCHES, E_FREED = E_NODE, E_READY
CELL = 16

# --- stage: a core or a host
# What every reception needs comes first, in four cache lines.
(S_JOB, S_JOB_END, S_JOB_CELL, S_ROW, S_BANK, S_FETCHED, S_FIFO, S_COMING,
 S_TAIL_CELL, S_LANDED_CELL, S_FIFO_COUNT, S_FIFO_MAX, S_POLICY, S_DEPTH, S_PERIOD, S_PHASE,
 S_READY, S_IDLE, S_REPORTED, S_BALANCE, S_ASLEEP, S_STALLED, S_DELIVERS, S_PART) = range(24)
S_RECEIVE = 24  # receive ticks by packet kind
S_UNIT, S_END_UNIT = 30, 31
S_JOB_COUNT = 32
S_JOB_TICKS = 36
(S_BEGUN, S_SUPERSTEP, S_TICKED, S_SYNC_AT, S_SYNC_KEY, S_SYNC_RANK, S_LAST, S_LAST_RANK, S_TAIL,
 S_SEQUENCE, S_CHANNEL, S_STAGE, S_FIRST_UNIT, S_STEP_AT, S_STEP_KEY, S_STEP_RANK, S_SEND,
 S_UPDATE, S_WAKE, S_MARKER_TREE, S_ACK_TREE, S_N_MARKERS, S_DROPPED, S_STALLED_TICKS, S_WAKES,
 S_START, S_START_RANK, S_LATCHED) = range(40, 68)
S_N_ACKS = 68  # receivers that acknowledge, by delay
S_HEAD, S_RESULT_TREE = 70, 71
S_SYNAPTIC = 72  # by row class
S_CHILDREN, S_SENT = 78, 79  # results expected a step; steps whose results have left
#: Rows to accumulate from S_FETCHED on: how many (where cores fetch), the last, and how many stop
#: receiving.
#: S_PORT: the memory port's entry (-1: none); S_ASKED: requests so far; times to and from the port
#: in exact ticks.  Units' data: the next unit to ask for, and of S_DATA's ring the first and count.
#: S_PLAIN: one row at a time, all in local memory.  S_ON_DATA: the next job to start is on data
#: from DRAM (traces).
(S_ROWS, S_LAST_ROW, S_FETCHES, S_WAITING, S_WAITING_TICKS, S_PORT, S_REQUEST, S_LATENCY, S_ASKED,
 S_ASK_UNIT, S_DATA, S_DATA_FIRST, S_DATA_COUNT, S_PLAIN, S_ON_DATA,
 S_FETCHED_BYTES) = range(80, 96)
STAGE = 96

# --- candidates of a decoder core, by bank: children's results received, own words updated, list
B_RECEIVED, B_UPDATED, B_LIST = range(3)

# --- traffic source and sink; X_OFFERED, X_DEST: of the first packet not yet injected
(X_DRAWS, X_OFFERED, X_DEST, X_SEQUENCE, X_BUSY, X_BUSY_KEY, X_BUSY_RANK, X_CHANNEL, X_PERIOD,
 X_PHASE, X_COUNTED, X_DELIVERED, X_FIXED, X_LENGTH) = range(14)
#: Listed packets: X_DRAWS is the next one, X_FIXED the one after the source's last.
SOURCE = 16
#: The offer that comes next in the trace, whose source may have many to inject before it: its words
#: X_DRAWS, X_OFFERED and X_DEST, its number, the key of the record before it (its tick
#: and port); whether anything was drawn yet.
O_SEQUENCE, O_KEY, O_PORT, O_DRAWN = 3, 4, 5, 6
OFFERS = 8

# --- memory port: when it is free (exact tick) and by which record; requests waiting in a ring by
# (arrival, core), first and count; its burst; what it served
(P_FREE, P_KEY, P_KEY_RANK, P_FIRST, P_COUNT, P_RING, P_MASK, P_BURST, P_TICKS, P_PART, P_SERVED,
 P_BUSY, P_WAIT) = range(13)
PORT = 16
#: A request: exact tick of its arrival, stage, bytes, target (a row's cell, or -2 - an entry of
#: S_DATA), step, key of its record.
(A_ARRIVAL, A_STAGE, A_BYTES, A_TARGET, A_STEP, A_RECORD, A_RECORD_RANK) = range(7)
REQUEST = 8
#: Data of a unit, fetched: ready (NEVER: not known), key, its rank.
DATUM = 4

#: A branch of a tree packs (next << 15) | (last of its node << 14) | (virtual channel << 6) |
#: output of the router; a node is the number of its first branch.
BRANCH_NEXT, BRANCH_LAST, BRANCH_VC = 15, 14, 6
#: Most virtual channels: an entry of the routes of traffic is (virtual channel << 6) | output.
MOST_VCS = 4
#: No second output of an adaptive route.
NO_OTHER = 255
#: Router programs: what most machines need, all that input queues can do, queues at outputs.
PLAIN, GENERAL, OUTPUT_QUEUES = 0, 1, 2
#: In E_OUT: more than one branch; not looked up yet (memory is slow, so that comes later).
FORK, UNKNOWN = -1, -2
#: Words of a router's counts.
(N_WAITS, N_DETOURS, N_DROPPED, N_REINJECTED, N_SERVED, N_QUEUED) = range(6)
COUNTS = 8
#: A report on its way: exact tick, member, superstep, balance, key of its cause.
REPORT = 6
#: Most inputs, outputs or branches of a router: they are bits of one word.
MOST = 62

# --- how `advance` comes back
DONE, AGAIN, MORE_CELLS, MORE_RECORDS, MORE_REPORTS = range(5)


class Tables(NamedTuple):
    """First words of the tables, and constants of the run."""

    channel: int
    credit: int
    ring: int
    queue: int
    router: int
    flits: int  # by size
    requests: int  # scratch: inputs that request each output of the deciding router
    detours: int  # scratch: inputs that may take each output as a detour
    snapshot: int  # scratch: head of each input queue when the decision began
    detour_of: int  # by channel: first channel of the way round, second, or NONE
    below: int  # by first branch of a node: endpoint copies from there on
    first_out: int  # by router: its first channel
    out_queue: int  # by channel and virtual channel: first and last cell of an output's queue
    router_counts: int  # by router: waits, detours, dropped, re-injected; busy and queued software
    tree_next: int  # by tree
    grant_key: int  # tick of the last grant, by channel (traces)
    granted: int  # packets granted, by channel and size
    stage: int
    port: int
    request: int  # rings of requests
    datum: int  # rings of units' data
    acks: int
    markers: int
    have: int  # by stage: reported this superstep
    source: int
    offers: int  # by source: the next to be recorded
    branch: int
    root: int
    copies: int
    sums: int
    clock: int  # period and phase of every part
    wheel: int
    occupied: int  # slots of the wheel with a bit
    batch: int  # latency sums, then counts
    histogram: int
    host_received: int  # markers by step
    host_count: int  # results by step
    host_events: int  # events by step
    host_done: int  # by step: exact tick at which all was in, key of the record
    host_best: int  # list of candidates of the step being decided
    entering: int  # columns and values of the events that enter its logits
    step_row: int  # row of inputs that entered on each step
    best: int  # candidates of decoder cores
    step_offer: int
    step_deliver: int
    step_layer: int
    layer_events: int
    layer_updates: int
    scratch: int  # a cell to write records from
    report: int
    cell: int  # last: grows
    # --- constants
    grid: int
    program: int  # PLAIN, GENERAL or OUTPUT_QUEUES
    vc_step: int
    adaptive: int
    blocked: int  # ticks; 0: heads wait for ever
    detour: int
    reinject_places: int
    reinject: int
    n_queues: int  # of all input ports; the re-injection queues follow
    lengths: int  # listed packets of more than one length
    listed: int
    unicast: int
    bin: int  # width of a bin of latencies
    n_vcs: int
    words: int  # of a slot: a bit for every part
    wheel_mask: int
    n_routers: int
    first_port: int
    first_source: int
    first_host: int
    sync_part: int
    packet_events: int
    fetching: int  # some core fetches from DRAM, or may have several rows waiting
    n_sums: int
    sum_bank: int
    widest_period: int
    far: int  # the state is larger than the caches: ask for the next router's early
    mixed: int  # channels differ in speed: store and forward may happen
    careful: int  # jobs one by one, every end at its own tick
    records: int  # room for trace records
    reports: int  # room for reports
    cell_margin: int  # most cells, records and reports that one tick can take
    record_margin: int
    report_margin: int
    sync: int
    steps: int
    supersteps: int
    superstep_period: int
    barrier: int  # exact ticks
    report_delay: int  # exact ticks
    tick_period: int  # exact ticks
    end_tick: int  # exact, or NEVER
    n_layers: int
    window: int
    streams: int
    finish_first: int
    closed_loop: int
    host_markers: int
    host_marker_tree: int
    n_inputs: int
    input_width: int
    input_columns: int
    n_units: int
    columns: int
    lookup_rows: int
    lookup_columns: int
    decode: int
    decode_base: int
    decode_event: int
    decoder_levels: int
    vocabulary: int
    choice: int
    choice_seed: int
    candidates: int
    best_entry: int
    host_results: int
    record_logits: int
    output_units: int
    replay_rows: int
    record_outputs: int
    record_host: int
    warmup: int  # exact
    batch_span: int
    seed: int
    dest_kind: int
    n_sources: int
    log_miss: float
    hot_fraction: float
    temperature: float
