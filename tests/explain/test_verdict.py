"""Scenarios built to be bound by one thing: the verdict names it, and predictions hold."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim import pipeline
from neurosim.cli import execute
from neurosim.explain import parts
from neurosim.explain.candidates import candidates
from neurosim.explain.verdict import class_ticks
from neurosim.explain.whatif import Prediction, predict, same_parts
from neurosim.explain.whole import Explained
from neurosim.scenario import load_scenario

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
#: What a prediction may be off by.
WITHIN = 0.10


@cache
def explained(name: str) -> tuple[Explained, pipeline.Prepared]:
    prepared = pipeline.prepare(SCENARIOS / f"{name}.yaml", ("record=[trace]",))
    result = pipeline.simulate(prepared)
    assert result.trace is not None
    return Explained(prepared.image, result.trace, prepared.chip, prepared.mapping), prepared


def predictions(name: str) -> list[Prediction]:
    run, prepared = explained(name)
    found = candidates(run.path, run.image, run.chip, run.mapping, prepared.scenario.resolved())
    path = SCENARIOS / f"{name}.yaml"
    return [predict(run.graph, change, lambda texts: pipeline.prepare(path, texts).image)
            for change in found]


@pytest.mark.parametrize(("name", "bound", "place", "best"), [
    ("bound_by_core", "balance", "core 5 (1,1)", "layer 0 on 2 cores instead of 1"),
    ("bound_by_link", "traffic", "link (1,0) to (0,0)", "link width x2"),
    ("bound_by_barrier", "synchronisation", "barrier", "barrier twice as fast"),
])
def test_the_verdict_names_what_binds(name: str, bound: str, place: str, best: str) -> None:
    data = explained(name)[0].data()
    verdict = data["verdicts"][0]
    assert verdict["bound"] == bound and verdict["clear"]
    assert verdict["evidence"][0].startswith(place)
    assert sum(verdict["shares"].values()) == pytest.approx(1.0)
    assert data["by_place"][0]["name"] == place
    assert min(predictions(name), key=lambda p: p.after_s).change.name == best


@pytest.mark.parametrize("name", ["bound_by_core", "bound_by_link", "bound_by_barrier"])
def test_predictions_hold_when_run(name: str) -> None:
    """All of them, the useless ones too; written down before the changed scenario is run."""
    made = predictions(name)
    assert len(made) >= 5
    for prediction in made:
        overrides = prediction.change.overrides
        result = pipeline.run(load_scenario(SCENARIOS / f"{name}.yaml", overrides))
        measured = result["latency_s.per_step_mean"]
        assert prediction.after_s == pytest.approx(measured, rel=WITHIN), prediction.change.name
        interval = result["latency_s.interval_mean"]
        assert prediction.interval_after_s == pytest.approx(interval, rel=WITHIN)


@pytest.mark.parametrize(("bound", "overrides", "evidence"), [
    ("memory", ["sync={kind: dataflow}", "chip.set.core.accumulate_cycles=5000"], "core"),
    ("compute", ["sync={kind: dataflow}", "chip.set.core.group_cycles=500"], "core"),
    ("traffic", ["sync={kind: dataflow}", "chip.set.core.receive_cycles=5000"], "link"),
    ("synchronisation", ["sync={kind: tick, period: 2 ms}"], "waits a step for a tick"),
])
def test_every_class_can_bind(bound: str, overrides: list[str], evidence: str) -> None:
    """The same scenario, each time with one thing made costly."""
    path = SCENARIOS / "bound_by_barrier.yaml"
    prepared = pipeline.prepare(path, [*overrides, "record=[trace]", "workload.steps=4"])
    result = pipeline.simulate(prepared)
    verdict = result["critical_path"]["verdicts"][0]
    assert verdict["bound"] == bound and verdict["clear"]
    assert any(evidence in line for line in verdict["evidence"])


def test_the_most_that_mending_can_buy() -> None:
    """Freeing more never costs; freeing the one thing that binds buys nearly all that it held."""
    for name in ("bound_by_core", "bound_by_barrier"):
        run, _ = explained(name)
        data = run.data()
        latencies = [float(np.mean(data["latency_s"])), *(m["latency_s"] for m in data["mending"])]
        assert latencies == sorted(latencies, reverse=True)
        first = data["mending"][0]
        assert latencies[1] / latencies[0] == pytest.approx(1 - first["share"], abs=0.06)


def test_classes_cover_the_latency() -> None:
    run, prepared = explained("bound_by_core")
    load = run.survey.core_ticks
    ticks = class_ticks(run.image, run.path, run.chip, load, float(load.mean()))
    np.testing.assert_allclose(ticks.sum(axis=1), run.path.ticks, rtol=1e-9)
    assert (ticks >= -1e-6).all()
    # Against the layer's own mean nothing is unbalanced on a layer's only core.
    own = class_ticks(run.image, run.path, run.chip, load, float(load[load.argmax()]))
    assert own[:, parts.BALANCE].sum() == 0


def test_a_change_of_clocks_is_refused() -> None:
    run, prepared = explained("bound_by_core")
    from dataclasses import replace

    other = replace(run.image, tick_hz=run.image.tick_hz + 1)
    with pytest.raises(ValueError, match="clocks"):
        predict(run.graph, candidates(run.path, run.image, run.chip, run.mapping,
                                      prepared.scenario.resolved())[0], lambda _: other)
    assert same_parts(run.image, run.image)


def test_the_command(tmp_path: Path, capsys: Any) -> None:
    """From a scenario, and from the folder of a run that kept its trace: the same words."""
    scenario = SCENARIOS / "bound_by_barrier.yaml"
    assert execute(["explain", str(scenario), "--rows", "3"]) == 0
    text = capsys.readouterr().out
    assert "synchronisation-bound" in text and "barrier twice as fast" in text
    folder = tmp_path / "results"
    assert execute(["run", str(scenario), "-o", str(folder), "--set", "record=[trace]",
                    "--no-figures"]) == 0
    capsys.readouterr()
    assert execute(["explain", str(folder), "--rows", "3"]) == 0
    assert capsys.readouterr().out == text
    data = json.loads((folder / "result.json").read_text())
    data["provenance"]["chip"]["sha256"] = "of an older chip file"
    (folder / "result.json").write_text(json.dumps(data))
    assert execute(["explain", str(folder)]) == 2
    assert "another chip now" in capsys.readouterr().err
    (folder / "trace.npy").unlink()
    assert execute(["explain", str(folder)]) == 2
    assert "kept no trace" in capsys.readouterr().err
