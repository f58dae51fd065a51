"""A run as a Chrome trace: what Perfetto (ui.perfetto.dev) and chrome://tracing open.

Tracks: one process a tile, in it one thread a core and one an output of its router; the host, the
synchroniser and the steps have processes of their own.  Flows follow packets from their send job
over every link to the job that takes them in.  Counters show FIFO depths and the load of links.
Times are whole nanoseconds, rounded at both ends of a slice so that none overlap; ``args`` hold
ticks, which are exact.  Long stretches show a share of the packets in full and merge the rest.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain.path import step_ends
from neurosim.explain.places import Places
from neurosim.explain.records import Records
from neurosim.report import flows, thinning

#: Stretches of time that the load of links is averaged over.
LOAD_BINS = 200
#: Most packet copies with a flow unless asked for: arrows beyond that only hide one another.
FLOWS = 20_000
#: Most slices and counter values, flows apart, unless asked for more: 6 bytes each in the file.
EVENTS = 1_500_000
_BLOCK = 65_536
#: Process numbers: steps 1, synchroniser 2, host 3, tiles from here on.
_STEPS, _SYNC, _HOST, _TILE = 1, 2, 3, 4
#: Names of one job or several, by a bit for each.
_JOB_NAMES = [", ".join(job for bit, job in enumerate(im.JOBS) if kinds >> bit & 1)
              for kinds in range(1 << len(im.JOBS))]
_KINDS = ("event", "marker", "acknowledgement", "traffic", "result", "currents")
# Sorts of events; at one time counters and steps come before slices, these before flows.
_STEP_BEGIN, _FIFO, _LOAD, _BARRIER, _JOB, _GRANT, _FLOW, _STEP_END = range(8)


@dataclass(frozen=True)
class Window:
    """What of a run to show: steps ``first`` .. ``last`` (both included), some of the chip's cores
    (None: all), the share of packets shown in full (None: what :data:`EVENTS` leave room for; the
    other packets' jobs are merged, and their grants only counted as load), and the share of the
    shown packets' copies that have a flow (None: up to :data:`FLOWS` of them)."""

    first: int = 0
    last: int | None = None
    cores: tuple[int, ...] | None = None
    detail: float | None = None
    flows: float | None = None


def write_timeline(path: str | Path, records: Records, places: Places,
                   window: Window | None = None) -> int:
    """Write a window of a run as gzipped Chrome trace-event JSON; returns the number of events.

    Memory is bounded by columns of integers; text is made and compressed in blocks.
    """
    timeline = _Timeline(records, places, window or Window())
    count = 0
    # No time stamp inside: the same run gives the same bytes.
    with (open(path, "wb") as raw,
          gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0, compresslevel=6) as file):
        file.write(b'{"displayTimeUnit":"ns","traceEvents":[\n')
        lines: list[str] = []
        for line in timeline.lines():
            lines.append(line)
            count += 1
            if len(lines) == _BLOCK:
                file.write((",\n".join(lines) + ",\n").encode())
                lines.clear()
        file.write((",\n".join(lines) + "\n]}\n").encode())
    return count


