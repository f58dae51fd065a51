"""Bad sweeps end in one line with its place, before anything runs and with nothing written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from neurosim.cli import execute

LINE = re.compile(r"^(?P<place>.+:\d+:\d+): (?P<key>[\w.]+): (?P<why>.+)$")
BASE = "name: bad\nnetwork:\n  synthetic: {layers: [8], inputs: 4}\nchip: mesh\nsweep:\n"
"""The sweep block's own lines begin on line 6."""
MANY = "  axes:\n" + "".join(
    f"    chip.set.core.{key}: {{low: 1, high: 100, count: 100}}\n"
    for key in ("update_cycles", "send_cycles", "wake_cycles")) + (
    "    seed: {low: 1, high: 10, count: 10}\n")


@dataclass(frozen=True)
class Case:
    block: str
    key: str
    why: str
    place: str
    arguments: list[str] = field(default_factory=list)


CASES = {
    "unknown axis": Case("  axes: {chip.corse: [4, 8]}\n", "chip.corse",
                         r"unknown key, did you mean 'cores'\?.*at point 1 of 2", "6:10"),
    "unknown section": Case("  axes: {chop.cores: [4]}\n", "chop",
                            "unknown key, did you mean 'chip'", r"6:\d+"),
    "unknown chip constant": Case("  axes: {chip.set.core.update_cycle: [4]}\n",
                                  "chip.set.core.update_cycle", "not a known key", "6:39"),
    "unknown key of the block": Case("  axis: {chip.cores: [4]}\n", "sweep.axis",
                                     "unknown key, did you mean 'axes'", "6:3"),
    "empty grid": Case("  axes: {}\n", "sweep", "no axes", "6:3"),
    "empty axis": Case("  axes: {chip.cores: []}\n", "sweep.axes.chip.cores", "has no values",
                       "6:22"),
    "axis of one bare value": Case("  axes: {chip.cores: 4}\n", "sweep.axes.chip.cores",
                                   "must be a list of values or a range", "6:22"),
    "empty points": Case("  points: []\n", "sweep.points", "too few", "6:11"),
    "10 million points": Case(MANY, "sweep", r"has 10,000,000 points \(allowed: at most 10,000; "
                              r"more with --yes", "5:1"),
    "two axes on one key": Case(
        "  axes: {chip.cores: [4, 8]}\n  zip: [{chip.cores: [1, 2], seed: [1, 2]}]\n",
        "chip.cores", "varied twice, first on line 6", "7:10"),
    "an axis on a section of another": Case(
        "  axes:\n    sync.kind: [barrier]\n    sync: [dataflow]\n", "sync",
        "varied together with sync.kind, first on line 7", "8:5"),
    "seed axis and repeat": Case("  axes: {seed: [1, 2]}\n  repeat: 3\n", "seed",
                                 "varied twice", "7:3"),
    "duplicate axis": Case("  axes:\n    seed: [1]\n    seed: [2]\n", "sweep.axes.seed",
                           "duplicate key, first on line 7", "8:5"),
    "value given twice": Case("  axes: {seed: [1, 2, 1]}\n", "sweep.axes.seed", "1 is given twice",
                              "6:23"),
    "a value the schema refuses at point 37": Case(
        "  axes:\n    network.prune:\n" + "".join(f"    - 0.{n:02}\n" for n in range(36))
        + "    - 1.5\n", "network.prune", "out of range: 1.5, at point 37 of 37", "44:7"),
    "a structured value with a bad part": Case(
        "  axes:\n    sync:\n    - barrier\n    - {kind: tick, period: 3 MHz}\n", "sync.period",
        "wrong unit 'MHz'.*at point 2 of 2", "9:28"),
    "a structured value with an unknown part": Case(
        "  axes:\n    sync:\n    - {kind: barrier, bse: 1}\n", "sync.bse", "unknown key", "8:23"),
    "zip of unequal lengths": Case(
        "  zip:\n  - {chip.cores: [4, 8], seed: [1, 2, 3]}\n", "sweep.zip.0.seed",
        "has 3 values, chip.cores has 2", "7:32"),
    "range upside down": Case("  axes: {chip.cores: {low: 8, high: 4, count: 2}}\n",
                              "sweep.axes.chip.cores.high", "is below low", "6:37"),
    "range without an end": Case("  axes: {chip.cores: {low: 8, count: 2}}\n",
                                 "sweep.axes.chip.cores.high", "is missing", r"6:\d+"),
    "log range from zero": Case(
        "  axes: {network.prune: {low: 0, high: 0.9, count: 3, scale: log}}\n",
        "sweep.axes.network.prune.low", "must be positive", "6:31"),
    "range without count": Case("  axes: {chip.cores: {low: 1, high: 4}}\n",
                                "sweep.axes.chip.cores", "needs count or step", "6:22"),
    "infinite range": Case("  axes: {chip.cores: {low: 1, high: .inf, step: 1}}\n",
                           "sweep.axes.chip.cores.high", ".", "6:37"),
    "condition that is none": Case("  axes: {seed: [1]}\n  where: [seed = 1]\n", "sweep.where.0",
                                   "is no condition", "7:11"),
    "condition that calls": Case("  axes: {seed: [1]}\n  where: [open('x')]\n", "sweep.where.0",
                                 "cannot use", "7:11"),
    "condition on nothing": Case("  axes: {seed: [1]}\n  where: [sed > 0]\n", "sweep.where.0",
                                 "sed is no key", "7:11"),
    "condition on no value": Case("  axes: {seed: [1]}\n  where: [chip.cores > 4]\n",
                                  "sweep.where.0", "cannot be decided", "7:11"),
    "condition that none meets": Case("  axes: {seed: [1]}\n  where: [seed > 4]\n", "sweep.where",
                                      "leaves no points", "7:10"),
    "template without its variable": Case(
        "  variables: {n: [1]}\n  set: {seed: '{m}'}\n", "sweep.set.seed", "is no variable", "7:15"
    ),
    "variable that nobody uses": Case("  variables: {n: [1]}\n", "sweep.variables.n", "is not used",
                                      "6:15"),
    "template with an attribute": Case(
        "  variables: {n: [1]}\n  set: {seed: '{n.x}'}\n", "sweep.set.seed", "cannot read", "7:15"),
    "model that is not there": Case(
        "  points:\n  - {network: {model: no.safetensors}, workload.text: no.txt}\n",
        "network.model", "no such file: no.safetensors, at point 1 of 1", "7:23"),
    "sampled range with a count": Case(
        "  sample: {count: 3, over: {chip.cores: {low: 1, high: 4, count: 2}}}\n",
        "sweep.sample.over.chip.cores.count", "has none", r"6:\d+"),
    "bad dense twin": Case(
        "  axes: {seed: [1]}\n  realisation: {dense: {network.fire: never}}\n", "network.fire",
        "'never' is not known.*dense twin of point 1", "7:39"),
    "no sweep at all": Case("", "sweep", ".", r"\d:\d"),
    "axis from an option": Case("  axes: {seed: [1]}\n", "chip.cores",
                                "must be a whole number", r"--set:\d+:\d+",
                                ["--set", "chip.cores=many"]),
}


