"""Results of a sweep in one sqlite file: each point once, there or not there, whatever is killed.

Only the parent process writes.  WAL mode: a commit survives the death of the process at any moment.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from neurosim.errors import Location, ScenarioError
from neurosim.sweep.task import Outcome

FILE, LOCK = "sweep.sqlite", "sweep.lock"
DONE, FAILED = "done", "failed"
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY, status TEXT NOT NULL, result TEXT, reason TEXT NOT NULL,
    detail TEXT NOT NULL, seconds REAL NOT NULL, runs INTEGER NOT NULL, finished REAL NOT NULL);
"""
_PLACE = Location("--output", 1, 1)


@dataclass(frozen=True)
class Stored:
    """One row: ``status`` done or failed, ``runs`` how often it was run."""

    key: str
    status: str
    result: dict[str, Any] | None
    reason: str
    seconds: float
    runs: int


class Store:
    """The sqlite file of one sweep's folder, opened for writing by one process at a time.

    Raises:
        ScenarioError: key ``output``: the folder holds other things, cannot be written, or another
            sweep is running in it.
    """

    def __init__(self, folder: Path, write: bool = True) -> None:
        self.folder = folder
        self._lock: int | None = None
        try:
            if write:
                self._claim()
            uri = f"{(folder / FILE).absolute().as_uri()}?mode={'rwc' if write else 'ro'}"
            self.connection = sqlite3.connect(uri, uri=True, isolation_level=None)
            if write:
                self.connection.execute("PRAGMA journal_mode=WAL")
                self.connection.execute("PRAGMA synchronous=NORMAL")
                self.connection.executescript(_TABLES)
            self.connection.execute("SELECT count(*) FROM results, meta").fetchone()
        except OSError as error:
            raise _refused(f"cannot write {folder}: {error.strerror}", "a writable place") from None
        except sqlite3.Error as error:
            what = "a writable place" if write else "the folder of a sweep"
            raise _refused(f"{folder / FILE}: {error}", what) from None

    def _claim(self) -> None:
        if self.folder.is_dir() and not (self.folder / FILE).exists() and any(
                name != LOCK for name in os.listdir(self.folder)):
            raise _refused(f"{self.folder} holds other files", "a new folder, or that of a sweep")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            # Held by the process, so it ends with it, killed or not.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = None
            raise _refused(f"another sweep is running in {self.folder}", "another folder") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        if self._lock is not None:
            os.close(self._lock)

    # --- what the folder is about

    def note(self, name: str, value: Any) -> None:
        """Keep a fact about the sweep."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)",
                                (name, json.dumps(value, sort_keys=True, default=str)))

    def noted(self, name: str) -> Any:
        """A fact kept earlier, or None."""
        row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    # --- results

    def keep(self, outcome: Outcome) -> None:
        """Keep a point's outcome, in place of an earlier failure."""
        status = DONE if outcome.result is not None else FAILED
        text = None if outcome.result is None else _json(outcome.result)
        self.connection.execute(
            "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT (key) DO UPDATE SET "
            "status = excluded.status, result = excluded.result, reason = excluded.reason, detail ="
            " excluded.detail, seconds = excluded.seconds, runs = runs + 1, finished = "
            "excluded.finished",
            (outcome.key, status, text, outcome.reason, outcome.detail, outcome.seconds,
             time.time()))

    def states(self) -> dict[str, str]:
        """Key and status of every point ever kept."""
        return dict(self.connection.execute("SELECT key, status FROM results"))

    def seconds(self) -> dict[str, float]:
        """Wall time of every point that is done."""
        return dict(self.connection.execute(
            "SELECT key, seconds FROM results WHERE status = ?", (DONE,)))

    def get(self, key: str) -> Stored | None:
        """The row of a point."""
        row = self.connection.execute(
            "SELECT key, status, result, reason, seconds, runs FROM results WHERE key = ?",
            (key,)).fetchone()
        return None if row is None else Stored(
            row[0], row[1], None if row[2] is None else json.loads(row[2]), *row[3:])

    def keys(self) -> Iterator[str]:
        """Keys of all rows."""
        return (row[0] for row in self.connection.execute("SELECT key FROM results"))


def _json(result: dict[str, Any]) -> str:
    from neurosim.measure.folder import plain

    return json.dumps(plain(result), sort_keys=True, allow_nan=False)


def _refused(why: str, allowed: str) -> ScenarioError:
    return ScenarioError("output", why, allowed, _PLACE)
