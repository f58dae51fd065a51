"""Pictures and comparisons of a sweep: what they hold is what the table says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from neurosim.cli import execute
from neurosim.sweep import analysis, plots, run_sweep, table, views
from neurosim.sweep.table import read_csv

Write = Callable[..., Path]
BLOCK = """\
  axes:
    chip.cores: [1, 2, 4]
    network.synthetic.weight_sparsity: [0, 0.5]
    network.synthetic.activity: [0.2, 0.6]
  realisation: {dense: {network.synthetic.weight_sparsity: 0, network.synthetic.activity: 1.0}}
"""
BASE = """\
name: grid
network: {synthetic: {layers: [12], inputs: 4}}
workload: {steps: 3}
chip: {use: mesh}
engine: simpy
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep of 12 points, to which perplexities were added by hand."""
    root = tmp_path_factory.mktemp("sweep")
    (root / "grid.yaml").write_text(BASE + "sweep:\n" + BLOCK)
    run_sweep(root / "grid.yaml", root / "out", workers=1)
    names, rows = read_csv(root / "out" / "table.csv")
    for row in rows:
        row["task.tokens"] = 20_000
        row["task.perplexity"] = 50 + 40 * row["network.synthetic.weight_sparsity"]
    table.write_text(root / "out" / "table.csv", table.csv_text(names, rows))
    return root / "out"


def test_every_picture_is_drawn_with_its_numbers(folder: Path, tmp_path: Path):
    drawn, missing = plots.write_plots(folder, tmp_path / "plots")
    assert [name for name, _ in drawn] == list(plots.PICTURES) and missing == []
    for name in plots.PICTURES:
        for suffix in (".png", ".svg", ".csv"):
            assert (tmp_path / "plots" / f"{name}{suffix}").stat().st_size > 100
    svg = (tmp_path / "plots" / "heat.svg").read_text()
    assert svg.startswith("<?xml")


def test_the_numbers_behind_the_pictures_are_the_tables(folder: Path, tmp_path: Path):
    plots.write_plots(folder, tmp_path)
    _, rows = read_csv(folder / "table.csv")
    _, points = read_csv(tmp_path / "scaling.csv")
    drawn = sorted(p["value"] for p in points if p["measure"] == "latency of a step")
    assert drawn == sorted(row["latency_s.per_step_mean"] for row in rows)
    _, front = read_csv(tmp_path / "pareto.csv")
    best = min(row["energy_per_step_j"] for row in rows)
    assert [p for p in front if p["energy_per_step_j"] == best][0]["front"] == "true"
    _, bars = read_csv(tmp_path / "energy.csv")
    for bar in bars:
        total = sum(value for name, value in bar.items()
                    if name.endswith("_j") and name not in ("low_j", "high_j"))
        assert any(total == pytest.approx(row["energy_per_step_j"]) for row in rows)
        assert bar["low_j"] <= total <= bar["high_j"]


def test_ideal_scaling_starts_at_the_slowest_and_falls_as_one_over_cores(folder: Path):
    lines = views.scaling(plots.load_study(folder))
    panel = lines.rows[0][0]
    x, y = panel.ideal
    assert y[0] == max(line.y[0] for line in panel.lines)
    assert [a * b for a, b in zip(x, y, strict=True)] == pytest.approx([x[0] * y[0]] * len(x))


def test_the_axes_are_recognised(folder: Path):
    study = plots.load_study(folder)
    assert study.weight == "network.synthetic.weight_sparsity"
    assert study.activity == "network.synthetic.activity"
    assert study.others == []


def test_few_steps_are_said_not_to_give_a_latency(folder: Path):
    rows = plots.load_study(folder).rows
    assert "no claim about latency" in views.caption(rows)
    assert "no claim" not in views.caption([{**row, "steps": 256} for row in rows])


def test_pictures_of_other_sweeps_say_what_is_missing(
    sweep_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Categories instead of cores, no network at all: drawn as far as there is something."""
    base = ("engine: simpy\nchip: mesh\n"
            "workload: {traffic: {pattern: uniform, rate: 0.05, cycles: 300}}\n")
    block = "  axes: {workload.traffic.rate: [0.02, 0.04, 0.08]}\n"
    run_sweep(sweep_file(block, base), tmp_path / "noc", workers=1)
    run_sweep(sweep_file("  axes: {sync: [barrier, dataflow]}\n"), tmp_path / "sync", workers=1)
    for name in ("noc", "sync"):
        assert execute(["plot", str(tmp_path / name)]) == 0
        printed = capsys.readouterr().out
        assert "scaling.png" in printed and "no heat: needs an axis" in printed
        assert "no pareto" in printed and "no realisation" in printed


