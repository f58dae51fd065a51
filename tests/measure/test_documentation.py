"""docs/reference/results.md names everything that is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neurosim.engines import reference
from neurosim.lower import lower_traffic
from neurosim.measure import Result, measure
from tests.engines.machines import mesh
from tests.measure import cases

#: What comes from the scenario or the task as it is.
GIVEN = {"resolved_scenario"}


def keys(data: dict[str, Any]) -> Iterator[str]:
    for key, value in data.items():
        yield key
        if isinstance(value, dict) and key not in GIVEN:
            yield from keys(value)


def traffic_result() -> Result:
    chip = mesh(2, 2, 1)
    image = lower_traffic(chip, "uniform", 0.2, 1, 100, 10)
    counters = reference.run(image).counters
    return measure("t", "", {}, "simpy", 0, None, None, chip, None, image, counters)


@pytest.fixture(scope="module")
def words(project: Path) -> set[str]:
    text = (project / "docs" / "reference" / "results.md").read_text(encoding="utf-8")
    return set(re.findall(r"\w+", text))


@pytest.mark.parametrize("make", [cases.result, traffic_result])
def test_every_key_is_explained(make, words: set[str]):
    result = make(wall={"seconds": 1.0, "started": 0.0}) if make is cases.result else make()
    assert set(keys(result.data)) - words == set()


def test_every_column_is_explained(words: set[str]):
    result = cases.result()
    for table in (result.cores, result.links, result.steps):
        assert set(table.dtype.names or ()) - words == set()
