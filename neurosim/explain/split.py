"""The gap between a record and its cause, as named parts that add up to it exactly.

A gap has at most three parts, in time order.  What the machine's costs explain gets their name; the
rest is a wait for a clock edge, and stays shorter than the clock's period.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain import parts
from neurosim.explain.records import Records
from neurosim.image import Image

#: Most parts of one gap.
MOST = 3


@dataclass(frozen=True)
class Gaps:
    """Parts of n gaps.  ``part`` [n, 3] names them (``parts.NAMES``), ``ticks`` [n, 3] >= 0 sum to
    the gap; ``place`` [n] is where: a part of the machine, or its number of parts + a channel;
    ``since`` [n] is the tick at which the gap begins."""

    part: np.ndarray
    ticks: np.ndarray
    place: np.ndarray
    since: np.ndarray


class _Split:
    """Gaps being filled: every rule claims some of them by a mask."""

    def __init__(self, records: Records, index: np.ndarray, cause: np.ndarray, tick: np.ndarray,
                 image: Image) -> None:
        self.records, self.image = records, image
        self.index, self.cause = index, cause[index]
        r = records
        # What has no cause begins with the run.
        self.since = np.where(self.cause >= 0, tick[self.cause], 0)
        self.gap = tick[index] - self.since
        self.kind, self.of = r.kind[index], r.kind[self.cause]
        self.here, self.there = r.part[index], r.part[self.cause]
        self.part = np.full((len(index), MOST), parts.EDGE, np.int64)
        self.ticks = np.zeros((len(index), MOST), np.int64)
        self.place = self.here.copy()
        self.host = (self.here >= image.first_host) & (self.here < image.sync_part)
        #: A router's place became free: a copy went on, or was dropped.
        self.freed = ((self.of == trace.GRANT) | (self.of == trace.DROPPED)) \
            & (self.there < image.n_routers)
        self.core = (self.here >= image.first_core) & (self.here < image.first_port)

    def edge(self, mask: np.ndarray) -> np.ndarray:
        """Ticks from the causes to the next clock edge of the records' parts."""
        period = self.image.clock_period[self.here[mask]]
        return (self.image.clock_phase[self.here[mask]] - self.since[mask]) % period

    def claim(self, mask: np.ndarray, column: int, part: int | np.ndarray,
              ticks: np.ndarray) -> None:
        """Up to ``ticks`` of what is left of these gaps are ``part``."""
        left = self.gap[mask] - self.ticks[mask].sum(axis=1)
        self.part[mask, column] = part
        self.ticks[mask, column] = np.clip(ticks, 0, left)

    def rest(self, mask: np.ndarray, column: int, part: int | np.ndarray) -> None:
        """All that is left of these gaps is ``part``."""
        self.claim(mask, column, part, self.gap[mask])

    def channel(self, mask: np.ndarray, channel: np.ndarray) -> None:
        self.place[mask] = self.image.sync_part + 1 + channel


def split(records: Records, index: np.ndarray, cause: np.ndarray | None = None,
          tick: np.ndarray | None = None, image: Image | None = None) -> Gaps:
    """Named parts of the gaps between the records ``index`` and their causes.

    Args:
        cause, tick: [N] causes and times of a run timed anew, instead of the recorded ones.
        image: whose costs to read (those of the run timed anew).
    """
    s = _Split(records, index, records.cause if cause is None else cause,
               records.tick if tick is None else tick, image or records.image)
    _jobs(s)
    _starts(s)
    _memory(s)
    _channels(s)
    _grants(s)
    _injections(s)
    _synchronisation(s)
    whole = s.ticks[:, 2] == 0
    s.rest(whole, 2, parts.EDGE)  # what no cost explains is a wait for an edge
    return Gaps(s.part, s.ticks, s.place, s.since)


def _jobs(s: _Split) -> None:
    """START to END: the job, and before it the waking of its core."""
    ends = s.kind == trace.END
    job = s.records.info[s.index]
    names = np.array([parts.RECEIVE, parts.ACCUMULATE, parts.SEND, parts.UPDATE, parts.DECODE])
    wakes = ends & s.core & ((job == im.RECEIVE) | (job == im.UPDATE))
    base = job_ticks(s.records, s.index[wakes], s.image)
    s.claim(wakes, 0, parts.WAKE, np.maximum(0, s.gap[wakes] - base))
    sends = s.host[ends] & (job[ends] == im.SEND)
    s.rest(ends, 1, np.where(sends, parts.HOST_SEND, names[job[ends]]))


def job_ticks(records: Records, index: np.ndarray, image: Image) -> np.ndarray:
    """Cost of receive and update jobs of cores without waking."""
    core = records.part[index] - image.first_core
    number = records.packet[index]
    kinds = records.packet_kind[number] if len(records.packet_kind) else number
    receive = image.receive_ticks[core, np.where(number < 0, 0, kinds)]
    return np.where(records.info[index] == im.UPDATE, image.update_ticks[core], receive)


def _starts(s: _Split) -> None:
    """What a job waited for: its packet's arrival, room at the router, or earlier work (no gap)."""
    starts = s.kind == trace.START
    arrived = starts & ((s.of == trace.DELIVER) | (s.of == trace.DATA)) & s.core
    _ready(s, arrived, parts.INPUT)
    credit = starts & s.freed
    s.rest(credit, 1, parts.CREDIT)
    s.channel(credit, s.image.injection_channel(s.here[credit]))


