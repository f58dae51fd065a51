"""``neurosim check``: everything but the simulation."""

from __future__ import annotations

from neurosim.cli.arguments import Overrides, ScenarioFile


def check(file: ScenarioFile, set_: Overrides = None) -> None:
    """Check FILE with all files it names: validate, load, map; simulate nothing."""
    from neurosim.scenario import load_scenario

    scenario = load_scenario(file, set_ or ())
    from neurosim import pipeline  # slow to import, so after the refusals that need none of it

    pipeline.check(scenario)
    print(f"{file}: ok")
