"""All points of a sweep, each validated, before anything runs."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from neurosim.chip import Chip, load_chip
from neurosim.errors import ScenarioError, UserError
from neurosim.files.yaml_tree import Document, resolve_scalar
from neurosim.scenario import Scenario, load_document, scenario_from_document
from neurosim.scenario.overrides import Override, apply_override
from neurosim.sweep import where
from neurosim.sweep.blocks import Block, Setting, make_blocks
from neurosim.sweep.estimate import cost
from neurosim.sweep.identity import (
    Asset,
    Hashes,
    assets,
    chip_sha256,
    network_key,
    point_key,
)
from neurosim.sweep.ranges import fill
from neurosim.sweep.schema import Sweep, read_block

#: More points than this run only when asked for with ``--yes``.
MOST_UNASKED = 10_000


@dataclass(frozen=True)
class Point:
    """One point: ``number`` counts from 0 in the sweep's order (-1: only a dense twin).

    ``values`` are the axes' values as the file has them; ``key`` is the identity of the result,
    ``group`` that of the network; ``twin`` is the key of its dense twin.  ``cost`` is in seconds
    of a nominal machine.
    """

    number: int
    values: dict[str, Any]
    settings: tuple[Setting, ...]
    key: str
    group: str
    cost: float
    twin: str | None = None


@dataclass(frozen=True)
class Plan:
    """A sweep ready to run.  ``points`` are the table's rows; ``twins`` are run beside them."""

    sweep: Sweep
    document: Document
    base_dir: Path
    axes: tuple[str, ...]
    points: tuple[Point, ...]
    twins: tuple[Point, ...]
    files: dict[str, str] = field(default_factory=dict)
    """Path and sha256 of every file that a point uses."""
    excluded: int = 0
    """Points that a condition of ``where`` left out."""

    @property
    def name(self) -> str:
        return str(self.document.data["name"])

    def scenario(self, point: Point) -> Scenario:
        """The scenario of one point."""
        return _scenario(self.document, self.base_dir, point.settings)

    def runs(self) -> list[Point]:
        """What must be run: every key once, in order."""
        return list({point.key: point for point in (*self.points, *self.twins)}.values())


def load_sweep(
    path: str | Path, overrides: Iterable[str] = (), yes: bool = False,
    progress: Callable[[int, int, str], object] | None = None,
) -> Plan:
    """Read a scenario file with a sweep block and validate every point of it.

    Args:
        path: the file.
        overrides: ``key=value`` texts, for the scenario and for the block itself.
        yes: allow more than :data:`MOST_UNASKED` points.
        progress: called with (points validated, points, what).

    Raises:
        ScenarioError: anything in the block or in any point that cannot be, with its place.
    """
    document = load_document(path, list(overrides))
    sweep = read_block(document)
    blocks = make_blocks(sweep, document)
    total = 1
    for block in blocks:
        total *= block.size
    if total > MOST_UNASKED and not yes:
        raise ScenarioError("sweep", f"has {total:,} points", f"at most {MOST_UNASKED:,}; more "
                            "with --yes", document.locate("sweep", at_key=True))
    del document.data["sweep"]
    return _Expansion(sweep, document, Path(path).parent).plan(blocks, total, progress)


