"""``neurosim show``: what would run where, before running it."""

from __future__ import annotations

from typing import Annotated

import typer

from neurosim.cli.arguments import Overrides, ScenarioFile


def show(
    file: ScenarioFile,
    set_: Overrides = None,
    cores: Annotated[bool, typer.Option("--cores", help="List every core.")] = False,
) -> None:
    """Show the floorplan, memory per core and routes of FILE; simulate nothing."""
    from neurosim.cli.console import print_rows, print_table
    from neurosim.cli.floorplan import core_rows, floorplan, layer_rows, overview
    from neurosim.scenario import load_scenario

    scenario = load_scenario(file, set_ or ())
    from neurosim import pipeline  # slow to import, so after the refusals that need none of it

    prepared = pipeline.prepare(scenario)
    print_rows(prepared.scenario.name, overview(prepared))
    print(floorplan(prepared.chip, prepared.mapping))
    if prepared.mapping is None:
        return
    print_table(("layer", "units", "cores", "bytes/core", "most", "full"), layer_rows(prepared))
    if cores:
        print_table(("core", "x,y", "layer", "units", "bytes", "full"), core_rows(prepared))
