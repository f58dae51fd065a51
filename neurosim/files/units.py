"""Quantities: a plain SI number, or text with a unit such as ``150 MHz``.

``parse_quantity`` is the one place where units become SI numbers.  A unit of another dimension is
refused with the list of units that would do, because ``16.7 MHz`` where a time is meant is a slip
that no later check can see.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

_DECIMAL = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_SMALL = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}


def _prefixed(unit: str, prefixes: dict[str, float], scale: float = 1.0) -> dict[str, float]:
    return {prefix + unit: factor * scale for prefix, factor in prefixes.items()}


def _per(amount: str, counted: str) -> dict[str, float]:
    """``pJ/bit`` and, because what is counted is clear, ``pJ``."""
    return {**_prefixed(f"{amount}/{counted}", _SMALL), **_prefixed(amount, _SMALL)}


#: Units of each dimension with their factor to SI (bytes count as the SI unit of ``size``).
UNITS: dict[str, dict[str, float]] = {
    "time": {**_prefixed("s", _SMALL), "min": 60.0},
    "frequency": _prefixed("Hz", _DECIMAL),
    "size": {**_prefixed("B", _DECIMAL), **_prefixed("B", _BINARY)},
    "bits": {**_prefixed("bit", _DECIMAL), **_prefixed("bit", _BINARY)},
    "byte rate": _prefixed("B/s", _DECIMAL),
    "data rate": {**_prefixed("bit/s", _DECIMAL), **_prefixed("B/s", _DECIMAL, 8.0)},
    "energy": _prefixed("J", _SMALL),
    "energy per bit": _per("J", "bit"),
    "energy per byte": _per("J", "B"),
    "energy per cycle": _per("J", "cycle"),
    "rate": _prefixed("/s", _DECIMAL),
    "power": _prefixed("W", _SMALL),
    "voltage": _prefixed("V", _SMALL),
    "fraction": {"%": 0.01},
    "cycles": {"cycles": 1.0, "cycle": 1.0},
    "packets": {"packets": 1.0, "packet": 1.0},
    "number": {},
}
#: Dimension by its SI unit, for tables that say the unit.
DIMENSION = {"s": "time", "Hz": "frequency", "B": "size", "B/s": "byte rate",
             "bit": "bits", "bit/s": "data rate",
             "J": "energy", "J/bit": "energy per bit", "J/B": "energy per byte",
             "J/cycle": "energy per cycle", "1/s": "rate", "W": "power", "V": "voltage",
             "cycles": "cycles", "packets": "packets", "": "number"}

_NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?")


class QuantityError(ValueError):
    """The text is no quantity of the wanted dimension.

    ``why`` is one clause; ``allowed`` names what would do.
    """

    def __init__(self, why: str, allowed: str) -> None:
        super().__init__(f"{why} (allowed: {allowed})")
        self.why, self.allowed = why, allowed


def allowed_units(dimension: str) -> str:
    """What a quantity of this dimension may look like, for messages."""
    units = ", ".join(unit for unit in UNITS[dimension] if unit[0] not in "µ")
    return f"a number, or one with {units}" if units else "a number"


def parse_quantity(value: object, dimension: str) -> float:
    """The SI value of a number or of text with a unit.

    Args:
        value: int, float, or text: digits, then optionally a unit of the dimension.
        dimension: a key of :data:`UNITS`.

    Raises:
        QuantityError: no number, not finite, or a unit of another dimension.
    """
    allowed = allowed_units(dimension)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise QuantityError(f"must be a {dimension}, not {describe(value)}", allowed)
    if isinstance(value, str):
        return _parse_text(value.strip(), dimension, allowed)
    number = float(value)
    if not math.isfinite(number):
        raise QuantityError(f"must be finite, not {number}", allowed)
    return number


def _parse_text(text: str, dimension: str, allowed: str) -> float:
    match = _NUMBER.match(text)
    if match is None:
        raise QuantityError(f"must be a {dimension}, not {describe(text)}", allowed)
    digits = match.group().replace("_", "")
    number = float(digits)
    unit = text[match.end() :].strip()
    if not math.isfinite(number):
        raise QuantityError(f"must be finite, not {describe(text)}", allowed)
    if not unit:
        return number
    if unit in UNITS[dimension]:
        # In decimal, so that 16.7 ns is the float nearest to 1.67e-8: 16.7 * 1e-9 rounds twice.
        return float(Decimal(digits) * Decimal(repr(UNITS[dimension][unit])))
    others = [name for name, units in UNITS.items() if unit in units]
    kind = f"a unit of {others[0]}" if others else "no known unit"
    raise QuantityError(f"wrong unit '{unit}' ({kind}), {dimension} is wanted", allowed)


def describe(value: object) -> str:
    """A short rendering of an offending value for a one-line message."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


@dataclass(frozen=True)
class Quantity:
    """Annotation of a float field: ``Annotated[float, Quantity("time", minimum=0.0)]``.

    ``minimum`` and ``maximum`` are allowed values themselves, ``above`` and ``below`` are not.
    """

    dimension: str
    minimum: float = -math.inf
    above: float = -math.inf
    maximum: float = math.inf
    below: float = math.inf

    def limits(self) -> str:
        """The allowed range in words; empty if there is none."""
        words = (("at least", self.minimum), ("greater than", self.above),
                 ("at most", self.maximum), ("less than", self.below))  # fmt: skip
        return ", ".join(f"{word} {limit:g}" for word, limit in words if math.isfinite(limit))

    def validate(self, value: object) -> float:
        """The SI value; a refusal carries ``why`` and ``allowed`` as context."""
        try:
            number = parse_quantity(value, self.dimension)
            inside = self.minimum <= number <= self.maximum and self.above < number < self.below
            if not inside:
                raise QuantityError(f"is out of range: {describe(value)}", self.limits())
        except QuantityError as error:
            context = {"why": error.why, "allowed": error.allowed}
            raise PydanticCustomError("quantity", "{why}", context) from None
        return number

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        limits = {"minimum": self.minimum, "exclusiveMinimum": self.above,
                  "maximum": self.maximum, "exclusiveMaximum": self.below}  # fmt: skip
        number = {key: limit for key, limit in limits.items() if math.isfinite(limit)}
        units = "|".join(re.escape(unit) for unit in UNITS[self.dimension])
        text = {"type": "string", "pattern": rf"^({_NUMBER.pattern})\s*({units})?$"}
        return {"anyOf": [{"type": "number", **number}, text]}
