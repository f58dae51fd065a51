"""The contract's keys, and a results folder that is whole or not there."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neurosim.errors import ScenarioError
from neurosim.measure import Result, folder, tables
from neurosim.measure.memory import accessed_bytes
from neurosim.measure.summary import si
from tests.measure import cases

CONTRACT = {
    "scenario": ["name", "sha256"],
    "latency_s": ["total", "per_step_mean", "per_step_p50", "per_step_p99", "interval_mean"],
    "realisation": ["latency", "energy"],
    "operations": ["events", "synaptic_ops", "macs_effective", "macs_effective_recurrent",
                   "macs_dense", "input_macs", "decoder_macs", "neuron_updates"],
    "sparsity": ["weight", "activity", "activity_per_layer", "activity_fanout_weighted"],
    "traffic": ["packets", "deliveries", "hops", "bits", "dropped", "markers",
                "max_link_utilisation"],
    "energy_j": ["total", "core_active", "core_idle", "sram", "noc", "dram", "host_link", "static"],
    "memory": ["bytes_per_core_max", "bytes_per_core_mean", "capacity_bytes"],
    "provenance": ["neurosim", "python", "numpy", "model_sha256", "chip", "seed",
                   "resolved_scenario"],
}
PLAIN = ["engine", "steps", "throughput_steps_per_s", "power_w", "energy_low_j", "energy_high_j",
         "cores_used", "task"]


def test_contract():
    data = cases.result().data
    for section, keys in CONTRACT.items():
        assert set(keys) <= set(data[section]), section
    assert set(PLAIN) <= set(data)
    assert set(data["operations"]) == set(data["operations_per_step"])
    assert data["operations_per_step"]["events"] == data["operations"]["events"] / cases.STEPS


def test_dotted_keys():
    result = cases.result()
    assert result["latency_s.total"] == result.data["latency_s"]["total"]
    with pytest.raises(KeyError, match=r"latency_s\.nothing"):
        result["latency_s.nothing"]


def test_task_keeps_both_results():
    task = cases.result(task={"perplexity": 2.0, "nll_se": math.nan}).data["task"]
    assert task["perplexity"] == 2.0
    # Logits 0.1 k y over 5 tokens; the host got y = 0 on two steps, 0.25 on two.
    logits = np.arange(5) / 10 * 0.25
    shift = math.log(np.exp(logits).sum())
    expected = (2 * math.log(5) + (shift - logits[1]) + (shift - logits[2])) / 4
    assert task["simulated"]["nll_mean"] == pytest.approx(expected)


def test_memory():
    memory = cases.result().data["memory"]
    assert (memory["bytes_per_core_max"], memory["bytes_per_core_mean"]) == (300, 250.0)
    assert memory["fullest_core"] == 0 and memory["capacity_bytes"] == 1000
    core = cases.chip().core
    operation = int(core.weight_bytes) + int(core.index_bytes) + 2 * int(core.sum_bytes)
    row = int(core.lookup_bytes) + 2 * int(core.row_pointer_bytes)
    update = 2 * int(core.state_bytes_per_unit) + 8 * int(core.sum_bytes)
    queue = 2 * int(core.queue_entry_bytes)
    assert accessed_bytes(cases.facts()) == 90 * operation + 18 * row + 12 * update + 18 * queue


# --- tables


def test_core_times_fill_the_run():
    cores = cases.result().cores
    assert cores["core"].tolist() == [0, 1] and cores["layer"].tolist() == [0, 1]
    assert cores["busy_s"] + cores["stalled_s"] + cores["asleep_s"] == pytest.approx(
        [cases.TOTAL_S] * 2)
    assert cores["busy"] == pytest.approx([0.4, 0.2])


def test_cores_are_the_chips_whatever_the_mapping_order():
    f = cases.facts()
    slices = (f.mapping.slices[0], f.mapping.slices[1])
    swapped = dataclasses.replace(f.mapping, slices=(
        dataclasses.replace(slices[0], core=1), dataclasses.replace(slices[1], core=0)))
    cores = cases.result(dataclasses.replace(f, mapping=swapped)).cores
    assert cores["core"].tolist() == [0, 1] and cores["layer"].tolist() == [1, 0]
    assert cores["x"].tolist() == [0, 1]
    assert cores["memory_bytes"].tolist() == [200, 300]


def test_links():
    links = cases.result().links
    assert links["direction"].tolist() == ["E", "W"]
    assert links["packets"].tolist() == [5, 2]


def test_csv_reads_back_exactly():
    steps = cases.result().steps
    lines = tables.csv(steps).splitlines()
    column = lines[0].split(",").index("latency_s")
    assert [float(line.split(",")[column]) for line in lines[1:]] == steps["latency_s"].tolist()


# --- the folder


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def test_same_run_same_bytes(tmp_path: Path):
    cases.result().write(tmp_path / "a")
    cases.result().write(tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert set(contents(tmp_path / "a")) == {
        "result.json", "cores.csv", "links.csv", "steps.csv", "activity.npz"}


def test_only_wall_differs(tmp_path: Path):
    cases.result(wall={"seconds": 1.0, "started": 5.0}).write(tmp_path / "a")
    cases.result(wall={"seconds": 2.0, "started": 9.0}).write(tmp_path / "b")
    a, b = (json.loads((tmp_path / n / "result.json").read_text()) for n in "ab")
    assert a.pop("wall") != b.pop("wall")
    assert a == b


def test_json_is_sorted_and_has_no_nan(tmp_path: Path):
    result = cases.result(task={"perplexity": math.inf, "nll_se": math.nan})
    text = (result.write(tmp_path / "r") / "result.json").read_text()
    data = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert data["task"]["perplexity"] is None and data["task"]["nll_se"] is None
    assert text == json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_activity_round_trip(tmp_path: Path):
    cases.result().write(tmp_path / "r")
    with np.load(tmp_path / "r" / "activity.npz") as stored:
        assert stored["layer0"].shape == (4, 2) and stored["layer1"].shape == (4, 1)
        assert stored["layer0"].dtype == np.float32
        assert (stored["layer0"][:2] == 0.5).all() and not stored["layer0"][2:].any()


def test_no_activity_unless_recorded(tmp_path: Path):
    cases.result(cases.facts(record=False)).write(tmp_path / "r")
    assert not (tmp_path / "r" / "activity.npz").exists()


def test_older_results_are_replaced_whole(tmp_path: Path):
    cases.result().write(tmp_path / "r")
    (tmp_path / "r" / "stale.png").write_bytes(b"old")
    cases.result(cases.facts(record=False)).write(tmp_path / "r")
    assert set(contents(tmp_path / "r")) == {"result.json", "cores.csv", "links.csv", "steps.csv"}
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_two_renames_do_where_names_cannot_be_exchanged(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(folder, "_exchange", lambda a, b: False)
    test_older_results_are_replaced_whole(tmp_path)


def failing(result: Result, directory: Path) -> None:
    (directory / "half.png").write_bytes(b"half")
    raise RuntimeError("in the middle")


def test_failure_leaves_the_old_results(tmp_path: Path):
    cases.result().write(tmp_path / "r")
    before = contents(tmp_path / "r")
    with pytest.raises(RuntimeError):
        dataclasses.replace(cases.result(), draw=failing).write(tmp_path / "r")
    assert contents(tmp_path / "r") == before
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_kill_in_the_middle_leaves_the_old_results(tmp_path: Path, project: Path):
    cases.result().write(tmp_path / "r")
    before = contents(tmp_path / "r")
    program = (
        "import os, signal, sys, dataclasses\n"
        "from tests.measure import cases\n"
        "def die(result, directory):\n"
        "    (directory / 'half.png').write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "dataclasses.replace(cases.result(), draw=die).write(sys.argv[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "r")], cwd=project,
                          capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert contents(tmp_path / "r") == before


def test_other_peoples_files_are_safe(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ScenarioError, match="holds other files"):
        cases.result().write(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ScenarioError, match="not a folder"):
        cases.result().write(tmp_path / "file")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_place(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(ScenarioError, match="cannot write"):
        cases.result().write(tmp_path / "r")


def test_place_below_a_file(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ScenarioError, match="cannot write"):
        cases.result().write(tmp_path / "file" / "r")


# --- for people


def test_summary_fits_60_columns():
    result = cases.result(task={"perplexity": 81.4, "tokens": 245569, "bits_per_token": 6.347})
    lines = str(result).splitlines()
    assert max(map(len, lines)) <= 60
    assert any("perplexity" in line and "81.4" in line for line in lines)
    assert len(result.summary()) == len(lines) - 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.234e-3, "1.23 ms"), (0.9996e-3, "1.00 ms"), (0.9994e-3, "999 us"), (0.0, "0 s"),
     (None, "-"), (12.34, "12.3 s"), (123.4e3, "123 ks"), (3e-15, "0.00 ps")],
)
def test_si(value: float | None, text: str):
    assert si(value, "s") == text
