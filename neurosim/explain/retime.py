"""Times of a run's records under other costs, in one pass over what they waited for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain.graph import REPORT, Graph, delays
from neurosim.explain.records import Records
from neurosim.image import Image


def retime(graph: Graph, image: Image | None = None, job: np.ndarray | None = None,
           free: Sequence[int] = (),
           delay: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Times and causes of all records on ``image``, everything keeping its recorded order.

    Args:
        image: the same machine with other costs (default: the recorded one).
        job: [N] durations of jobs at their ends (default: :func:`job_durations`).
        free: places (parts of the machine, or their number + a channel) that take no time.
        delay: [edges] of the graph, instead of those that follow from ``image`` and ``job``.

    Returns:
        tick [N], cause [N].
    """
    r = graph.records
    image = image or r.image
    if delay is None:
        delay = delays(graph, image, job_durations(r, image) if job is None else job)
    decide = (r.phase == trace.DECIDE).astype(np.int64)
    period = np.where(decide == 1, image.clock_period[r.part], 1)
    phase = np.where(decide == 1, image.clock_phase[r.part], 0)
    if len(free):
        delay = np.where(np.isin(graph.place, free), 0, delay)
    before = np.ascontiguousarray(in_ticks(r.tick, r.image, image))
    return _pass()(graph.ptr, graph.source, graph.sort == REPORT, delay, before, period, phase,
                   r.part, image.clock_period, image.clock_phase)


def job_durations(records: Records, image: Image) -> np.ndarray:
    """[N] at every END the duration of its job on ``image``: recorded, less the recorded cost and
    plus the new one; rows of a core scale by the mean of their costs."""
    old, r = records.image, records
    ends = np.flatnonzero(r.kind == trace.END)
    result = np.zeros(len(r), np.int64)
    took = r.tick[ends] - r.tick[r.cause[ends]]
    # What a job took beyond its cost (waking up, a decision's events) is in cycles, too.
    part = r.part[ends]
    more = (took - _fixed(r, ends, old)) * image.clock_period[part] / old.clock_period[part]
    result[ends] = np.rint(more).astype(np.int64) + _fixed(r, ends, image)
    core = r.part[ends] - old.first_core
    rows = (r.info[ends] == im.ACCUMULATE) & (core < old.n_cores)
    if rows.any():
        before, after = row_load(old), row_load(image)
        scale = after / np.maximum(before, 1)
        result[ends[rows]] = np.rint(took[rows] * scale[core[rows]]).astype(np.int64)
    return np.maximum(result, 0)


def in_ticks(ticks: np.ndarray, old: Image, new: Image) -> np.ndarray:
    """Times in ticks of one image in those of another, whose clocks may differ."""
    if old.tick_hz == new.tick_hz:
        return ticks
    return np.rint(ticks * (new.tick_hz / old.tick_hz)).astype(np.int64)


def row_load(image: Image) -> np.ndarray:
    """[C] sum of the costs of a core's rows that hold synapses."""
    some = np.flatnonzero(np.diff(image.row_ptr) > 0)
    unit = image.syn_target[image.row_ptr[some]] // im.SUMS_PER_UNIT
    core = np.searchsorted(image.unit_ptr, unit, side="right") - 1
    return np.bincount(core, weights=image.row_ticks[some], minlength=image.n_cores)


def _fixed(r: Records, ends: np.ndarray, image: Image) -> np.ndarray:
    """Cost of receive, update and send jobs, and of the host's decision but for its events; 0 for
    rows."""
    core = r.part[ends] - image.first_core
    at_core = core < image.n_cores
    core = np.where(at_core, core, 0)
    number = r.packet[ends]
    kinds = np.where(number < 0, 0, r.packet_kind[np.maximum(number, 0)]) if len(
        r.packet_kind) else np.zeros(len(ends), np.int64)
    channel = image.injection_channel(r.part[ends])
    transfer = -(-image.packet_bits[kinds] // image.ch_width[channel]) * image.ch_cycle[channel]
    if image.n_cores == 0:
        return np.zeros(len(ends), np.int64)
    sends = np.where(at_core, image.send_ticks[core], image.host_send_ticks)
    job = r.info[ends]
    result = np.where(job == im.SEND, np.maximum(sends, transfer), 0)
    result = np.where(job == im.UPDATE, image.update_ticks[core], result)
    result = np.where(job == im.DECODE, image.decode_base_ticks, result)
    return np.where(job == im.RECEIVE, image.receive_ticks[core, kinds], result)


@cache
def _pass() -> Any:
    """The pass, compiled: a million records and their edges take some ten milliseconds."""
    import numba

    return numba.njit(cache=False)(_times)


def _times(ptr: np.ndarray, source: np.ndarray, report: np.ndarray, delay: np.ndarray,
           tick: np.ndarray, period: np.ndarray, phase: np.ndarray, part: np.ndarray,
           periods: np.ndarray, phases: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    new, cause = tick.copy(), np.full(len(tick), -1, np.int64)
    for i in range(len(tick)):
        latest = -1
        for e in range(ptr[i], ptr[i + 1]):
            since = new[source[e]]
            if report[e]:  # it leaves on an edge of its sender's clock
                sender = part[source[e]]
                since += (phases[sender] - since) % periods[sender]
            at = since + delay[e]
            # Of conditions met at once the later record counts, as in a trace.
            if at > latest or (at == latest and source[e] > cause[i]):
                latest, cause[i] = at, source[e]
        if latest >= 0:
            new[i] = latest + (phase[i] - latest) % period[i]
    return new, cause
