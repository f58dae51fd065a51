"""From the sweep block to independent blocks of settings, whose product is the sweep.

An axis is a block of one key; zipped axes, a sample, listed points and repeats are blocks too.
Every setting knows where it stands in the file.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from neurosim.errors import Location, ScenarioError
from neurosim.files.yaml_tree import Document, join
from neurosim.scenario import Scenario
from neurosim.sweep import ranges
from neurosim.sweep.schema import Axis, Sweep

Setting = tuple[str, Any, str]
"""Key (a variable's name begins with $), value, and where the value stands (a key of the file)."""


@dataclass(frozen=True)
class Block:
    """``size`` rows of settings for ``keys``; ``rows()`` makes them, so that a block too large to
    hold can be refused first.  ``place``: where the block stands."""

    keys: tuple[str, ...]
    size: int
    rows: Callable[[], list[list[Setting]]]
    place: str


def variable(name: str) -> str:
    """How a variable is told from a key of the scenario among settings."""
    return f"${name}"


def make_blocks(sweep: Sweep, document: Document) -> list[Block]:
    """The blocks in the order in which they vary, the last the fastest.

    Raises:
        ScenarioError: a key varied twice, zipped axes of unequal length, a value given twice, or a
            template that names no variable.
    """
    blocks = [_axis_block(variable(name), axis, f"sweep.variables.{name}")
              for name, axis in sweep.variables.items()]
    blocks += [_axis_block(key, axis, f"sweep.axes.{key}") for key, axis in sweep.axes.items()]
    blocks += [_zip_block(group, f"sweep.zip.{n}", document)
               for n, group in enumerate(sweep.zip)]
    if sweep.points is not None:
        blocks.append(_points_block(sweep.points))
    if sweep.sample is not None:
        sample = sweep.sample
        blocks.append(Block(tuple(sample.over), sample.count, lambda: [
            [(key, value, f"sweep.sample.over.{key}") for key, value in row.items()]
            for row in ranges.draw(sample)], "sweep.sample"))
    if sweep.repeat > 1:
        first = document.data.get("seed") or 0
        blocks.append(Block(("seed",), sweep.repeat, lambda: [
            [("seed", first + n, "sweep.repeat")] for n in range(sweep.repeat)], "sweep.repeat"))
    _refuse_doubles(blocks, sweep, document)
    _refuse_repeats(sweep, document)
    _check_templates(sweep, document)
    return blocks


def _axis_block(key: str, axis: Axis, place: str) -> Block:
    return Block((key,), axis.size, lambda: [[setting] for setting in _settings(key, axis, place)],
                 place)


def _settings(key: str, axis: Axis, place: str) -> list[Setting]:
    if axis.values is None:
        return [(key, value, place) for value in ranges.values(axis)]
    return [(key, value, join(place, n)) for n, value in enumerate(axis.values)]


def _zip_block(group: dict[str, Axis], place: str, document: Document) -> Block:
    sizes = {key: len(ranges.values(axis)) if axis.size <= 100_000 else axis.size
             for key, axis in group.items()}
    first = next(iter(sizes))
    for key, size in sizes.items():
        if size != sizes[first]:
            where = f"{place}.{key}"
            raise ScenarioError(where, f"has {size} values, {first} has {sizes[first]}",
                                "as many as the others of the group", document.locate(where))

    def rows() -> list[list[Setting]]:
        columns = [_settings(key, axis, f"{place}.{key}") for key, axis in group.items()]
        return [list(row) for row in zip(*columns, strict=True)]

    return Block(tuple(group), sizes[first], rows, place)


def _points_block(points: list[dict[str, Any]]) -> Block:
    keys = tuple(dict.fromkeys(key for point in points for key in point))
    rows = [[(key, value, f"sweep.points.{n}.{key}") for key, value in point.items()]
            for n, point in enumerate(points)]
    return Block(keys, len(points), lambda: rows, "sweep.points")


# --- refusals


def _refuse_doubles(blocks: list[Block], sweep: Sweep, document: Document) -> None:
    """Two settings of one key, or of a key and a section that holds it, have no meaning."""
    taken: dict[str, str] = {}
    named: list[tuple[str, str]] = [
        (key, _place_of(block, key)) for block in blocks for key in block.keys
    ]
    named += [(key, f"sweep.set.{key}") for key in sweep.set]
    for key, place in named:
        for other, before in taken.items():
            same = key == other
            if same or key.startswith(other + ".") or other.startswith(key + "."):
                what = "is varied twice" if same else f"is varied together with {other}"
                line = document.locate(before, at_key=True).line
                why = f"{what}, first on line {line}"
                raise ScenarioError(key.lstrip("$"), why, "one axis for a key",
                                    document.locate(place, at_key=True))
        taken[key] = place


def _place_of(block: Block, key: str) -> str:
    if block.place == "sweep.sample":
        return f"sweep.sample.over.{key}"
    return join(block.place, key) if block.place.startswith("sweep.zip.") else block.place


def _refuse_repeats(sweep: Sweep, document: Document) -> None:
    """A value twice in a list is most likely a slip."""
    for place, axis in _all_axes(sweep):
        seen: list[Any] = []
        for n, value in enumerate(axis.values or ()):
            if any(value == other and type(value) is type(other) for other in seen):
                raise ScenarioError(place, f"{value!r} is given twice", "each value once",
                                    _item(document, place, n))
            seen.append(value)


def _all_axes(sweep: Sweep) -> Iterator[tuple[str, Axis]]:
    for name, axis in sweep.variables.items():
        yield f"sweep.variables.{name}", axis
    for key, axis in sweep.axes.items():
        yield f"sweep.axes.{key}", axis


def _item(document: Document, place: str, n: int) -> Location:
    """Where item ``n`` of an axis stands, written as a bare list or below ``values``."""
    inner = join(join(place, "values"), n)
    return document.locate(inner if inner in document.values else join(place, n))


def _check_templates(sweep: Sweep, document: Document) -> None:
    for name in sweep.variables:
        if name in Scenario.model_fields:
            place = f"sweep.variables.{name}"
            raise ScenarioError(place, "is a section of the scenario", "another name",
                                document.locate(place, at_key=True))
    used: set[str] = set()
    for key, template in sweep.set.items():
        place = f"sweep.set.{key}"
        for name in _names(template, place, document):
            if name not in sweep.variables:
                raise ScenarioError(place, f"{{{name}}} is no variable",
                                    ", ".join(sweep.variables) or "variables in sweep.variables",
                                    document.locate(place))
            used.add(name)
    for name in sweep.variables:
        if name not in used:
            place = f"sweep.variables.{name}"
            raise ScenarioError(place, "is not used", f"{{{name}}} in a text of sweep.set",
                                document.locate(place, at_key=True))


def _names(template: str, place: str, document: Document) -> Iterable[str]:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        parts = [("", "", "", "")]
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if not name.isidentifier() or form or conversion:
            raise ScenarioError(place, f"cannot read {template!r}", "text with {variable} in it",
                                document.locate(place))
        yield name
