"""From a sweep's rows to what each picture shows, as records of plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePath
from typing import Any

import numpy as np

from neurosim.report.sweep_figures import (
    COMPONENTS,
    Energy,
    Heat,
    Pareto,
    Realisation,
    Sensitivity,
)
from neurosim.report.sweep_lines import Line, Lines, Panel
from neurosim.sweep import analysis
from neurosim.sweep.analysis import CORES, SEED, Row

LATENCY, ENERGY, EDP = "latency_s.per_step_mean", "energy_per_step_j", "energy_delay_js"
INTERVAL, OPERATIONS = "latency_s.interval_mean", "operations_per_step.macs_effective"
HOPS, PERPLEXITY = "hops_per_step", "task.perplexity"
MEMORY = "memory.bytes_per_core_max"
PACKET = "traffic.traffic_latency_cycles.mean"
#: Column -> name and unit on an axis.
NAMES = {
    LATENCY: ("latency of a step", "s"), INTERVAL: ("interval of steps", "s"),
    ENERGY: ("energy of a step", "J"), EDP: ("energy-delay product", "Js"),
    HOPS: ("link traversals a step", ""), PERPLEXITY: ("perplexity", ""),
    MEMORY: ("memory of the fullest core", "B"), PACKET: ("packet latency", "cycles"),
    "traffic.accepted_rate": ("accepted rate", ""),
}
#: Most series of a panel, columns of panels, and bars of stacked energy.
MOST_LINES, MOST_FACETS, MOST_BARS = 6, 4, 30


@dataclass(frozen=True)
class Study:
    """A sweep's finished rows (repeats averaged), its axes that vary, and what they stand for."""

    name: str
    rows: Sequence[Row]
    axes: Sequence[str]
    weight: str | None
    activity: str | None

    @property
    def others(self) -> list[str]:
        """Axes besides cores, weights and activity."""
        return [axis for axis in self.axes if axis not in (CORES, self.weight, self.activity)]


def study(name: str, rows: Sequence[Row], axes: Sequence[str]) -> Study:
    """Sort out a table."""
    usable = analysis.over_seeds(analysis.done(rows), axes)
    usable = [{**row, HOPS: _per_step(row, "traffic.hops")} for row in usable]
    free = [axis for axis in analysis.varying(usable, axes) if axis != SEED]
    weight, activity = analysis.sparsity_axes(usable, free)
    return Study(name, usable, free, weight, activity)


def _per_step(row: Row, key: str) -> float | None:
    return row[key] / row["steps"] if row[key] is not None and row["steps"] else None


def short(axis: str) -> str:
    """An axis as people call it: the last part of its key."""
    return axis.rpartition(".")[2].replace("_", " ")


