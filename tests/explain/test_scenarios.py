"""Every scenario that comes with the project: parts sum to latencies, on both engines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurosim import pipeline
from neurosim.engines.outcome import raise_unless_finished
from neurosim.explain import critical_path, read
from neurosim.scenario import load_scenario
from tests.engines.conftest import ENGINES

FOLDER = Path(__file__).resolve().parents[2] / "scenarios"
SCENARIOS = sorted(path for path in FOLDER.glob("*.yaml") if not path.stem.startswith("sweep"))
#: The reference engine does those with no more records than this.
MOST_RECORDS = 50_000


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_sums_are_exact(path: Path) -> None:
    scenario = load_scenario(path)
    long = scenario.network is not None and (scenario.workload.steps or 3) > 2
    image = pipeline.prepare(path, ["workload.steps=2"] if long else []).image
    for name in ("compiled", "simpy"):
        outcome = ENGINES[name](image, want_trace=True)
        raise_unless_finished(image, outcome)
        records = read(image, outcome.trace)  # refuses causes that do not precede their effects
        found = critical_path(records)
        assert len(found.step) > 0
        assert np.array_equal(found.sums(), found.latency)
        if len(records) > MOST_RECORDS:
            break
