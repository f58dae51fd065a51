"""Errors for the person who wrote the file.

Every error that a user can cause carries the key it is about, why it is refused and what is
allowed.  Code below the scenario layer knows the key but not the file; whoever holds the scenario
adds the location with :meth:`UserError.at`.  The command line prints ``str(error)`` and exits 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Location:
    """Where a key stands: the file, and line and column counted from 1 (0: not known)."""

    file: str | Path
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else f"{self.file}"


class UserError(Exception):
    """Something the user asked for is refused.

    Args:
        key: dotted key of the scenario or chip file, e.g. ``network.model``.
        why: one clause, no full stop.
        allowed: what would have been accepted, or None.
        location: where the key stands, if known.
    """

    def __init__(
        self, key: str, why: str, allowed: str | None = None, location: Location | None = None
    ) -> None:
        super().__init__(key, why, allowed, location)
        self.key, self.why, self.allowed, self.location = key, why, allowed, location

    def at(self, location: Location | None) -> UserError:
        """The same error with its location filled in, if it has none yet."""
        if self.location is None:
            self.location = location
        return self

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location is not None else ""
        why = " ".join(str(self.why).split())
        tail = f" (allowed: {self.allowed})" if self.allowed else ""
        return f"{place}{self.key}: {why}{tail}"


class ScenarioError(UserError):
    """The scenario or chip file asks for something that cannot be."""


class ModelError(UserError):
    """The model file or the workload is unusable."""


class MappingError(UserError):
    """The network does not fit the chip."""


class SimulationError(UserError):
    """The run could not finish: deadlock, overflow, run-away."""
