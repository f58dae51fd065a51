"""Fewer events for long timelines: some packets in full, the rest of the work merged."""

from __future__ import annotations

import numpy as np

from neurosim import trace
from neurosim.explain.records import Records

#: Steps at which a thinned counter is shown, a track.
BINS = 1000


def chosen_packets(count: int, share: float) -> np.ndarray:
    """[packets] bool: about ``share`` of them, always the same, spread evenly."""
    mixed = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761)) % np.uint64(2**32)
    return mixed < share * 2**32


def merge_jobs(records: Records, starts: np.ndarray, ends: np.ndarray,
               alone: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Jobs of a core that follow one another without a pause as one.

    Args:
        starts, ends: records of the jobs.
        alone: jobs that stay by themselves.

    Returns:
        starts, ends, kinds (bits by job), number of jobs of the merged ones.
    """
    r = records
    order = np.lexsort((starts, r.part[starts]))
    starts, ends, alone = starts[order], ends[order], alone[order]
    apart = np.ones(len(starts), bool)
    apart[1:] = ((r.part[starts[1:]] != r.part[starts[:-1]]) | alone[1:] | alone[:-1]
                 | (r.tick[starts[1:]] != r.tick[ends[:-1]]))
    first = np.flatnonzero(apart)
    if not len(first):
        return starts, ends, starts, starts
    last = np.append(first[1:], len(starts)) - 1
    kinds = np.bitwise_or.reduceat(1 << r.info[starts], first)
    return starts[first], ends[last], kinds, last - first + 1


def thin_counter(track: np.ndarray, tick: np.ndarray, value: np.ndarray, begin: int,
                 end: int) -> np.ndarray:
    """Indices of a counter's largest value in each of :data:`BINS` stretches of every track."""
    bins = (tick - begin) * BINS // max(1, end - begin)
    group = track * (BINS + 2) + bins
    order = np.lexsort((value, group))
    last = np.ones(len(order), bool)
    last[:-1] = group[order][1:] != group[order][:-1]
    return np.sort(order[last])


def estimate(records: Records, begin: int, end: int) -> int:
    """Events that a stretch of time has in full."""
    inside = (records.tick >= begin) & (records.tick < end)
    kinds = np.isin(records.kind[inside], (trace.START, trace.GRANT, trace.DELIVER))
    received = (records.kind[inside] == trace.START) & (records.info[inside] == 0)
    return int(kinds.sum() + received.sum())
