"""``neurosim run``: simulate a scenario and write its results."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from neurosim.cli.arguments import Overrides, ScenarioFile

Engine = Literal["auto", "simpy", "compiled"]


def run(
    file: ScenarioFile,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Results folder [results/NAME]."),
    ] = None,
    engine: Annotated[Engine | None, typer.Option(help="Overrides the scenario's engine.")] = None,
    set_: Overrides = None,
    figures: Annotated[
        bool, typer.Option("--figures/--no-figures", help="Draw the pictures.")
    ] = True,
) -> None:
    """Simulate FILE; write tables and pictures to a results folder.

    With mode: generate, the text appears as the machine chooses it."""
    from neurosim.cli.console import Interrupted, print_rows
    from neurosim.cli.output import check_output, default_output, write
    from neurosim.cli.progress import PATIENCE_S, Progress
    from neurosim.cli.telling import Telling
    from neurosim.scenario import load_scenario

    overrides = [*(set_ or ()), *([f"engine={engine}"] if engine else ())]
    scenario = load_scenario(file, overrides)
    folder = output if output is not None else default_output(scenario.name)
    check_output(folder)
    from neurosim import pipeline  # slow to import, so after the refusals that need none of it

    telling = Telling(scenario.workload.prompt[0]) if scenario.workload.prompt else None
    # Text on the terminal and a bar that redraws itself would write over each other.
    with Progress(math.inf if telling is not None else PATIENCE_S) as progress:
        try:
            result = pipeline.run(scenario, progress=progress, told=telling,
                                  scratch=folder.parent)
        finally:
            if telling is not None:
                telling.end()
    write(result, folder, figures)
    print_rows(scenario.name, result.summary())
    print(f"results: {folder}")
    part = result.data.get("partial")
    if part is not None:
        raise Interrupted(f"stopped after {part['steps_finished']} of {part['steps_asked']} steps; "
                          f"{folder} is marked partial")
