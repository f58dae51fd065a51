"""``neurosim noc``: what it measures, writes and refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from neurosim.cli import execute
from neurosim.noc import study

SCENARIO = """\
name: small
workload:
  traffic: {pattern: uniform, rate: 0.1, packet_flits: 2, cycles: 300, warmup: 100}
chip:
  use: mesh
  set: {topology.width: 3, topology.height: 3, noc.buffer_flits: 4}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(SCENARIO)
    return tmp_path / "small.yaml"


def test_latency_rises_with_load_to_the_saturation_point(scenario: Path) -> None:
    found = study(scenario, [0.02, 0.2, 0.3])
    means = [point.mean for point in found.points]
    assert all(mean is not None and mean >= point.zero_load - 1
               for mean, point in zip(means, found.points, strict=True))
    assert found.saturation is not None
    low, high = found.saturation
    assert 0 < high - low <= 0.005 / found.flits + 1e-12
    assert high <= 1.05 * found.bound + 1e-12
    for point in found.points:
        assert point.saturated == (point.rate >= high)


def test_the_command_writes_csv_json_and_pictures(
    scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    code = execute(["noc", str(scenario), "--rates", "0.05,0.1", "--no-bisect", "-o", str(folder)])
    assert code == 0
    assert sorted(p.name for p in folder.iterdir()) == [
        "latency_load.png", "latency_load.svg", "noc.csv", "result.json"]
    rows = list(csv.DictReader((folder / "noc.csv").open()))
    points = json.loads((folder / "result.json").read_text())["points"]
    assert [float(row["rate"]) for row in rows] == [p["rate"] for p in points] == [0.05, 0.1]
    assert [float(row["mean"]) for row in rows] == [p["mean"] for p in points]
    assert "channel bound" in capsys.readouterr().out
    # a second time over the same results
    assert execute(["noc", str(scenario), "--rates", "0.05", "--no-bisect", "-o",
                    str(folder)]) == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(["--rates", "0.1,x"], "rates: is '0.1,x'"), (["--rates", "0"], "rates: 0 packets"),
     (["--rates", "1.5"], "rates: 1.5 packets"), (["--rates", "nan"], "rates: nan packets")],
)
def test_bad_rates_give_one_line(
    scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str],
    why: str,
) -> None:
    assert execute(["noc", str(scenario), "-o", str(tmp_path / "out"), *arguments]) == 2
    shown = capsys.readouterr().err
    assert why in shown and shown.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_scenario_without_traffic_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.yaml").write_text(
        "network: {synthetic: {layers: [4], inputs: 2}}\nchip: mesh\n")
    assert execute(["noc", str(tmp_path / "net.yaml"), "-o", str(tmp_path / "out")]) == 2
    assert "workload: has no traffic" in capsys.readouterr().err
