"""A traced run: its records go to a file while it goes on, so that they need not fit into memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurosim.engines.outcome import Outcome
from neurosim.errors import SimulationError


def run_traced(run_engine: Callable[..., Outcome], scratch: Path | None,
               *arguments: Any, **named: Any) -> Outcome:
    """``run_engine(*arguments, **named)`` with a trace, memory-mapped from a file in ``scratch``.

    Raises:
        SimulationError: the file cannot be written.
    """
    from neurosim.measure.tracefile import TraceFile

    try:
        file = TraceFile(scratch)
        try:
            outcome = run_engine(*arguments, **named, sink=file)
            return replace(outcome, trace=file.finish())
        except BaseException:
            file.discard()
            raise
    except OSError as error:
        raise SimulationError("record", f"cannot write the trace: {error.strerror}",
                              "64 bytes a record on disk, or a shorter run") from None
