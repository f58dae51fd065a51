"""Examples in the documents run, and print what the documents say.

In a ``console`` block a line that starts with ``$ `` is a command, the lines after it are its whole
output; ``...`` stands for anything.  ``yaml`` blocks whose first line is ``# file: NAME`` become
files.  The commands of one document run one after the other in one folder beside the scenarios.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCUMENTS = ("docs/tutorial.md", "docs/guides/find-your-bottleneck.md",
             "docs/guides/spilling.md")
_BLOCK = re.compile(r"^```(console|yaml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# file: (\S+)\n")
#: Said on standard error by whichever command comes first after an installation.
_FIRST_USE = re.compile(r"^neurosim: compiling the engine once.*\n", re.MULTILINE)


def run_document(text: str, folder: Path) -> None:
    """Write the document's files and run its commands in ``folder``."""
    for language, body in _BLOCK.findall(text):
        if language == "yaml":
            named = _FILE.match(body)
            if named:
                (folder / named.group(1)).write_text(body, encoding="utf-8")
            continue
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", body, re.MULTILINE):
            check_command(command, expected, folder)


def check_command(command: str, expected: str, folder: Path) -> None:
    scripts = Path(sys.executable).parent
    done = subprocess.run(
        command, shell=True, cwd=folder, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=300,
        env={**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "80"})
    printed = _FIRST_USE.sub("", done.stdout)
    checker = doctest.OutputChecker()
    options = doctest.ELLIPSIS
    if not checker.check_output(expected, printed, options):
        example = doctest.Example(command, expected)
        pytest.fail(f"$ {command}\n{checker.output_difference(example, printed, options)}")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_document_tells_the_truth(name: str, project: Path, tmp_path: Path) -> None:
    for shared in ("scenarios", "models"):
        shutil.copytree(project / shared, tmp_path / shared,
                        ignore=shutil.ignore_patterns("build", "__pycache__"))
    text = (project / name).read_text(encoding="utf-8")
    assert "$ neurosim" in text
    run_document(text, tmp_path)
