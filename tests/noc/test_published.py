"""docs/background/published-figures.md says what runs of the scenarios give."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, PROJECT / "benchmarks" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


figures = load("published_figures")
PAGE = (PROJECT / "docs" / "background" / "published-figures.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("row", [row for row in figures.ROWS if row.quick],
                         ids=lambda row: f"{row.chip} {row.figure}")
def test_a_quick_row_is_as_the_page_says(row: Any) -> None:
    assert figures.shown(row, row.simulate()) in PAGE


def test_every_row_is_on_the_page_and_calibrations_hold() -> None:
    for row in figures.ROWS:
        line = next(line for line in PAGE.splitlines()
                    if line.startswith(f"| {row.chip} | {row.figure} |"))
        ratio = float(line.split("|")[5])
        if row.kind == figures.CALIBRATION:
            assert ratio == pytest.approx(1.0, abs=0.1), line
        assert row.source in line
