"""Quantities: exact conversion, and refusal of every other dimension."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.files.units import UNITS, Quantity, QuantityError, parse_quantity


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("150 MHz", "frequency", 150e6),
        ("150MHz", "frequency", 150e6),
        ("96 KiB", "size", 96 * 1024),
        ("96 kB", "size", 96_000),
        ("16.7 ns", "time", 16.7e-9),
        ("16.7 µs", "time", 16.7e-6),
        ("1e-3", "time", 1e-3),
        (" 2 min ", "time", 120.0),
        ("1_000 us", "time", 1e-3),
        (".5 W", "power", 0.5),
        ("80 %", "fraction", 0.8),
        ("5 cycles", "cycles", 5),
        ("8.3 pJ", "energy per cycle", 8.3e-12),
        ("8.3 pJ/cycle", "energy per cycle", 8.3e-12),
        ("0.15pJ/bit", "energy per bit", 0.15e-12),
        ("2 Kibit", "bits", 2048),
        ("64 packets", "packets", 64),
        (3, "time", 3.0),
        (0.25, "fraction", 0.25),
    ],
)
def test_values(text: object, dimension: str, value: float):
    assert parse_quantity(text, dimension) == value


@given(st.integers(0, 10**6), st.integers(0, 999), st.sampled_from(["ms", "us", "ns", "ps", "fs"]))
def test_decimal_text_gives_the_nearest_float(whole: int, thousandths: int, unit: str):
    """Against exact rational arithmetic: the result is the float nearest to the decimal value."""
    exponent = {"ms": 3, "us": 6, "ns": 9, "ps": 12, "fs": 15}[unit]
    exact = Fraction(whole * 1000 + thousandths, 1000) / 10**exponent
    assert parse_quantity(f"{whole}.{thousandths:03d} {unit}", "time") == float(exact)


@pytest.mark.parametrize("dimension", [name for name, units in UNITS.items() if units])
def test_units_of_other_dimensions_are_refused_by_name(dimension: str):
    foreign = {u: d for d, units in UNITS.items() for u in units if u not in UNITS[dimension]}
    for unit in foreign:
        with pytest.raises(QuantityError, match="wrong unit " + re.escape(f"'{unit}'")) as caught:
            parse_quantity(f"3 {unit}", dimension)
        assert next(iter(UNITS[dimension])) in caught.value.allowed


@pytest.mark.parametrize(
    "value",
    ["", "fast", "ns", "1 2 ns", "1,5 ns", "nan", "1e999", "0x10", float("inf"), float("nan"),
     True, None, [1], {"value": 1}],
)  # fmt: skip
def test_what_is_no_quantity_is_refused(value: object):
    with pytest.raises(QuantityError):
        parse_quantity(value, "time")


def test_json_schema_accepts_what_the_parser_accepts():
    """The pattern that editors check text against agrees with the parser."""
    from typing import Annotated

    from pydantic import TypeAdapter

    pattern = TypeAdapter(Annotated[float, Quantity("time")]).json_schema()["anyOf"][1]["pattern"]
    for text in ("16.7 ns", "1e-3", "2min", "-1 s", "150 MHz", "fast", "1 2 ns"):
        try:
            parse_quantity(text, "time")
        except QuantityError:
            assert not re.match(pattern, text), text
        else:
            assert re.match(pattern, text), text
