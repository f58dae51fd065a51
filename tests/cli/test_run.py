"""Runs that succeed, and runs that are stopped: results are there whole or not at all."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neurosim.cli import execute

SCENARIO = "network: {synthetic: {layers: [12, 8], inputs: 4}}\nchip: mesh\nworkload: {steps: 3}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tiny.yaml").write_text(SCENARIO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


def test_run_writes_a_folder_and_prints_a_narrow_summary(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    assert execute(["run", "tiny.yaml", "--no-figures"]) == 0
    printed = capsys.readouterr()
    written = {path.name for path in (folder / "results" / "tiny").iterdir()}
    assert {"result.json", "cores.csv", "links.csv"} <= written
    assert not [name for name in written if name.endswith((".png", ".svg"))]
    assert printed.err == ""
    assert printed.out.endswith("results: results/tiny\n")
    assert max(map(len, printed.out.splitlines())) <= 60
    assert result(folder / "results" / "tiny")["scenario"]["name"] == "tiny"


def test_earlier_results_are_replaced_as_a_whole(folder: Path):
    out = folder / "out"
    assert execute(["run", "tiny.yaml", "-o", "out", "--no-figures"]) == 0
    (out / "leftover.png").write_text("of an earlier run")
    assert execute(["run", "tiny.yaml", "-o", "out", "--no-figures", "--set", "seed=4"]) == 0
    assert not (out / "leftover.png").exists()
    assert result(out)["provenance"]["seed"] == 4
    assert sorted(path.name for path in folder.iterdir()) == ["out", "tiny.yaml"]


def test_overrides_and_engine_reach_the_run(folder: Path):
    arguments = ["--set", "workload.steps=2", "--set", "sync=dataflow", "--engine", "simpy"]
    assert execute(["run", "tiny.yaml", "-o", "out", "--no-figures", *arguments]) == 0
    data = result(folder / "out")
    resolved = data["provenance"]["resolved_scenario"]
    assert (data["steps"], data["engine"]) == (2, "simpy")
    assert resolved["sync"]["kind"] == "dataflow"
    assert resolved["engine"] == "simpy"


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError, ValueError])
def test_a_run_that_stops_while_writing_changes_nothing(
    failure: type[BaseException], folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """Stopped at the last file, over earlier results: those stay as they were."""
    from neurosim.measure import folder as results_folder

    assert execute(["run", "tiny.yaml", "-o", "out", "--no-figures"]) == 0
    before = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}

    def stop(*_: object) -> None:
        raise failure("stop")

    monkeypatch.setattr(results_folder, "write_json", stop)
    arguments = ["run", "tiny.yaml", "-o", "out", "--no-figures", "--set", "seed=4"]
    if failure is ValueError:  # a defect shows its traceback
        with pytest.raises(ValueError, match="stop"):
            execute(arguments)
    else:
        assert execute(arguments) == {KeyboardInterrupt: 130, OSError: 2}[failure]
    assert {path.name: path.read_bytes() for path in (folder / "out").iterdir()} == before
    assert sorted(path.name for path in folder.iterdir()) == ["out", "tiny.yaml"]


def test_interrupting_the_simulation_writes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from neurosim import pipeline

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "simulate", stop)
    assert execute(["run", "tiny.yaml", "-o", "out"]) == 130
    assert capsys.readouterr() == ("", "neurosim: interrupted, nothing was written\n")
    assert [path.name for path in folder.iterdir()] == ["tiny.yaml"]


def test_check_and_show_write_nothing(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert execute(["check", "tiny.yaml"]) == 0
    assert capsys.readouterr().out == "tiny.yaml: ok\n"
    assert execute(["show", "tiny.yaml", "--cores"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
    assert [path.name for path in folder.iterdir()] == ["tiny.yaml"]


def test_show_draws_each_core_where_it_is(folder: Path, capsys: pytest.CaptureFixture[str]):
    """The marks on the floorplan are the layers of the mapping, tile by tile, north up."""
    from neurosim import pipeline
    from neurosim.scenario import load_scenario

    changes = ["chip.set.topology.cores_per_tile=2", "chip.cores=20"]
    prepared = pipeline.prepare(load_scenario("tiny.yaml", changes))
    assert execute(["show", "tiny.yaml", *(f"--set={change}" for change in changes)]) == 0
    rows = re.findall(r"^ *(\d+) ([\d.x*-].*)$", capsys.readouterr().out, re.MULTILINE)
    drawn = {int(y): re.findall(r"[\d.x-]{2}", text) for y, text in rows if len(text) > 8}
    held = {part.core: str(part.layer) for part in prepared.mapping.slices}
    for _, node in prepared.chip.topology_graph.nodes(data=True):
        marks = "".join(held.get(core, ".") for core in node["cores"])
        assert drawn[node["y"]][node["x"]] == marks


def test_show_and_run_of_traffic_without_a_network(folder: Path):
    (folder / "noc.yaml").write_text(
        "chip: mesh\nworkload: {traffic: {pattern: uniform, rate: 0.05, cycles: 200}}\n"
    )
    assert execute(["show", "noc.yaml"]) == 0
    assert execute(["run", "noc.yaml", "-o", "out", "--no-figures"]) == 0
    assert result(folder / "out")["traffic"]["packets"] > 0


def test_ctrl_c_ends_the_program_in_one_line(folder: Path):
    command = [sys.executable, "-m", "neurosim", "run", "tiny.yaml", "--engine", "simpy"]
    with subprocess.Popen(
        [*command, "--set", "workload.steps=1000000"], stderr=subprocess.PIPE, text=True
    ) as program:
        time.sleep(2.0)  # by then it simulates; wherever it is, the end must be the same
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=60)
    assert (program.returncode, said) == (130, "neurosim: interrupted, nothing was written\n")
    assert [path.name for path in folder.iterdir()] == ["tiny.yaml"]


def test_show_counts_memory_and_routing_tables(folder: Path, capsys: pytest.CaptureFixture[str]):
    """The fullest core and the fullest table of the overview, counted here from the mapping."""
    from neurosim import pipeline
    from neurosim.mapping.tables import table_use

    prepared = pipeline.check("tiny.yaml")
    assert prepared.network is not None and prepared.mapping is not None
    assert execute(["show", "tiny.yaml"]) == 0
    printed = capsys.readouterr().out
    fullest = max(memory.total for memory in prepared.mapping.memory)
    assert re.search(rf"memory of a core +{fullest} of {prepared.mapping.capacity_bytes} ", printed)
    entries = max(table_use(prepared.network, prepared.chip, prepared.mapping).merged)
    assert re.search(rf"routing entries +{entries}\b", printed)
