"""A run as a Chrome trace: what Perfetto (ui.perfetto.dev) and chrome://tracing open.

Tracks: one process a tile, in it one thread a core and one an output of its router; the host, the
synchroniser, the steps and the ports of DRAM have processes of their own.  Flows follow packets
from their send job over every link to the job that takes them in.  Counters show FIFO depths and
the load of links.
Times are whole nanoseconds, rounded at both ends of a slice so that none overlap; ``args`` hold
ticks, which are exact.  Long stretches show a share of the packets in full and merge the rest.

The trace is read a stretch at a time (:mod:`.timeline_stretch`), so that it need not fit into
memory.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain import pieces as pieces_
from neurosim.explain.pieces import Pieces
from neurosim.explain.places import Places
from neurosim.explain.records import Records, columns, read
from neurosim.explain.survey import Survey, survey
from neurosim.image import Image
from neurosim.report import thinning
from neurosim.report.timeline_stretch import LOAD_BINS, Plan, Stretch
from neurosim.report.timeline_text import Text

#: Most packet copies with a flow unless asked for: arrows beyond that only hide one another.
FLOWS = 20_000
#: Most slices and counter values, flows apart, unless asked for more: 6 bytes each in the file.
EVENTS = 1_300_000
_BLOCK = 65_536


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


def write_timeline(path: str | Path, image: Image, records: np.ndarray, places: Places,
                   window: Window | None = None) -> int:
    """Write a window of a run as gzipped Chrome trace-event JSON; returns the number of events.

    Args:
        records: the run's trace, as an engine returns it or memory-mapped.
    """
    pieces = Pieces(records)
    run = survey(image, pieces)
    count = 0
    # No time stamp inside: the same run gives the same bytes.
    with (open(path, "wb") as raw,
          gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0, compresslevel=6) as file):
        file.write(b'{"displayTimeUnit":"ns","traceEvents":[\n')
        lines: list[str] = []
        for line in _lines(pieces, run, places, window or Window()):
            lines.append(line)
            count += 1
            if len(lines) == _BLOCK:
                file.write((",\n".join(lines) + ",\n").encode())
                lines.clear()
        file.write((",\n".join(lines) + "\n]}\n").encode())
    return count


def _lines(pieces: Pieces, run: Survey, places: Places, window: Window) -> Iterator[str]:
    """All events as JSON texts: names, steps, what happened in order of time, loads of links."""
    image, text = run.image, Text(places)
    plan, depth = _plan(pieces, run, places, window)
    yield from text.names()
    begins, ends = (run.begin < plan.end) & (run.end >= plan.begin), text.ns(run.end)
    if image.sync != im.SYNC_NONE:
        for i in np.flatnonzero(begins).tolist():
            yield from text.step(int(run.step[i]), int(text.ns(run.begin[i])), int(ends[i]))
    load = np.zeros((LOAD_BINS + 1, image.n_outputs))
    flows = 0
    begin, last = plan.begin, pieces.find(plan.end)
    while begin < plan.end:
        index = pieces.find(begin)
        following = min(index + pieces_.STRETCH, last)
        end = plan.end
        if following < last:
            end = max(begin + 1, int(pieces.rows(following, following + 1)["tick"][0]))
        stretch = _stretch(pieces, run, plan, text, index, begin, end)
        stretch.depth, stretch.flow_ids = depth, flows
        yield from stretch.lines()
        load += stretch.load()
        depth, flows, begin = stretch.depth, stretch.flow_ids, end
    yield from text.loads(load, plan.begin, plan.width)


def _stretch(pieces: Pieces, run: Survey, plan: Plan, text: Text, index: int, begin: int,
             end: int) -> Stretch:
    """Records from ``begin`` on, with enough of what follows ``end`` for all jobs to be over (and
    most packets to have arrived: copies that are on their way for longer have no flow)."""
    first, more = max(0, index - 1), pieces_.STRETCH // 2
    while True:
        until = min(len(pieces), pieces.find(end) + more)
        r = read(run.image, pieces.rows(first, until), run.packets, first)
        if until == len(pieces) or _all_over(r, begin, end):
            return Stretch(r, plan, text, begin, end)
        more *= 4


def _all_over(r: Records, begin: int, end: int) -> bool:
    """Whether the ends of all jobs that began within are here."""
    inside = (r.tick >= begin) & (r.tick < end) & (r.kind == trace.START)
    last = np.full(r.image.sync_part + 1, -1, np.int64)
    np.maximum.at(last, r.part[inside], r.tick[inside])
    over = np.full(r.image.sync_part + 1, -1, np.int64)
    ends = r.kind == trace.END
    np.maximum.at(over, r.part[ends], r.since[ends])
    return bool((over >= last).all())


def _plan(pieces: Pieces, run: Survey, places: Places, window: Window) -> tuple[Plan, np.ndarray]:
    """What is shown, and how many packets are in each core's FIFO before that."""
    image = run.image
    begin, end = 0, run.span + 1
    if image.sync != im.SYNC_NONE:
        if window.first > 0:
            begin = int(run.begin[run.step >= window.first].min(initial=end))
        if window.last is not None:
            end = int(run.end[run.step <= window.last].max(initial=begin - 1)) + 1
    shown = np.ones(image.sync_part + 1, bool)
    if window.cores is not None:
        shown[image.first_core: image.first_port] = np.isin(places.core_ids, window.cores)
    depth = np.zeros(image.sync_part + 1, np.int64)
    events = copies = 0
    met = np.zeros(len(run.packets.kind), bool)
    for at, rows in pieces.stretches():
        r = columns(image, rows, at, run.packets)
        before, inside = r.tick < begin, (r.tick >= begin) & (r.tick < end)
        if before.any():
            index, change = Stretch.changes(r, np.flatnonzero(before))
            np.add.at(depth, r.part[index], change)
        events += thinning.estimate(r.kind[inside], r.info[inside])
        copies += int((inside & (r.kind == trace.DELIVER)).sum())
        core = (r.part >= image.first_core) & (r.part < image.first_port)
        met[r.packet[core & shown[r.part] & (r.packet >= 0)]] = True
    detail = min(1.0, EVENTS / max(1, events)) if window.detail is None else window.detail
    share = window.flows
    if share is None and len(pieces) > pieces_.STRETCH:
        share = min(1.0, FLOWS / max(1.0, detail * copies))
    chosen = thinning.chosen_packets(len(met), detail)
    if window.cores is not None:
        chosen &= met
    return Plan(begin, end, detail, chosen, shown, share, FLOWS), depth
