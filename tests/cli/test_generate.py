"""``neurosim run`` with mode: generate: the text appears as the machine chooses it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from neurosim.cli import execute
from neurosim.cli.telling import Telling


def scenario(project: Path, folder: Path, extra: str = "") -> Path:
    path = folder / "g.yaml"
    model = project / "models" / "shakespeare_char" / "weights.safetensors"
    path.write_text(f"network: {{model: {model}}}\nmode: generate\n"
                    f"workload: {{prompt: 'The king', steps: 100}}\n"
                    f"chip: {{use: spinnaker2, cores: 24}}\nsync: dataflow\n{extra}")
    return path


def test_piped_text_is_whole_and_unwrapped(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scenario(project, tmp_path, "streams: 2\ngenerate: {choice: sample}\n")
    assert execute(["run", str(path), "-o", str(tmp_path / "out"), "--no-figures"]) == 0
    printed = capsys.readouterr().out
    import json

    task = json.loads((tmp_path / "out" / "result.json").read_text())["task"]
    assert len(task["streams"]) == 2 and len(task["generated_tokens"]) == 100
    assert printed.startswith("The king" + task["generated_text"] + "\n\ng\n")
    assert "generated" in printed and "200 tokens in 2 streams" in printed


def test_a_narrow_terminal_gets_the_same_characters(project: Path, tmp_path: Path) -> None:
    """On a terminal of 20 columns nothing is inserted into the text, and no bar draws over it."""
    path = scenario(project, tmp_path)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "neurosim", "run", str(path), "-o", str(tmp_path / "out"),
         "--no-figures"], stdout=theirs, stderr=theirs,
        env={**os.environ, "COLUMNS": "20", "TERM": "xterm"})
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    assert process.wait() == 0
    text = shown.decode().replace("\r\n", "\n")
    import json

    task = json.loads((tmp_path / "out" / "result.json").read_text())["task"]
    assert "The king" + task["generated_text"] + "\n\n" in text
    assert "\x1b[2K" not in text  # a bar that redraws its line


def test_telling_tells_the_first_stream_only(capsys: pytest.CaptureFixture[str]) -> None:
    telling = Telling("To ")
    telling.end()
    assert capsys.readouterr().out == ""
    telling(1, "x")
    telling(0, "be")
    telling(0, " or")
    telling.end()
    assert capsys.readouterr().out == "To be or\n\n"
