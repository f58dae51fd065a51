"""What bounds a run: one of five classes, for the whole and for every layer, with the evidence.

The ticks of the critical paths fall into classes by their part (``parts.CLASS_OF``), but for a
core's own work:

- of an event's synaptic work, looking up its row and fetching its bounds is memory;
- of the work on a core that does more than the mean, what exceeds the mean is balance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurosim.chip import Chip
from neurosim.explain import parts
from neurosim.explain.path import CriticalPath
from neurosim.explain.places import Places
from neurosim.explain.survey import Survey
from neurosim.image import Image
from neurosim.measure.summary import percent

#: A class must hold this much more than the next for the run to be bound by it alone.
CLEAR = 1.25


@dataclass(frozen=True)
class Verdict:
    """``bound`` is one of ``parts.CLASSES``; ``shares`` [5] of the latency; ``evidence`` one
    sentence a line; ``clear``: the next class holds well less."""

    scope: str
    bound: str
    clear: bool
    shares: dict[str, float]
    evidence: tuple[str, ...]


def verdicts(run: Survey, path: CriticalPath, chip: Chip, places: Places) -> list[Verdict]:
    """The verdict on the whole run, then on every layer (its cores' work and its packets)."""
    image, load = run.image, run.core_ticks
    found = [_verdict("whole run", np.ones(len(path.ticks), bool), run, path, chip, places,
                      load, load)]
    for layer in range(image.n_layers):
        mine = image.core_stage == layer + 1
        if (path.layer == layer).any():
            found.append(_verdict(f"layer {layer}", path.layer == layer, run, path, chip,
                                  places, load, load[mine]))
    return found


def class_ticks(image: Image, path: CriticalPath, chip: Chip, load: np.ndarray,
                mean: float) -> np.ndarray:
    """[segments, classes] ticks; rows sum to the segments'."""
    result = np.zeros((len(path.ticks), len(parts.CLASSES)))
    result[np.arange(len(path.ticks)), np.array(parts.CLASS_OF)[path.part]] = path.ticks
    rows = path.part == parts.ACCUMULATE
    core = path.place - image.first_core
    # What comes last of a gap is work; a gap that began before its step is cut at the front.
    fetch = int(chip.core.accumulate_cycles) * image.clock_period[path.place[rows]]
    fetched = np.minimum(path.ticks[rows], fetch)
    result[rows, parts.MEMORY] += fetched
    result[rows, parts.COMPUTE] -= fetched
    work = np.isin(path.part, parts.CORE_WORK) & (core >= 0) & (core < image.n_cores)
    excess = np.zeros(len(path.ticks))
    excess[work] = np.maximum(0.0, 1.0 - mean / np.maximum(load[core[work]], 1))
    moved = result * excess[:, None]
    result -= moved
    result[:, parts.BALANCE] += moved.sum(axis=1)
    return result


def _verdict(scope: str, mine: np.ndarray, run: Survey, path: CriticalPath, chip: Chip,
             places: Places, load: np.ndarray, peers: np.ndarray) -> Verdict:
    mean = float(peers.mean()) if len(peers) else 0.0
    ticks = class_ticks(run.image, path, chip, load, mean)[mine].sum(axis=0)
    total = max(1.0, ticks.sum())
    order = np.argsort(-ticks, kind="stable")
    shares = {name: float(ticks[i] / total) for i, name in enumerate(parts.CLASSES)}
    evidence = [_first(mine, path, places), *_class_evidence(int(order[0]), mine, run, path,
                                                             places, load, peers)]
    clear = bool(ticks[order[0]] >= CLEAR * ticks[order[1]])
    return Verdict(scope, parts.CLASSES[order[0]], clear, shares, tuple(evidence))


def _first(mine: np.ndarray, path: CriticalPath, places: Places) -> str:
    """The place that holds most of the critical path."""
    place, ticks = _top(path.place[mine], path.ticks[mine])
    share = ticks / max(1, int(path.ticks[mine].sum()))
    return f"{places.label(place)} holds {percent(share)} of the critical path"


def _top(keys: np.ndarray, ticks: np.ndarray) -> tuple[int, int]:
    values, inverse = np.unique(keys, return_inverse=True)
    sums = np.bincount(inverse, weights=ticks)
    best = int(sums.argmax())
    return int(values[best]), int(sums[best])


def _class_evidence(bound: int, mine: np.ndarray, run: Survey, path: CriticalPath,
                    places: Places, load: np.ndarray, peers: np.ndarray) -> list[str]:
    image, span = run.image, max(1, run.span)
    lines = []
    if bound in (parts.COMPUTE, parts.MEMORY, parts.BALANCE) and len(peers):
        busiest = int(np.flatnonzero(load == peers.max())[0])
        name = places.label(image.first_core + busiest)
        lines.append(f"{name} works {percent(load[busiest] / span)} of the time, "
                     f"{peers.max() / max(peers.mean(), 1):.2f} times the mean of its peers")
    if bound == parts.MEMORY and image.n_ports:
        ports = {parts.MEMORY_QUEUE: "for others' data", parts.MEMORY_TRANSFER: "for its data",
                 parts.MEMORY_LATENCY: "for DRAM to answer"}
        whole = max(1, path.ticks[mine].sum())
        waits = ", ".join(f"{percent(path.ticks[mine & (path.part == part)].sum() / whole)} {what}"
                          for part, what in ports.items())
        lines.append(f"waiting at memory ports is {waits} of the critical path")
    if bound == parts.TRAFFIC:
        lines += _traffic_evidence(mine, run, path, places, span)
    if bound == parts.SYNCHRONISATION:
        barriers = path.ticks[mine & (path.part == parts.BARRIER)]
        ticks = path.ticks[mine & (path.part == parts.TICK)]
        if len(barriers):
            lines.append(f"{len(barriers) / max(1, len(path.step)):.1f} barriers a step of "
                         f"{image.barrier_ticks / image.tick_hz * 1e6:.3g} us each")
        if len(ticks):
            lines.append(f"{len(ticks) / max(1, len(path.step)):.1f} waits a step for a tick of "
                         f"{image.tick_period / image.tick_hz * 1e6:.3g} us")
    return lines


def _traffic_evidence(mine: np.ndarray, run: Survey, path: CriticalPath, places: Places,
                      span: int) -> list[str]:
    """The busiest link or host channel and what its packets waited for."""
    image, busy = run.image, run.output_ticks
    lines = []
    links = image.ch_port[: image.n_outputs] >= 0
    if links.any():
        busy_links = np.where(links, busy, -1)
        top = int(busy_links.argmax())
        mean = busy[links].mean() / span
        lines.append(f"{places.label(places.first_channel + top)} is busy "
                     f"{percent(busy[top] / span)} of the time, links on average {percent(mean)}")
    waits = mine & np.isin(path.part, (parts.BUSY, parts.ARBITRATION, parts.QUEUE, parts.CREDIT))
    share = path.ticks[waits].sum() / max(1, path.ticks[mine].sum())
    lines.append(f"waiting for others' packets is {percent(float(share))} of the critical path")
    handled = mine & np.isin(path.part, (parts.RECEIVE, parts.SEND))
    share = path.ticks[handled].sum() / max(1, path.ticks[mine].sum())
    lines.append(f"cores receiving and sending packets are {percent(float(share))} of it")
    host = mine & np.isin(path.part, (parts.HOST_SEND, parts.HOST_LINK))
    if host.any():
        share = path.ticks[host].sum() / max(1, path.ticks[mine].sum())
        lines.append(f"the host and its link are {percent(float(share))} of it")
    return lines
