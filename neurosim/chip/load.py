"""Chip files to :class:`~neurosim.chip.schema.Chip` objects."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from neurosim.chip.schema import Chip
from neurosim.errors import Location, ScenarioError
from neurosim.files.yaml_tree import read_yaml

_SUFFIXES = (".yaml", ".yml")
_SCENARIO = "set in the scenario"


def chip_names() -> list[str]:
    """Names of the chips that come with the package."""
    folder = resources.files("neurosim.chip") / "data"
    return sorted(Path(file.name).stem for file in folder.iterdir()
                  if file.name.endswith(_SUFFIXES))


def load_chip(
    name_or_path: str | Path,
    level: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    base_dir: str | Path | None = None,
) -> Chip:
    """Read a chip file with everything it includes, apply overrides, and check the result.

    Args:
        name_or_path: a name of :func:`chip_names`, or the path of a YAML file.
        level: performance level; None takes the file's default.
        overrides: values by dotted key, e.g. ``{"noc.link_cycles": 3}``: plain numbers (SI) or
            text with a unit.  An overridden constant is flagged ``given`` and loses its range.
        base_dir: folder that a relative path starts from; None: the working directory.

    Returns:
        The chip, its NoC graph connected and its routes free of deadlock.

    Raises:
        ScenarioError: with key ``chip.<key>``, or ``chip.set.<key>`` where an override is to
            blame; the location is the chip file's line where the file is.
    """
    source = _Source(*_read(_find(name_or_path, base_dir, "chip.use", None), ()))
    source.apply(overrides or {})
    source.find_graph(Path(base_dir or "."))
    if level is not None:
        levels = source.data.get("levels")
        if isinstance(levels, dict) and level not in levels:
            raise ScenarioError("chip.level", f"no performance level {level!r}",
                                ", ".join(map(str, levels)))
        source.data["default_level"] = level
    try:
        chip = Chip.model_validate(source.data)
    except ValidationError as error:
        raise source.explain(error) from None
    try:
        from neurosim.chip.dram import port_routers
        from neurosim.chip.routing import check

        check(chip)
        if chip.dram is not None:
            port_routers(chip)
    except ScenarioError as error:
        if error.location is not None:  # within a graph file
            raise
        raise source.error(error.key.removeprefix("chip."), error.why, error.allowed) from None
    return chip


class _Source:
    """Merged data of a chip file, and where each key of it came from."""

    def __init__(self, data: dict[str, Any], positions: dict[str, Location]) -> None:
        self.data, self.positions = data, positions
        self.overridden: list[str] = []

    def apply(self, overrides: Mapping[str, Any], prefix: str = "") -> None:
        """Put values at dotted keys; a mapping goes into its section."""
        for key, value in overrides.items():
            dotted = f"{prefix}{key}"
            if isinstance(value, Mapping) and "value" not in value:
                self.apply(value, f"{dotted}.")
                continue
            self.overridden.append(dotted)
            self._put(dotted, value)

    def _put(self, dotted: str, value: Any) -> None:
        *sections, last = dotted.split(".")
        here = self.data
        for section in sections:
            here = here.setdefault(section, {})
            if not isinstance(here, dict) or _is_constant(here):
                raise ScenarioError(f"chip.set.{dotted}", f"has no keys below {section!r}")
        if _is_constant(here.get(last)) and not isinstance(value, Mapping) and value is not None:
            value = {"value": value, "source": _SCENARIO, "flag": "given"}
        here[last] = value
        sources = self.data.get("sources")
        if isinstance(sources, dict) and dotted in sources:
            sources[dotted] = _SCENARIO

    def find_graph(self, base: Path) -> None:
        """Make the path of a graph file absolute: files name it relative to themselves, overrides
        relative to ``base``."""
        topology = self.data.get("topology")
        if not isinstance(topology, dict) or not isinstance(topology.get("file"), str):
            return
        file = topology["file"]
        if "topology.file" not in self.overridden and "topology.file" in self.positions:
            base = Path(self.positions["topology.file"].file).parent
        path = base / Path(file).expanduser()
        if not path.is_file():
            raise self.error("topology.file", f"{file} is no file", "a graph file")
        topology["file"] = str(path.absolute())
        topology["file_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()

    def error(self, dotted: str, why: str, allowed: str | None = None) -> ScenarioError:
        """An error at ``dotted``, blamed on the override or the line that set it."""
        for key in self.overridden:
            if f"{key}.".startswith(f"{dotted}.") or f"{dotted}.".startswith(f"{key}."):
                return ScenarioError(f"chip.set.{key}", why, allowed)
        known = dotted
        while known and known not in self.positions:
            known = known.rpartition(".")[0]
        return ScenarioError(f"chip.{dotted}", why, allowed,
                             self.positions[known if known else ""])

    def explain(self, error: ValidationError) -> ScenarioError:
        """The most telling of pydantic's complaints: an unknown key before a missing one."""
        complaints = error.errors()
        first = next((c for c in complaints if c["type"] == "extra_forbidden"), complaints[0])
        context = first.get("ctx", {})
        location = [str(part) for part in first["loc"]]
        while location and location[-1].isdigit():
            location.pop()
        dotted = ".".join(location)
        if first["type"] == "extra_forbidden":
            return self.error(dotted, "is not a known key", _known_keys(first["loc"]))
        if first["type"] == "missing":
            return self.error(dotted, "is missing", "a value")
        if first["type"] == "value_error":
            why, _, allowed = str(context["error"]).partition("; expected ")
            return self.error(dotted, why, allowed or None)
        if first["type"] == "inconsistent":
            keys = context["keys"]
            blamed = next((key for key in keys if key in self.overridden), keys[0])
            return self.error(blamed, context["why"], context["allowed"])
        why = f"is {first['input']!r:.60}"
        return self.error(dotted, why, first["msg"].replace("Input should be ", ""))


