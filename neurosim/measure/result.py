"""What users hold after a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.measure import folder, summary, tables, tracefile

if TYPE_CHECKING:
    from pandas import DataFrame


def _no_table() -> np.ndarray:
    return np.zeros(0, [("none", "i8")])


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """Everything measured in one run, SI units throughout (docs/reference/results.md).

    ``data`` is what ``result.json`` holds.  ``cores``, ``links`` and ``steps`` are structured
    arrays, one row a core, a link, a step.  If they were recorded, ``activity`` is ``{"layer0":
    [steps, units] float32, ...}`` and ``trace`` the records (:data:`neurosim.trace.RECORD`),
    memory-mapped: read what is needed of it.
    ``draw(result, directory)`` makes the pictures that :meth:`write` is asked for; None: none.
    """

    data: dict[str, Any]
    cores: np.ndarray = field(default_factory=_no_table)
    links: np.ndarray = field(default_factory=_no_table)
    steps: np.ndarray = field(default_factory=_no_table)
    activity: dict[str, np.ndarray] | None = None
    trace: np.ndarray | None = None
    draw: Callable[[Result, Path], object] | None = None

    def __getitem__(self, dotted: str) -> Any:
        """``result["latency_s.total"]`` is ``result.data["latency_s"]["total"]``."""
        here: Any = self.data
        for key in dotted.split("."):
            if not isinstance(here, Mapping) or key not in here:
                raise KeyError(dotted)
            here = here[key]
        return here

    def summary(self) -> list[tuple[str, str]]:
        """Label and value of what an architect reads first."""
        return summary.rows(self.data)

    def __repr__(self) -> str:
        return f"<Result of {self.data['scenario']['name']!r}, {self.data['steps']} steps>"

    def __str__(self) -> str:
        return summary.text(self.data)

    def _repr_html_(self) -> str:
        """What a notebook shows: the summary as a table."""
        return summary.html(self.data)

    def frame(self, table: str) -> DataFrame:
        """``cores``, ``links``, ``steps``, ``trace``, or a layer's recorded activity (``layer0``: a
        column a unit) as a pandas DataFrame.

        Raises:
            KeyError: no such table, or it was not recorded.
            ImportError: pandas is not installed (``pip install neurosim[parquet]``).
        """
        from pandas import DataFrame

        if table in ("cores", "links", "steps"):
            return DataFrame(getattr(self, table))
        if table == "trace" and self.trace is not None:
            return DataFrame(self.trace)
        if self.activity is not None and table in self.activity:
            return DataFrame(self.activity[table])
        raise KeyError(table)

    def write(self, directory: str | Path, figures: bool = True) -> Path:
        """Write ``result.json``, the tables, what was recorded, and the pictures.

        All files go to a temporary folder that then takes the place of ``directory``, which is
        never half-written; older results in it are replaced as a whole.

        Returns:
            The folder.

        Raises:
            ScenarioError: ``directory`` holds something else, or cannot be written.
        """
        target = Path(directory)
        with folder.new_folder(target) as fresh:
            for name in ("cores", "links", "steps"):
                text = tables.csv(getattr(self, name))
                (fresh / f"{name}.csv").write_text(text, encoding="utf-8")
            if self.activity is not None:
                folder.write_npz(fresh / "activity.npz", self.activity)
            if self.trace is not None:
                tracefile.keep(self.trace, fresh / tracefile.NAME)
            if figures and self.draw is not None:
                self.draw(self, fresh)
            folder.write_json(fresh / folder.MARKER, self.data)
        return target
