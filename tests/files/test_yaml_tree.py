"""YAML: values by the 1.2 core schema, positions of everything, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from neurosim.errors import ScenarioError
from neurosim.files.yaml_tree import MAX_BYTES, parse_yaml, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1.", 1.0),
        ("-2.5E+3", -2500.0),
        ("12", 12),
        ("1_000", 1000),
        ("0x1F", 31),
        ("010", "010"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("~", None),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 5", "5"),
        (".inf", math.inf),
    ],
)
def test_scalars(text: str, value: object):
    data = parse_yaml(f"key: {text}", "f").data["key"]
    assert data == value and type(data) is type(value)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abcxyz", min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(plain)
def test_what_was_dumped_is_read_back(value: object):
    assert parse_yaml(yaml.safe_dump({"key": value}), "f").data == {"key": value}


def test_positions_of_keys_and_values():
    document = parse_yaml("a: 1\nb:\n  c: [10, {d: x}]\n", "f.yaml")
    at = {key: (place.line, place.column) for key, place in document.values.items()}
    assert at == {
        "": (1, 1), "a": (1, 4), "b": (3, 3), "b.c": (3, 6), "b.c.0": (3, 7), "b.c.1": (3, 11),
        "b.c.1.d": (3, 15),
    }  # fmt: skip
    assert str(document.locate("b.c", at_key=True)) == "f.yaml:3:3"


def test_an_absent_key_stands_at_its_nearest_parent():
    document = parse_yaml("a: 1\nb:\n  c: {}\n", "f.yaml")
    assert str(document.locate("b.c.x.y")) == "f.yaml:3:3"
    assert str(document.locate("z.y")) == "f.yaml:1:1"


def test_aliases_and_merges():
    text = "base: &b {x: 1, y: [2]}\nother: *b\nmerged: {<<: *b, x: 5}\n"
    data = parse_yaml(text, "f").data
    assert data["other"] == {"x": 1, "y": [2]}
    assert data["merged"] == {"x": 5, "y": [2]}
    data["other"]["y"].append(3)
    assert data["base"]["y"] == [2]


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
REFUSED = {
    "duplicate key": ("a: 1\nb: {c: 1,\n    c: 2}\n", "3:5: b.c: duplicate key, first on line 2"),
    "bomb": (BOMB, "6:"),
    "bomb of merges": ("a: &a {x: 1}\nb: [*c]\n", "2:5: b.0: the alias \\*c has no anchor"),
    "loop": ("a: &a\n  b: *a\n", "2:6: a.b: the alias \\*a contains itself"),
    "tag": ("a: !!python/object/apply:os.getcwd []\n", "1:4: a: the tag tag:yaml.org"),
    "tab": ("a:\n\tb: 1\n", "2:1: scenario: bad YAML syntax: .*spaces, not tabs"),
    "syntax": ("a: [1, 2\nb: 3\n", "2:2: scenario: bad YAML syntax"),
    "unclosed quote": ("a: 'x\n", "2:1: scenario: bad YAML syntax"),
    "two documents": ("a: 1\n---\nb: 2\n", "2:1: scenario: a file holds one"),
    "deep": ("a: " + "[" * 2000 + "]" * 2000, "1:\\d+: a[.0]*: nested too deeply"),
    "list as key": ("a:\n  [1, 2]: 3\n", "2:3: a: a key must be plain text"),
    "empty": ("# nothing\n", "1:1: scenario: the file is empty"),
    "list on top": ("- a\n", "1:1: scenario: must be a mapping"),
    "control character": ("a: \x01\n", "1:1: scenario: is no YAML"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_files(name: str, write: Callable[[str, str], Path]):
    text, expected = REFUSED[name]
    path = write("f.yaml", text)
    with pytest.raises(ScenarioError, match="f.yaml:" + expected) as caught:
        read_yaml(path)
    assert "\n" not in str(caught.value)


def test_refused_bytes(tmp_path: Path):
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"name: x\ndescription: caf\xe9\n")
    with pytest.raises(ScenarioError, match="latin.yaml:2:17: scenario: byte 0xe9 is not UTF-8"):
        read_yaml(path)
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(ScenarioError, match="too large"):
        read_yaml(path)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory, raw: bytes):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(raw)
    try:
        read_yaml(path)
    except ScenarioError as error:
        assert len(str(error).splitlines()) == 1
        assert error.location is not None and error.location.line > 0
