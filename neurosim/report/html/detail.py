"""What a trace adds to a report: utilisation step by step, and who sent to whom."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain.path import step_ends
from neurosim.explain.records import Records
from neurosim.explain.whole import Explained

#: Most stretches of time on the slider; longer runs show several steps at once.
MOST_WINDOWS = 120
#: Most rows and columns of the traffic matrix; larger machines show layers.
MOST_ENDS = 200


def details(run: Explained) -> dict[str, Any]:
    """Plain data of a traced run for :func:`write_report`.

    ``windows``: {"label" [W], "cores" [W, C] and "links" [W, links] fractions of each stretch of
    time, which runs from one step's completion to the next}.  ``matrix``: {"names", "counts"}:
    copies delivered, by sender (row) and receiver.
    """
    return {"windows": _windows(run), "matrix": _matrix(run)}


def _windows(run: Explained) -> dict[str, Any] | None:
    records, image = run.records, run.image
    labels, bounds = _boundaries(records)
    if len(labels) < 2:
        return None
    ends = np.flatnonzero((records.kind == trace.END) & (records.part >= image.first_core)
                          & (records.part < image.first_source))
    starts = records.cause[ends]
    core = records.part[ends] - image.first_core
    cores = busy(core, records.tick[starts], records.tick[ends], image.n_cores, bounds)
    grants = np.flatnonzero(records.kind == trace.GRANT)
    links = busy(records.port[grants], records.tick[grants],
                 records.tick[grants] + records.transfer[grants], image.n_outputs, bounds)
    shown = np.flatnonzero(image.ch_port[: image.n_outputs] >= 0)
    order = np.argsort(run.places.core_ids, kind="stable")
    return {"label": labels, "cores": cores[:, order].round(4).tolist(),
            "links": links[:, shown].round(4).tolist()}


def _boundaries(records: Records) -> tuple[list[str], np.ndarray]:
    """Names of the stretches, and their boundaries in ticks."""
    if records.image.sync == im.SYNC_NONE:
        end = int(records.tick.max(initial=0)) + 1
        bounds = np.linspace(0, end, min(MOST_WINDOWS, 20) + 1).astype(np.int64)
        return [f"part {i + 1}" for i in range(len(bounds) - 1)], bounds
    step, first, last = step_ends(records)
    if not len(step):
        return [], np.zeros(1, np.int64)
    done = np.maximum.accumulate(records.tick[last])
    chosen = np.unique(np.linspace(0, len(step) - 1, min(len(step), MOST_WINDOWS)).astype(int))
    bounds = np.concatenate([[int(records.tick[first].min())], done[chosen]])
    since = np.concatenate([[0], step[chosen][:-1] + 1])
    return [f"step {a}" if a == b else f"steps {a} to {b}"
            for a, b in zip(since.tolist(), step[chosen].tolist(), strict=True)], bounds


def busy(track: np.ndarray, start: np.ndarray, end: np.ndarray, tracks: int,
         bounds: np.ndarray) -> np.ndarray:
    """[W, tracks] fraction of each stretch that a track is busy; slices of a track do not overlap.
    """
    order = np.lexsort((start, track))
    track, start, end = track[order], start[order], end[order]
    first = np.searchsorted(track, np.arange(tracks + 1))
    until = np.zeros((len(bounds), tracks))
    for t in range(tracks):
        mine = slice(first[t], first[t + 1])
        begun = np.searchsorted(start[mine], bounds)
        whole = np.concatenate([[0], np.cumsum(end[mine] - start[mine])])
        last = np.concatenate([[0], end[mine]])[begun]
        until[:, t] = whole[begun] - np.maximum(0, last - bounds)
    spans = np.maximum(1, np.diff(bounds))
    return np.diff(until, axis=0) / spans[:, None]


def _matrix(run: Explained) -> dict[str, Any]:
    """Deliveries between cores, layer by layer, the host last; of large machines between layers."""
    records, image = run.records, run.image
    index = np.flatnonzero(records.kind == trace.DELIVER)
    ends = np.concatenate([_by_layer(image), np.arange(image.first_source, image.sync_part)])
    names = [_name(run, part) for part in ends.tolist()]
    number = np.full(image.sync_part + 1, -1, np.int64)
    number[ends] = np.arange(len(ends))
    if len(ends) > MOST_ENDS and image.n_layers:
        number[image.first_core: image.first_source] = image.core_stage - 1
        number[image.first_host: image.sync_part] = image.n_layers
        names = [*(f"layer {i}" for i in range(image.n_layers)), "host"]
    n = len(names)
    pairs = number[records.source[index]] * n + number[records.part[index]]
    counts = np.bincount(pairs, minlength=n * n).reshape(n, n)
    return {"names": names, "counts": counts.tolist()}


def _by_layer(image: im.Image) -> np.ndarray:
    return image.first_core + np.argsort(image.core_stage, kind="stable")


def _name(run: Explained, part: int) -> str:
    if part >= run.image.first_host:
        return "host"
    if part >= run.image.first_source:
        return f"source {part - run.image.first_source}"
    layer = int(run.image.core_stage[part - run.image.first_core]) - 1
    return f"core {run.places.core(part)} (layer {layer})"
