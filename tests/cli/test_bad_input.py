"""Every input that a user can get wrong ends in one line, exit code 2, and nothing written."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from neurosim.cli import execute

LINE = re.compile(r"^(?P<place>.+:\d+:\d+): (?P<key>[\w.]+): (?P<why>.+)$")
GOOD = "name: bad\nnetwork:\n  synthetic: {layers: [8], inputs: 4}\nchip: mesh\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join(['*a' + (str(n - 1) if n > 1 else '')] * 9)}]\n" for n in range(1, 9)
)


@dataclass(frozen=True)
class Case:
    """A scenario text (or bytes) and arguments, and the place, key and reason that must show."""

    text: str | bytes
    key: str
    why: str
    place: str = r"s\.yaml:\d+:\d+"
    arguments: list[str] = field(default_factory=list)


CASES = {
    "unknown key": Case(GOOD + "sed: 1\n", "sed", r"unknown key, did you mean 'seed'\?", "5:1"),
    "unknown section key": Case(
        GOOD + "workload: {stps: 3}\n", "workload.stps", "unknown key, did you mean 'steps'", "5:12"
    ),
    "wrong type": Case(GOOD + "seed: many\n", "seed", "must be a whole number, not 'many'", "5:7"),
    "number for text": Case(GOOD + "description: 3\n", "description", "must be text, not 3"),
    "list for a section": Case(GOOD + "host: [1]\n", "host", "must be a mapping, not a list"),
    "text for a section": Case("network: x\n", "network", "must be a mapping, not 'x'", "1:10"),
    "wrong unit": Case(
        GOOD + "sync: {kind: tick, period: 3 MHz}\n", "sync.period",
        r"wrong unit 'MHz' \(a unit of frequency\), time is wanted \(allowed: .*\bms\b", "5:28",
    ),
    "unknown unit": Case(GOOD + "sync: {base: 3 parsec}\n", "sync.base", "wrong unit 'parsec'"),
    "zero period": Case(
        GOOD + "sync: {kind: tick, period: 0}\n", "sync.period", r"out of range: 0 \(allowed: great"
    ),
    "negative time": Case(GOOD + "sync: {base: -1 us}\n", "sync.base", r"allowed: at least 0"),
    "infinite number": Case(
        GOOD.replace("  synth", "  prune: .inf\n  synth"), "network.prune", "must be finite"
    ),
    "yes for true": Case(
        GOOD + "host: {closed_loop: yes}\n", "host.closed_loop",
        r"must be true or false, not 'yes' \(allowed: true, false\)",
    ),
    "no such choice": Case(
        GOOD + "engine: fast\n", "engine", r"'fast' is not known \(allowed: auto, simpy, compiled"
    ),
    "missing key": Case(
        "network:\n  synthetic: {layers: [8]}\n", "network.synthetic.inputs", "is missing", "2:3"
    ),
    "no layers": Case(
        "network: {synthetic: {layers: [], inputs: 4}}\n", "network.synthetic.layers", "too few"
    ),
    "a layer of no units": Case(
        "network: {synthetic: {layers: [8, 0], inputs: 4}}\n", "network.synthetic.layers.1",
        r"allowed: at least 1", "1:35",
    ),
    "name with a slash": Case("name: a/b\n" + GOOD[10:], "name", "'a/b' cannot be used here"),
    "no network": Case("name: x\n", "network", r"is missing \(allowed: network.model or", "1:1"),
    "duplicate key": Case(GOOD + "seed: 1\nseed: 2\n", "seed", "duplicate key, first on line 5"),
    "alias bomb": Case(BOMB + GOOD, r"a\w\.\d", "expands to more than"),
    "tag": Case("name: !!python/name:os.system x\n", "name", "is not supported"),
    "tab": Case("network:\n\tmodel: x\n", "scenario", "bad YAML syntax.*spaces, not tabs", "2:1"),
    "syntax": Case("network: {model: x\n", "scenario", "bad YAML syntax"),
    "not UTF-8": Case(b"name: \xff\xfe\n", "scenario", "is not UTF-8", "1:7"),
    "binary": Case(bytes(range(256)), "scenario", "is not UTF-8|is no YAML"),
    "empty file": Case("", "scenario", "the file is empty", "1:1"),
    "a list": Case("- 1\n", "scenario", "must be a mapping", "1:1"),
    "missing scenario": Case(GOOD, "scenario", "no such file", "no.yaml:1:1", ["no.yaml"]),
    "directory as scenario": Case(GOOD, "scenario", "is a directory", "d:1:1", ["d"]),
    "missing model": Case(
        "network: {model: no.safetensors}\nworkload: {text: s.yaml}\n", "network.model",
        "no such file: no.safetensors", "1:18",
    ),
    "directory as model": Case(
        "network: {model: d}\nworkload: {text: s.yaml}\n", "network.model", "d is a directory"
    ),
    "missing text": Case(
        "network: {model: s.yaml}\nworkload: {text: no.txt}\n", "workload.text", "no such file"
    ),
    "missing chip file": Case(GOOD[:-5] + "no.yaml\n", "chip.use", "no such file: no.yaml", "4:7"),
    "override of an unknown key": Case(
        GOOD, "workload.stps", "did you mean 'steps'", "--set:1:15",
        ["s.yaml", "--set", "workload.stps=3"],
    ),
    "override of the wrong type": Case(
        GOOD, "seed", "must be a whole number", "--set:2:6",
        ["s.yaml", "--set", "chip.cores=2", "--set", "seed=x"],
    ),
    "override without a value": Case(
        GOOD, "set", "cannot read 'seed'", "--set:1:1", ["s.yaml", "--set", "seed"]
    ),
    "output folder is a file": Case(
        GOOD, "output", "s.yaml is not a folder", "--output:1:1", ["s.yaml", "-o", "s.yaml"]
    ),
    "output below a file": Case(
        GOOD, "output", "cannot write s.yaml/out", "--output:1:1", ["s.yaml", "-o", "s.yaml/out"]
    ),
    "output folder with other things": Case(
        GOOD, "output", "d holds other files", "--output:1:1", ["s.yaml", "-o", "d"]
    ),
    "output folder is the working directory": Case(
        GOOD, "output", "holds other files", "--output:1:1", ["s.yaml", "-o", "."]
    ),
    "output on a read-only file system": Case(
        GOOD, "output", "cannot write /proc/out", "--output:1:1", ["s.yaml", "-o", "/proc/out"]
    ),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a folder ``d`` that holds somebody's file."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.txt").write_text("precious")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()} | {
        str(p): b"" for p in sorted(folder.rglob("*")) if p.is_dir()
    }


def refused_in_one_line(
    case: Case, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run the case: one line on stderr with place, key and reason; exit 2; nothing written."""
    raw = case.text if isinstance(case.text, bytes) else case.text.encode()
    (folder / "s.yaml").write_bytes(raw)
    before = contents(folder)

    code = execute(["run", *(case.arguments or ["s.yaml"])])

    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1, printed.err
    line = LINE.match(printed.err)
    assert line, printed.err
    assert re.search(rf"(^|:|/){case.place}$", line["place"]), printed.err
    assert re.fullmatch(case.key, line["key"]), printed.err
    assert re.search(case.why, line["why"]), printed.err
    assert contents(folder) == before


