"""All that every record waited for, so that a run can be timed anew with other costs.

A record's cause is the condition met last; the others are put back here from the machine's rules:
the part's earlier job, the output's earlier grant, the input port's earlier read, room at the far
end, the step, every report of a barrier.  With the recorded costs the new times equal the old ones,
tick by tick; with others they predict a run in which everything keeps its order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain.order import paired, previous
from neurosim.explain.records import Records
from neurosim.explain.split import memory_transfer
from neurosim.explain.unusual import recorded_waits, unusual
from neurosim.image import Image

# What an edge's delay is made of.
(NOTHING, JOB, LATENCY, TAIL, READY, WHOLE, TRANSFER, CREDIT, LOCAL_BUSY, REPORT, BARRIER, PERIOD,
 CATCH_UP, ASK, SERVED, ANSWER, RECORDED) = range(17)


@dataclass(frozen=True)
class Graph:
    """Edges into every record: those of record i are ``ptr[i]`` .. ``ptr[i + 1]``.

    ``source`` is the record waited for and ``sort`` what lies between the two.
    """

    records: Records
    ptr: np.ndarray
    source: np.ndarray
    sort: np.ndarray

    @cached_property
    def target(self) -> np.ndarray:
        """[edges] the record that each edge leads to."""
        return np.repeat(np.arange(len(self.records), dtype=np.int32), np.diff(self.ptr))

    @cached_property
    def place(self) -> np.ndarray:
        """[edges] where what lies between a record and what it waited for takes place."""
        r, image = self.records, self.records.image
        target, source = self.target, self.source
        place = r.part[target].copy()
        first = image.sync_part + 1
        granted = np.isin(self.sort, (TAIL, TRANSFER))
        place[granted] = first + r.port[source[granted]]
        moved = self.sort == LATENCY
        place[moved] = first + image.in_channel[r.port[target[moved]]]
        waits = self.sort == CREDIT
        injection = first + image.injection_channel(r.part[target])
        channel = np.where(r.kind[target] == trace.GRANT, first + r.port[target], injection)
        place[waits] = channel[waits]
        place[np.isin(self.sort, (REPORT, BARRIER, PERIOD))] = image.sync_part
        answers = self.sort == ANSWER
        place[answers] = r.part[source[answers]]
        return place


class _Edges:
    def __init__(self) -> None:
        self.pieces: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, source: np.ndarray, target: np.ndarray, sort: int) -> None:
        keep = (source >= 0) & (source < target)
        self.pieces.append((source[keep].astype(np.int32), target[keep].astype(np.int32),
                            np.full(int(keep.sum()), sort, np.int8)))


def build(records: Records, image: Image | None = None) -> Graph:
    """The graph of a run; buffers hold what they do in ``image`` (default: the recorded one)."""
    edges = _Edges()
    _jobs(records, edges)
    _steps(records, edges)
    _memory(records, edges)
    _travel(records, edges)
    if unusual(records):
        waits = recorded_waits(records)
        edges.add(records.cause[waits], waits, RECORDED)
    else:
        _network(records, edges)
        _outputs(records, edges)
        _credits(records, image or records.image, edges)
    _barrier(records, edges)
    source, target, sort = (np.concatenate(column) for column in zip(*edges.pieces, strict=True))
    edges.pieces.clear()
    order = np.argsort(target, kind="stable").astype(np.int32)
    ptr = np.concatenate([[0], np.cumsum(np.bincount(target, minlength=len(records)))])
    return Graph(records, ptr, source[order], sort[order])


# --- edges


def _jobs(r: Records, edges: _Edges) -> None:
    """A job starts after the part's last one ended, and ends after its duration."""
    ended = previous(r.part, r.kind == trace.END)
    starts, ends = np.flatnonzero(r.kind == trace.START), np.flatnonzero(r.kind == trace.END)
    edges.add(ended[starts], starts, NOTHING)
    edges.add(r.cause[ends], ends, JOB)
    receives = starts[r.info[starts] == im.RECEIVE]
    edges.add(r.delivery[receives], receives, READY)
    updates = starts[r.info[starts] == im.UPDATE]
    edges.add(previous(r.part, r.kind == trace.STEP)[updates], updates, NOTHING)
    decodes = starts[r.info[starts] == im.DECODE]
    edges.add(previous(r.part, (r.kind == trace.SYNC))[decodes], decodes, NOTHING)
    if r.image.sync == im.SYNC_TICK:
        edges.add(r.cause[decodes], decodes, CATCH_UP)
    sends = starts[r.info[starts] == im.SEND]
    edges.add(_offer_of(r)[r.packet[sends]], sends, NOTHING)


