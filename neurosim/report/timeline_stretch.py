"""One stretch of a timeline: what begins in it, as columns of integers, then as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain.records import Records
from neurosim.explain.split import memory_transfer
from neurosim.report import flows, thinning
from neurosim.report.timeline_text import Text

#: Stretches of time that the load of links is averaged over.
LOAD_BINS = 200
_BLOCK = 65_536
# Sorts of events; at one time counters come before slices, these before flows.
_FIFO, _BARRIER, _JOB, _GRANT, _SERVE, _FLOW = range(6)

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Plan:
    """What a timeline shows: ticks ``begin`` .. ``end`` - 1, the ``chosen`` [packets] in full
    (``detail``: their share), jobs of the ``shown`` [parts], a ``share`` of the copies with a flow
    (None: up to ``flows``)."""

    begin: int
    end: int
    detail: float
    chosen: np.ndarray
    shown: np.ndarray
    share: float | None
    flows: int

    @property
    def width(self) -> int:
        """Ticks that the load of links is averaged over."""
        return max(1, -(-(self.end - self.begin) // LOAD_BINS))


class Stretch:
    """Events that begin in ticks ``begin`` .. ``end`` - 1; in a plan's first stretch also jobs that
    began before.  ``depth`` [parts] and ``flow_ids`` go on from the stretch before."""

    def __init__(self, records: Records, plan: Plan, text: Text, begin: int, end: int) -> None:
        self.r, self.plan, self.text, self.image = records, plan, text, records.image
        self.begin, self.end = begin, end
        self.depth = np.zeros(self.image.sync_part + 1, np.int64)
        self.flow_ids = 0

    def lines(self) -> Iterator[str]:
        """All but the load of links, in order of time."""
        columns = [self._jobs(), self._grants(), self._serves(), self._flows(), self._fifos(),
                   self._barriers()]
        time, sort, a, b = (np.concatenate(parts) for parts in zip(*columns, strict=True))
        order = np.lexsort((sort, time))
        write = {_JOB: self._job, _GRANT: self._grant, _FLOW: self._flow, _FIFO: self._fifo,
                 _BARRIER: self._barrier, _SERVE: self._serve}
        for block in range(0, len(order), _BLOCK):
            some = order[block: block + _BLOCK]
            for t, s, x, y in zip(time[some].tolist(), sort[some].tolist(), a[some].tolist(),
                                  b[some].tolist(), strict=True):
                yield write[s](t, x, y)

    def load(self) -> np.ndarray:
        """[LOAD_BINS + 1, outputs] of each of the plan's bins, the share that an output is busy."""
        grants = self._all_grants()
        bins = (self.r.tick[grants] - self.plan.begin) // self.plan.width
        load = np.zeros((LOAD_BINS + 1, self.image.n_outputs))
        np.add.at(load, (bins, self.r.port[grants]), self.r.transfer[grants] / self.plan.width)
        return load

    # --- events as columns: time in ns, sort, two numbers

    def _columns(self, tick: np.ndarray, sort: int, a: np.ndarray, b: np.ndarray) -> Columns:
        return self.text.ns(tick), np.full(len(tick), sort), a, b

    def _begun(self, since: np.ndarray, until: np.ndarray) -> np.ndarray:
        """Which of these spans of time belong to this stretch."""
        first = self.begin == self.plan.begin
        return (since < self.end) & (until >= self.begin if first else since >= self.begin)

    def _jobs(self) -> Columns:
        r, plan = self.r, self.plan
        ends = np.flatnonzero(r.kind == trace.END)
        ends = ends[self._begun(r.since[ends], r.tick[ends]) & plan.shown[r.part[ends]]]
        packet = r.packet[ends]
        alone = np.ones(len(ends), bool)
        if plan.detail < 1 and len(plan.chosen):
            alone = plan.chosen[packet] & (packet >= 0)
        first, self.ends, self.kinds, self.jobs = thinning.merge_jobs(r, ends, alone)
        return self._columns(r.since[first], _JOB, first, np.arange(len(first)))

    def _all_grants(self) -> np.ndarray:
        r = self.r
        return np.flatnonzero((r.kind == trace.GRANT) & (r.tick >= self.begin)
                              & (r.tick < self.end))

    def _grants(self) -> Columns:
        r, grants = self.r, self._all_grants()
        grants = grants[self.plan.chosen[r.packet[grants]]]
        return self._columns(r.tick[grants], _GRANT, grants, r.transfer[grants])

    def _serves(self) -> Columns:
        """Transfers of memory ports."""
        r = self.r
        index = np.flatnonzero((r.kind == trace.SERVE) & (r.tick >= self.begin)
                               & (r.tick < self.end))
        if self.plan.detail < 1:
            index = index[self.plan.chosen[r.packet[index]] & (r.packet[index] >= 0)]
        return self._columns(r.tick[index], _SERVE, index, memory_transfer(r, index, self.image))

    def _flows(self) -> Columns:
        r, plan = self.r, self.plan
        ways = flows.follow(r)
        whole = plan.chosen[r.packet[ways[:, 0]]]
        sent = r.tick[ways[:, 0]]
        whole &= (sent >= self.begin) & (sent < self.end) & (r.tick[ways[:, -1]] < plan.end)
        whole &= plan.shown[r.part[ways[:, [0, -1]]]].all(axis=1) if len(ways) else True
        ways = ways[whole]
        share = plan.share
        if share is None:
            share = min(1.0, plan.flows / max(1, len(ways)))
        self.flow, number, self.flow_end = flows.sample(ways, share)
        self.flow_id = number + self.flow_ids
        self.flow_ids += int(number.max(initial=0))
        return self._columns(r.tick[self.flow], _FLOW, np.arange(len(self.flow)), self.flow)

    @staticmethod
    def changes(r: Records, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The records among ``index`` that change the depth of a core's FIFO, and by how much."""
        image = r.image
        part, kind = r.part[index], r.kind[index]
        core = (part >= image.first_core) & (part < image.first_port)
        policy = image.core_policy[np.where(core, part - image.first_core, 0)] if (
            image.n_cores) else np.zeros(len(index))
        plus = core & (kind == trace.DELIVER)
        minus = core & (((kind == trace.START) & (r.info[index] == im.RECEIVE))
                        | ((kind == trace.DROPPED) & (policy == im.OVERWRITE)))
        some = plus | minus
        return index[some], np.where(plus[some], 1, -1)

    def _fifos(self) -> Columns:
        """Depth of every core's FIFO after each change."""
        r = self.r
        inside = np.flatnonzero((r.tick >= self.begin) & (r.tick < self.end))
        index, change = self.changes(r, inside)
        # Within a tick an overwritten packet leaves before the new one enters.
        late = np.where(r.kind[index] == trace.DROPPED, -1, r.kind[index])
        by_part = np.lexsort((late, r.tick[index], r.part[index]))
        order, depth = index[by_part], np.cumsum(change[by_part])
        first = np.flatnonzero(np.diff(r.part[order], prepend=-1))
        before = np.concatenate([[0], depth])[first] - self.depth[r.part[order[first]]]
        depth = depth - np.repeat(before, np.diff([*first, len(order)]))
        self.depth = self.depth.copy()
        self.depth[r.part[order]] = depth  # the last assignment of a part stays
        keep = self.plan.shown[r.part[order]]
        order, depth = order[keep], depth[keep]
        if self.plan.detail < 1:
            some = thinning.thin_counter(r.part[order], r.tick[order], depth, self.plan.begin,
                                         self.plan.end)
            order, depth = order[some], depth[some]
        return self._columns(r.tick[order], _FIFO, r.part[order], depth)

    def _barriers(self) -> Columns:
        """From the last report to the release: the barrier's own cost."""
        r = self.r
        release = np.flatnonzero((r.kind == trace.SYNC) & (r.part == self.image.first_host))
        keep = (r.since[release] >= 0) & (self.image.sync == im.SYNC_BARRIER)
        release = release[keep & self._begun(r.since[release], r.tick[release])]
        return self._columns(r.since[release], _BARRIER, release, release)

    # --- one event as text

    def _job(self, time: int, first: int, number: int) -> str:
        r, end = self.r, self.ends[number]
        name = None
        if self.jobs[number] == 1 and r.packet[first] >= 0:
            name = (int(r.source[first]), int(r.sequence[first]))
        return self.text.job(int(r.part[first]), int(self.kinds[number]), time,
                             int(self.text.ns(r.tick[end])), int(r.step[first]),
                             int(r.tick[end] - r.since[first]), int(self.jobs[number]), name)

    def _grant(self, time: int, grant: int, transfer: int) -> str:
        r = self.r
        return self.text.grant(
            int(r.port[grant]), int(r.packet_kind[r.packet[grant]]), time,
            int(self.text.ns(r.tick[grant] + transfer)), int(r.step[grant]),
            (int(r.source[grant]), int(r.sequence[grant])))

    def _serve(self, time: int, serve: int, transfer: int) -> str:
        r = self.r
        core = self.image.first_core + (int(r.port[serve]) >> trace.REQUEST_BITS)
        return self.text.serve(
            int(r.part[serve]), core, time, int(self.text.ns(r.tick[serve] + transfer)),
            int(r.step[serve]), int(r.info[serve]))

    def _flow(self, time: int, number: int, record: int) -> str:
        r = self.r
        track = self.text.channel_track(int(r.port[record])) if (
            r.kind[record] == trace.GRANT) else self.text.track(int(r.part[record]))
        return self.text.flow(track, int(self.flow_id[number]), int(self.flow_end[number]), time)

    def _fifo(self, time: int, part: int, depth: int) -> str:
        return self.text.fifo(part, time, depth)

    def _barrier(self, time: int, release: int, _: int) -> str:
        return self.text.barrier(time, int(self.text.ns(self.r.tick[release])),
                                 int(self.r.info[release]))
