"""Sweeps of runs that take milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

TINY = """\
name: tiny
network: {synthetic: {layers: [6], inputs: 3}}
workload: {steps: 2}
chip: {use: mesh, cores: 2}
engine: simpy
"""


@pytest.fixture
def sweep_file(tmp_path: Path) -> Callable[..., Path]:
    """``sweep_file(block, base)`` writes a scenario with that sweep block."""

    def write(block: str, base: str = TINY, name: str = "tiny.yaml") -> Path:
        path = tmp_path / name
        path.write_text(base + "sweep:\n" + block)
        return path

    return write