@pytest.mark.parametrize("name", CASES)
def test_refused_before_anything_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    case = CASES[name]
    text = BASE + case.block if case.block else BASE.replace("sweep:\n", "")
    (tmp_path / "s.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    code = execute(["sweep", "s.yaml", "-o", "out", *case.arguments])
    printed = capsys.readouterr()
    first = printed.err.splitlines()[0]
    found = LINE.match(first)
    assert found, first
    place = case.place if ":\\d" in case.place and case.place.startswith("--") else (
        rf"s\.yaml:{case.place}")
    assert code == 2
    assert re.fullmatch(case.key, found["key"]), first
    assert re.search(case.why, found["why"]), first
    assert re.fullmatch(place, found["place"]), first
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]


def test_run_of_a_sweep_names_the_right_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "s.yaml").write_text(BASE + "  axes: {seed: [1, 2]}\n")
    monkeypatch.chdir(tmp_path)
    for command in ("run", "check", "show"):
        assert execute([command, "s.yaml"]) == 2
        line = capsys.readouterr().err
        assert line.startswith("s.yaml:5:1: sweep: ") and "neurosim sweep s.yaml" in line


def test_a_folder_of_other_things_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "s.yaml").write_text(BASE + "  axes: {seed: [1, 2]}\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    monkeypatch.chdir(tmp_path)
    assert execute(["sweep", "s.yaml", "-o", "out"]) == 2
    assert "out holds other files" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]