class _Timeline:
    def __init__(self, records: Records, places: Places, window: Window) -> None:
        self.r, self.places, self.image = records, places, records.image
        image = self.image
        self.window = window
        self.begin, self.end = self._span()
        self.shown = self._shown_parts()
        events = thinning.estimate(records, self.begin, self.end)
        fitting = min(1.0, EVENTS / max(1, events))
        self.detail = fitting if window.detail is None else window.detail
        self.chosen = thinning.chosen_packets(len(records.packet_kind), self.detail)
        self.router = np.full(image.sync_part + 1, -1, np.int64)
        self.router[: image.n_routers] = np.arange(image.n_routers)
        ends = np.concatenate([np.arange(image.first_core, image.first_port),
                               np.arange(image.first_source, image.sync_part)])
        self.router[ends] = image.ch_part[image.injection_channel(ends)]
        self.loaded: list[dict[str, float]] = []
        self.load_router: list[int] = []

    # --- what is shown

    def _span(self) -> tuple[int, int]:
        """Ticks from the first shown step's beginning to the last one's end."""
        r = self.r
        begin, end = 0, int(r.tick.max(initial=0)) + 1
        if r.image.sync == im.SYNC_NONE:
            return begin, end
        step, first, last = step_ends(r)
        if self.window.first > 0:
            begin = int(r.tick[first[step >= self.window.first]].min(initial=end))
        if self.window.last is not None:
            end = int(r.tick[last[step <= self.window.last]].max(initial=begin - 1)) + 1
        return begin, end

    def _shown_parts(self) -> np.ndarray:
        """[P] bool; links are shown for packets of shown cores."""
        shown = np.ones(self.image.sync_part + 1, bool)
        if self.window.cores is not None:
            first, last = self.image.first_core, self.image.first_port
            shown[first:last] = np.isin(self.places.core_ids, self.window.cores)
        return shown

    def ns(self, tick: np.ndarray) -> np.ndarray:
        return np.rint(tick * (1e9 / self.image.tick_hz)).astype(np.int64)

    # --- events as columns: time in ns, sort, two numbers

    def lines(self) -> Iterator[str]:
        """All events as JSON texts: names first, then in order of time."""
        yield from self._names()
        columns = [self._jobs(), self._grants(), self._flows(), self._fifos(), self._loads(),
                   self._steps(), self._barriers()]
        time, sort, a, b = (np.concatenate(parts) for parts in zip(*columns, strict=True))
        order = np.lexsort((sort, time))
        write = {_JOB: self._job, _GRANT: self._grant, _FLOW: self._flow, _FIFO: self._fifo,
                 _LOAD: self._load, _STEP_BEGIN: self._step, _STEP_END: self._step,
                 _BARRIER: self._barrier}
        for block in range(0, len(order), _BLOCK):
            some = order[block: block + _BLOCK]
            for t, s, x, y in zip(time[some].tolist(), sort[some].tolist(), a[some].tolist(),
                                  b[some].tolist(), strict=True):
                yield write[s](t, s, x, y)

    def _columns(self, tick: np.ndarray, sort: int, a: np.ndarray,
                 b: np.ndarray) -> tuple[np.ndarray, ...]:
        return self.ns(tick), np.full(len(tick), sort), a, b

    def _inside(self, index: np.ndarray, end: np.ndarray) -> np.ndarray:
        return (self.r.tick[index] < self.end) & (end >= self.begin)

    def _jobs(self) -> tuple[np.ndarray, ...]:
        r = self.r
        ends = np.flatnonzero(r.kind == trace.END)
        starts = r.cause[ends]
        keep = self._inside(starts, r.tick[ends]) & self.shown[r.part[ends]]
        starts, ends = starts[keep], ends[keep]
        packet = r.packet[starts]
        alone = self.chosen[packet] & (packet >= 0) if self.detail < 1 else np.ones(len(ends), bool)
        starts, ends, self.kinds, self.jobs = thinning.merge_jobs(r, starts, ends, alone)
        self.starts, self.ends = starts, ends
        return self._columns(r.tick[starts], _JOB, starts, np.arange(len(starts)))

    def _grants(self) -> tuple[np.ndarray, ...]:
        r = self.r
        grants = np.flatnonzero(r.kind == trace.GRANT)
        keep = self._inside(grants, r.tick[grants]) & self._of_shown(grants)
        grants = grants[keep & self.chosen[r.packet[grants]]]
        return self._columns(r.tick[grants], _GRANT, grants, r.transfer[grants])

    def _of_shown(self, index: np.ndarray) -> np.ndarray:
        """Whether a record's packet was sent by or delivered to a shown core."""
        if self.window.cores is None:
            return np.ones(len(index), bool)
        r = self.r
        core = (r.part >= self.image.first_core) & (r.part < self.image.first_port)
        met = np.zeros(len(r.packet_kind), bool)
        touched = core & self.shown[r.part] & (r.packet >= 0)
        met[r.packet[touched]] = True
        return met[r.packet[index]]

    def _flows(self) -> tuple[np.ndarray, ...]:
        chosen = flows.follow(self.r)
        whole = self.chosen[self.r.packet[chosen[:, 0]]]
        for column in chosen.T:
            some = column >= 0
            tick = self.r.tick[np.where(some, column, 0)]
            whole &= ~some | ((tick >= self.begin) & (tick < self.end))
        ends = chosen[:, [0, -1]]
        whole &= self.shown[self.r.part[ends]].all(axis=1) if len(chosen) else True
        chosen = chosen[whole]
        share = self.window.flows
        if share is None:
            share = min(1.0, FLOWS / max(1, len(chosen)))
        self.flow, self.flow_id, self.flow_end = flows.sample(chosen, share)
        return self._columns(self.r.tick[self.flow], _FLOW, np.arange(len(self.flow)), self.flow)

    def _fifos(self) -> tuple[np.ndarray, ...]:
        """Depth of every core's FIFO after each change."""
        r = self.r
        core = (r.part >= self.image.first_core) & (r.part < self.image.first_port)
        plus = core & (r.kind == trace.DELIVER)
        policy = self.image.core_policy[np.where(core, r.part - self.image.first_core, 0)
                                        ] if self.image.n_cores else np.zeros(len(r))
        minus = core & (((r.kind == trace.START) & (r.info == im.RECEIVE))
                        | ((r.kind == trace.DROPPED) & (policy == im.OVERWRITE)))
        index = np.flatnonzero(plus | minus)
        # Within a tick an overwritten packet leaves before the new one enters.
        late = np.where(r.kind[index] == trace.DROPPED, -1, r.kind[index])
        order = index[np.lexsort((late, r.tick[index], r.part[index]))]
        depth = np.cumsum(np.where(plus[order], 1, -1))
        first = np.flatnonzero(np.diff(r.part[order], prepend=-1))
        before = np.concatenate([[0], depth])[first]
        depth = depth - np.repeat(before, np.diff([*first, len(order)]))
        keep = self._inside(order, r.tick[order]) & self.shown[r.part[order]]
        order, depth = order[keep], depth[keep]
        if self.detail < 1:
            some = thinning.thin_counter(r.part[order], r.tick[order], depth, self.begin, self.end)
            order, depth = order[some], depth[some]
        return self._columns(r.tick[order], _FIFO, r.part[order], depth)

    def _loads(self) -> tuple[np.ndarray, ...]:
        """Share of each stretch of time that every link is busy: one counter a tile."""
        r, image = self.r, self.image
        grants = np.flatnonzero(r.kind == trace.GRANT)
        grants = grants[self._inside(grants, r.tick[grants])]
        width = max(1, -(-(self.end - self.begin) // LOAD_BINS))
        bins = (r.tick[grants] - self.begin) // width
        load = np.zeros((LOAD_BINS + 1, image.n_outputs))
        np.add.at(load, (bins, r.port[grants]), r.transfer[grants] / width)
        rows, routers = [], []
        links = image.ch_port[: image.n_outputs] >= 0
        for router in range(image.n_routers):
            mine = np.flatnonzero(links[image.out_ptr[router]: image.out_ptr[router + 1]])
            mine = mine + image.out_ptr[router]
            if load[:, mine].any():
                names = [self.places.label(self.places.first_channel + c).split(" to ")[-1]
                         for c in mine.tolist()]
                for i in range(LOAD_BINS):
                    values = np.minimum(load[i, mine], 1.0).round(4).tolist()
                    self.loaded.append(dict(zip(names, values, strict=True)))
                    rows.append(self.begin + i * width)
                    routers.append(router)
        return self._columns(np.array(rows, np.int64), _LOAD, np.array(routers, np.int64),
                             np.arange(len(rows)))

    def _steps(self) -> tuple[np.ndarray, ...]:
        if self.image.sync == im.SYNC_NONE:
            nothing = np.zeros(0, np.int64)
            return nothing, nothing, nothing, nothing
        step, first, last = step_ends(self.r)
        keep = (self.r.tick[first] < self.end) & (self.r.tick[last] >= self.begin)
        step, first, last = step[keep], first[keep], last[keep]
        begins = self._columns(self.r.tick[first], _STEP_BEGIN, step, first)
        ends = self._columns(self.r.tick[last], _STEP_END, step, last)
        return tuple(np.concatenate(pair) for pair in zip(begins, ends, strict=True))

    def _barriers(self) -> tuple[np.ndarray, ...]:
        """From the last report to the release: the barrier's own cost."""
        r = self.r
        release = np.flatnonzero((r.kind == trace.SYNC) & (r.part == self.image.first_host))
        since = r.cause[release]
        keep = (since >= 0) & (self.image.sync == im.SYNC_BARRIER)
        keep &= self._inside(np.maximum(since, 0), r.tick[release])
        return self._columns(r.tick[since[keep]], _BARRIER, since[keep], release[keep])

    # --- one event as text

    def _track(self, record: int) -> tuple[int, int]:
        """(pid, tid) of the slice that a record begins."""
        r, part = self.r, int(self.r.part[record])
        if r.kind[record] == trace.GRANT:
            return self._channel_track(int(r.port[record]))
        if part >= self.image.first_host:
            return _HOST, 1
        return _TILE + int(self.router[part]), 1 + part

    def _channel_track(self, channel: int) -> tuple[int, int]:
        owner = int(self.image.ch_owner[channel])
        return _TILE + owner, 2 + self.image.sync_part + channel

    def _job(self, time: int, _: int, start: int, number: int) -> str:
        r, end = self.r, self.ends[number]
        pid, tid = self._track(start)
        length = int(self.ns(r.tick[end])) - time
        more = ""
        if self.jobs[number] > 1:
            more = f',"jobs":{self.jobs[number]}'
        elif r.packet[start] >= 0:
            more = f',"packet":"{r.source[start]}.{r.sequence[start]}"'
        return (f'{{"ph":"X","name":"{_JOB_NAMES[self.kinds[number]]}","pid":{pid},"tid":{tid},'
                f'"ts":{_us(time)},"dur":{_us(length)},"args":{{"step":{r.step[start]},'
                f'"ticks":{r.tick[end] - r.tick[start]}{more}}}}}')

    def _grant(self, time: int, _: int, grant: int, transfer: int) -> str:
        r = self.r
        pid, tid = self._track(grant)
        length = int(self.ns(r.tick[grant] + transfer)) - time
        return (f'{{"ph":"X","name":"{_KINDS[int(r.packet_kind[r.packet[grant]])]}","pid":{pid},'
                f'"tid":{tid},"ts":{_us(time)},"dur":{_us(length)},"args":{{"step":'
                f'{r.step[grant]},"packet":"{r.source[grant]}.{r.sequence[grant]}"}}}}')

    def _flow(self, time: int, _: int, number: int, record: int) -> str:
        pid, tid = self._track(record)
        end = int(self.flow_end[number])
        phase = "s" if end < 0 else 'f","bp":"e' if end > 0 else "t"
        return (f'{{"ph":"{phase}","name":"packet","cat":"packet","id":{self.flow_id[number]},'
                f'"pid":{pid},"tid":{tid},"ts":{_us(time)}}}')

    def _fifo(self, time: int, _: int, part: int, depth: int) -> str:
        return (f'{{"ph":"C","name":"FIFO of core {self.places.core(part)}","pid":'
                f'{_TILE + self.router[part]},"ts":{_us(time)},"args":{{"packets":{depth}}}}}')

    def _load(self, time: int, _: int, router: int, row: int) -> str:
        return (f'{{"ph":"C","name":"link load","pid":{_TILE + router},"ts":{_us(time)},'
                f'"args":{json.dumps(self.loaded[row])}}}')

    def _step(self, time: int, sort: int, step: int, _: int) -> str:
        phase = "b" if sort == _STEP_BEGIN else "e"
        return (f'{{"ph":"{phase}","name":"step {step}","cat":"step","id":{step},"pid":{_STEPS},'
                f'"tid":1,"ts":{_us(time)}}}')

    def _barrier(self, time: int, _: int, since: int, release: int) -> str:
        length = int(self.ns(self.r.tick[release])) - time
        return (f'{{"ph":"X","name":"barrier","pid":{_SYNC},"tid":1,"ts":{_us(time)},'
                f'"dur":{_us(length)},"args":{{"superstep":{self.r.info[release]}}}}}')

    def _names(self) -> Iterator[str]:
        """Names of all processes and threads."""
        image = self.image
        yield from _name(_STEPS, "steps", {1: "steps"})
        yield from _name(_SYNC, "synchroniser", {1: "barrier"})
        decides = " and decides" if image.decode else ""
        yield from _name(_HOST, "host", {1: f"host sends{decides}"})
        for router in range(image.n_routers):
            x, y = self.places.router_xy[router]
            threads: dict[int, str] = {}
            mine = np.flatnonzero(self.router[image.first_core: image.first_host] == router)
            for part in (mine + image.first_core).tolist():
                threads[1 + part] = self._core_name(part)
            for channel in range(int(image.out_ptr[router]), int(image.out_ptr[router + 1])):
                to = self.places.label(self.places.first_channel + channel).split(" to ")[-1]
                threads[self._channel_track(channel)[1]] = f"to {to}"
            yield from _name(_TILE + router, f"tile ({x},{y})", threads)

    def _core_name(self, part: int) -> str:
        if part >= self.image.first_source:
            return f"source {part - self.image.first_source}"
        layer = int(self.image.core_stage[part - self.image.first_core]) - 1
        return f"core {self.places.core(part)}, layer {layer}"


def _name(pid: int, process: str, threads: dict[int, str]) -> Iterator[str]:
    def metadata(what: str, tid: int, args: dict[str, Any]) -> str:
        return json.dumps({"ph": "M", "name": what, "pid": pid, "tid": tid, "args": args})

    yield metadata("process_name", 0, {"name": process})
    yield metadata("process_sort_index", 0, {"sort_index": pid})
    for tid, name in threads.items():
        yield metadata("thread_name", tid, {"name": name})
        yield metadata("thread_sort_index", tid, {"sort_index": tid})


def _us(ns: int) -> str:
    """Nanoseconds as the format's microseconds, exactly."""
    return f"{ns // 1000}.{ns % 1000:03d}"
