"""Critical paths of a run of any length: a window of records for some steps at a time.

A step's path lies between its beginning and its end, but what names a gap may lie a little earlier:
the cause that the path is cut at, or the arrival of a packet that stood in its way.  Where a window
begins too late for that, it is read again from further back.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neurosim import trace
from neurosim.explain import pieces as pieces_
from neurosim.explain.path import CriticalPath, cut
from neurosim.explain.pieces import Pieces
from neurosim.explain.records import UNKNOWN, Outside, Records, columns
from neurosim.explain.survey import Survey
from neurosim.image import SYNC_TICK

#: Most paths of traffic, where every packet has one: then they are of packets spread evenly.
MOST_PATHS = 50_000
#: Records read at least before the first step of a window.
MARGIN = 1024


def critical_path_of(pieces: Pieces, survey: Survey) -> CriticalPath:
    """Critical paths of all finished steps; ``record`` numbers records of the whole trace."""
    found = []
    done = 0
    for group in _groups(survey):
        path = _paths(pieces, survey, group)
        found.append((path.step, path.begin, path.end, path.owner + done, path.part, path.place,
                      path.layer, path.ticks, path.record))
        done += len(group)
    if not found:
        nothing = np.zeros(0, np.int64)
        return CriticalPath(*[nothing] * 9)
    return CriticalPath(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _groups(survey: Survey) -> Iterator[np.ndarray]:
    """Steps that lie within one window; a step that is longer has one of its own."""
    chosen = np.arange(len(survey.step))
    if survey.image.steps == 0 and len(chosen) > MOST_PATHS:
        chosen = np.unique(np.linspace(0, len(chosen) - 1, MOST_PATHS).astype(np.int64))
    begin = 0
    while begin < len(chosen):
        first = np.minimum.accumulate(survey.first[chosen[begin:]])
        last = np.maximum.accumulate(survey.last[chosen[begin:]])
        within = last - first < pieces_.STRETCH
        count = max(1, len(within) if within.all() else int(within.argmin()))
        yield chosen[begin: begin + count]
        begin += count


def _paths(pieces: Pieces, survey: Survey, group: np.ndarray) -> CriticalPath:
    first, end = int(survey.first[group].min()), int(survey.last[group].max()) + 1
    margin = max(MARGIN, (end - first) // 8)
    while True:
        begin = max(0, first - margin)
        rows = pieces.rows(begin, end)
        r = columns(survey.image, rows, begin, survey.packets)
        since = survey.begin[group]
        try:
            owner, index = _walk(r, rows, since, survey.last[group] - begin)
            return cut(r, survey.step[group], since, survey.end[group], owner, index)
        except Outside:
            assert begin > 0
            margin *= 4


def _walk(r: Records, rows: np.ndarray, begin: np.ndarray,
          last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(step index, record) of all records on the paths that lie after their steps' beginnings;
    their causes are looked for, and noted in ``r.cause``.

    Raises:
        Outside: one comes before the first record here.
        ValueError: a cause that is not in the trace, or does not precede its effect.
    """
    owner: list[int] = []
    index: list[int] = []
    for s, (start, at) in enumerate(zip(begin.tolist(), last.tolist(), strict=True)):
        while r.tick[at] > start:
            owner.append(s)
            index.append(at)
            if r.cause[at] == UNKNOWN:
                r.cause[at] = _cause(r, rows, at)
            if r.cause[at] < 0:
                # At a part's first clock edge, or the first offer of a traffic source.
                if r.kind[at] in (trace.STEP, trace.OFFER):
                    break
                raise ValueError(f"the path of step {s} ends before the step begins")
            at = int(r.cause[at])
    return np.array(owner, np.int64), np.array(index, np.int64)


def _cause(r: Records, rows: np.ndarray, at: int) -> int:
    """Index of a record's cause, or -1 at the beginning of the world."""
    tick, rank = int(rows["cause_tick"][at]), int(rows["cause_rank"][at])
    if r.kind[at] == trace.SYNC and r.image.sync == SYNC_TICK and r.info[at] > 0:
        tick, rank = int(r.tick[at]) - r.image.tick_period, int(rows["rank"][at])
    if tick < 0:
        return -1
    if (tick, rank) < (int(r.tick[0]), int(rows["rank"][0])):
        raise Outside
    low, high = np.searchsorted(r.tick, (tick, tick + 1))
    found = int(low + np.searchsorted(rows["rank"][low:high], rank))
    if found >= high or rows["rank"][found] != rank or found >= at:
        what = "precede its effect" if found >= at else "lie in the trace"
        raise ValueError(f"a cause does not {what}: {trace.describe(rows[at])}")
    return found