def text(value: Any) -> str:
    """A value of an axis in a picture: file names without folder and suffix."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str) and ("/" in value or value.endswith((".safetensors", ".npz"))):
        return PurePath(value).stem
    return str(value).removeprefix("kind=")


def point_name(row: Row, axes: Sequence[str]) -> str:
    """A point by its axes."""
    return ", ".join(f"{short(axis)} {text(row[axis])}" for axis in axes)


def caption(rows: Sequence[Row]) -> str:
    """Steps and tokens behind a picture, and the warning that goes with few."""
    steps = sorted({row["steps"] for row in rows if row["steps"]})
    if not steps:
        return ""
    span = f"{steps[0]}" if len(steps) == 1 else f"{steps[0]} to {steps[-1]}"
    warn = "; fewer than 256 steps: no claim about latency" if steps[0] < 256 else ""
    chips = {f"{row['provenance.chip.name']} at {row['provenance.chip.level']}" for row in rows}
    chip = f"{chips.pop()}, " if len(chips) == 1 else ""
    return f"{chip}{span} steps a point{warn}"


def fixed(rows: Sequence[Row], axes: Sequence[str]) -> tuple[list[Row], str]:
    """Rows at one value of each axis (the one with most rows, the last of equals), and in words."""
    kept, words = list(rows), []
    for axis in axes:
        counts = {value: sum(row[axis] == value for row in kept)
                  for value in analysis.levels(kept, axis)}
        best = max(reversed(list(counts)), key=lambda value: counts[value])
        kept = [row for row in kept if row[axis] == best]
        words.append(f"{short(axis)} {text(best)}")
    return kept, ", ".join(words)


def _some(values: Sequence[Any], most: int) -> list[Any]:
    """At most that many of the values, evenly chosen, the ends kept."""
    if len(values) <= most:
        return list(values)
    return [values[round(i * (len(values) - 1) / (most - 1))] for i in range(most)]


# --- scaling


def scaling(data: Study) -> Lines | None:
    """The measures along the cores, or else along the longest axis of numbers."""
    axis = _along(data)
    if axis is None:
        return None
    rest = [a for a in (data.weight, data.activity, *data.others) if a is not None and a != axis]
    rows, at = fixed(data.rows, rest[2:])
    series, facet = ([*rest, None, None])[:2]
    measures = [m for m in (LATENCY, INTERVAL, ENERGY, EDP, HOPS, PACKET, "traffic.accepted_rate")
                if any(row[m] is not None for row in rows)]
    by_number = all(analysis.is_number(row[axis]) for row in rows)
    places = analysis.levels(rows, axis)
    facets = _some(analysis.levels(rows, facet), MOST_FACETS) if facet else [None]
    panels, cores = [], axis == CORES
    for measure in measures:
        line = []
        for value in facets:
            here = [row for row in rows if facet is None or row[facet] == value]
            name = "" if facet is None else f"{short(facet)} {text(value)}"
            line.append(_panel(here, axis, series, measure, name, None if by_number else places))
        panels.append(line)
    if not any(len(line.x) > 1 for row in panels for panel in row for line in panel.lines):
        return None  # a sample: no two points differ in one axis alone
    log = by_number and (cores or _geometric(places))
    what = "what more cores bring" if cores else f"along {short(axis)}"
    below = ", ".join(filter(None, [caption(rows), at]))
    return Lines(f"{data.name}: {what}", below, "cores (number)" if cores else short(axis),
                 short(series) if series else "", panels, log,
                 () if by_number else [text(place) for place in places])


def _geometric(places: Sequence[float]) -> bool:
    """Whether places are more evenly spread by ratio than by distance."""
    if min(places) <= 0 or len(places) < 3:
        return False
    steps = [np.diff(places), np.diff(np.log(places))]
    uneven = [float(np.std(step) / np.mean(step)) for step in steps]
    return uneven[1] < uneven[0]


def _along(data: Study) -> str | None:
    if CORES in data.axes:
        return CORES
    lengths = {axis: len(analysis.levels(data.rows, axis)) for axis in data.axes}
    numbers = {axis: n for axis, n in lengths.items()
               if all(analysis.is_number(row[axis]) for row in data.rows)}
    chosen = numbers or lengths
    return max(chosen, key=lambda axis: chosen[axis]) if chosen else None


def _panel(rows: Sequence[Row], axis: str, series: str | None, measure: str, facet: str,
           places: Sequence[Any] | None) -> Panel:
    name, unit = NAMES[measure]
    lines = []
    for value in _some(analysis.levels(rows, series), MOST_LINES) if series else [None]:
        own = [row for row in rows
               if row[measure] is not None and (series is None or row[series] == value)]
        own.sort(key=lambda row: row[axis] if places is None else places.index(row[axis]))
        if own:
            lines.append(_line(own, axis, measure, "" if value is None else text(value), places))
    return Panel(name, unit, facet, lines, _ideal(lines, axis, measure))


def _line(rows: Sequence[Row], axis: str, measure: str, label: str,
          places: Sequence[Any] | None) -> Line:
    x = [row["cores_used"] if axis == CORES else
         row[axis] if places is None else places.index(row[axis]) for row in rows]
    y = [row[measure] for row in rows]
    bounds = [_interval(row, measure) for row in rows]
    bend = analysis.knee(x, y) if axis == CORES and measure in (LATENCY, INTERVAL) else None
    return Line(label, x, y, bounds, bend)


def _interval(row: Row, measure: str) -> tuple[float, float] | None:
    low, high = {LATENCY: ("latency_low_s", "latency_high_s")}.get(measure, (None, None))
    if measure == ENERGY and row["steps"]:
        return row["energy_low_j"] / row["steps"], row["energy_high_j"] / row["steps"]
    if low is None or row[low] is None or high is None:
        return None
    return row[low], row[high]


def _ideal(lines: Sequence[Line], axis: str, measure: str
           ) -> tuple[Sequence[float], Sequence[float]] | None:
    """Time would fall as 1/cores, from the slowest series' fewest cores on."""
    if axis != CORES or measure not in (LATENCY, INTERVAL):
        return None
    top = max((line for line in lines if len(line.x) > 1), key=lambda line: line.y[0], default=None)
    if top is None:
        return None
    return list(top.x), [top.y[0] * top.x[0] / x for x in top.x]


# --- heat map, Pareto front, energy


def heat(data: Study) -> Heat | None:
    """Latency and energy over weight and activity sparsity, the other axes at one value."""
    if data.weight is None or data.activity is None:
        return None
    rows, at = fixed(data.rows, [a for a in data.axes if a not in (data.weight, data.activity)])
    down, across = analysis.levels(rows, data.weight), analysis.levels(rows, data.activity)
    cells = {(row[data.weight], row[data.activity]): row for row in rows}
    wanted = (LATENCY, INTERVAL, ENERGY, OPERATIONS)
    grids = {m: np.array([[_number(cells.get((w, a)), m) for a in across] for w in down])
             for m in wanted}
    panels = [(*NAMES[m], grids[m]) for m in (LATENCY, INTERVAL, ENERGY)
              if np.isfinite(grids[m]).any()]
    if not panels:
        return None
    below = ", ".join(filter(None, [caption(rows), at]))
    return Heat(
        f"{data.name}: weight and activity sparsity (lines: operations a step)", below,
        f"{short(data.weight)}\n(zero weights, %)", f"{short(data.activity)}\n(silent units, %)",
        [_with(rows, data.weight, w, "sparsity.weight") for w in down],
        [_with(rows, data.activity, a, "sparsity.activity", "\n") for a in across],
        panels, grids[OPERATIONS])


