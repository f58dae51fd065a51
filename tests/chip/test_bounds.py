"""Assumed durations at the ends of their ranges, and runs with them."""

from __future__ import annotations

import pytest

import neurosim
from neurosim.chip import load_chip
from neurosim.chip.bounds import at_range_end
from neurosim.scenario import scenario_from_data


@pytest.mark.parametrize("end", ["low", "high"])
def test_only_assumed_durations_move(end: str) -> None:
    chip = load_chip("spinnaker2")
    moved = at_range_end(chip, end)  # type: ignore[arg-type]
    before = dict((key, constant) for key, constant, _ in chip.constants())
    for key, constant, unit in moved.constants():
        duration = unit in ("cycles", "s") and not key.startswith("levels")
        if duration and constant.flag == "assumed":
            assert constant.value == getattr(before[key], end)
        else:
            assert constant == before[key]


def test_bounds_enclose_the_run() -> None:
    data = {
        "name": "small", "bounds": True, "chip": {"use": "spinnaker2", "cores": 4},
        "network": {"synthetic": {"layers": [8, 6], "inputs": 5, "activity": 0.3}},
        "workload": {"steps": 4},
    }
    result = neurosim.run(scenario_from_data(data))
    for key in ("per_step_mean", "interval_mean", "total"):
        low, middle, high = (block["latency_s"][key] for block in (
            result["bounds"]["low"], result.data, result["bounds"]["high"]))
        assert low < middle < high
