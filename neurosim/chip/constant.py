"""Numbers with provenance, and the fields of a chip file that hold them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.config import JsonDict

from neurosim.files.units import DIMENSION, QuantityError, describe, parse_quantity

Flag = Literal["measured", "derived", "simulated", "assumed", "given"]


class Strict(BaseModel):
    """Frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Constant(Strict):
    """A number in SI units with its provenance.

    ``measured``: by the chip's makers; ``derived``: arithmetic on measured values; ``simulated``:
    before silicon; ``assumed``: a proxy, with a range; ``given``: set by the user.  ``low`` and
    ``high`` equal ``value`` where no range is known.
    """

    value: float
    source: str
    flag: Flag
    low: float
    high: float

    def __float__(self) -> float:
        return self.value

    def __int__(self) -> int:
        return int(self.value)

    def __index__(self) -> int:
        if not self.value.is_integer():
            raise TypeError(f"{self.value} is not a whole number")
        return int(self.value)


def quantity(
    unit: str, description: str, *, positive: bool = False, whole: bool = False,
    optional: bool = False,
) -> Any:
    """A field that holds a :class:`Constant` in ``unit``, never negative.

    Args:
        unit: SI unit of the value.
        description: one phrase for the reference documentation.
        positive: zero is refused too.
        whole: only whole numbers are accepted.
        optional: the field may be null (or absent), meaning no limit.
    """
    extra: JsonDict = {"unit": unit, "positive": positive, "whole": whole}
    if optional:
        return Field(default=None, description=description, json_schema_extra=extra)
    return Field(description=description, json_schema_extra=extra)


class Section(Strict):
    """A section whose quantities accept bare numbers, text with units, or full constants."""

    @field_validator("*", mode="before")
    @classmethod
    def _read_constant(cls, raw: Any, info: ValidationInfo) -> Any:
        extra = cls.model_fields[str(info.field_name)].json_schema_extra
        if not isinstance(extra, dict) or "unit" not in extra or raw is None:
            return raw
        return read_constant(
            raw, str(extra["unit"]), positive=bool(extra["positive"]), whole=bool(extra["whole"])
        )

    def constants(self) -> Iterator[tuple[str, Constant, str]]:
        """Name, constant and unit of every quantity that is set."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if isinstance(value, Constant):
                assert isinstance(field.json_schema_extra, dict)
                yield name, value, str(field.json_schema_extra["unit"])


def read_constant(raw: Any, unit: str, *, positive: bool, whole: bool) -> Constant:
    """A :class:`Constant` from a number, text with a unit, or a mapping with
    ``value``, ``source``, ``flag`` and, if assumed, ``range: [low, high]``.

    Raises:
        ValueError: anything else, a value out of bounds, or a range that excludes the value.
    """
    if isinstance(raw, Constant):
        return raw
    if not isinstance(raw, dict):
        raw = {"value": raw, "source": "set by the user", "flag": "given"}
    unknown = set(raw) - {"value", "source", "flag", "range"}
    if unknown:
        raise ValueError(f"has the unknown key {min(map(str, unknown))!r}; "
                         "expected value, source, flag and range")
    if "value" not in raw:
        raise ValueError("has no value")
    flag = raw.get("flag", "given")
    if flag not in get_args(Flag):
        raise ValueError(f"has the unknown flag {flag!r}; expected {', '.join(get_args(Flag))}")
    if flag == "assumed" and raw.get("range") is None:
        raise ValueError("is assumed, but has no range; expected range: [low, high]")
    value = _number(raw["value"], unit)
    bounds = raw.get("range") or [value, value]
    if not isinstance(bounds, list | tuple) or len(bounds) != 2:
        raise ValueError(f"has the range {describe(bounds)}; expected [low, high]")
    low, high = (_number(bound, unit) for bound in bounds)
    if min(value, low) < 0:
        raise ValueError(f"is negative: {min(value, low):g}; expected {_bound(positive)}")
    if positive and min(value, low) == 0:
        raise ValueError("is zero; expected a value above 0")
    if whole and not value.is_integer():
        raise ValueError(f"is not a whole number: {value:g}")
    if not low <= value <= high:
        raise ValueError(f"is {value:g}, outside its range [{low:g}, {high:g}]")
    return Constant(value=value, source=str(raw.get("source", "set by the user")), flag=flag,
                    low=low, high=high)


def _number(raw: Any, unit: str) -> float:
    try:
        return parse_quantity(raw, DIMENSION[unit])
    except QuantityError as error:
        raise ValueError(f"{error.why}; expected {error.allowed}") from None


def _bound(positive: bool) -> str:
    return "a value above 0" if positive else "0 or more"
