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
from neurosim.explain.whatif import Change, Prediction, same_parts
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
    return [run.predict(change, lambda texts: pipeline.prepare(path, texts).image)
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
    # A faster clock for all cores mends any of them; but what is wrong with this run is named, too.
    made = [p for p in predictions(name) if "level" not in p.change.name]
    assert min(made, key=lambda p: p.after_s).change.name == best


def test_a_slow_memory_port_binds() -> None:
    """Parts of the path through DRAM are memory, and the port holds most of it."""
    path = SCENARIOS / "spill.yaml"
    slow = ("record=[trace]", "workload.steps=6", "chip.set.dram.bandwidth_bytes_per_s=50 MB/s",
            "host.closed_loop=true")
    prepared = pipeline.prepare(path, slow)
    run = Explained(prepared.image, pipeline.simulate(prepared).trace, prepared.chip,
                    prepared.mapping)
    data = run.data()
    verdict = data["verdicts"][0]
    assert verdict["bound"] == "memory" and verdict["clear"]
    assert verdict["evidence"][0].startswith("memory port 0 holds")
    assert "for others' data" in verdict["evidence"][-1]
    assert data["by_part"][0]["name"] == "memory queue"
    changes = candidates(run.path, run.image, run.chip, run.mapping, prepared.scenario.resolved())
    faster = next(c for c in changes if c.name == "memory ports of twice the bandwidth")
    predicted = run.predict(faster, lambda texts: pipeline.prepare(path, (*slow, *texts)).image)
    anew = pipeline.simulate(pipeline.prepare(path, (*slow, *faster.overrides))).data
    assert predicted.after_s == pytest.approx(anew["latency_s"]["per_step_mean"], rel=WITHIN)
    assert predicted.after_s < 0.6 * predicted.before_s


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


@pytest.mark.parametrize("overrides", [
    ["chip.set.levels.150MHz.core_clock_hz=270e6"],
    ["chip.set.noc.clock_hz=130e6"],
    ["chip.set.noc.clock_hz=430e6", "chip.set.levels.150MHz.core_clock_hz=110e6"],
])
@pytest.mark.parametrize("name", ["bound_by_core", "bound_by_link", "bound_by_barrier"])
def test_clocks_can_change(name: str, overrides: list[str]) -> None:
    """Other clocks make another tick of time; predictions hold all the same."""
    run, prepared = explained(name)
    path = SCENARIOS / f"{name}.yaml"
    changed = pipeline.prepare(path, overrides)
    assert changed.image.tick_hz != run.image.tick_hz
    prediction = run.predict(Change("clocks", tuple(overrides)), lambda _: changed.image)
    measured = pipeline.simulate(changed)
    assert prediction.after_s == pytest.approx(measured["latency_s.per_step_mean"], rel=WITHIN)
    assert prediction.interval_after_s == pytest.approx(
        measured["latency_s.interval_mean"], rel=WITHIN)


def test_clocks_stay_where_slices_move() -> None:
    run, prepared = explained("bound_by_core")
    path = SCENARIOS / "bound_by_core.yaml"
    overrides = ("mapping.cores_per_layer=[2,8]", "chip.set.noc.clock_hz=130e6")
    with pytest.raises(ValueError, match="clocks"):
        run.predict(Change("both", overrides), lambda texts: pipeline.prepare(path, texts).image)
    assert same_parts(run.image, run.image)


def test_levels_are_candidates() -> None:
    """A chip with two performance levels; the other one is predicted, and holds when run."""
    path = SCENARIOS / "quickstart.yaml"
    overrides = ["workload.steps=4", "record=[trace]", "workload.evaluate_tokens=4"]
    prepared = pipeline.prepare(path, overrides)
    result = pipeline.simulate(prepared)
    assert result.trace is not None
    run = Explained(prepared.image, result.trace, prepared.chip, prepared.mapping)
    change, = [c for c in candidates(run.path, run.image, run.chip, run.mapping,
                                     prepared.scenario.resolved()) if "level" in c.name]
    made = run.predict(
        change, lambda texts: pipeline.prepare(path, [*overrides, *texts]).image)
    measured = pipeline.run(path, [*overrides, *change.overrides])
    assert made.after_s == pytest.approx(measured["latency_s.per_step_mean"], rel=WITHIN)
    assert made.relative < -0.3


@pytest.mark.parametrize("cores", ["[8,8]", "[2,8]", "[4,4]"])
def test_overlapping_steps_on_other_cores(cores: str) -> None:
    """Dataflow without a closed loop: where slices move, latency comes from the model of stages."""
    path = SCENARIOS / "bound_by_core.yaml"
    overrides = ["host.closed_loop=false", "mapping.cores_per_layer=[4,8]", "record=[trace]"]
    prepared = pipeline.prepare(path, overrides)
    result = pipeline.simulate(prepared)
    assert result.trace is not None
    run = Explained(prepared.image, result.trace, prepared.chip, prepared.mapping)
    changes = (*overrides, f"mapping.cores_per_layer={cores}")
    made = run.predict(Change("cores", changes), lambda texts: pipeline.prepare(path, texts).image)
    measured = pipeline.run(path, changes)
    assert made.overlapping and made.modelled
    assert made.after_s == pytest.approx(measured["latency_s.per_step_mean"], rel=WITHIN)
    assert made.interval_after_s == pytest.approx(measured["latency_s.interval_mean"], rel=WITHIN)


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
