"""``neurosim compare``: what differs between two runs or two sweeps."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from neurosim.errors import Location, ScenarioError
from neurosim.sweep import analysis, table
from neurosim.sweep.table import MEASURES, label, read_csv, value_at

Section = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
#: Energy that is compared by component, for runs and sweeps alike.
_COMPONENTS = ("core_active", "core_idle", "sram", "noc", "dram", "host_link", "static", "total")
_WORDS = ("name", "description")


def compare_folders(first: Path, second: Path, everything: bool = False) -> Iterator[Section]:
    """What is different, as titles with tables.

    Args:
        first, second: results folders, both of runs or both of sweeps.
        everything: list measures that are equal too.

    Raises:
        ScenarioError: a folder is neither, or they are not of one kind.
    """
    kinds = [_kind(folder) for folder in (first, second)]
    if kinds[0] != kinds[1]:
        raise ScenarioError("compare", f"{first} is a {kinds[0]}, {second} a {kinds[1]}",
                            "two of one kind", Location(second, 1, 1))
    both = _runs if kinds[0] == "run" else _sweeps
    yield from both(first, second, everything)


def _kind(folder: Path) -> str:
    for kind, name in (("run", "result.json"), ("sweep", "sweep.json")):
        if (folder / name).is_file():
            return kind
    raise ScenarioError("compare", "is no results folder", "a folder made by run or sweep",
                        Location(folder, 1, 1))


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ScenarioError("compare", "cannot be read", "a JSON file",
                            Location(path, 1, 1)) from None
    return dict(data)


# --- two runs


def _runs(first: Path, second: Path, everything: bool) -> Iterator[Section]:
    a, b = (_read(folder / "result.json") for folder in (first, second))
    yield _changes([value_at(data, "provenance.resolved_scenario") for data in (a, b)],
                   [{"model": value_at(data, "provenance.model_sha256"),
                     "chip": value_at(data, "provenance.chip.sha256"),
                     "neurosim": value_at(data, "provenance.neurosim"),
                     "engine": data.get("engine")} for data in (a, b)])
    names = [name for name in MEASURES if not name.startswith("energy_j.")]
    rows = [_measure(name, value_at(a, name), value_at(b, name)) for name in names]
    yield ("What came out", ("measure", "A", "B", "B / A"),
           [row for row in rows if everything or row[1] != row[2]])
    yield ("Energy by component (J)", ("component", "A", "B", "B / A", "B - A, % of A"),
           list(_components(a["energy_j"], b["energy_j"], everything)))
    stages = [value_at(data, "latency_s.stages_mean") for data in (a, b)]
    if all(stages) and len(stages[0]) == len(stages[1]):
        last = len(stages[0]) - 1
        yield ("Latency by stage (s)", ("waiting for", "A", "B", "B / A"), [
            _measure("output" if n == last else f"layer {n}", x, y)
            for n, (x, y) in enumerate(zip(*stages, strict=True))])


def _components(a: Mapping[str, Any], b: Mapping[str, Any], everything: bool
                ) -> Iterator[tuple[str, ...]]:
    for name in _COMPONENTS:
        x, y = a.get(name), b.get(name)
        if x is None or y is None or (x == y and not everything):
            continue
        share = f"{100 * (y - x) / a['total']:+.1f}" if a.get("total") else "-"
        yield (*_measure(name, x, y), share)


def _measure(name: str, x: Any, y: Any) -> tuple[str, ...]:
    ratio = "-"
    if analysis.is_number(x) and analysis.is_number(y) and x:
        ratio = f"{y / x:.4g}"
    return name, _text(x), _text(y), ratio


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(label(value))


# --- what was asked for


def _changes(scenarios: Sequence[Any], origins: Sequence[Mapping[str, Any]]) -> Section:
    a, b = ({**dict(flatten(scenario or {})), **{f"({key})": value for key, value in own.items()}}
            for scenario, own in zip(scenarios, origins, strict=True))
    rows: list[tuple[str, ...]] = [
        (key, _text(a.get(key)), _text(b.get(key)))
        for key in dict.fromkeys([*a, *b])
        if a.get(key) != b.get(key) and key not in _WORDS]
    title = "What changed in the scenario" if rows else "The scenarios are the same"
    return title, ("key", "A", "B"), rows


def flatten(data: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of everything in nested mappings."""
    for key, value in data.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{dotted}.")
        else:
            yield dotted, value


# --- two sweeps


def _sweeps(first: Path, second: Path, everything: bool) -> Iterator[Section]:
    about = [_read(folder / "sweep.json") for folder in (first, second)]
    yield _changes([{**each["base"], "sweep": _asked(each["sweep"])} for each in about],
                   [{"neurosim": each["neurosim"], **each["files"]} for each in about])
    axes = [axis for axis in about[0]["axes"] if axis in about[1]["axes"]]
    tables = [_by_point(folder, axes) for folder in (first, second)]
    both = [(tables[0][key], tables[1][key]) for key in tables[0] if key in tables[1]]
    only = [str(len(t) - len(both)) for t in tables]
    yield ("Points", ("", "A", "B"), [
        ("done", str(len(tables[0])), str(len(tables[1]))), ("in both", str(len(both)), ""),
        ("only here", *only)])
    rows = [row for name in (*MEASURES, *table.DERIVED)
            if (row := _spread(name, both)) is not None and (everything or row[1:4] != _SAME)]
    yield ("B / A over the points in both",
           ("measure", "mean ratio", "least", "most", "most at"),
           [(*row[:4], _where(row[4], both, axes)) for row in rows])


_SAME = ("1", "1", "1")


def _asked(block: Mapping[str, Any]) -> dict[str, Any]:
    """A sweep block without what was not given."""
    return {key: _asked(value) if isinstance(value, Mapping) else value
            for key, value in block.items() if value not in (None, [], {})}


def _by_point(folder: Path, axes: Sequence[str]) -> dict[tuple[str, ...], dict[str, Any]]:
    try:
        _, rows = read_csv(folder / table.CSV)
    except (OSError, ValueError, StopIteration):
        raise ScenarioError("compare", "has no table", "the folder of a sweep",
                            Location(folder, 1, 1)) from None
    return {tuple(str(row[axis]) for axis in axes): row for row in rows if row["status"] == "done"}


def _spread(name: str, both: Sequence[tuple[Any, Any]]
            ) -> tuple[str, str, str, str, int] | None:
    """Geometric mean, least and most of the ratios of a measure, and the index of the one that is
    farthest from 1."""
    ratios = {n: b[name] / a[name] for n, (a, b) in enumerate(both)
              if name in a and name in b and analysis.is_number(a[name])
              and analysis.is_number(b[name]) and a[name] > 0 and b[name] > 0}
    if not ratios:
        return None
    logs = {n: math.log(ratio) for n, ratio in ratios.items()}
    mean = math.exp(sum(logs.values()) / len(logs))
    most = max(logs, key=lambda n: abs(logs[n]))
    return (name, f"{mean:.4g}", f"{min(ratios.values()):.4g}", f"{max(ratios.values()):.4g}", most)


def _where(index: int, both: Sequence[tuple[Any, Any]], axes: Sequence[str]) -> str:
    return " ".join(f"{axis.rpartition('.')[2]}={both[index][0][axis]}" for axis in axes)
