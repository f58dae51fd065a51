"""Numbers with units, as chip files write them: ``150 MHz``, ``8.3 pJ``, ``96 KiB``, ``1e-3``."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_DECIMAL = {"": 1.0, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "m": 1e-3,
            "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}
_NUMBER = r"[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_TEXT = re.compile(rf"\s*({_NUMBER})\s*(.*?)\s*")
#: Spellings of the units that count things; the others have one spelling.
_SPELLINGS = {"cycles": ("cycles", "cycle"), "bit": ("bits", "bit", "b"),
              "B": ("bytes", "byte", "B"), "packets": ("packets", "packet")}
_EXAMPLE = {"Hz": "150 MHz", "s": "16.7 ns", "W": "1.05 mW", "J": "8.3 pJ", "V": "0.5 V",
            "B": "96 KiB", "bit": "192 bit", "cycles": "5 cycles"}


def parse_quantity(value: object, unit: str) -> float:
    """A bare number (already in ``unit``) or text with a unit, as a float in ``unit``.

    Args:
        value: int, float or text.
        unit: SI unit wanted, ``""`` for a pure number; ``J/bit`` and the like may be written
            with or without the part after the slash.

    Raises:
        ValueError: not a finite number, or text with another unit; the message says which
            unit was expected.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"is not a number: {value!r}; {expected(unit)}")
    if isinstance(value, str):
        match = _TEXT.fullmatch(value)
        if match is None:
            raise ValueError(f"is not a number: {value!r}; {expected(unit)}")
        # In decimal, so that 16.7 ns is the float nearest to 1.67e-8: 16.7 * 1e-9 rounds twice.
        factor = Decimal(repr(_factor(match[2], unit, value)))
        number = float(Decimal(match[1].replace("_", "")) * factor)
    else:
        number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"is not a finite number: {value!r}; {expected(unit)}")
    return number


def expected(unit: str) -> str:
    """What a field of this unit accepts, for error messages."""
    if not unit:
        return "expected a plain number"
    numerator = unit.split("/")[0]
    example = _EXAMPLE.get(numerator)
    if example and "/" in unit:
        example = f"{example}/{unit.split('/')[1]}"
    return f"expected {unit}" + (f", e.g. '{example}'" if example else "")


def _factor(text: str, unit: str, value: object) -> float:
    """The multiplier of a written unit such as ``pJ/bit``."""
    if not text:
        return 1.0
    wanted, _, per = unit.partition("/")
    written, slash, written_per = text.replace(" ", "").partition("/")
    if not slash or written_per in (per, *_SPELLINGS.get(per, ())):
        for spelling in _SPELLINGS.get(wanted, (wanted,)):
            prefix = written.removesuffix(spelling)
            if spelling and prefix != written:
                if prefix in _DECIMAL:
                    return _DECIMAL[prefix]
                if prefix in _BINARY and wanted in ("B", "bit"):
                    return _BINARY[prefix]
    raise ValueError(f"has the unknown unit {text!r} in {value!r}; {expected(unit)}")