def _memory(s: _Split) -> None:
    """A request's way, its wait for the port, and the data's transfer and way back."""
    s.rest(s.kind == trace.REQUEST, 1, parts.ASK)
    s.rest(s.kind == trace.SERVE, 1, parts.MEMORY_QUEUE)
    data = s.kind == trace.DATA
    s.claim(data, 0, parts.MEMORY_TRANSFER,
            memory_transfer(s.records, s.cause[data], s.image))
    s.rest(data, 1, parts.MEMORY_LATENCY)
    s.place[data] = s.there[data]


def memory_transfer(records: Records, serves: np.ndarray, image: Image) -> np.ndarray:
    """Ticks of a memory port's transfers; 0 for records of other kinds."""
    served = records.kind[serves] == trace.SERVE
    port = np.where(served, records.part[serves] - image.first_port, 0)
    if not image.n_ports:
        return np.zeros(len(serves), np.int64)
    bursts = -(-records.info[serves] // image.port_burst_bytes[port])
    return np.where(served, bursts * image.port_burst_ticks[port], 0)


def _ready(s: _Split, mask: np.ndarray, part: int) -> None:
    """A clock edge, then the cycles from an arrival to its first use."""
    here = s.here[mask]
    s.claim(mask, 0, parts.EDGE, s.edge(mask))
    s.claim(mask, 1, part, s.image.ready_cycles[here] * s.image.clock_period[here])


def _channels(s: _Split) -> None:
    """Latency of a channel; where a whole packet is waited for, then its tail."""
    image, records = s.image, s.records
    outs = image.n_outputs
    arrives = s.kind == trace.ARRIVE
    channel = image.in_channel[records.port[s.index[arrives]]]
    link = channel < outs
    local = np.where(image.ch_owner[channel] >= image.first_host, parts.HOST_LINK, parts.LOCAL)
    s.rest(arrives, 1, np.where(link, parts.WIRE, local))
    s.channel(arrives, channel)
    dropped = (s.kind == trace.DROPPED) & (s.here < image.n_routers)
    s.rest(dropped, 1, parts.BLOCKED)
    ends = (s.kind == trace.DELIVER) | ((s.kind == trace.DROPPED) & ~dropped)
    channel = records.port[s.cause[ends]]
    host = image.ch_part[channel] >= image.first_host
    s.claim(ends, 0, np.where(host, parts.HOST_LINK, parts.LOCAL), image.ch_latency[channel])
    s.rest(ends, 1, np.where(host, parts.HOST_LINK, parts.SERIAL))
    s.channel(ends, channel)


def _grants(s: _Split) -> None:
    """A router's cycles, and the waits for tail, output, input port and credit."""
    records, image = s.records, s.image
    grants = s.kind == trace.GRANT
    own = grants & (s.of == trace.ARRIVE)
    _ready(s, own, parts.PIPELINE)
    patient = (image.blocked_ticks > 0) & (s.gap[own] >= image.blocked_ticks)
    s.rest(own, 2, np.where(patient, parts.BLOCKED, parts.SERIAL))
    again = grants & (s.of == trace.DROPPED) & (s.here == s.there)
    s.rest(again, 1, parts.BLOCKED)
    here = grants & (s.of == trace.GRANT) & (s.here == s.there)
    channel, before = records.port[s.index], records.port[s.cause]
    s.rest(here & (channel != before), 1, parts.QUEUE)
    same = here & (channel == before)
    s.rest(same, 1, _contention(records, s.index[same], s.cause[same], image))
    s.rest(grants & ~own & ~here & ~again, 1, parts.CREDIT)
    s.channel(grants & ~own, channel[grants & ~own])


def _contention(records: Records, index: np.ndarray, cause: np.ndarray,
                image: Image) -> np.ndarray:
    """Why a grant came after another of the same output: behind it in the same input queue;
    ready in time but the other was chosen; or too late, the output being busy."""
    mine, others = records.arrival_of(index), records.arrival_of(cause)
    here = records.part[index]
    period, phase = image.clock_period[here], image.clock_phase[here]
    arrived = records.tick[mine]
    ready = arrived + (phase - arrived) % period + image.ready_cycles[here] * period
    chosen = np.where(ready <= records.tick[cause], parts.ARBITRATION, parts.BUSY)
    return np.where(records.port[mine] == records.port[others], parts.QUEUE, chosen)


def _injections(s: _Split) -> None:
    """Traffic sources: behind their own earlier packets, or without room at the router."""
    injects = s.kind == trace.INJECT
    s.rest(injects & (s.of == trace.INJECT), 1, parts.QUEUE)
    s.rest(injects & s.freed, 1, parts.CREDIT)
    s.rest(s.kind == trace.OFFER, 1, parts.OFFERED)
    s.channel(injects, s.image.injection_channel(s.here[injects]))


def _synchronisation(s: _Split) -> None:
    """Reports, the barrier, and the global tick."""
    syncs = s.kind == trace.SYNC
    report = syncs & (s.here == s.image.sync_part)
    # The report leaves on an edge of its sender's clock.
    s.claim(report, 0, parts.EDGE, s.gap[report] - s.image.report_ticks)
    s.rest(report, 1, parts.REPORT)
    release = syncs & ~report
    s.rest(release, 1, parts.TICK if s.image.sync == im.SYNC_TICK else parts.BARRIER)
    s.place[release] = s.image.sync_part
