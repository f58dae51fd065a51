"""Fewer events for long timelines: some packets in full, the rest of the work merged."""

from __future__ import annotations

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain.records import Records

#: Steps at which a thinned counter is shown, a track.
BINS = 1000


def chosen_packets(count: int, share: float) -> np.ndarray:
    """[packets] bool: about ``share`` of them, always the same, spread evenly."""
    mixed = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761)) % np.uint64(2**32)
    return mixed < share * 2**32


def merge_jobs(records: Records, ends: np.ndarray,
               alone: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Jobs of a core that follow one another without a pause as one.

    Args:
        ends: records of the ends of the jobs.
        alone: jobs that stay by themselves.

    Returns:
        ends of the first, ends of the last, kinds (bits by job), number of jobs of the merged ones.
    """
    r = records
    order = np.lexsort((ends, r.part[ends]))
    ends, alone = ends[order], alone[order]
    apart = np.ones(len(ends), bool)
    apart[1:] = ((r.part[ends[1:]] != r.part[ends[:-1]]) | alone[1:] | alone[:-1]
                 | (r.since[ends[1:]] != r.tick[ends[:-1]]))
    first = np.flatnonzero(apart)
    if not len(first):
        return ends, ends, ends, ends
    last = np.append(first[1:], len(ends)) - 1
    kinds = np.bitwise_or.reduceat(1 << r.info[ends], first)
    return ends[first], ends[last], kinds, last - first + 1


def thin_counter(track: np.ndarray, tick: np.ndarray, value: np.ndarray, begin: int,
                 end: int) -> np.ndarray:
    """Indices of a counter's largest value in each of :data:`BINS` stretches of every track."""
    bins = (tick - begin) * BINS // max(1, end - begin)
    group = track * (BINS + 2) + bins
    order = np.lexsort((value, group))
    last = np.ones(len(order), bool)
    last[:-1] = group[order][1:] != group[order][:-1]
    return np.sort(order[last])


def estimate(kind: np.ndarray, info: np.ndarray) -> int:
    """Events that records of these kinds have in full."""
    kinds = np.isin(kind, (trace.START, trace.GRANT, trace.DELIVER))
    return int(kinds.sum() + ((kind == trace.START) & (info == im.RECEIVE)).sum())
