"""The engines agree on every scenario that users start from, as far as the reference gets soon."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from neurosim.engines import compiled, reference
from neurosim.image import Image, first_counter_difference
from neurosim.pipeline import prepare
from neurosim.trace import first_difference

SCENARIOS = sorted(Path(__file__).parents[2].glob("scenarios/*.yaml"))
#: Copies delivered or forwarded that the reference engine simulates in a few seconds.
ENOUGH = 10_000


def beginning(image: Image) -> Image:
    """The image, ended about where its first ENOUGH copies have moved."""
    counters = compiled.run(image).counters
    moved = int(counters.ch_packets.sum()) + int(counters.job_count.sum())
    share = min(1.0, ENOUGH / max(1, moved))
    return replace(image, end_tick=int(share * counters.end_tick))


@pytest.mark.parametrize("path", [p for p in SCENARIOS if not p.stem.startswith("sweep")],
                         ids=lambda p: p.stem)
def test_scenario(path: Path) -> None:
    image = beginning(prepare(path).image)
    ours, theirs = reference.run(image, want_trace=True), compiled.run(image, want_trace=True)
    assert ours.trace is not None and theirs.trace is not None
    assert len(ours.trace) > 0
    assert first_difference(ours.trace, theirs.trace) is None
    assert first_counter_difference(ours.counters, theirs.counters) is None


def test_quickstart_to_its_end() -> None:
    """Two tokens that are not cut short, so that receptions are taken as one job."""
    path = next(p for p in SCENARIOS if p.stem == "quickstart")
    image = prepare(path, ["workload.steps=2"]).image
    ours, theirs = reference.run(image, want_trace=True), compiled.run(image, want_trace=True)
    assert ours.trace is not None and theirs.trace is not None
    assert first_difference(ours.trace, theirs.trace) is None
    assert first_counter_difference(ours.counters, theirs.counters) is None