def _memory(r: Records, edges: _Edges) -> None:
    """A request travels, waits for the transfer before, and its data for the job that uses it."""
    asks, serves, data = (np.flatnonzero(r.kind == kind)
                          for kind in (trace.REQUEST, trace.SERVE, trace.DATA))
    edges.add(r.cause[asks], asks, ASK)
    edges.add(*paired(asks, serves, r.part << 32 | r.port), NOTHING)
    edges.add(previous(r.part, r.kind == trace.SERVE)[serves], serves, SERVED)
    edges.add(r.cause[data], data, ANSWER)
    starts = np.flatnonzero((r.kind == trace.START) & (r.port == 1))
    for job, of_row in ((im.ACCUMULATE, True), (im.UPDATE, False)):
        came = data[(r.source[data] >= 0) == of_row]
        used = starts[r.info[starts] == job]
        edges.add(*paired(came, used, r.part), READY)


def _offer_of(r: Records) -> np.ndarray:
    result = np.full(len(r.packet_kind), -1, np.int64)
    made = np.flatnonzero(r.kind == trace.OFFER)
    result[r.packet[made]] = made
    return result


def _steps(r: Records, edges: _Edges) -> None:
    """A step begins after the part's earlier work, its release, and (host) what it awaits."""
    steps = np.flatnonzero(r.kind == trace.STEP)
    # A stage that overran several global ticks catches up with one of them a clock edge.
    edges.add(r.cause[steps], steps, CATCH_UP if r.image.sync == im.SYNC_TICK else NOTHING)
    edges.add(previous(r.part, r.kind == trace.END)[steps], steps, NOTHING)
    member = r.part != r.image.sync_part
    edges.add(previous(r.part, (r.kind == trace.SYNC) & member)[steps], steps, NOTHING)
    if r.image.decode != im.DECODE_NONE:
        _decisions(r, edges, steps[r.part[steps] == r.image.first_host])
    # Traffic sources offer whatever happens.
    offers = np.flatnonzero((r.kind == trace.OFFER) & ~r.at_source)
    edges.add(r.cause[offers], offers, NOTHING)
    if r.image.sync == im.SYNC_DATAFLOW:
        _host_waits(r, edges, steps[r.part[steps] == r.image.first_host])


def _host_waits(r: Records, edges: _Edges, steps: np.ndarray) -> None:
    """The host's step u waits for acknowledgements of step u - banks; in a closed loop also for
    the markers of the step before of its stream."""
    image = r.image
    waits = [(im.ACK, image.n_sums)] + (
        [(im.MARKER, image.streams)] if image.closed_loop else [])
    at = _by_step(r, steps)
    took = (r.part == image.first_host) & (r.kind == trace.DELIVER)
    for kind, behind in waits:
        index = np.flatnonzero(took & (r.info == kind))
        following = r.step[index] + behind
        inside = following < image.steps
        edges.add(index[inside], at[following[inside]], NOTHING)


def _decisions(r: Records, edges: _Edges, steps: np.ndarray) -> None:
    """The host decides a step after all its markers or results came; the next step of its stream
    may wait for that."""
    image = r.image
    host = r.part == image.first_host
    decode = host & (r.info == im.DECODE)
    started = _by_step(r, np.flatnonzero(decode & (r.kind == trace.START)))
    came = np.flatnonzero(host & (r.kind == trace.DELIVER)
                          & np.isin(r.info, (im.MARKER, im.RESULT)))
    edges.add(came, started[r.step[came]], NOTHING)
    entered = _by_step(r, steps)
    ends = np.flatnonzero(decode & (r.kind == trace.END))
    following = r.step[ends] + image.streams
    inside = following < image.steps
    waits = (image.input_row < 0) | image.closed_loop
    inside &= waits[np.minimum(following, image.steps - 1)]
    edges.add(ends[inside], entered[following[inside]], NOTHING)


def _by_step(r: Records, index: np.ndarray) -> np.ndarray:
    """[T] the record among ``index`` of each step, or -1."""
    at = np.full(r.image.steps, -1, np.int64)
    at[r.step[index]] = index
    return at


def _travel(r: Records, edges: _Edges) -> None:
    """A packet leaves, and crosses channels."""
    injects = np.flatnonzero(r.kind == trace.INJECT)
    network = injects[~r.at_source[injects]]
    edges.add(r.cause[network], network, NOTHING)
    arrives = np.flatnonzero(r.kind == trace.ARRIVE)
    edges.add(r.cause[arrives], arrives, LATENCY)


def _network(r: Records, edges: _Edges) -> None:
    """Where a packet comes from and goes to, and since when a router could pass it on."""
    sourced = np.flatnonzero((r.kind == trace.INJECT) & r.at_source)
    edges.add(_offer_of(r)[r.packet[sourced]], sourced, NOTHING)
    edges.add(previous(r.part, r.kind == trace.INJECT)[sourced], sourced, LOCAL_BUSY)
    ends = np.flatnonzero((r.kind == trace.DELIVER) | (r.kind == trace.DROPPED))
    edges.add(r.cause[ends], ends, TAIL)
    grants = np.flatnonzero(r.kind == trace.GRANT)
    edges.add(r.arrival[grants], grants, WHOLE)


