"""Resuming, retrying, noticing changes; and that sharing work changes no result."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim import pipeline
from neurosim.cli import execute
from neurosim.sweep import load_sweep, run_sweep
from neurosim.sweep.identity import Hashes, assets
from neurosim.sweep.shared import IGNORES, KEPT, Shared
from neurosim.sweep.task import Runner, make_task, mean_interval

Write = Callable[..., Path]
BLOCK = "  axes: {chip.cores: [1, 2, 3]}\n"


def table(folder: Path) -> list[dict[str, str]]:
    with open(folder / "table.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_equals_single_runs(sweep_file: Write, tmp_path: Path):
    path = sweep_file(BLOCK)
    run_sweep(path, tmp_path / "out", workers=1)
    plan = load_sweep(path)
    for point, row in zip(plan.points, table(tmp_path / "out"), strict=True):
        data = pipeline.run(plan.scenario(point)).data
        assert row["chip.cores"] == str(point.values["chip.cores"])
        for name in ("latency_s.per_step_mean", "energy_j.total", "traffic.hops"):
            section, key = name.split(".")
            assert float(row[name]) == data[section][key]
        product = data["latency_s"]["per_step_mean"] * data["energy_per_step_j"]
        assert float(row["energy_delay_js"]) == product


def test_the_table_grows_on_the_way(
    sweep_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from neurosim.sweep import run

    monkeypatch.setattr(run, "TABLE_EVERY_S", 0.0)
    out, lengths = tmp_path / "out", []

    def watch(status: Any) -> None:
        lengths.append((status.ran, len(table(out)) if (out / "table.csv").exists() else 0))

    run_sweep(sweep_file("  repeat: 40\n"), out, workers=1, watch=watch)
    assert all(rows <= ran for ran, rows in lengths)
    assert any(0 < rows < 40 for _, rows in lengths)


def test_more_points_run_only_what_is_new(sweep_file: Write, tmp_path: Path):
    out = tmp_path / "out"
    first = run_sweep(sweep_file(BLOCK), out, workers=1)
    again = run_sweep(sweep_file(BLOCK), out, workers=1)
    more = run_sweep(sweep_file(BLOCK.replace("[1, 2, 3]", "[1, 3, 4]")), out, workers=1)
    assert [first.ran, again.ran, more.ran] == [3, 0, 1]
    assert again.notes == ()
    assert [row["chip.cores"] for row in table(out)] == ["1", "3", "4"]
    assert more.notes[0].endswith("has changed since the last time")
    assert more.notes[1] == ("2 of 3 points have results that still hold; 1 others are kept in "
                             "the store but not in the table")


def test_a_changed_scenario_is_never_mixed(sweep_file: Write, tmp_path: Path):
    out = tmp_path / "out"
    run_sweep(sweep_file(BLOCK), out, workers=1)
    changed = run_sweep(sweep_file(BLOCK), out, ["workload.steps=3"], workers=1)
    assert changed.ran == 3
    assert {row["steps"] for row in table(out)} == {"3"}


def test_a_changed_file_is_noticed_on_resume_and_while_running(sweep_file: Write, tmp_path: Path):
    base = ("network: {synthetic: {layers: [6], inputs: 3}}\nworkload: {inputs: a.npy}\n"
            "chip: mesh\nengine: simpy\n")
    np.save(tmp_path / "a.npy", np.ones((2, 3)))
    path, out = sweep_file(BLOCK, base), tmp_path / "out"
    run_sweep(path, out, workers=1)
    before = table(out)
    plan = load_sweep(path)
    scenario = plan.scenario(plan.points[0])
    task = make_task(plan.points[0].key, "g", scenario, assets(scenario, Hashes()))
    np.save(tmp_path / "a.npy", np.array([[1.0, 0, 0], [0, 0, 0]]))
    assert "a.npy changed while the sweep ran" in Runner().run(task).reason
    summary = run_sweep(path, out, workers=1)
    assert summary.ran == 3
    assert summary.notes[0] == f"{tmp_path / 'a.npy'} has changed since the last time"
    after = table(out)
    assert all(a["key"] != b["key"] for a, b in zip(before, after, strict=True))
    assert all(a["traffic.packets"] != b["traffic.packets"]
               for a, b in zip(before, after, strict=True))


def test_failed_points_are_recorded_and_retried_on_request(
    sweep_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Two cores hold the network, one does not: the others go on."""
    block = "  axes: {chip.cores: [1, 2]}\n"
    out = tmp_path / "out"
    base = ("network: {synthetic: {layers: [6, 6], inputs: 3}}\nworkload: {steps: 1}\n"
            "chip: {use: mesh}\nengine: simpy\n")
    path = sweep_file(block, base)
    summary = run_sweep(path, out, workers=1)
    assert (summary.done, summary.failed) == (1, 1)
    rows = table(out)
    assert [row["status"] for row in rows] == ["failed", "done"]
    assert "chip.cores" in rows[0]["reason"] and rows[0]["latency_s.total"] == ""
    assert run_sweep(path, out, workers=1).ran == 0
    assert run_sweep(path, out, workers=1, retry=True).ran == 1
    assert execute(["sweep", str(path), "-o", str(out), "--set", "sweep.axes={chip.cores: [1]}"]
                   ) == 2
    assert "every point failed" in capsys.readouterr().err.splitlines()[-1]


