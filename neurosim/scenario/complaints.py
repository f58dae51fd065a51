"""Validation errors of pydantic, told as errors of a file: place, key, why, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from neurosim.errors import ScenarioError, UserError
from neurosim.files.units import describe
from neurosim.files.yaml_tree import Document, join

_TYPES = {
    "int_type": ("must be a whole number", "a whole number"),
    "int_from_float": ("must be a whole number", "a whole number"),
    "float_type": ("must be a number", "a number"),
    "bool_type": ("must be true or false", "true, false"),
    "string_type": ("must be text", "text"),
    "list_type": ("must be a list", "[item, ...]"),
    "dict_type": ("must be a mapping", "key: value"),
    "model_type": ("must be a mapping", "key: value"),
    "model_attributes_type": ("must be a mapping", "key: value"),
}
_LIMITS = {"ge": "at least", "gt": "greater than", "le": "at most", "lt": "less than"}


def refusal(error: ValidationError, model: type[BaseModel], document: Document) -> ScenarioError:
    """The first refusal by position in the file; the others are its notes, one line each.

    Args:
        error: what validating ``document.data`` raised.
        model: the model of the whole file, for the names of known keys.
        document: where the keys stand.
    """
    refusals = sorted(
        (_refusal(item, model, document) for item in error.errors(include_url=False)), key=_position
    )
    first = refusals[0]
    for other in refusals[1:]:
        first.add_note(str(other))
    return first


def _position(error: UserError) -> tuple[str, int, int]:
    place = error.location
    return (str(place.file), place.line, place.column) if place else ("", 0, 0)


def _refusal(item: Any, model: type[BaseModel], document: Document) -> ScenarioError:
    parts: Sequence[str | int] = item["loc"]
    context = item.get("ctx", {})
    key = ".".join(map(str, parts))
    if item["type"] == "section":
        key = join(key, context["key"]) if context["key"] else key
        return _located(document, key, context["why"], context["allowed"])
    if item["type"] == "quantity":
        return _located(document, key, context["why"], context["allowed"])
    if item["type"] == "extra_forbidden":
        return _unknown(document, key, str(parts[-1]), _fields(model, parts[:-1]))
    if item["type"] == "missing":
        return _located(document, key, "is missing", "a value for it")
    why, allowed = _value(item, context)
    return _located(document, key, why, allowed)


def _located(document: Document, key: str, why: str, allowed: str) -> ScenarioError:
    return ScenarioError(key or "scenario", why, allowed or None, document.locate(key))


def _unknown(document: Document, key: str, name: str, known: list[str]) -> ScenarioError:
    near = difflib.get_close_matches(name, known, n=1)
    why = "unknown key" + (f", did you mean '{near[0]}'?" if near else "")
    return ScenarioError(key, why, ", ".join(known), document.locate(key, at_key=True))


def _value(item: Any, context: dict[str, Any]) -> tuple[str, str]:
    """Why the value of a known key is refused, and what is allowed."""
    kind, value = item["type"], describe(item["input"])
    if kind in _TYPES:
        why, allowed = _TYPES[kind]
        return f"{why}, not {value}", allowed
    if kind == "literal_error":
        allowed = context["expected"].replace("'", "").replace(" or ", ", ")
        return f"{value} is not known", allowed
    limits = [f"{word} {context[name]}" for name, word in _LIMITS.items() if name in context]
    if limits:
        return f"is out of range: {value}", ", ".join(limits)
    if kind == "too_short":
        return "has too few items", f"at least {context['min_length']}"
    if kind == "string_pattern_mismatch":
        return f"{value} cannot be used here", f"text like {context['pattern']}"
    return item["msg"][:1].lower() + item["msg"][1:], ""


def _fields(model: type[BaseModel], parts: Sequence[str | int]) -> list[str]:
    """The keys known in the section that ``parts`` lead to."""
    current: Any = model
    for part in parts:
        if isinstance(part, str) and part in current.model_fields:
            current = _section(current.model_fields[part].annotation)
    return list(current.model_fields)


def _section(annotation: Any) -> Any:
    """The model in an annotation such as ``Section | None``."""
    choices = (annotation, *get_args(annotation))
    return next(c for c in choices if isinstance(c, type) and issubclass(c, BaseModel))
