"""What all sections of a scenario file share: strict types, units, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from neurosim.files.units import Quantity, describe


def refuse(key: str, why: str, allowed: str | None = None) -> NoReturn:
    """Refuse the section for a reason that lies in ``key`` (relative to the section)."""
    context = {"key": key, "why": why, "allowed": allowed or ""}
    raise PydanticCustomError("section", "{why}", context)


def _path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        context = {"why": f"must be a path, not {describe(value)}", "allowed": "path of a file"}
        raise PydanticCustomError("quantity", "{why}", context)
    return Path(value)


FilePath = Annotated[Path, BeforeValidator(_path), WithJsonSchema({"type": "string"})]
Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Quantity("fraction", minimum=0.0, maximum=1.0)]
BelowOne = Annotated[float, Quantity("fraction", minimum=0.0, below=1.0)]
Number = Annotated[float, Quantity("number")]
Time = Annotated[float, Quantity("time", minimum=0.0)]
PositiveTime = Annotated[float, Quantity("time", above=0.0)]


class Section(BaseModel):
    """Base of all sections: immutable, strict, nothing unknown."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True
    )
