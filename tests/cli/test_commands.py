"""The commands as such: help, version, schema, chips, output folders, interruption, progress."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from neurosim import __version__
from neurosim.cli import execute
from neurosim.cli.console import print_rows, print_table
from neurosim.cli.output import check_output
from neurosim.cli.progress import Progress
from neurosim.errors import ScenarioError

COMMANDS = ("run", "check", "show", "schema", "chips", "import", "noc", "sweep", "plot", "compare",
            "explain", "report", "timeline", "warm")


def test_warm_leaves_the_engine_compiled(capsys: pytest.CaptureFixture[str]):
    assert execute(["warm"]) == 0
    assert capsys.readouterr().out == "the compiled engine is ready\n"


def test_version(capsys: pytest.CaptureFixture[str]):
    assert execute(["--version"]) == 0
    assert capsys.readouterr().out == f"neurosim {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_all_commands(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    assert execute(arguments) == 0
    printed = capsys.readouterr().out
    assert all(f"  {command} " in printed for command in COMMANDS)


def test_schema_is_json(capsys: pytest.CaptureFixture[str]):
    assert execute(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert {"network", "workload", "chip", "sync"} <= set(schema["properties"])


def test_chips_lists_names(capsys: pytest.CaptureFixture[str]):
    assert execute(["chips"]) == 0
    printed = capsys.readouterr().out
    assert "spinnaker2" in printed and "mesh" in printed


def test_chip_constants_come_with_flag_and_source(capsys: pytest.CaptureFixture[str]):
    from neurosim.chip import load_chip

    assert execute(["chips", "spinnaker2"]) == 0
    printed = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line for line in printed if line.strip()}
    for key, constant, _ in load_chip("spinnaker2").constants():
        assert constant.flag in rows[key] and rows[key].endswith(constant.source.strip())


def test_an_unknown_chip_is_refused(capsys: pytest.CaptureFixture[str]):
    assert execute(["chips", "abacus"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("abacus:1:1: chip.use: no chip named 'abacus' (allowed: loihi1, ")
    assert len(printed.splitlines()) == 1


def test_import_of_a_missing_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out.safetensors"
    assert execute(["import", str(tmp_path / "no.pt"), "-o", str(out)]) == 2
    assert "no.pt:1:1: import: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("text", "why"), [("{", "is no JSON"), ("[1]", "must be an object")])
def test_import_with_a_bad_sidecar(
    text: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "notes.json").write_text(text)
    out = str(tmp_path / "out.safetensors")
    notes = str(tmp_path / "notes.json")
    assert execute(["import", "no.pt", "-o", out, "--sidecar", notes]) == 2
    assert why in capsys.readouterr().err


def test_interruption_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("neurosim.scenario.load_scenario", interrupt)
    monkeypatch.chdir(tmp_path)
    assert execute(["run", "s.yaml"]) == 130
    assert capsys.readouterr().err == "neurosim: interrupted, nothing was written\n"
    assert list(tmp_path.iterdir()) == []


def test_output_folders_that_may_be_written(tmp_path: Path):
    check_output(tmp_path / "new" / "deep")
    (tmp_path / "empty").mkdir()
    check_output(tmp_path / "empty")
    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier" / "result.json").write_text("{}")
    check_output(tmp_path / "earlier")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["earlier", "empty"]


def test_a_link_is_no_output_folder(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ScenarioError, match="is not a folder"):
        check_output(tmp_path / "link")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_shows_only_on_terminals_and_after_a_while(monkeypatch: pytest.MonkeyPatch):
    for stream, patience, seen in (
        (Terminal(), 0.0, True),
        (Terminal(), 60.0, False),
        (io.StringIO(), 0.0, False),
    ):
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress(patience) as progress:
            progress(1, 4)
            assert (progress.bar is not None) is seen
            progress(4, 4, "figures")
    assert stream.getvalue() == ""


def test_tables_are_plain_in_a_pipe(capsys: pytest.CaptureFixture[str]):
    print_rows("title", [("cores", "3"), ("latency per step", "[bold]1 us")])
    print_table(("a", "b"), [("1", "x"), ("22", "")])
    expected = "title\n  cores             3\n  latency per step  [bold]1 us\na   b\n1   x\n22\n"
    assert capsys.readouterr().out == expected


def test_tables_fit_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    print_rows("run", [("latency of a step", "1.234 ms mean, 2.345 ms at the 99th percentile")])
    print_table(("layer", "units", "source"), [("0", "1350", "a long text " * 8)])
    lines = [line.replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\x1b[3m", "")
             for line in stream.getvalue().splitlines()]  # fmt: skip
    assert max(map(len, lines)) <= 60
    assert "1350" in stream.getvalue()
