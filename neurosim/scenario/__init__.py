"""What a user may ask: the scenario file, its validation, and the place of each key."""

from neurosim.scenario.loading import (
    Scenario,
    load_document,
    load_scenario,
    scenario_from_data,
    scenario_from_document,
)
from neurosim.scenario.schema import json_schema

__all__ = [
    "Scenario",
    "json_schema",
    "load_document",
    "load_scenario",
    "scenario_from_data",
    "scenario_from_document",
]