def _outputs(r: Records, edges: _Edges) -> None:
    """A grant follows the output's last one, and the last read of its input port."""
    is_grant = r.kind == trace.GRANT
    grants = np.flatnonzero(is_grant)
    edges.add(previous(np.where(is_grant, r.port, -1), is_grant)[grants], grants, TRANSFER)
    # Reads of a port: one a copy, over when the longest transfer of its grants is.
    port = np.full(len(r), -1, np.int64)
    port[grants] = r.port[r.arrival[grants]]
    slowest, last = _branches(r, grants)
    head = np.flatnonzero(last >= 0)  # one record a copy: its arrival
    order = head[np.lexsort((last[head], r.port[head]))]
    same = r.port[order[1:]] == r.port[order[:-1]]
    before = np.full(len(r), -1, np.int64)
    before[order[1:][same]] = order[:-1][same]
    earlier = before[r.arrival[grants]]
    for ends in (slowest, last):
        edges.add(np.where(earlier >= 0, ends[earlier], -1), grants, TRANSFER)
    cause = r.cause[grants]
    read = (r.kind[cause] == trace.GRANT) & (r.part[cause] == r.part[grants])
    edges.add(cause[read], grants[read], TRANSFER)


def _branches(r: Records, grants: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[N] for each arrival the grant of its copy whose transfer ends last, and the last grant."""
    result = []
    for finish in (r.tick[grants] + r.transfer[grants], grants):
        order = grants[np.lexsort((grants, finish))]
        which = np.full(len(r), -1, np.int64)
        which[r.arrival[order]] = order  # the last assignment of an arrival stays
        result.append(which)
    return result[0], result[1]


def _credits(r: Records, image: Image, edges: _Edges) -> None:
    """Room at the far end: the k-th packet of a channel waits until enough earlier ones have left.

    Queues are first in, first out, so places free in the order in which they were taken.
    """
    grants = np.flatnonzero(r.kind == trace.GRANT)
    sends = np.flatnonzero(
        ((r.kind == trace.START) & (r.info == im.SEND)) | ((r.kind == trace.INJECT) & r.at_source))
    takes = np.sort(np.concatenate([grants, sends]))
    granted = r.kind[takes] == trace.GRANT
    channel = np.where(granted, r.port[takes],
                       image.injection_channel(r.part[takes]))
    vc = np.where(granted, r.info[takes], 0)
    bits = image.packet_bits[r.packet_kind[r.packet[takes]]]
    need = np.where(image.ch_port[channel] < 0, 1, -(-bits // image.flit_bits))
    leaves, last = _leaving(r, takes, channel, grants)
    queue = channel * image.n_vcs + vc
    order = np.argsort(queue, kind="stable")
    total = np.cumsum(need[order])
    starts = np.flatnonzero(np.diff(queue[order], prepend=-1))
    base = np.repeat(total[starts] - need[order][starts], np.diff([*starts, len(order)]))
    # Within the queue: the first packet whose departure leaves room for this one.
    wanted = total - image.ch_credits[channel[order]]
    limited = (image.ch_credits[channel[order]] >= 0) & (wanted > base)
    freeing = np.searchsorted(total, wanted[limited])
    taker, freed_by = takes[order[limited]], order[freeing]
    for ends in (leaves, last):
        edges.add(ends[freed_by], taker, CREDIT)


def _leaving(r: Records, takes: np.ndarray, channel: np.ndarray,
             grants: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each place taken the record that frees it: a router's last transfers of the copy, or
    the receive job at a core."""
    far = r.image.ch_part[channel]
    n_parts = r.image.sync_part + 1
    slowest, last = _branches(r, grants)
    arrives = np.flatnonzero(r.kind == trace.ARRIVE)
    receives = np.flatnonzero((r.kind == trace.START) & (r.info == im.RECEIVE))
    there = np.concatenate([arrives, receives])
    code = r.packet[there] * n_parts + r.part[there]
    order = np.argsort(code, kind="stable")
    wanted = r.packet[takes] * n_parts + far
    at = np.minimum(np.searchsorted(code[order], wanted), max(0, len(order) - 1))
    if not len(order):
        nothing = np.full(len(takes), -1, np.int64)
        return nothing, nothing
    found = np.where(code[order[at]] == wanted, there[order[at]], -1)
    arrived = (found >= 0) & (r.kind[found] == trace.ARRIVE)
    return (np.where(arrived, slowest[found], found), np.where(arrived, last[found], found))


def _barrier(r: Records, edges: _Edges) -> None:
    """A release follows every report since the one before; all members' are at once."""
    image = r.image
    syncs = np.flatnonzero(r.kind == trace.SYNC)
    if image.sync == im.SYNC_TICK:
        edges.add(r.cause[syncs], syncs, PERIOD)
    if image.sync != im.SYNC_BARRIER:
        return
    at_sync = r.part[syncs] == image.sync_part
    reports, releases = syncs[at_sync], syncs[~at_sync]
    edges.add(r.cause[reports], reports, REPORT)
    first = releases[r.part[releases] == image.first_core]
    superstep = np.full(image.supersteps + 1, -1, np.int64)
    superstep[r.info[first]] = first
    others = releases[r.part[releases] != image.first_core]
    edges.add(superstep[r.info[others]], others, NOTHING)
    # A report lands before the release that it lets happen, barrier_ticks earlier at least.
    following = np.searchsorted(r.tick[first], r.tick[reports], side="right")
    inside = following < len(first)
    target = first[following[inside]]
    seen = reports[inside] <= r.cause[target]
    edges.add(reports[inside][seen], target[seen], BARRIER)


def delays(graph: Graph, image: Image, job: np.ndarray) -> np.ndarray:
    """Ticks of every edge on ``image``; ``job`` [N] holds the duration of the job at its end."""
    r = graph.records
    result = np.zeros(len(graph.source), np.int64)
    transfer = r.transfer_in(image)

    def put(which: int, ticks: Callable[[np.ndarray, np.ndarray], Any]) -> None:
        """``ticks`` of what a record waited for (source) and the record (target)."""
        some = np.flatnonzero(graph.sort == which)
        result[some] = ticks(graph.source[some], graph.target[some])

    def ready(target: np.ndarray) -> np.ndarray:
        part = r.part[target]
        return image.ready_cycles[part] * image.clock_period[part]

    put(JOB, lambda _, target: job[target])
    put(READY, lambda _, target: ready(target))
    put(LATENCY, lambda _, target: image.ch_latency[image.in_channel[r.port[target]]])
    put(TAIL, lambda source, _: image.ch_latency[r.port[source]] + transfer[source]
        - image.ch_cycle[r.port[source]])
    put(WHOLE, lambda source, target: ready(target) + _store(r, image, source, transfer[target]))
    put(TRANSFER, lambda source, _: transfer[source])
    put(CREDIT, lambda source, target: _credit_delay(r, image, source, target, transfer))
    put(LOCAL_BUSY, lambda _, target: _source_transfer(image, r.part[target]))
    put(REPORT, lambda *_: image.report_ticks)
    put(BARRIER, lambda *_: image.barrier_ticks)
    put(PERIOD, lambda *_: image.tick_period)
    put(RECORDED, lambda source, target: r.tick[target] - r.tick[source])
    put(CATCH_UP, lambda source, target: np.maximum(
        0, (r.tick[target] - r.tick[source]) * image.tick_hz // r.image.tick_hz
        - image.clock_period[r.part[target]] + 1))
    put(ASK, lambda _, target: image.port_request_ticks[r.port[target] >> trace.REQUEST_BITS])
    put(SERVED, lambda source, _: memory_transfer(r, source, image))
    put(ANSWER, lambda source, target: memory_transfer(r, source, image)
        + image.port_latency_ticks[r.part[target] - image.first_core])
    return result


def _store(r: Records, image: Image, arrival: np.ndarray, transfer: np.ndarray) -> np.ndarray:
    """Ticks that a head waits for its tail, where the output is faster than the channel before."""
    arrives = r.kind[arrival] == trace.ARRIVE
    channel = image.in_channel[np.where(arrives, r.port[arrival], 0)]
    number = np.where(arrives, r.packet[arrival], 0)
    bits = image.packet_bits[r.packet_kind[number]] if len(r.packet_kind) else number
    came = -(-bits // image.ch_width[channel]) * image.ch_cycle[channel]
    return np.where(transfer < came, came - image.ch_cycle[channel], 0)


def _credit_delay(r: Records, image: Image, source: np.ndarray, target: np.ndarray,
                  transfer: np.ndarray) -> np.ndarray:
    """From a slot's last transfer (a core's receive job) to the credit's landing."""
    granted = r.kind[target] == trace.GRANT
    channel = np.where(granted, r.port[target],
                       image.injection_channel(np.maximum(r.part[target], image.n_routers)))
    channel = np.minimum(channel, len(image.ch_owner) - 1)
    return transfer[source] + image.ch_credit_delay[channel]


def _source_transfer(image: Image, part: np.ndarray) -> np.ndarray:
    channel = np.minimum(image.injection_channel(np.maximum(part, image.n_routers)),
                         len(image.ch_owner) - 1)
    bits = int(image.packet_bits[im.TRAFFIC])
    return -(-bits // image.ch_width[channel]) * image.ch_cycle[channel]
