"""From a scenario to a result: the one place that knows all the rooms.

    scenario -> network, workload, chip -> mapping -> image -> engine -> measure -> Result

Each room raises with the dotted key that it is about; here the errors get their file, line and
column from the scenario.  Rooms: ``preparation`` (up to the Image), ``simulation`` (from there),
``tasks`` (perplexities), ``tracing`` (records on disk), ``base`` (what they share).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neurosim.pipeline.base import Prepared, Progress, Share, Told, afresh, loaded
from neurosim.pipeline.preparation import prepare
from neurosim.pipeline.simulation import select, simulate
from neurosim.scenario import Scenario

if TYPE_CHECKING:
    from neurosim.measure import Result

__all__ = ["Prepared", "Progress", "Share", "Told", "afresh", "check", "prepare", "run",
           "select", "simulate"]


def run(
    scenario: Scenario | str | Path,
    overrides: Sequence[str] = (),
    engine: str | None = None,
    progress: Progress | None = None,
    scratch: Path | None = None,
    told: Told | None = None,
) -> Result:
    """Simulate a scenario.

    Args:
        scenario: a loaded scenario, or the path of its file.
        overrides: ``key=value`` texts applied to the file (a loaded scenario takes none).
        engine: ``simpy``, ``compiled`` or ``auto`` instead of the scenario's.
        progress: called with (steps done, steps, what) as the run proceeds.
        scratch: folder for the trace, if one is recorded, until the result is written (default: the
            system's for temporary files).
        told: called with (stream, text) as tokens are generated.

    Returns:
        The measures; nothing is written until :meth:`Result.write`.

    Raises:
        UserError: any refusal, with file, line and column.
    """
    prepared = prepare(loaded(scenario, overrides))
    return simulate(prepared, engine, progress, scratch=scratch, told=told)


def check(scenario: Scenario | str | Path, overrides: Sequence[str] = ()) -> Prepared:
    """Everything but the simulation; raises what :func:`run` would before it simulates."""
    return prepare(loaded(scenario, overrides))
