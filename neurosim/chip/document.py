"""YAML files as data plus the place of every key, so that an error can point at a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from neurosim.errors import Location, ScenarioError


def read_document(path: Path, key: str) -> tuple[dict[str, Any], dict[str, Location]]:
    """Read one YAML mapping.

    Args:
        path: the file.
        key: scenario key that names the file, for errors about the file as a whole.

    Returns:
        The data, and for every dotted key in it the place where it stands.

    Raises:
        ScenarioError: unreadable, not YAML, not a mapping, a key twice, or a YAML alias (a small
            file with aliases can expand without bound).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise ScenarioError(key, f"cannot read {path}: {reason}", "a YAML file") from None
    try:
        _refuse_aliases(text, path, key)
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise ScenarioError(key, "is not a mapping of keys to values", "key: value lines",
                                Location(path, 1, 1))
        positions: dict[str, Location] = {}
        return _construct(loader, node, "", path, positions), positions
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Location(path, mark.line + 1, mark.column + 1) if mark else Location(path)
        raise ScenarioError(key, f"is not YAML: {error.problem}", None, place) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ScenarioError(key, f"is not YAML: {error}", None, Location(path)) from None
    except RecursionError:
        raise ScenarioError(key, "is nested too deeply", None, Location(path)) from None


def _refuse_aliases(text: str, path: Path, key: str) -> None:
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        if isinstance(token, yaml.AliasToken):
            mark = token.start_mark
            raise ScenarioError(key, f"uses the YAML alias *{token.value}", "values written out",
                                Location(path, mark.line + 1, mark.column + 1))


def _construct(
    loader: yaml.SafeLoader, node: yaml.Node, prefix: str, path: Path,
    positions: dict[str, Location],
) -> Any:
    """The data below ``node``; fills ``positions`` with the place of each mapping key."""
    if isinstance(node, yaml.SequenceNode):
        return [_construct(loader, item, f"{prefix}[{n}]", path, positions)
                for n, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node)
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        mark = key_node.start_mark
        place = Location(path, mark.line + 1, mark.column + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            raise ScenarioError(f"chip.{prefix}".rstrip("."), "has a key that is not text", None,
                                place)
        name = str(key_node.value)
        dotted = f"{prefix}.{name}" if prefix else name
        if name in data:
            raise ScenarioError(f"chip.{dotted}", "is given twice", "one value", place)
        positions[dotted] = place
        data[name] = _construct(loader, value_node, dotted, path, positions)
    return data
