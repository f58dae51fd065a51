"""What a sweep's table says: knees, fronts, effects, and which axis plays which part.

Plain functions of rows; nothing is drawn here.  docs/reference/sweeps.md states every definition.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Row = Mapping[str, Any]
CORES, SEED = "chip.cores", "seed"
#: The local exponent of the scaling at which more cores are said to have stopped helping.
KNEE_EXPONENT = 0.5
#: Part of the variance that an axis must explain to be called the axis of weights or activity.
_EXPLAINS = 0.25
#: Axes of more levels than this enter the effects as numbers, not level by level.
MOST_LEVELS = 12


@dataclass(frozen=True)
class Effect:
    """How far an axis moves a measure: ratio of its highest to its lowest level effect, and where
    these are."""

    axis: str
    ratio: float
    least_at: Any
    most_at: Any


# --- rows


def done(rows: Sequence[Row]) -> list[Row]:
    """The rows that have a result."""
    return [row for row in rows if row["status"] == "done"]


def varying(rows: Sequence[Row], axes: Sequence[str]) -> list[str]:
    """The axes with more than one value among the rows."""
    return [axis for axis in axes if len({row[axis] for row in rows}) > 1]


def levels(rows: Sequence[Row], axis: str) -> list[Any]:
    """The values of an axis: numbers ascending, else in order of appearance."""
    found = list(dict.fromkeys(row[axis] for row in rows))
    return sorted(found) if all(is_number(value) for value in found) else found


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def group(rows: Sequence[Row], key: Callable[[Row], Hashable]) -> dict[Any, list[Row]]:
    """Rows by key, in order of appearance."""
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def over_seeds(rows: Sequence[Row], axes: Sequence[str]) -> list[Row]:
    """Repeats of a point as one row: the mean of every number that differs between them."""
    if SEED not in axes:
        return list(rows)
    others = [axis for axis in axes if axis != SEED]
    merged: list[Row] = []
    for same in group(rows, lambda row: tuple(str(row[axis]) for axis in others)).values():
        row = dict(same[0])
        for name in row:
            values = [r[name] for r in same]
            if all(is_number(value) for value in values) and len(set(values)) > 1:
                row[name] = float(np.mean(values))
        merged.append(row)
    return merged


# --- which axis is which


def explained(rows: Sequence[Row], axis: str, measure: str) -> float:
    """Part of a measure's variance that lies between the values of an axis (eta squared)."""
    usable = [row for row in rows if is_number(row[measure])]
    values = np.array([row[measure] for row in usable], float)
    if len(values) < 2 or np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())):
        return 0.0
    total = float(((values - values.mean()) ** 2).sum())
    between = 0.0
    for same in group(usable, lambda row: str(row[axis])).values():
        inside = np.array([row[measure] for row in same], float)
        between += len(inside) * float((inside.mean() - values.mean()) ** 2)
    return between / total


def sparsity_axes(rows: Sequence[Row], axes: Sequence[str]) -> tuple[str | None, str | None]:
    """The axes that move weight sparsity and activity sparsity the most."""
    free = [axis for axis in varying(rows, axes) if axis not in (CORES, SEED)]
    weight = _most(rows, free, "sparsity.weight")
    activity = _most(rows, [axis for axis in free if axis != weight], "sparsity.activity")
    if weight is None or activity is not None:
        return weight, activity
    # One axis may move both; it is then called by what it moves more completely.
    both = explained(rows, weight, "sparsity.activity") > explained(rows, weight, "sparsity.weight")
    return (None, weight) if both else (weight, None)


def _most(rows: Sequence[Row], axes: Sequence[str], measure: str) -> str | None:
    parts = {axis: explained(rows, axis, measure) for axis in axes}
    best = max(parts, key=lambda axis: parts[axis], default=None)
    return best if best is not None and parts[best] >= _EXPLAINS else None


# --- scaling


def knee(x: Sequence[float], y: Sequence[float]) -> int | None:
    """Index of the place beyond which a measure that should fall as 1/x stops doing so.

    That is the first place after which the local exponent -d ln y / d ln x is below one half; None
    where it never is, or with fewer than three places.
    """
    if len(x) < 3:
        return None
    for n in range(len(x) - 1):
        if y[n] <= 0 or y[n + 1] <= 0 or x[n] <= 0 or x[n + 1] <= x[n]:
            return None
        exponent = -math.log(y[n + 1] / y[n]) / math.log(x[n + 1] / x[n])
        if exponent < KNEE_EXPONENT:
            return n
    return None


def on_front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """For each (x, y) whether no other is at most as large in both and smaller in one."""
    array = np.asarray(points, float).reshape(-1, 2)
    flags = []
    for x, y in array:
        at_most = (array[:, 0] <= x) & (array[:, 1] <= y)
        smaller = (array[:, 0] < x) | (array[:, 1] < y)
        flags.append(not bool((at_most & smaller).any()))
    return flags


# --- effects


def effects(rows: Sequence[Row], axes: Sequence[str], measure: str) -> list[Effect]:
    """Main effects of the axes on the logarithm of a measure, by least squares, largest first.

    ln y = constant + one term an axis: a value for each level of it, or a slope for an axis of
    more than :data:`MOST_LEVELS` numbers.  On a complete grid a level's term is the geometric mean
    over everything else.  Interactions are averaged over.
    """
    usable = [row for row in rows if is_number(row[measure]) and row[measure] > 0]
    axes = varying(usable, axes)
    if len(usable) < 2 or not axes:
        return []
    columns: list[np.ndarray] = [np.ones(len(usable))]
    spans: dict[str, tuple[int, int, list[Any]]] = {}
    for axis in axes:
        values = [row[axis] for row in usable]
        known = levels(usable, axis)
        start = len(columns)
        if len(known) > MOST_LEVELS and all(is_number(value) for value in known):
            low, high = min(known), max(known)
            columns.append((np.array(values, float) - low) / (high - low))
            spans[axis] = (start, 0, [low, high])
        else:
            for level in known[1:]:
                columns.append(np.array([value == level for value in values], float))
            spans[axis] = (start, len(known) - 1, known)
    y = np.log([float(row[measure]) for row in usable])
    solution = np.linalg.lstsq(np.stack(columns, axis=1), y, rcond=None)[0]
    found = []
    for axis, (start, count, known) in spans.items():
        terms = [0.0, *solution[start : start + max(count, 1)]]
        found.append(Effect(axis, float(math.exp(max(terms) - min(terms))),
                            known[int(np.argmin(terms))], known[int(np.argmax(terms))]))
    return sorted(found, key=lambda effect: -effect.ratio)
