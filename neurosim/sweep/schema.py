"""What the ``sweep:`` block of a scenario file may say."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from neurosim.errors import ScenarioError
from neurosim.files.yaml_tree import Document
from neurosim.scenario.complaints import refusal
from neurosim.scenario.section import Count, Natural, Section, refuse

KEY = "sweep"
Finite = Annotated[int | float, Field(allow_inf_nan=False)]


class Axis(Section):
    """Values of one key: a list, or a range (``low``, ``high`` and ``count`` or ``step``)."""

    values: Annotated[list[Any], Field(min_length=1)] | None = None
    """The values one by one; a bare list means this."""
    low: Finite | None = None
    """First value of a range."""
    high: Finite | None = None
    """Last value of a range."""
    count: Count | None = None
    """How many values, evenly spread."""
    step: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    """Distance of the values, instead of count; linear only."""
    scale: Literal["linear", "log"] = "linear"
    """log: equal ratios instead of equal distances."""
    whole: bool | None = None
    """Round to whole numbers; default: where both ends are whole and far enough apart: count - 1,
    in a sample 2."""
    unit: str | None = None
    """Written after each number of the range: ms makes 0.5 into '0.5 ms'."""

    @model_validator(mode="before")
    @classmethod
    def _bare_list(cls, data: Any) -> Any:
        if data == []:
            refuse("", "has no values", "at least one")
        if isinstance(data, list):
            return {"values": data}
        if not isinstance(data, dict):
            refuse("", "must be a list of values or a range", "[8, 16] or {low: 8, high: 64, ...}")
        return data

    @model_validator(mode="after")
    def _list_or_range(self) -> Self:
        if self.values is not None:
            extra = [key for key in ("low", "high", "count", "step", "unit")
                     if getattr(self, key) is not None]
            if extra:
                refuse(extra[0], "belongs to a range, not to a list", "values alone")
            return self
        for key in ("low", "high"):
            if getattr(self, key) is None:
                refuse(key, "is missing", "values, or low and high")
        assert self.low is not None and self.high is not None
        if self.low > self.high:
            refuse("high", "is below low", f"at least {self.low:g}")
        if self.scale == "log" and self.low <= 0:
            refuse("low", "must be positive on a log scale", "greater than 0")
        if self.step is not None and (self.count is not None or self.scale == "log"):
            refuse("step", "goes with neither count nor a log scale", "count")
        return self

    @property
    def size(self) -> int:
        """How many values at most (rounding to whole numbers can merge some)."""
        if self.values is not None:
            return len(self.values)
        assert self.low is not None and self.high is not None
        if self.step is not None:
            return int(math.floor((self.high - self.low) / self.step * (1 + 1e-12))) + 1
        return self.count or 0


class Sample(Section):
    """Points drawn at random instead of a grid."""

    method: Literal["random", "latin_hypercube"] = "latin_hypercube"
    """latin_hypercube: each of count equal parts of every range is hit once."""
    count: Count
    """How many points."""
    seed: Natural = 0
    """The same seed draws the same points."""
    over: Annotated[dict[str, Axis], Field(min_length=1)]
    """Keys and their ranges (without count) or lists of choices."""

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        for key, axis in self.over.items():
            if axis.step is not None or axis.count is not None:
                wrong = "step" if axis.step is not None else "count"
                refuse(f"over.{key}.{wrong}", "a sampled range has none", "low, high, scale")
        return self


class Realisation(Section):
    """What each point is compared with to tell how much of its fewer operations was realised."""

    dense: Annotated[dict[str, Any], Field(min_length=1)]
    """Keys that turn a point into its dense twin, e.g. network.fire: always."""


class Sweep(Section):
    """Many points out of one scenario: the product of everything given here."""

    axes: dict[str, Axis] = {}
    """Dotted key and its values; all combinations are run."""
    zip: list[Annotated[dict[str, Axis], Field(min_length=1)]] = []
    """Groups of axes of equal length that move together."""
    points: Annotated[list[Annotated[dict[str, Any], Field(min_length=1)]],
                      Field(min_length=1)] | None = None
    """Points one by one, each a mapping of dotted keys."""
    sample: Sample | None = None
    """Points drawn at random."""
    variables: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Axis] = {}
    """Axes that are no key of the scenario, for use in set."""
    set: dict[str, str] = {}
    """Dotted key and a text with {variable} in it."""
    where: list[str] = []
    """Conditions that a point must meet, e.g. chip.cores >= 16."""
    repeat: Count = 1
    """Runs of every point, with seeds counted up from the scenario's."""
    realisation: Realisation | None = None
    """The dense twin; it is run as well."""
    minimise: Literal["latency", "interval", "energy", "energy_delay"] = "energy_delay"
    """What the best point so far is the lowest in."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.axes or self.zip or self.points or self.sample or self.variables
                or self.repeat > 1):
            refuse("", "has no axes: there is nothing to vary", "axes, zip, points or sample")
        groups = {"axes": self.axes, "variables": self.variables,
                  **{f"zip.{n}": group for n, group in enumerate(self.zip)}}
        for place, group in groups.items():
            for key, axis in group.items():
                if axis.values is None and axis.count is None and axis.step is None:
                    refuse(f"{place}.{key}", "needs count or step", "low, high and count")
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    sweep: Sweep


def read_block(document: Document) -> Sweep:
    """The validated ``sweep:`` block of a document.

    Raises:
        ScenarioError: there is none, or something in it cannot be.
    """
    if "sweep" not in document.data:
        raise ScenarioError(KEY, "is missing: this file describes one run",
                            f"a sweep block, or neurosim run {document.file}",
                            document.locate(""))
    try:
        return _File.model_validate({KEY: document.data[KEY]}).sweep
    except ValidationError as error:
        raise refusal(error, _File, document) from None


def json_schema() -> dict[str, Any]:
    """JSON Schema of the block, with its own definitions, for editors."""
    return Sweep.model_json_schema()
