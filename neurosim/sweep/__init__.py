"""Sweeps: many points of one scenario, run side by side, kept safely, put into one table.

:func:`run_sweep` does it all; :func:`load_sweep` only expands and checks.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurosim.sweep.points import Plan as Plan
    from neurosim.sweep.points import load_sweep as load_sweep
    from neurosim.sweep.run import Summary as Summary
    from neurosim.sweep.run import run_sweep as run_sweep

_HOMES = {"Plan": "points", "Summary": "run", "load_sweep": "points", "run_sweep": "run"}
__all__ = ["Plan", "Summary", "load_sweep", "run_sweep"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'neurosim.sweep' has no attribute {name!r}")
    return getattr(import_module(f"neurosim.sweep.{_HOMES[name]}"), name)
