"""A run with its trace: from a results folder, or by running a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurosim.errors import Location, ScenarioError, UserError

if TYPE_CHECKING:
    import numpy as np

    from neurosim.pipeline import Prepared, Progress
    from neurosim.scenario import Scenario

Source = Annotated[
    Path,
    typer.Argument(metavar="SOURCE", help="Scenario file, or a results folder with a trace."),
]


@dataclass(frozen=True)
class Traced:
    """``trace`` holds records of :data:`neurosim.trace.RECORD`; ``data`` is the run's
    result.json."""

    scenario: Scenario
    prepared: Prepared
    trace: np.ndarray
    data: dict


def traced(source: Path, overrides: list[str], progress: Progress | None = None) -> Traced:
    """Run the scenario file ``source`` with a trace, or take the trace of a results folder.

    Raises:
        UserError: a folder without a trace, or whose scenario's files are not found from here.
    """
    if source.is_dir():
        return _from_folder(source, overrides)
    from neurosim.scenario import load_scenario

    scenario = load_scenario(source, overrides)
    if "trace" not in scenario.record:
        record = ",".join([*scenario.record, "trace"])
        scenario = load_scenario(source, [*overrides, f"record=[{record}]"])
    from neurosim import pipeline

    prepared = pipeline.prepare(scenario)
    result = pipeline.simulate(prepared, progress=progress)
    if "partial" in result.data:  # there is no path where something was left to do
        raise KeyboardInterrupt
    assert result.trace is not None
    return Traced(scenario, prepared, result.trace, result.data)


def _from_folder(folder: Path, overrides: list[str]) -> Traced:
    from neurosim import pipeline
    from neurosim.cli.output import read_json
    from neurosim.measure import tracefile

    if overrides:
        raise ScenarioError("set", "changes nothing in a run that is over", "a scenario file",
                            Location("--set", 1, 1))
    data = read_json(folder / "result.json")
    path = folder / tracefile.NAME
    if not path.is_file():
        raise ScenarioError("record", "the run kept no trace", "record: [trace], or the scenario "
                            "file instead of the folder", Location(folder, 1, 1))
    prepared = pipeline.prepare(_scenario(folder, data))
    _refuse_other_machine(folder, data, prepared)
    try:
        records = tracefile.load(path)
    except (OSError, ValueError):
        raise ScenarioError("record", f"{path.name} is no trace, or only a part of one",
                            "the scenario file, to run it again", Location(folder, 1, 1)) from None
    return Traced(prepared.scenario, prepared, records, data)


def _refuse_other_machine(folder: Path, data: dict, prepared: Prepared) -> None:
    """A trace means something only with the chip and the model that it was recorded with."""
    from neurosim.measure.whole import chip_sha256

    found = data["provenance"]
    model = None if prepared.network is None else prepared.network.sha256 or None
    for what, then, now in (
        ("chip", found["chip"]["sha256"], chip_sha256(prepared.chip)),
        ("model", found["model_sha256"], model),
    ):
        if then != now:
            raise ScenarioError(what, f"is another {what} now than when this was run",
                                "the scenario file, to run it again", Location(folder, 1, 1))


def _scenario(folder: Path, data: dict) -> Scenario:
    """The scenario of a results folder; its relative paths hold from where it was run, from the
    folder, or from ``scenarios``."""
    from neurosim.scenario.loading import scenario_from_data

    resolved = data["provenance"]["resolved_scenario"]
    failures = []
    for base in (Path("."), Path("scenarios"), folder):
        try:
            return scenario_from_data(resolved, base)
        except UserError as error:
            failures.append(error)
    raise failures[0].at(Location(folder / "result.json", 1, 1)) from None
