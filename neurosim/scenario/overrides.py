"""``--set key=value``: changes to a scenario before it is validated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neurosim.errors import Location, ScenarioError
from neurosim.files.yaml_tree import Document, join, parse_yaml

#: Sections that may be written as one word, and the key that the word stands for.
SHORT_FORMS = {"chip": "use", "sync": "kind"}

#: Below this key the rest of a dotted key is one key of the chip file.
CHIP_KEYS = "chip.set"


@dataclass(frozen=True)
class Override:
    """One ``key=value``, and its place among the options."""

    key: str
    value: Any
    location: Location


def parse_override(text: str, number: int = 1) -> Override:
    """Read ``dotted.key=value``; the value is YAML (``8``, ``150 MHz``, ``[4, 2]``).

    Raises:
        ScenarioError: no ``=``, no key, or a value that is no YAML.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    start = Location("--set", number, 1)
    if not equals or not key or not all(key.split(".")):
        raise ScenarioError("set", f"cannot read {text!r}", "dotted.key=value", start)
    place = Location("--set", number, len(key) + 2)
    try:
        data = parse_yaml(value, "--set", key).data
    except ScenarioError as error:
        raise ScenarioError(key, error.why, error.allowed, place) from None
    return Override(key, data, place)


def expand_short_forms(document: Document) -> None:
    """Turn ``chip: name`` into ``chip: {use: name}`` and ``sync: kind`` likewise, in place."""
    for section, key in SHORT_FORMS.items():
        value = document.data.get(section)
        if isinstance(value, str):
            document.data[section] = {key: value}
            document.values[join(section, key)] = document.locate(section)
    chosen = document.data.get("chip")
    if isinstance(chosen, dict) and isinstance(chosen.get("set"), dict):
        chosen["set"] = _flat(document, chosen["set"], "")


def _flat(document: Document, values: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Nested mappings of chip keys as one level of dotted keys.

    Raises:
        ScenarioError: the same chip key given nested and dotted.
    """
    flat: dict[str, Any] = {}
    for name, value in values.items():
        key = join(prefix, name)
        items = _flat(document, value, key) if isinstance(value, dict) else {key: value}
        for inner, item in items.items():
            if inner in flat:
                place = join(CHIP_KEYS, inner)
                raise ScenarioError(place, "given twice", "once", document.locate(place))
            flat[inner] = item
    return flat


def apply_overrides(document: Document, overrides: Sequence[str]) -> None:
    """Set the keys in the document, in order; their locations become ``--set``.

    Raises:
        ScenarioError: an unreadable override, or one that goes through a plain value.
    """
    for number, text in enumerate(overrides, start=1):
        apply_override(document, parse_override(text, number))


def apply_override(document: Document, override: Override) -> None:
    """Set one key in the document, whose short forms are expanded before and after.

    Raises:
        ScenarioError: the key goes through a plain value, or to an item that a list has not.
    """
    _set(document, override)
    expand_short_forms(document)


def _set(document: Document, override: Override) -> None:
    if override.key.startswith(CHIP_KEYS + "."):
        parts = [*CHIP_KEYS.split("."), override.key[len(CHIP_KEYS) + 1 :]]
    else:
        parts = override.key.split(".")
    holder, key = document.data, ""
    for part in parts[:-1]:
        key = join(key, part)
        if isinstance(holder, list):
            holder = holder[_index(holder, part, override)]
            continue
        if holder.get(part) is None:
            holder[part] = {}
            document.keys[key] = document.values[key] = override.location
        holder = holder[part]
        if not isinstance(holder, dict | list):
            raise ScenarioError(
                override.key, f"{key} holds no further keys", f"{key}=value", override.location
            )
    if isinstance(holder, list):
        holder[_index(holder, parts[-1], override)] = override.value
    else:
        holder[parts[-1]] = override.value
    _relocate(document, override)


def _index(items: list[Any], part: str, override: Override) -> int:
    if part.isdecimal() and int(part) < len(items):
        return int(part)
    allowed = f"0 to {len(items) - 1}" if items else "none: the list is empty"
    raise ScenarioError(override.key, f"no item {part!r}", allowed, override.location)


def _relocate(document: Document, override: Override) -> None:
    """Everything at and below the key now stands in the override."""
    below = override.key + "."
    for places in (document.keys, document.values):
        for key in [key for key in places if key.startswith(below)]:
            del places[key]
        places[override.key] = override.location
