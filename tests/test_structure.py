"""The shape of the source: which part may import which, and how long a file may be."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "neurosim"
MAX_LINES = 400
HELP_SECONDS = 0.5

BELOW_MAPPING = {"scenario", "network", "chip"}
BELOW_LOWER = BELOW_MAPPING | {"mapping"}
#: What a finished run hands over: its inputs beside the engine's arrays, but not the scenario.
RUN = {"network", "chip", "mapping", "image", "trace"}
#: Part -> parts that it may import, besides itself, ``errors`` and ``_version``.
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "_version": set(),
    "files": set(),
    "scenario": {"files"},
    "network": {"rules"},
    "chip": {"files"},
    "mapping": BELOW_MAPPING,
    "image": set(),
    "rules": set(),
    "trace": {"image"},
    "lower": BELOW_LOWER | {"image", "rules"},
    "engines": {"image", "rules", "trace"},
    "measure": RUN,
    "explain": RUN | {"measure"},
    "report": RUN | {"measure", "explain"},
    "pipeline": BELOW_LOWER | {
        "lower", "image", "engines", "trace", "measure", "explain", "report"},
    "noc": {"scenario", "image", "rules", "measure", "pipeline", "report"},
    "sweep": BELOW_LOWER | {"files", "lower", "image", "engines", "measure", "report", "pipeline"},
}
#: Parts on top, which may import anything.
ON_TOP = {"cli", "__init__", "__main__"}
EVERYWHERE = {"errors", "_version"}


def part_of(module: str) -> str:
    """``neurosim.chip.schema`` -> ``chip``; ``neurosim`` itself -> ``__init__``."""
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else "__init__"


def imported_parts(source: str, package: str) -> set[str]:
    """Parts of neurosim that a module imports anywhere in it, type-only imports included.

    ``package`` is the dotted package of the module, for relative imports.
    """
    parts = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            # `from neurosim import pipeline` names the part in the list.
            names = [f"{base}.{alias.name}" if base == "neurosim" else base for alias in node.names]
        else:
            continue
        parts |= {part_of(name) for name in names if name.split(".")[0] == "neurosim"}
    return parts


def test_imported_parts_sees_every_form():
    source = (
        "import neurosim.chip.schema\nfrom neurosim import lower\n"
        "def f():\n    from neurosim.image import Image\n    from ..mapping import model\n"
    )
    parts = imported_parts(source, "neurosim.engines")
    assert parts == {"chip", "lower", "image", "mapping"}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_arrows(path: Path):
    relative = path.relative_to(PACKAGE)
    part = relative.parts[0].removesuffix(".py")
    if part in ON_TOP:
        return
    assert part in ARROWS, f"{part} is a new part: say in ARROWS what it may import"
    package = ".".join(["neurosim", *relative.parts[:-1]])
    upward = imported_parts(path.read_text(), package) - ARROWS[part] - EVERYWHERE - {part}
    assert not upward, f"{relative} imports {sorted(upward)}, which lie above or beside {part}"


def test_arrows_have_no_cycle():
    done: set[str] = set()
    while len(done) < len(ARROWS):
        ready = {part for part, below in ARROWS.items() if part not in done and below <= done}
        assert ready, f"a cycle among {sorted(set(ARROWS) - done)}"
        done |= ready


@pytest.mark.parametrize("folder", ["neurosim", "tests", "benchmarks", "models"])
def test_files_are_short(folder: str):
    lengths = {
        str(path.relative_to(PROJECT)): len(path.read_text().splitlines())
        for path in (PROJECT / folder).rglob("*.py")
    }
    assert {path: n for path, n in lengths.items() if n > MAX_LINES} == {}


def test_every_package_can_be_found_by_the_installer():
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [str(f) for f in sorted(folders) if not (f / "__init__.py").exists()] == []


def test_reading_order_names_files_that_exist():
    text = (PROJECT / "docs" / "reading-order.md").read_text()
    named = set(re.findall(r"`(neurosim/[\w/.]+)`", text))
    assert len(named) >= 10
    assert [name for name in sorted(named) if not (PROJECT / name).exists()] == []


def python(code: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    return run.stdout


HEAVY = ("numpy", "scipy", "matplotlib", "numba", "simpy", "networkx", "pandas", "torch")


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from neurosim.cli import execute; execute(['--help']); "
        f"print('LOADED', [m for m in {HEAVY} if m in sys.modules])"
    )
    assert "LOADED []" in python(code)


def test_importing_the_package_imports_nothing_heavy():
    code = f"import sys, neurosim; print([m for m in {HEAVY} if m in sys.modules])"
    assert python(code).strip() == "[]"


def test_help_answers_quickly():
    best = float("inf")
    for _ in range(3):  # the best of three: a busy machine is no fault of the program
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "neurosim", "--help"], check=True, capture_output=True
        )
        best = min(best, time.perf_counter() - start)
    assert best < HELP_SECONDS


def test_public_names_exist():
    code = "import neurosim; print([n for n in neurosim.__all__ if getattr(neurosim, n) is None])"
    assert python(code).strip() == "[]"
