"""YAML read into plain data, remembering where every key and value stands.

The parser's event stream is built into data here, not by PyYAML's constructor, for four reasons:
positions survive; duplicate keys are refused; no tag can construct anything; and aliases are
counted, so that a few lines cannot expand to gigabytes.  Plain scalars resolve by the YAML 1.2
core schema: ``1e-3`` is a number; ``no``, ``12:30`` and ``010`` are text, for the schema to refuse.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from neurosim.errors import Location, ScenarioError

MAX_BYTES = 1_000_000
MAX_NODES = 100_000
MAX_DEPTH = 40

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?(0|[1-9][0-9_]*)$")
_HEX = re.compile(r"0x[0-9a-fA-F]+$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$")
_SPECIAL = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
    ".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan"),
}  # fmt: skip
_TAGS = {f"tag:yaml.org,2002:{t}" for t in ("str", "int", "float", "bool", "null", "map", "seq")}


@dataclass
class Document:
    """Plain data of one YAML file, and the position of each dotted key.

    ``keys`` and ``values`` map dotted keys to where the key and its value begin; list items are
    numbered from 0 (``layers.2``).
    """

    file: str
    data: Any
    sha256: str = ""
    keys: dict[str, Location] = field(default_factory=dict)
    values: dict[str, Location] = field(default_factory=dict)

    def locate(self, key: str, *, at_key: bool = False) -> Location:
        """Where the value of ``key`` stands (or the key itself); else its nearest known parent."""
        places = self.keys if at_key else self.values
        while key:
            if key in places:
                return places[key]
            key = key.rpartition(".")[0]
            places = self.keys
        return Location(self.file, 1, 1)


def read_yaml(path: str | Path, root: str = "scenario") -> Document:
    """Read one YAML file whose top level is a mapping.

    Args:
        path: the file; messages name it as given here.
        root: what stands for the whole file as key in messages.

    Raises:
        ScenarioError: missing, unreadable or too large file, not UTF-8, bad syntax, duplicate key,
            unknown tag, too many nodes after aliases, or a top level that is no mapping.
    """
    raw = _read_bytes(Path(path), str(path), root)
    text = _decode(raw, str(path), root)
    document = parse_yaml(text, str(path), root)
    document.sha256 = hashlib.sha256(raw).hexdigest()
    if document.data is None:
        raise ScenarioError(root, "the file is empty", "a mapping", Location(str(path), 1, 1))
    if not isinstance(document.data, dict):
        raise ScenarioError(root, "must be a mapping", "key: value", document.locate(""))
    return document


def parse_yaml(text: str, file: str, root: str = "scenario") -> Document:
    """Parse YAML text; ``file`` names it in messages.  Empty text has the data None."""
    document = Document(file, None)
    try:
        document.data = _Builder(document, root, yaml.parse(text, Loader=_LOADER)).build()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file, 1, 1)
        raise ScenarioError(root, _syntax_message(error, text), None, place) from None
    except yaml.YAMLError as error:
        why = f"is no YAML: {str(error).splitlines()[0]}"
        raise ScenarioError(root, why, None, Location(file, 1, 1)) from None
    return document


def _read_bytes(path: Path, file: str, root: str) -> bytes:
    try:
        if path.is_dir():
            why, allowed = "is a directory", "a YAML file"
        elif not path.exists():
            why, allowed = "no such file", "a YAML file"
        elif path.stat().st_size > MAX_BYTES:
            why, allowed = "the file is too large", f"at most {MAX_BYTES} bytes"
        else:
            return path.read_bytes()
    except OSError as error:
        why, allowed = f"cannot be read: {error.strerror}", "a readable YAML file"
    raise ScenarioError(root, why, allowed, Location(file, 1, 1))


def _decode(raw: bytes, file: str, root: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = len(before) - (before.rfind(b"\n") + 1) + 1
        raise ScenarioError(
            root, f"byte 0x{raw[error.start]:02x} is not UTF-8", "UTF-8 text",
            Location(file, line, column),
        ) from None  # fmt: skip


def _syntax_message(error: yaml.MarkedYAMLError, text: str) -> str:
    problem = error.problem or error.context or "cannot be parsed"
    mark = error.problem_mark
    lines = text.splitlines()
    if mark is not None and mark.line < len(lines) and "\t" in lines[mark.line]:
        problem += "; indent with spaces, not tabs"
    return f"bad YAML syntax: {problem}"


def resolve_scalar(text: str) -> None | bool | int | float | str:
    """The value of a plain (unquoted) scalar by the YAML 1.2 core schema."""
    if text in _SPECIAL:
        return _SPECIAL[text]
    if _INT.match(text) and len(text) < 400:  # Python refuses to convert endless digits
        return int(text.replace("_", ""))
    if _HEX.match(text):
        return int(text, 16)
    if _FLOAT.match(text):
        return float(text)
    return text


@dataclass(frozen=True)
class _Anchor:
    value: Any
    nodes: int


class _Builder:
    """Recursive descent over the parser's events."""

    def __init__(self, document: Document, root: str, events: Iterator[yaml.Event]) -> None:
        self.document, self.root, self.events = document, root, events
        self.anchors: dict[str, _Anchor | None] = {}  # None: still being built
        self.nodes = 0

    def build(self) -> Any:
        data: Any = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self.error("", event, "a file holds one YAML document", "one document")
                data = self.value("", next(self.events), 0)
        return data

    def error(
        self, key: str, event: yaml.Event, why: str, allowed: str | None = None
    ) -> ScenarioError:
        return ScenarioError(key or self.root, why, allowed, self.place(event))

    def place(self, event: yaml.Event) -> Location:
        mark: Any = event.start_mark
        return Location(self.document.file, mark.line + 1, mark.column + 1)

    def count(self, key: str, event: yaml.Event, nodes: int = 1) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise self.error(
                key, event, f"the file expands to more than {MAX_NODES} values", "fewer aliases"
            )

    def value(self, key: str, event: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise self.error(key, event, "nested too deeply", f"{MAX_DEPTH} levels")
        self.document.values[key] = self.place(event)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(key, event)
        self.count(key, event)
        first = self.nodes
        if event.anchor:
            self.anchors[event.anchor] = None
        if event.tag not in (None, "!") and event.tag not in _TAGS:
            raise self.error(key, event, f"the tag {event.tag} is not supported", "no tag")
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0] or (event.tag in _TAGS and not event.tag.endswith(":str"))
            value = resolve_scalar(event.value) if plain else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self.sequence(key, depth)
        else:
            value = self.mapping(key, depth)
        if event.anchor:
            self.anchors[event.anchor] = _Anchor(value, self.nodes - first + 1)
        return value

    def alias(self, key: str, event: Any) -> Any:
        if event.anchor not in self.anchors:
            raise self.error(key, event, f"the alias *{event.anchor} has no anchor before it")
        anchor = self.anchors[event.anchor]
        if anchor is None:
            raise self.error(key, event, f"the alias *{event.anchor} contains itself")
        self.count(key, event, anchor.nodes)
        return copy.deepcopy(anchor.value)

    def sequence(self, key: str, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.value(join(key, len(items)), event, depth + 1))
        return items

    def mapping(self, key: str, depth: int) -> dict[str, Any]:
        items: dict[str, Any] = {}
        merged: list[dict[str, Any]] = []
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self.error(key, event, "a key must be plain text", "key: value")
            name = event.value
            inner = join(key, name)
            if name == "<<" and event.implicit[0]:
                merged += self.merge(inner, event, depth)
                continue
            if name in items:
                earlier = self.document.keys[inner].line
                raise self.error(inner, event, f"duplicate key, first on line {earlier}")
            self.count(inner, event)
            self.document.keys[inner] = self.place(event)
            items[name] = self.value(inner, next(self.events), depth + 1)
        for other in merged:
            items = {**other, **items}
        return items

    def merge(self, key: str, event: yaml.Event, depth: int) -> list[dict[str, Any]]:
        """The mappings that a ``<<`` key brings in; the first named wins over the later ones."""
        value = self.value(key, next(self.events), depth + 1)
        merged = value if isinstance(value, list) else [value]
        if not all(isinstance(item, dict) for item in merged):
            raise self.error(key, event, "only mappings can be merged", "<<: *anchor of a mapping")
        return merged


def join(key: str, part: str | int) -> str:
    """``part`` below the dotted key ``key``."""
    return f"{key}.{part}" if key else str(part)
