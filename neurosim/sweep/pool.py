"""Workers on this machine: one process per core, each fed one task at a time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Protocol

from neurosim.sweep.task import Outcome, Task


@dataclass(frozen=True)
class Lost:
    """A task whose worker died before it answered."""

    task: Task
    why: str


class Executor(Protocol):
    """Where tasks run: this machine's pool, or a dask cluster."""

    def idle(self) -> Sequence[Hashable]:
        """Workers that could take a task now."""

    def give(self, worker: Hashable, task: Task) -> None:
        """Start a task on an idle worker."""

    def wait(self, timeout_s: float) -> list[tuple[Hashable, Outcome | Lost]]:
        """What finished, as soon as something has; empty after the timeout."""

    def close(self) -> None:
        """End the workers at once, whatever they are doing."""


class _Worker:
    """One process and the socket to it."""

    def __init__(self, memory_bytes: int) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "neurosim.sweep.worker", str(theirs.fileno()),
                   str(os.getpid()), str(memory_bytes)]
        with theirs:
            self.process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, env=_environment())
        self.connection = Connection(ours.detach())
        self.task: Task | None = None

    def end(self) -> int:
        """Kill the process and return its exit code."""
        self.connection.close()
        self.process.kill()
        return self.process.wait()


class LocalPool:
    """``workers`` processes; a dead one is replaced, one that grew too large as well.

    Args:
        workers: how many.
        memory_bytes: what one worker may hold; above it, it forgets what it shares between points,
            and is replaced after the point.
    """

    def __init__(self, workers: int, memory_bytes: int | None = None) -> None:
        self.memory_bytes = memory_bytes or default_memory(workers)
        self._workers = [_Worker(self.memory_bytes) for _ in range(workers)]

    @property
    def processes(self) -> list[int]:
        """Process numbers of the workers."""
        return [worker.process.pid for worker in self._workers]

    def idle(self) -> Sequence[Hashable]:
        return [n for n, worker in enumerate(self._workers) if worker.task is None]

    def give(self, worker: Hashable, task: Task) -> None:
        assert isinstance(worker, int)
        taker = self._workers[worker]
        taker.task = task
        with suppress(OSError):  # it has died: wait() finds its socket closed
            taker.connection.send(task)

    def wait(self, timeout_s: float) -> list[tuple[Hashable, Outcome | Lost]]:
        busy = {w.connection: n for n, w in enumerate(self._workers) if w.task is not None}
        ready = wait(list(busy), timeout_s)
        return [(busy[c], self._receive(busy[c])) for c in ready if isinstance(c, Connection)]

    def _receive(self, n: int) -> Outcome | Lost:
        worker = self._workers[n]
        task, worker.task = worker.task, None
        assert task is not None
        try:
            outcome = worker.connection.recv()
        except (EOFError, OSError):
            self._workers[n] = _Worker(self.memory_bytes)
            return Lost(task, f"the worker ended with {_exit_name(worker.end())}")
        assert isinstance(outcome, Outcome)
        if outcome.peak_bytes > self.memory_bytes:
            self._workers[n] = _Worker(self.memory_bytes)
            worker.end()
        return outcome

    def close(self) -> None:
        for worker in self._workers:
            worker.end()
        self._workers = []


def default_workers() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_memory(workers: int) -> int:
    """Four fifths of the machine's memory, shared evenly."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return int(0.8 * total / max(1, workers))


def _environment() -> dict[str, str]:
    """One thread a worker: there is a worker for each core."""
    package = str(Path(__file__).resolve().parents[2])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                                      "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")}
    return {**os.environ, **threads, "PYTHONPATH": os.pathsep.join(paths)}


def _exit_name(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"
