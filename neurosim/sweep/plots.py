"""``neurosim plot``: every picture that a sweep's table can give, with the numbers behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neurosim.errors import Location, ScenarioError
from neurosim.report import style, sweep_figures, sweep_lines
from neurosim.sweep import table, views
from neurosim.sweep.table import Row, csv_text, read_csv, write_text

#: Name -> what makes the record, what draws it, what it shows, why it may be missing.
PICTURES: dict[str, tuple[Callable[[views.Study], Any], Callable[[Any], Any], str, str]] = {
    "scaling": (views.scaling, sweep_lines.lines,
                "latency, energy, energy-delay and traffic along the cores",
                "no two points differ in one axis alone"),
    "heat": (views.heat, sweep_figures.heat,
             "latency and energy over weight and activity sparsity",
             "needs an axis that moves weight sparsity and one that moves activity"),
    "pareto": (views.pareto, sweep_figures.pareto, "perplexity against energy",
               "needs points with a perplexity"),
    "energy": (views.energy, sweep_figures.energy, "energy by component", "no energy"),
    "sensitivity": (views.sensitivity, sweep_figures.sensitivity,
                    "which parameter moves what by how much", "no axis moves anything"),
    "realisation": (views.realisation, sweep_figures.realisation,
                    "reductions against that of operations",
                    "needs sweep.realisation, the dense twin of each point"),
}


def load_study(folder: Path) -> views.Study:
    """The finished rows of a sweep's folder.

    Raises:
        ScenarioError: no such folder, or no point in it is done.
    """
    place = Location(folder, 1, 1)
    try:
        about = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
        _, rows = read_csv(folder / table.CSV)
        name, axes = about["name"], about["axes"]
    except (OSError, ValueError, KeyError, StopIteration):
        raise ScenarioError("plot", "is not the folder of a sweep",
                            "a folder made by neurosim sweep", place) from None
    study = views.study(name, rows, axes)
    if not study.rows:
        raise ScenarioError("plot", "no point is done", "a sweep with results", place)
    return study


def write_plots(folder: Path, target: Path) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Draw all pictures of a sweep as PNG and SVG, each with its data as CSV.

    Returns:
        (name, what it shows) of what was drawn, and (name, why not) of what was not.

    Raises:
        ScenarioError: ``folder`` is no sweep's, or ``target`` cannot be written.
    """
    study = load_study(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        drawn, missing = [], []
        for name, (view, draw, what, why) in PICTURES.items():
            record = view(study)
            if record is None:
                missing.append((name, why))
                continue
            style.save(draw(record), target, name)
            rows = DATA[name](record)
            write_text(target / f"{name}.csv", csv_text(list(rows[0]), rows))
            drawn.append((name, what))
    except OSError as error:
        raise ScenarioError("output", f"cannot write {target}: {error.strerror}",
                            "a writable place", Location("--output", 1, 1)) from None
    return drawn, missing


# --- the numbers behind each picture


def _lines(record: sweep_lines.Lines) -> list[Row]:
    rows = []
    for panel in views.flat(record.rows):
        ideal = dict(zip(*panel.ideal, strict=True)) if panel.ideal else {}
        for line in panel.lines:
            bounds = list(line.interval) or [None] * len(line.x)
            for n, (x, y) in enumerate(zip(line.x, line.y, strict=True)):
                low, high = bounds[n] or (None, None)
                rows.append({"measure": panel.measure, "unit": panel.unit, "facet": panel.facet,
                             "series": line.label, record.x_label: x, "value": y, "low": low,
                             "high": high, "ideal": ideal.get(x), "knee": n == line.knee})
    return rows


def _heat(record: sweep_figures.Heat) -> list[Row]:
    rows = []
    for r, down in enumerate(record.rows):
        for c, across in enumerate(record.columns):
            row: Row = {"row": down, "column": across.replace("\n", " "),
                        "macs_per_step": float(record.operations[r, c])}
            row.update({f"{measure} ({unit})": float(values[r, c])
                        for measure, unit, values in record.panels})
            rows.append(row)
    return rows


def _pareto(record: sweep_figures.Pareto) -> list[Row]:
    names = ("energy_per_step_j", "perplexity", "point", "front", "energy_low_j", "energy_high_j")
    return [dict(zip(names, point, strict=True)) for point in record.points]


def _energy(record: sweep_figures.Energy) -> list[Row]:
    return [{"point": name,
             **{f"{key}_j": float(joule)
                for (key, *_), joule in zip(sweep_figures.COMPONENTS, joules, strict=True)},
             "low_j": low, "high_j": high}
            for name, joules, (low, high) in zip(record.names, record.joules, record.ranges,
                                                 strict=True)]


def _sensitivity(record: sweep_figures.Sensitivity) -> list[Row]:
    return [{"measure": measure, "axis": axis, "ratio": ratio, "least_at": least, "most_at": most}
            for measure, effects in record.panels for axis, ratio, least, most in effects]


def _realisation(record: sweep_figures.Realisation) -> list[Row]:
    return [{"what": what, "series": label, "mac_reduction": x, "reduction": y}
            for what, series in record.panels for label, xs, ys in series
            for x, y in zip(xs, ys, strict=True)]


DATA: dict[str, Callable[[Any], list[Row]]] = {
    "scaling": _lines, "heat": _heat, "pareto": _pareto, "energy": _energy,
    "sensitivity": _sensitivity, "realisation": _realisation,
}