@pytest.mark.parametrize("name", CASES)
def test_one_line_exit_2_and_nothing_written(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
):
    refused_in_one_line(CASES[name], folder, capsys)


def test_check_and_show_refuse_alike(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "s.yaml").write_text(GOOD + "sed: 1\n")
    seen = set()
    for command in ("run", "check", "show"):
        assert execute([command, "s.yaml"]) == 2
        seen.add(capsys.readouterr().err)
    assert len(seen) == 1


def test_several_refusals_take_a_line_each(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "s.yaml").write_text(GOOD + "sed: 1\nengine: fast\n")
    assert execute(["check", "s.yaml"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [LINE.match(line)["key"] for line in lines] == ["sed", "engine"]  # type: ignore[index]


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["fly"], ["run", "s.yaml", "--engine", "x"], ["--fast"], ["run", "a", "b"]],
    ids=" ".join,
)
def test_an_unreadable_command_line_is_one_line_too(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
):
    assert execute(arguments) == 2
    printed = capsys.readouterr()
    assert len(printed.err.splitlines()) == 1
    assert "--help)" in printed.err and printed.out == ""


def test_the_process_ends_the_same_way(folder: Path, write: Callable[[str, str], Path]):
    """Once through the real program: no colour, no wrapping, no traceback."""
    write("s.yaml", GOOD + f"description: [{'x, ' * 100}]\n")
    run = subprocess.run(
        [sys.executable, "-m", "neurosim", "run", "s.yaml"], capture_output=True, text=True
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr == "s.yaml:5:14: description: must be text, not a list (allowed: text)\n"