def _known_keys(location: tuple[int | str, ...]) -> str:
    """Keys allowed beside the unknown one at ``location``, the likeliest alone if there is one."""
    model: type[BaseModel] = Chip
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        if field is None:
            continue  # the name of a level
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
        model = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    close = difflib.get_close_matches(str(location[-1]), model.model_fields, n=1)
    return close[0] if close else ", ".join(model.model_fields)


def _find(
    name_or_path: str | Path, base_dir: str | Path | None, key: str, place: Location | None
) -> Path:
    text = str(name_or_path)
    if not text.endswith(_SUFFIXES) and "/" not in text:
        if text in chip_names():
            return Path(str(resources.files("neurosim.chip") / "data" / f"{text}.yaml"))
        raise ScenarioError(key, f"no chip named {text!r}",
                            f"{', '.join(chip_names())}, or the path of a .yaml file", place)
    path = Path(base_dir or ".") / Path(text).expanduser()
    if not path.is_file():
        why = "is a directory" if path.is_dir() else "does not exist"
        raise ScenarioError(key, f"{path} {why}", "a chip file", place)
    return path


def _read(path: Path, chain: tuple[Path, ...]) -> tuple[dict[str, Any], dict[str, Location]]:
    """A file's data laid over that of the file it includes."""
    root = "chip.include" if chain else "chip.use"
    try:
        document = read_yaml(path, root)
    except ScenarioError as error:
        key = error.key if error.key == root else f"chip.{error.key}"
        raise ScenarioError(key, error.why, error.allowed, error.location) from None
    data, positions = document.data, {**document.keys, "": Location(path, 1, 1)}
    include = data.pop("include", None)
    if include is None:
        return data, positions
    place = positions["include"]
    if not isinstance(include, str):
        raise ScenarioError("chip.include", f"is {include!r:.60}", "a chip's name or path", place)
    below = _find(include, path.parent, "chip.include", place)
    chain = (*chain, path.resolve())
    if below.resolve() in chain:
        names = " -> ".join(p.name for p in (*chain, below))
        raise ScenarioError("chip.include", f"includes form a cycle: {names}", None, place)
    base, base_positions = _read(below, chain)
    return _merge(base, data), base_positions | positions


def _merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """``top`` over ``base``: sections merge, constants and lists are replaced whole."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        if both and not _is_constant(below) and not _is_constant(value):
            value = _merge(below, value)  # type: ignore[arg-type]
        merged[key] = value
    return merged


def _is_constant(value: Any) -> bool:
    return isinstance(value, dict) and "value" in value
