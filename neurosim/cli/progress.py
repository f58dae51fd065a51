"""A progress bar on stderr for what takes longer than two seconds."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

PATIENCE_S = 2.0


class Progress:
    """Called as ``progress(done, total, what)``; draws nothing at first, nor outside a terminal."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        self.bar: Bar | None = None
        self.task: TaskID | None = None

    def __enter__(self) -> Self:
        self.start = time.monotonic()
        self.wanted = sys.stderr.isatty()
        return self

    def __call__(self, done: int, total: int, what: str = "steps") -> None:
        if not self.wanted or time.monotonic() - self.start < self.patience_s:
            return
        if self.bar is None:
            self._open(total, what)
        assert self.bar is not None and self.task is not None
        self.bar.update(self.task, completed=done, total=total, description=what)

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
        if self.bar is not None:
            self.bar.stop()
