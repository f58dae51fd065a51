"""How far a sweep is: one live line on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.live import Live

    from neurosim.sweep.points import Plan
    from neurosim.sweep.run import Status

EVERY_S = 30.0


class Watch:
    """Called with the status after every change; writes to stderr."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.done = self.total = 0
        self.live: Live | None = None
        self.last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __call__(self, status: Status) -> None:
        if self.total == 0:
            self._begin(status)
        self.done, self.total = status.done + status.failed, status.total
        if self.live is not None:
            self.live.update(self.line(status))
        elif time.monotonic() - self.last > EVERY_S:
            self.last = time.monotonic()
            print(self.line(status), file=sys.stderr)

    def _begin(self, status: Status) -> None:
        todo = status.total - status.done - status.failed
        if status.done or status.failed:
            print(f"there already: {status.done} done, {status.failed} failed", file=sys.stderr)
        if not todo:
            return
        guess = duration(status.left_cost / status.workers)
        print(f"{todo} to run, about {guess} on {status.workers} workers (a guess)",
              file=sys.stderr)
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self.live = Live(console=Console(stderr=True), transient=True)
            self.live.start()

    def line(self, status: Status) -> str:
        """Done of all, failures, rate, time left, the best so far."""
        parts = [f"{status.done + status.failed} of {status.total}"]
        if status.failed:
            parts.append(f"{status.failed} failed")
        if status.ran:
            rate = status.rate
            pace = f"{rate:.2g}/s" if rate >= 1 else f"{60 * rate:.2g}/min"
            parts += [pace, f"{duration(status.left_s)} left"]
        if status.best is not None:
            parts.append(f"best {self.best(status)}")
        return ", ".join(parts)

    def best(self, status: Status) -> str:
        """The best point by its axes, and what it is the best in."""
        from neurosim.sweep.table import label

        assert status.best is not None
        point = status.best[1]
        where = " ".join(f"{key.rpartition('.')[2]}={label(value)}"
                         for key, value in point.values.items())
        return f"{self.plan.sweep.minimise.replace('_', '-')} {status.best[0]:.3g}: {where}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.live is not None:
            self.live.stop()


def duration(seconds: float) -> str:
    """Seconds for a person: ``45 s``, ``3 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
