"""What a trace adds to a report: utilisation step by step, and who sent to whom."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain.records import columns
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
    image = run.image
    labels, bounds = _boundaries(run)
    if len(labels) < 2:
        return None
    cores = Busy(image.n_cores, bounds)
    links = Busy(image.n_outputs, bounds)
    for at, rows in run.pieces.stretches():
        r = columns(image, rows, at, run.survey.packets)
        ends = np.flatnonzero((r.kind == trace.END) & (r.part >= image.first_core)
                              & (r.part < image.first_port))
        cores.add(r.part[ends] - image.first_core, r.since[ends], r.tick[ends])
        grants = np.flatnonzero(r.kind == trace.GRANT)
        links.add(r.port[grants], r.tick[grants], r.tick[grants] + r.transfer[grants])
    shown = np.flatnonzero(image.ch_port[: image.n_outputs] >= 0)
    order = np.argsort(run.places.core_ids, kind="stable")
    return {"label": labels, "cores": cores.shares()[:, order].round(4).tolist(),
            "links": links.shares()[:, shown].round(4).tolist()}


def _boundaries(run: Explained) -> tuple[list[str], np.ndarray]:
    """Names of the stretches, and their boundaries in ticks."""
    survey = run.survey
    if run.image.sync == im.SYNC_NONE:
        bounds = np.linspace(0, survey.span + 1, min(MOST_WINDOWS, 20) + 1).astype(np.int64)
        return [f"part {i + 1}" for i in range(len(bounds) - 1)], bounds
    step = survey.step
    if not len(step):
        return [], np.zeros(1, np.int64)
    done = np.maximum.accumulate(survey.end)
    chosen = np.unique(np.linspace(0, len(step) - 1, min(len(step), MOST_WINDOWS)).astype(int))
    bounds = np.concatenate([[int(survey.begin.min())], done[chosen]])
    since = np.concatenate([[0], step[chosen][:-1] + 1])
    return [f"step {a}" if a == b else f"steps {a} to {b}"
            for a, b in zip(since.tolist(), step[chosen].tolist(), strict=True)], bounds


class Busy:
    """How long each track is busy in each stretch between two of the ``bounds``."""

    def __init__(self, tracks: int, bounds: np.ndarray) -> None:
        self.bounds = bounds
        self.ticks = np.zeros((len(bounds) - 1, tracks))

    def add(self, track: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
        """Slices of tracks; those of one do not overlap."""
        start, end = (np.clip(x, self.bounds[0], self.bounds[-1]) for x in (start, end))
        while True:
            some = start < end
            track, start, end = track[some], start[some], end[some]
            if not len(track):
                return
            number = np.searchsorted(self.bounds, start, side="right") - 1
            until = np.minimum(end, self.bounds[number + 1])
            np.add.at(self.ticks, (number, track), until - start)
            start = until

    def shares(self) -> np.ndarray:
        """[W, tracks] fraction of each stretch."""
        return self.ticks / np.maximum(1, np.diff(self.bounds))[:, None]


def _matrix(run: Explained) -> dict[str, Any]:
    """Deliveries between cores, layer by layer, the host last; of large machines between layers."""
    image = run.image
    ends = np.concatenate([_by_layer(image), np.arange(image.first_source, image.sync_part)])
    names = [_name(run, part) for part in ends.tolist()]
    number = np.full(image.sync_part + 1, -1, np.int64)
    number[ends] = np.arange(len(ends))
    if len(ends) > MOST_ENDS and image.n_layers:
        number[image.first_core: image.first_port] = image.core_stage - 1
        number[image.first_host: image.sync_part] = image.n_layers
        names = [*(f"layer {i}" for i in range(image.n_layers)), "host"]
    n = len(names)
    counts = np.zeros(n * n, np.int64)
    for _, rows in run.pieces.stretches():
        part, kind = trace.unpack_columns(rows["rank"])[1:3]
        took = kind == trace.DELIVER
        pairs = number[rows["source"][took]] * n + number[part[took]]
        counts += np.bincount(pairs, minlength=n * n)
    return {"names": names, "counts": counts.reshape(n, n).tolist()}


def _by_layer(image: im.Image) -> np.ndarray:
    return image.first_core + np.argsort(image.core_stage, kind="stable")


def _name(run: Explained, part: int) -> str:
    if part >= run.image.first_host:
        return "host"
    if part >= run.image.first_source:
        return f"source {part - run.image.first_source}"
    layer = int(run.image.core_stage[part - run.image.first_core]) - 1
    return f"core {run.places.core(part)} (layer {layer})"
