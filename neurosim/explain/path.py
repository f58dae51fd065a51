"""The critical path of every step: from its end back through causes to its beginning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain import parts
from neurosim.explain.records import Records
from neurosim.explain.split import MOST, split
from neurosim.image import Image


@dataclass(frozen=True)
class CriticalPath:
    """Critical paths of S steps (of traffic: of packets), cut into segments.

    A segment is a stretch of one step's latency with one name; the segments of a step sum to its
    latency exactly.  ``place`` is a part of the machine, or its number of parts + a channel.
    """

    step: np.ndarray  # [S] number of the step (traffic: of the packet)
    begin: np.ndarray  # [S] tick of its first offer
    end: np.ndarray  # [S] tick at which it was complete
    owner: np.ndarray  # [segments] index into the steps above
    part: np.ndarray  # [segments] parts.NAMES
    place: np.ndarray  # [segments]
    layer: np.ndarray  # [segments] of the core, or of the packet's sender
    ticks: np.ndarray  # [segments] > 0
    record: np.ndarray  # [segments] the record whose gap it lies in

    @property
    def latency(self) -> np.ndarray:
        """[S] ticks."""
        return self.end - self.begin

    def sums(self) -> np.ndarray:
        """[S] ticks of all segments; equal to the latency."""
        result = np.zeros(len(self.step), np.int64)
        np.add.at(result, self.owner, self.ticks)
        return result

    def by_part(self) -> np.ndarray:
        """[S, parts] ticks."""
        result = np.zeros((len(self.step), len(parts.NAMES)), np.int64)
        np.add.at(result, (self.owner, self.part), self.ticks)
        return result


def critical_path(records: Records, cause: np.ndarray | None = None,
                  tick: np.ndarray | None = None, image: Image | None = None) -> CriticalPath:
    """Critical paths of all finished steps; of traffic, of all delivered packets.

    Args:
        records: of the run.
        cause, tick, image: of the same run timed anew (see ``graph``), instead of the recorded.
    """
    tick = records.tick if tick is None else tick
    step, first, last = step_ends(records)
    begin, end = tick[first], tick[last]
    owner, index = _walk(records, records.cause if cause is None else cause, tick, begin, last)
    return cut(records, step, begin, end, owner, index, cause, tick, image)


def cut(records: Records, step: np.ndarray, begin: np.ndarray, end: np.ndarray,
        owner: np.ndarray, index: np.ndarray, cause: np.ndarray | None = None,
        tick: np.ndarray | None = None, image: Image | None = None) -> CriticalPath:
    """Paths as segments: ``index`` are the records on the paths of the steps ``owner``."""
    gaps = split(records, index, cause, tick, image)
    ticks, inside = _clip(gaps.ticks, gaps.since, begin[owner])
    flat = inside.ravel()
    return CriticalPath(
        step, begin, end, np.repeat(owner, MOST)[flat], gaps.part.ravel()[flat],
        np.repeat(gaps.place, MOST)[flat], np.repeat(layers(records, index), MOST)[flat],
        ticks.ravel()[flat], np.repeat(index + records.first, MOST)[flat])


def step_ends(records: Records) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(step, record of its beginning, record of its completion) of every finished step.

    A step begins with the host's first offer of its inputs; under a global tick with the tick at
    which it is due, whether or not the host is ready.  It is complete with the host's last delivery
    for it or, if the host received nothing, with the last update of the last layer: as
    ``latency_s`` counts it.  Where the machine chooses a token, it is complete with the decision.
    """
    if records.image.sync == im.SYNC_NONE:
        return _packet_ends(records)
    first, last, updated = (_last_of(records, *some) for some in (
        first_records(records), *last_records(records)))
    last = np.where(last >= 0, last, updated)
    done = np.flatnonzero((first >= 0) & (last >= first))
    return done, first[done], last[done]


