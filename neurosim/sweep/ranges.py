"""Values of an axis, and points drawn from several."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from neurosim.sweep.schema import Axis, Sample

#: A sampled range of whole numbers is rounded as if it had so many values: from a span of 2 on.
_SAMPLED = 3


def values(axis: Axis) -> list[Any]:
    """The values of an axis, in order; a range's are clean to 12 digits."""
    if axis.values is not None:
        return list(axis.values)
    assert axis.low is not None and axis.high is not None
    count = axis.size
    if axis.step is not None:
        numbers = [axis.low + axis.step * n for n in range(count)]
    elif count == 1:
        numbers = [axis.low]
    else:
        numbers = [_between(axis, n / (count - 1)) for n in range(count)]
    written = [_written(axis, number, count) for number in numbers]
    return list(dict.fromkeys(written))  # rounding may have made some equal


def draw(sample: Sample) -> list[dict[str, Any]]:
    """The points of a sample: key and value, ``sample.count`` times; the same for the same seed.

    Latin hypercube (McKay, Beckman, Conover 1979): each key's range is cut into ``count`` equal
    parts, every part is hit exactly once, and the parts are matched between keys at random.
    """
    columns: dict[str, list[Any]] = {}
    for number, (key, axis) in enumerate(sample.over.items()):
        rng = np.random.default_rng([sample.seed, number])
        places = rng.random(sample.count)
        if sample.method == "latin_hypercube":
            places = (rng.permutation(sample.count) + places) / sample.count
        columns[key] = [_at(axis, float(place)) for place in places]
    return [{key: column[n] for key, column in columns.items()} for n in range(sample.count)]


def _at(axis: Axis, place: float) -> Any:
    """The value at ``place`` in [0, 1) of an axis."""
    if axis.values is not None:
        return axis.values[int(place * len(axis.values))]
    return _written(axis, _between(axis, place), _SAMPLED)


def _between(axis: Axis, place: float) -> float:
    assert axis.low is not None and axis.high is not None
    if axis.scale == "log":
        return axis.low * (axis.high / axis.low) ** place
    return axis.low + (axis.high - axis.low) * place


def _written(axis: Axis, number: float, count: int) -> Any:
    """A number as the file would have it: whole where it must be, with its unit."""
    value: int | float = round(number) if _whole(axis, count) else float(f"{number:.12g}")
    return value if axis.unit is None else f"{value!r} {axis.unit}"


def _whole(axis: Axis, count: int) -> bool:
    if axis.whole is not None:
        return axis.whole
    low, high, step = axis.low, axis.high, axis.step
    if not (isinstance(low, int) and isinstance(high, int)):
        return False
    if step is not None:
        return math.isclose(step, round(step))
    return high - low >= count - 1


def fill(template: str, variables: Mapping[str, Any]) -> str:
    """``{name}`` in a template replaced by the variable's value."""
    return template.format_map({name: _text(value) for name, value in variables.items()})


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