class _Expansion:
    """Validates points one after the other; files are hashed and chips loaded once."""

    def __init__(self, sweep: Sweep, document: Document, base_dir: Path) -> None:
        self.sweep, self.document, self.base_dir = sweep, document, base_dir
        self.hashes = Hashes()
        self.chips: dict[str, tuple[Chip, str]] = {}
        self.files: dict[str, str] = {}
        self.conditions = self._conditions()

    def plan(self, blocks: list[Block], total: int,
             progress: Callable[[int, int, str], object] | None) -> Plan:
        points: list[Point] = []
        twins: dict[str, Point] = {}
        seen = 0
        for settings in combinations(blocks):
            if progress is not None:
                progress(seen, total, "checking points")
            seen += 1
            settings += self._derived(settings)
            point = self._point(len(points), settings, f"point {seen} of {total}")
            if point is None:
                continue
            twin = self._twin(point, seen, total)
            if twin is not None:
                point = replace(point, twin=twin.key)
                twins.setdefault(twin.key, twin)
            points.append(point)
        if not points:
            raise ScenarioError("sweep.where", "leaves no points", "conditions that some meet",
                                self.document.locate("sweep.where"))
        for point in points:
            twins.pop(point.key, None)
        axes = tuple(dict.fromkeys(key for point in points for key in point.values))
        return Plan(self.sweep, self.document, self.base_dir, axes, tuple(points),
                    tuple(twins.values()), self.files, seen - len(points))

    def _derived(self, settings: list[Setting]) -> list[Setting]:
        """The settings that templates make of the variables."""
        values = {key[1:]: value for key, value, _ in settings if key.startswith("$")}
        return [(key, resolve_scalar(fill(template, values)), f"sweep.set.{key}")
                for key, template in self.sweep.set.items()]

    def _point(self, number: int, settings: list[Setting], which: str) -> Point | None:
        try:
            scenario = _scenario(self.document, self.base_dir, settings)
            chip, chip_sha = self._chip(scenario)
            files = self._assets(scenario)
        except UserError as error:
            raise _of_point(error, which) from None
        values = {key.lstrip("$"): value for key, value, place in settings
                  if not place.startswith("sweep.set.")}
        if not self._meets(scenario, values, which):
            return None
        return Point(number, values, tuple(settings), point_key(scenario, files, chip_sha),
                     network_key(scenario, files), cost(scenario, files))

    def _chip(self, scenario: Scenario) -> tuple[Chip, str]:
        spec = scenario.chip
        key = json.dumps([str(scenario.chip_source), spec.level, spec.set], sort_keys=True,
                         default=str)
        if key not in self.chips:
            try:
                chip = load_chip(scenario.chip_source, level=spec.level, overrides=spec.set)
            except UserError as error:
                raise error.at(scenario.locate(error.key)) from None
            self.chips[key] = (chip, chip_sha256(chip))
        return self.chips[key]

    def _assets(self, scenario: Scenario) -> tuple[Asset, ...]:
        files = assets(scenario, self.hashes)
        for asset in files:
            self.files.update({path: sha for _, path, sha in asset.files})
        return files

    def _twin(self, point: Point, seen: int, total: int) -> Point | None:
        if self.sweep.realisation is None:
            return None
        dense = [(key, value, f"sweep.realisation.dense.{key}")
                 for key, value in self.sweep.realisation.dense.items()]
        which = f"dense twin of point {seen} of {total}"
        conditions, self.conditions = self.conditions, []
        twin = self._point(-1, [*point.settings, *dense], which)
        self.conditions = conditions
        return twin

    def _conditions(self) -> list[tuple[int, Callable[[where.Values], bool]]]:
        parsed = []
        for n, text in enumerate(self.sweep.where):
            try:
                parsed.append((n, where.parse(text)))
            except ValueError as error:
                raise self._bad_condition(n, str(error), where.ALLOWED) from None
        return parsed

    def _meets(self, scenario: Scenario, values: dict[str, Any], which: str) -> bool:
        if not self.conditions:
            return True
        known = {**scenario.resolved(), **values}
        # The resolved value (a number of seconds) rather than the written one ("1 ms").
        known = {**known, **{key: value for key in values
                             if (value := _resolved(scenario, key)) is not None}}
        for n, condition in self.conditions:
            try:
                if not condition(known):
                    return False
            except KeyError as error:
                why = f"{error.args[0]} is no key of the scenario"
                raise self._bad_condition(n, why, "dotted keys and variables") from None
            except (TypeError, ValueError, ArithmeticError) as error:
                raise self._bad_condition(n, f"cannot be decided at {which}: {error}",
                                          "keys that have a value") from None
        return True

    def _bad_condition(self, n: int, why: str, allowed: str) -> ScenarioError:
        key = f"sweep.where.{n}"
        return ScenarioError(key, why, allowed, self.document.locate(key))


def combinations(blocks: list[Block]) -> Iterator[list[Setting]]:
    """All combinations of the blocks' rows, the last block varying fastest."""
    for rows in product(*(block.rows() for block in blocks)):
        yield [setting for row in rows for setting in row]


def _resolved(scenario: Scenario, key: str) -> Any:
    try:
        return where.lookup(scenario.resolved(), key)
    except KeyError:
        return None


def _of_point(error: UserError, which: str) -> UserError:
    error.why = f"{error.why}, at {which}"
    return error


def _scenario(document: Document, base_dir: Path, settings: Iterable[Setting]) -> Scenario:
    """The document with settings applied, each located where the sweep block says it."""
    point = Document(document.file, copy.deepcopy(document.data), document.sha256,
                     dict(document.keys), dict(document.values))
    for key, value, place in settings:
        if key.startswith("$"):
            continue
        axis = place if place in document.keys else place.rpartition(".")[0]
        location = document.locate(place)
        apply_override(point, Override(key, copy.deepcopy(value), location))
        point.keys[key] = document.locate(axis, at_key=True)
        _copy_places(document, place, point, key)
    return scenario_from_document(point, base_dir)


def _copy_places(document: Document, place: str, point: Document, key: str) -> None:
    """Keys inside a structured value keep their own places."""
    below = place + "."
    for source, target in ((document.keys, point.keys), (document.values, point.values)):
        for inner in [inner for inner in source if inner.startswith(below)]:
            target[f"{key}.{inner[len(below):]}"] = source[inner]
