"""Points to workers: each worker stays with one network as long as there are points for it."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence

from neurosim.sweep.points import Point
from neurosim.sweep.pool import Executor, Lost
from neurosim.sweep.task import Outcome, Task

#: A point whose worker has died so many times is recorded as failed.
MOST_LOSSES = 3
_POLL_S = 0.5


class Queue:
    """Waiting points by network; a worker's next point is of its last network if there is one."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._groups: OrderedDict[str, deque[Point]] = OrderedDict()
        for point in points:
            self._groups.setdefault(point.group, deque()).append(point)
        self._of: dict[Hashable, str] = {}

    def __bool__(self) -> bool:
        return bool(self._groups)

    def take(self, worker: Hashable) -> Point:
        """The next point for a worker; the queue must not be empty."""
        group = self._of.get(worker)
        if group not in self._groups:
            # A network that nobody works on, in order; else help where most is left.
            taken = set(self._of.values())
            free = [name for name in self._groups if name not in taken]
            group = free[0] if free else max(self._groups, key=lambda name: sum(
                point.cost for point in self._groups[name]))
        assert group is not None
        self._of[worker] = group
        waiting = self._groups[group]
        point = waiting.popleft()
        if not waiting:
            del self._groups[group]
        return point

    def back(self, point: Point) -> None:
        """Put a point that was lost at the head of its group."""
        self._groups.setdefault(point.group, deque()).appendleft(point)


def execute(
    points: Sequence[Point],
    executor: Executor,
    task_of: Callable[[Point], Task],
    keep: Callable[[Point, Outcome], None],
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Run all points; ``keep`` gets every outcome once, ``tick`` is called now and then.

    A point whose worker dies is run again, by another worker, up to :data:`MOST_LOSSES` times.
    """
    queue = Queue(points)
    running: dict[Hashable, Point] = {}
    losses: dict[str, int] = {}
    while queue or running:
        for worker in executor.idle():
            if not queue:
                break
            point = queue.take(worker)
            running[worker] = point
            executor.give(worker, task_of(point))
        for worker, outcome in executor.wait(_POLL_S):
            point = running.pop(worker)
            if isinstance(outcome, Lost):
                losses[point.key] = losses.get(point.key, 0) + 1
                if losses[point.key] < MOST_LOSSES:
                    queue.back(point)
                    continue
                why = f"{outcome.why}, {MOST_LOSSES} times"
                outcome = Outcome(point.key, None, why)
            keep(point, outcome)
        tick()
