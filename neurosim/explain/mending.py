"""The next-longest paths: what a run would be bound by if the first things took no time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurosim.explain.graph import Graph, delays
from neurosim.explain.path import CriticalPath, critical_path
from neurosim.explain.places import Places
from neurosim.explain.retime import job_durations, retime


@dataclass(frozen=True)
class Mend:
    """After the places above it and ``place`` take no time, steps take ``latency`` ticks on
    average: the most that mending them can buy.  ``share`` is its part of the path before that."""

    place: int
    name: str
    share: float
    latency: float


def mends(graph: Graph, path: CriticalPath, places: Places, most: int = 4) -> list[Mend]:
    """Free the longest place of the critical path, time the run anew, and so on.

    Where that buys less than half of what the place held, others in parallel hold the steps up
    just as long: then all of its sort are freed (the cores of its layer, all links, ...).
    """
    found: list[Mend] = []
    freed: list[int] = []
    records = graph.records
    delay = delays(graph, records.image, job_durations(records, records.image))
    while len(found) < most and len(path.ticks) and path.latency.sum() > 0:
        values, inverse = np.unique(path.place, return_inverse=True)
        ticks = np.bincount(inverse, weights=path.ticks)
        ticks[np.isin(values, freed)] = 0
        place = int(values[ticks.argmax()])
        if ticks.max() == 0:
            break
        before, share, name = float(path.latency.mean()), ticks.max() / path.latency.sum(), ""
        for group, called in ((np.array([place]), places.label(place)), places.peers(place)):
            tick, cause = retime(graph, free=[*freed, *group.tolist()], delay=delay)
            anew = critical_path(records, cause, tick)
            bought = 1.0 - float(anew.latency.mean()) / before
            name = called
            if bought >= share / 2:
                break
        held = float(ticks[np.isin(values, group)].sum() / path.latency.sum())
        freed += group.tolist()
        path = anew
        found.append(Mend(place, name, held, float(path.latency.mean())))
    return found