def test_a_folder_that_is_no_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert execute(["plot", str(tmp_path)]) == 2
    assert "plot: is not the folder of a sweep" in capsys.readouterr().err


def test_parquet_holds_the_table_and_its_origin(sweep_file: Write, tmp_path: Path):
    parquet = pytest.importorskip("pyarrow.parquet")
    run_sweep(sweep_file("  axes: {sync: [barrier, {kind: dataflow, buffers: 3}]}\n"),
              tmp_path / "out", workers=1, parquet=True)
    _, rows = read_csv(tmp_path / "out" / "table.csv")
    read = parquet.read_table(tmp_path / "out" / "table.parquet")
    assert read.to_pylist() == rows
    assert json.loads(read.schema.metadata[b"neurosim"])["sweep"] == "tiny"


# --- compare


def test_compare_of_sweeps(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "grid.yaml"
    path.write_text(BASE + "sweep:\n" + BLOCK)
    run_sweep(path, tmp_path / "other", ["chip.set.noc.link_cycles=9"], workers=1)
    assert execute(["compare", str(folder), str(tmp_path / "other")]) == 0
    printed = capsys.readouterr().out
    assert "chip.set.noc.link_cycles  -" in " ".join(printed.split("\n")).replace("   ", " ") or (
        "noc.link_cycles" in printed)
    line = next(row for row in printed.splitlines() if row.startswith("latency_s.per_step_mean"))
    mean, least, most = (float(cell) for cell in line.split()[1:4])
    assert least <= mean <= most and most > 1.0
    assert not any(row.startswith("operations_per_step.") for row in printed.splitlines())
    assert "in both" in printed


def test_compare_with_itself_finds_nothing(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert execute(["compare", str(folder), str(folder)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "The scenarios are the same"
    assert not [line for line in printed if line.startswith("latency")]


def test_compare_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "s.yaml").write_text(BASE)
    monkeypatch.chdir(tmp_path)
    assert execute(["run", "s.yaml", "-o", "a", "--no-figures"]) == 0
    assert execute(["run", "s.yaml", "-o", "b", "--no-figures", "--set", "chip.cores=2"]) == 0
    capsys.readouterr()
    assert execute(["compare", "a", "b"]) == 0
    printed = capsys.readouterr().out
    data = [json.loads((tmp_path / name / "result.json").read_text()) for name in "ab"]
    ratio = data[1]["energy_j"]["core_active"] / data[0]["energy_j"]["core_active"]
    assert f"{ratio:.4g}" in next(x for x in printed.splitlines() if x.startswith("core_active"))
    assert "chip.cores" in printed.split("What came out")[0]


def test_compare_of_unlike_things(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "result.json").write_text("{}")
    assert execute(["compare", str(folder), str(tmp_path)]) == 2
    assert "two of one kind" in capsys.readouterr().err
    assert execute(["compare", str(folder), str(tmp_path / "nothing")]) == 2


def test_levels_are_in_order():
    rows = [{"a": 10}, {"a": 2}, {"a": 2}]
    assert analysis.levels(rows, "a") == [2, 10]
    assert analysis.levels([{"a": "z"}, {"a": "b"}], "a") == ["z", "b"]