def test_a_defect_at_one_point_loses_no_other(sweep_file: Write, monkeypatch: pytest.MonkeyPatch):
    plan = load_sweep(sweep_file(BLOCK))
    scenario = plan.scenario(plan.points[0])
    task = make_task("k", "g", scenario, ())

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("oh")

    runner = Runner()
    monkeypatch.setattr(pipeline, "simulate", broken)
    outcome = runner.run(task)
    assert outcome.result is None
    assert outcome.reason == "internal error: ZeroDivisionError: oh"
    assert "test_run.py" in outcome.detail
    monkeypatch.undo()
    assert runner.run(task).result is not None


def test_dry_run_counts_and_writes_nothing(
    sweep_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    assert execute(["sweep", str(sweep_file(BLOCK)), "-o", str(out), "--dry-run"]) == 0
    assert capsys.readouterr().out == "tiny: 3 points\n"
    assert not out.exists()


def test_every_scenario_that_sweeps_is_a_good_one(project: Path):
    files = sorted((project / "scenarios").glob("sweep_*.yaml"))
    assert files
    for file in files:
        if "models/" in file.read_text() and not list((project / "models").rglob("*.safetensors")):
            continue
        assert load_sweep(file).name == file.stem


# --- shared work

VARIANTS = [
    [], ["chip.cores=3"], ["sync=dataflow"], ["sync={kind: dataflow, buffers: 4}"],
    ["sync={kind: tick, period: 1 ms}"], ["mapping.placement=random"], ["mapping.keys=core"],
    ["mapping.partition=even"], ["chip.set.core.update_cycles=77"], ["seed=5"],
    ["network.prune=0.5"], ["network.synthetic.activity=0.7"], ["workload.steps=4"],
    ["workload.window=1"], ["host.closed_loop=true"], ["network.synthetic.events=uniform"],
    ["record=[activity]"], ["engine=simpy"],
]


def test_sharing_changes_no_result(tmp_path: Path):
    """Every variant, run after every other with the same shared things, is what it is alone."""
    from neurosim.scenario import load_scenario

    path = tmp_path / "s.yaml"
    path.write_text("network: {synthetic: {layers: [8, 6], inputs: 4}}\n"
                    "workload: {steps: 3}\nchip: {use: mesh, cores: 4}\nengine: simpy\n")
    share = Shared()
    for overrides in [*VARIANTS, *reversed(VARIANTS)]:
        scenario = load_scenario(path, overrides)
        shared = pipeline.simulate(pipeline.prepare(scenario, share=share), share=share).data
        alone = pipeline.run(scenario).data
        assert {**shared, "wall": None} == {**alone, "wall": None}, overrides


def test_points_of_one_network_load_it_once(sweep_file: Write):
    plan = load_sweep(sweep_file(
        "  axes: {chip.cores: [1, 2], sync: [barrier, {kind: dataflow, buffers: 2}]}\n"))
    runner = Runner()
    for point in plan.points:
        runner.run(make_task(point.key, point.group, plan.scenario(point), ()))
    assert runner.shared.made["network"] == 1
    assert runner.shared.made["rates"] == 1
    assert runner.shared.made["chip"] == 1


def test_what_is_kept_is_bounded(sweep_file: Write):
    plan = load_sweep(sweep_file("  repeat: 12\n"))
    share = Shared()
    for point in plan.points:
        pipeline.prepare(plan.scenario(point), share=share)
    assert share.made["network"] == 12
    assert len(share._kept["network"]) == KEPT["network"]
    assert set(IGNORES) == set(KEPT)


# --- intervals


def test_the_interval_covers_the_mean_of_independent_values():
    """95 % of 400 intervals should hold the true mean: 380, within four standard errors."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        low, high = mean_interval(rng.exponential(2.0, 320))
        held += low <= 2.0 <= high
    assert abs(held - 380) <= 4 * (400 * 0.95 * 0.05) ** 0.5


def test_a_short_run_has_no_interval():
    assert mean_interval(np.ones(31)) is None
    assert mean_interval(np.ones(32)) == [1.0, 1.0]
