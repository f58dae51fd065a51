"""A progress bar on stderr for what takes longer than two seconds."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

PATIENCE_S = 2.0
#: Without a call for so long, nothing is running that could stop softly.
STALE_S = 1.0


class Progress:
    """Called as ``progress(done, total, what)``; draws nothing at first, nor outside a terminal.

    While it is open, Ctrl-C makes the next call return True, which stops a simulation with what it
    has; a second Ctrl-C, or one outside a simulation, interrupts at once.  SIGUSR1 writes one line
    of state to stderr.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        self.bar: Bar | None = None
        self.task: TaskID | None = None
        self.state, self.called = "starting", -float("inf")
        self.stopping = self.told = False
        self.handlers: list[tuple[int, Any]] = []

    def __enter__(self) -> Self:
        self.start = time.monotonic()
        self.wanted = sys.stderr.isatty()
        if threading.current_thread() is threading.main_thread():
            for number, act in ((signal.SIGINT, self._interrupt),
                                (getattr(signal, "SIGUSR1", None), self._tell)):
                if number is not None:
                    self.handlers.append((number, signal.signal(number, act)))
        return self

    def __call__(self, done: int, total: int, what: str = "steps") -> bool:
        self.called = time.monotonic()
        self.state = f"{what}: {done} of {total} after {self.called - self.start:.0f} s"
        if self.told:  # the engine was told to stop, and went on
            raise KeyboardInterrupt
        self.told = self.stopping
        if self.wanted and self.called - self.start >= self.patience_s:
            if self.bar is None:
                self._open(total, what)
            assert self.bar is not None and self.task is not None
            self.bar.update(self.task, completed=done, total=total, description=what)
        return self.stopping

    def _interrupt(self, *_: object) -> None:
        if self.stopping or time.monotonic() - self.called > STALE_S:
            raise KeyboardInterrupt
        self.stopping = True

    def _tell(self, *_: object) -> None:
        print(self.state, file=sys.stderr, flush=True)

    def _open(self, total: int, what: str) -> None:
        from rich.console import Console
        from rich.progress import Progress as Bar

        self.bar = Bar(console=Console(stderr=True), transient=True)
        self.task = self.bar.add_task(what, total=total)
        self.bar.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self.handlers:
            signal.signal(number, before)
        self.handlers.clear()
        if self.bar is not None:
            self.bar.stop()
