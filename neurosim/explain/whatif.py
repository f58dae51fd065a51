"""Predictions: what a change would do to the latency, from the trace of the run as it is.

A change is a list of ``key=value`` overrides, so that anyone can run it and see.  Where it leaves
the machine's parts as they are, the run is timed anew with the changed costs.  Where it moves
slices to more cores, jobs of the layers concerned are scaled to what the new mapping's fullest core
does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain import overlap
from neurosim.explain.graph import Graph, build
from neurosim.explain.path import CriticalPath, critical_path
from neurosim.explain.retime import job_durations, retime, row_load
from neurosim.image import Image

#: Lowers the scenario with overrides.
Lower = Callable[[Sequence[str]], Image]


@dataclass(frozen=True)
class Change:
    """What to try, in words and as overrides."""

    name: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Prediction:
    """Mean latency of a step, and mean interval of steps, in seconds, before and after."""

    change: Change
    before_s: float
    after_s: float
    interval_before_s: float
    interval_after_s: float
    #: The latency is that of a model (:mod:`.overlap`), not of the run timed anew.
    modelled: bool = False

    @property
    def relative(self) -> float:
        """Of the latency; -0.3: 30 % less."""
        return self.after_s / self.before_s - 1.0

    @property
    def interval_relative(self) -> float:
        return self.interval_after_s / max(self.interval_before_s, 1e-300) - 1.0

    @property
    def overlapping(self) -> bool:
        """Whether steps overlap: then latency also holds the wait for earlier steps, and the
        interval says more."""
        return self.interval_before_s < 0.9 * self.before_s


def predict(graph: Graph, change: Change, lower: Lower) -> Prediction:
    """Latency and interval with ``change``, without running it.

    Raises:
        ValueError: the change makes other clocks and moves slices as well.
    """
    r = graph.records
    old, new = r.image, lower(change.overrides)
    moved = not same_parts(old, new)
    if not moved:
        costs, job = new, job_durations(r, new)
        if not _same_buffers(old, new):
            graph = build(r, new)
    elif old.tick_hz != new.tick_hz:
        raise ValueError(f"{change.name}: clocks must stay as they are where slices move")
    else:
        costs = replace(old, barrier_ticks=new.barrier_ticks, report_ticks=new.report_ticks)
        job = _spread(graph, new)
    tick, cause = retime(graph, costs, job)
    after, before = critical_path(r, cause, tick, costs), critical_path(r)
    seconds = [ticks / hertz for path, hertz in ((before, old.tick_hz), (after, costs.tick_hz))
               for ticks in (float(path.latency.mean()), _interval(path))]
    modelled = moved and overlap.applies(old)
    if modelled:
        recorded = overlap.latency(graph, job_durations(r, old))
        seconds[2] = seconds[0] * overlap.latency(graph, job) / recorded
    return Prediction(change, seconds[0], seconds[2], seconds[1], seconds[3], modelled)


def _interval(path: CriticalPath) -> float:
    """Mean ticks between completions."""
    ends = np.sort(path.end)
    return float(np.diff(ends).mean()) if len(ends) > 1 else 0.0


def _same_buffers(a: Image, b: Image) -> bool:
    return a.flit_bits == b.flit_bits and np.array_equal(a.ch_credits, b.ch_credits) and (
        np.array_equal(a.packet_bits, b.packet_bits))


def same_parts(a: Image, b: Image) -> bool:
    """Whether two images have the same parts, channels, units and trees, whatever they cost."""
    names = ("ch_owner", "ch_part", "unit_ptr", "unit_tree", "br_channel", "row_ptr", "core_stage",
             "row_dram_bytes", "unit_dram_bytes")
    return a.sync == b.sync and a.supersteps == b.supersteps and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


def _spread(graph: Graph, new: Image) -> np.ndarray:
    """Durations of jobs on another mapping of the layers.

    Every core of a layer with a new number of cores does what the layer's fullest new core will
    do; where the number stays, work moves among the layer's cores but its mean cost is the new one.
    Markers grow with the number of their senders everywhere.
    """
    r = graph.records
    old = r.image
    job = job_durations(r, old).astype(float)
    ends = np.flatnonzero((r.kind == trace.END) & (r.part < old.first_port))
    core = r.part[ends] - old.first_core
    kinds = r.packet_kind[np.maximum(r.packet[ends], 0)] if len(r.packet_kind) else core
    event = (r.packet[ends] >= 0) & np.isin(kinds, (im.EVENT, im.CURRENT, im.RESULT))
    what = r.info[ends]
    units = _factors(old, new, np.diff(old.unit_ptr), np.diff(new.unit_ptr))
    received = _factors(old, new, _row_counts(old), _row_counts(new))
    for mask, factor in (
        (what == im.ACCUMULATE, _factors(old, new, row_load(old), row_load(new))),
        ((what == im.RECEIVE) & event, received * _costs(old, new, "receive_ticks", im.EVENT)),
        ((what == im.RECEIVE) & ~event,
         _markers(old, new) * _costs(old, new, "receive_ticks", im.MARKER)),
        (what == im.UPDATE, units * _costs(old, new, "update_ticks")),
        ((what == im.SEND) & event, units * _costs(old, new, "send_ticks")),
    ):
        job[ends[mask]] *= factor[core[mask]]
    return np.maximum(1, np.rint(job)).astype(np.int64) * (r.kind == trace.END)


def _row_counts(image: Image) -> np.ndarray:
    """[C] rows with synapses: sources whose events the core receives."""
    some = np.flatnonzero(np.diff(image.row_ptr) > 0)
    unit = image.syn_target[image.row_ptr[some]] // im.SUMS_PER_UNIT
    return np.bincount(np.searchsorted(image.unit_ptr, unit, side="right") - 1,
                       minlength=image.n_cores)


def _stages(old: Image, new: Image) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Masks of each layer's cores, in both images."""
    for stage in np.unique(old.core_stage):
        if (new.core_stage == stage).any():
            yield old.core_stage == stage, new.core_stage == stage


def _factors(old: Image, new: Image, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """[old cores] the layer's largest new value over the core's, where the number of its cores
    changes; else the ratio of the layer's sums."""
    result = np.ones(old.n_cores)
    for mine, theirs in _stages(old, new):
        if mine.sum() != theirs.sum():
            result[mine] = after[theirs].max() / np.maximum(before[mine], 1)
        else:
            result[mine] = after[theirs].sum() / max(1, before[mine].sum())
    return result


def _costs(old: Image, new: Image, name: str, kind: int | None = None) -> np.ndarray:
    """[old cores] ratio of a layer's mean cost of a job."""
    before, after = getattr(old, name), getattr(new, name)
    if kind is not None:
        before, after = before[:, kind], after[:, kind]
    result = np.ones(old.n_cores)
    for mine, theirs in _stages(old, new):
        result[mine] = after[theirs].mean() / before[mine].mean()
    return result


def _markers(old: Image, new: Image) -> np.ndarray:
    """[old cores] ratio of the markers that a layer's cores receive a step."""
    result = np.ones(old.n_cores)
    for mine, theirs in _stages(old, new):
        before = old.n_markers[mine].sum(axis=1).mean()
        if before > 0:
            result[mine] = new.n_markers[theirs].sum(axis=1).mean() / before
    return result