def _number(row: Row | None, measure: str) -> float:
    return float("nan") if row is None or row[measure] is None else float(row[measure])


def _with(rows: Sequence[Row], axis: str, value: Any, measure: str, between: str = "  ") -> str:
    """A level of an axis with the mean of what was measured there, in per cent."""
    found = [row[measure] for row in rows if row[axis] == value and row[measure] is not None]
    return f"{text(value)}{between}({100 * float(np.mean(found)):.1f})" if found else text(value)


def pareto(data: Study) -> Pareto | None:
    """Perplexity against energy of a step, one point a row."""
    rows = [row for row in data.rows if row[PERPLEXITY] is not None and row[ENERGY]]
    if len(rows) < 2:
        return None
    flags = analysis.on_front([(row[ENERGY], row[PERPLEXITY]) for row in rows])
    points = [(row[ENERGY], row[PERPLEXITY], point_name(row, data.axes), flag,
               row["energy_low_j"] / row["steps"], row["energy_high_j"] / row["steps"])
              for row, flag in zip(rows, flags, strict=True)]
    return Pareto(f"{data.name}: what a better model costs", f"{caption(rows)}; {_tokens(rows)}",
                  "energy of a step (J)", "perplexity", points)


def _tokens(rows: Sequence[Row]) -> str:
    """What stands behind the perplexities, and how equal the simulated outputs were."""
    tokens = min(row["task.tokens"] for row in rows)
    few = "" if tokens >= 20_000 else " (fewer than 20,000: differences may be chance)"
    apart = [row["task.simulated.max_output_difference"] for row in rows]
    known = [value for value in apart if value is not None]
    same = f"; simulated outputs within {max(known):.2g} of the model's" if known else ""
    return f"perplexity over {tokens:,} tokens{few}{same}"


def energy(data: Study) -> Energy | None:
    """Components of the energy of a step, one bar a point, the other axes at one value."""
    shown = [a for a in (data.weight, data.activity) if a is not None] or list(data.axes[:1])
    rows, at = list(data.rows), ""
    if len(rows) > MOST_BARS:
        rows, at = fixed(rows, [a for a in data.axes if a not in shown])
    else:
        shown = list(data.axes)
    rows = [row for row in rows if row["energy_j.total"]][:MOST_BARS]
    if not rows:
        return None
    if data.weight or data.activity:
        rows.sort(key=lambda row: -(row[OPERATIONS] or 0.0))
    divide = [row["steps"] or 1 for row in rows]
    joules = np.array([[(row[f"energy_j.{key}"] or 0.0) / n for key, *_ in COMPONENTS]
                       for row, n in zip(rows, divide, strict=True)])
    ranges = [(row["energy_low_j"] / n, row["energy_high_j"] / n)
              for row, n in zip(rows, divide, strict=True)]
    names = [" / ".join(text(row[axis]) for axis in shown) for row in rows]
    order = ", fewer operations to the right" if data.weight or data.activity else ""
    return Energy(f"{data.name}: where the energy goes",
                  ", ".join(filter(None, [caption(rows), at, "lines: range of the constants"])),
                  names,
                  " / ".join(short(axis) for axis in shown) + order, joules, ranges)


# --- sensitivities, realisation


def sensitivity(data: Study) -> Sensitivity | None:
    """What moves what by how much."""
    panels = []
    for measure in (LATENCY, INTERVAL, ENERGY, HOPS, MEMORY, PERPLEXITY, PACKET):
        found = analysis.effects(data.rows, data.axes, measure)
        if found and found[0].ratio > 1.0:
            panels.append((NAMES[measure][0], [
                (short(e.axis), e.ratio, text(e.least_at), text(e.most_at)) for e in found]))
    if not panels or not any(effects for _, effects in panels):
        return None
    return Sensitivity(f"{data.name}: which parameter moves what, the others averaged over",
                       caption(data.rows), panels)


def realisation(data: Study) -> Realisation | None:
    """Reductions against the dense twin, series by weight sparsity or the first axis."""
    rows = [row for row in data.rows if row["mac_reduction"] and row["latency_reduction"]]
    if not rows:
        return None
    series = CORES if CORES in data.axes else data.weight or data.activity or None
    panels = []
    for what in ("latency", "interval", "energy"):
        found = []
        for value in analysis.levels(rows, series) if series else [None]:
            own = [row for row in rows if (series is None or row[series] == value)
                   and row[f"{what}_reduction"]]
            found.append(("points" if series is None else text(value),
                          [row["mac_reduction"] for row in own],
                          [row[f"{what}_reduction"] for row in own]))
        if any(x for _, x, _ in found):
            panels.append((what, found[:8] if len(found) <= 8 else _some(found, 8)))
    return Realisation(f"{data.name}: how much of the fewer operations is realised",
                       caption(rows), short(series) if series else "", panels)


def flat(items: Sequence[Sequence[Any]]) -> list[Any]:
    """One list of all."""
    return list(chain.from_iterable(items))