def first_records(records: Records) -> tuple[np.ndarray, np.ndarray]:
    """(record, step) of the beginnings of steps."""
    image = records.image
    host = records.part == image.first_host
    if image.sync == im.SYNC_TICK:
        index = np.flatnonzero(host & (records.kind == trace.SYNC))
        step, left = np.divmod(records.info[index], image.superstep_period)
        due = (left == 0) & (step < image.steps)
        return index[due], step[due]
    index = np.flatnonzero(host & (records.kind == trace.STEP))
    return index, records.step[index]


def last_records(records: Records) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """(record, step) of the host's decisions, or else of its deliveries; the same of the last
    layer's updates, which count where there are none of the former."""
    image = records.image
    host = records.part == image.first_host
    if image.decode != im.DECODE_NONE:
        decided = np.flatnonzero(host & (records.kind == trace.END) & (records.info == im.DECODE))
        return (decided, records.step[decided]), (decided[:0], decided[:0])
    took = np.flatnonzero(host & (records.kind == trace.DELIVER) & (records.info != im.ACK))
    core = np.clip(records.part - image.first_core, 0, max(0, image.n_cores - 1))
    final = np.zeros(len(records), bool)
    if image.n_cores:
        final = (image.core_stage[core] == image.n_layers) & (records.part < image.first_port)
    final &= (records.kind == trace.END) & (records.info == im.UPDATE)
    updated = np.flatnonzero(final & (records.part >= image.first_core))
    return (took, records.step[took]), (updated, records.step[updated])


def _last_of(records: Records, index: np.ndarray, step: np.ndarray) -> np.ndarray:
    """[T] the last of the records ``index`` of every step, or -1."""
    result = np.full(records.image.steps, -1, np.int64)
    np.maximum.at(result, step, index)
    return result


def _packet_ends(records: Records) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    offers = np.full(len(records.packet_kind), -1, np.int64)
    made = np.flatnonzero(records.kind == trace.OFFER)
    offers[records.packet[made]] = made
    last = np.flatnonzero(records.kind == trace.DELIVER)
    return records.packet[last], offers[records.packet[last]], last


def _walk(records: Records, cause: np.ndarray, tick: np.ndarray, begin: np.ndarray,
          last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(step index, record) of all records on the paths that lie after their steps' beginnings.

    A path may end at something without a cause: at a part's first clock edge, or at the first offer
    of a traffic source, whose packet others had to wait for.  What is left is a wait for that.
    """
    first = ((records.kind == trace.STEP) | (records.kind == trace.OFFER)).tolist()
    causes, ticks = cause.tolist(), tick.tolist()
    owner: list[int] = []
    index: list[int] = []
    for s, (start, at) in enumerate(zip(begin.tolist(), last.tolist(), strict=True)):
        before = len(index)
        while ticks[at] > start:
            index.append(at)
            at = causes[at]
            if at < 0 and first[index[-1]]:
                break
            if at < 0:
                raise ValueError(f"the path of step {s} ends before the step begins")
        owner.extend([s] * (len(index) - before))
    return np.array(owner, np.int64), np.array(index, np.int64)


def _clip(ticks: np.ndarray, since: np.ndarray,
          begin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parts of gaps that lie after their step's beginning, and which of them are not empty."""
    stop = since[:, None] + np.cumsum(ticks, axis=1)
    inside = np.minimum(ticks, np.maximum(0, stop - begin[:, None]))
    return inside, inside > 0


def layers(records: Records, index: np.ndarray) -> np.ndarray:
    """Layer of each record: of its core, or in the network of its packet's sender."""
    image = records.image
    part = records.part[index]
    at_port = (part >= image.first_port) & (part < image.first_source)
    part = np.where(at_port, image.first_core + (records.port[index] >> trace.REQUEST_BITS), part)
    core = (part >= image.first_core) & (part < image.first_port)
    part = np.where(core, part, records.source[index])
    core = (part >= image.first_core) & (part < image.first_port)
    result = np.full(len(index), parts.NO_LAYER, np.int64)
    result[core] = image.core_stage[part[core] - image.first_core] - 1
    result[(part >= image.first_source) & (part < image.sync_part)] = parts.INPUT_LAYER
    return result
