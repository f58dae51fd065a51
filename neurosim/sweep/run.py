"""A whole sweep: plan, run what is missing, table."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neurosim._version import __version__
from neurosim.errors import Location, ScenarioError
from neurosim.sweep import table
from neurosim.sweep.dispatch import execute
from neurosim.sweep.identity import Hashes, assets
from neurosim.sweep.points import Plan, Point, load_sweep
from neurosim.sweep.pool import Executor, LocalPool, default_workers
from neurosim.sweep.store import DONE, FAILED, Store
from neurosim.sweep.task import Outcome, Task, make_task

#: Seconds between two tables while a sweep runs.
TABLE_EVERY_S = 15.0
_BEST = {
    "latency": ("latency_s.per_step_mean",),
    "interval": ("latency_s.interval_mean",),
    "energy": ("energy_per_step_j",),
    "energy_delay": ("latency_s.per_step_mean", "energy_per_step_j"),
}


@dataclass
class Status:
    """How far a sweep is.  ``best`` is (value, point) of what the sweep minimises."""

    total: int
    done: int = 0
    failed: int = 0
    workers: int = 1
    started: float = field(default_factory=time.monotonic)
    ran: int = 0
    ran_cost: float = 0.0
    left_cost: float = 0.0
    best: tuple[float, Point] | None = None
    last_failure: str = ""

    @property
    def rate(self) -> float:
        """Points run per second so far."""
        return self.ran / max(1e-9, time.monotonic() - self.started)

    @property
    def left_s(self) -> float:
        """Seconds left: by the weights of the points, at the pace so far (a guess before)."""
        if self.ran_cost <= 0.0:
            return self.left_cost / self.workers
        return self.left_cost * (time.monotonic() - self.started) / self.ran_cost


@dataclass(frozen=True)
class Summary:
    """What a sweep came to: points by state, reasons of failures with how many have each, and the
    folder with the table."""

    folder: Path
    points: int
    done: int
    failed: int
    ran: int
    notes: tuple[str, ...] = ()
    reasons: tuple[tuple[str, int], ...] = ()


def run_sweep(
    path: str | Path,
    folder: str | Path,
    overrides: Sequence[str] = (),
    workers: int | None = None,
    scheduler: str | None = None,
    retry: bool = False,
    yes: bool = False,
    parquet: bool = False,
    watch: Callable[[Status], None] = lambda status: None,
) -> Summary:
    """Run a scenario file's sweep, or the part of it that ``folder`` does not hold yet.

    Args:
        path: the scenario file, with a ``sweep:`` block.
        folder: keeps the results; the same call goes on where an earlier one was stopped.
        overrides: ``key=value`` texts.
        workers: processes of the local pool; default: one a core.
        scheduler: address of a dask scheduler instead of the local pool (extra ``dist``).
        retry: run points again that failed before.
        yes: allow more than 10,000 points.
        parquet: write ``table.parquet`` as well (extra ``parquet``).
        watch: called now and then with how far it is.

    Raises:
        UserError: a bad sweep, before anything runs; a folder that cannot be used.
    """
    plan = load_sweep(path, overrides, yes)
    return run_plan(plan, Path(folder), workers, scheduler, retry, parquet, watch)


def run_plan(
    plan: Plan,
    folder: Path,
    workers: int | None = None,
    scheduler: str | None = None,
    retry: bool = False,
    parquet: bool = False,
    watch: Callable[[Status], None] = lambda status: None,
) -> Summary:
    """As :func:`run_sweep`, for a plan that is loaded already."""
    if parquet and find_spec("pyarrow") is None:
        raise ScenarioError("parquet", "pyarrow is not installed",
                            "pip install 'neurosim[parquet]'", Location("--parquet", 1, 1))
    with Store(folder) as store:
        notes = take_note(plan, store)
        todo = missing(plan, store, retry)
        count = min(workers or default_workers(), max(1, len(todo)))
        status = _status(plan, store, todo, count)
        watch(status)
        if todo:
            executor: Executor
            if scheduler is not None:
                from neurosim.sweep.distributed import DaskCluster

                executor = DaskCluster(scheduler)
            else:
                executor = LocalPool(count)
            try:
                _run(plan, store, todo, executor, status, _OnTheWay(
                    lambda: write_results(plan, store, folder, parquet), watch))
            finally:
                executor.close()
                write_results(plan, store, folder, parquet)
        else:
            write_results(plan, store, folder, parquet)
        rows = [store.get(point.key) for point in plan.points]
    ended = [row.status for row in rows if row is not None]
    reasons = Counter(row.reason for row in rows if row is not None and row.status == FAILED)
    return Summary(folder, len(plan.points), ended.count(DONE), ended.count(FAILED), status.ran,
                   tuple(notes), tuple(reasons.most_common()))


class _OnTheWay:
    """Writes the table now and then, so that there is one to look at before the sweep is over, and
    takes at most a twentieth of the time for it."""

    def __init__(self, write: Callable[[], None], watch: Callable[[Status], None]) -> None:
        self.write, self.watch = write, watch
        self.next = time.monotonic() + TABLE_EVERY_S

    def __call__(self, status: Status) -> None:
        self.watch(status)
        begin = time.monotonic()
        if begin >= self.next:
            self.write()
            ended = time.monotonic()
            self.next = ended + max(TABLE_EVERY_S, 20 * (ended - begin))


def missing(plan: Plan, store: Store, retry: bool = False) -> list[Point]:
    """Points whose results the store does not hold."""
    states = store.states()
    settled = {DONE} if retry else {DONE, FAILED}
    return [point for point in plan.runs() if states.get(point.key) not in settled]


def _status(plan: Plan, store: Store, todo: list[Point], workers: int) -> Status:
    runs = plan.runs()
    status = Status(len(runs), workers=workers, left_cost=sum(point.cost for point in todo))
    states = store.states()
    waiting = {point.key for point in todo}
    for point in runs:
        if point.key in waiting:
            continue
        if states[point.key] == DONE:
            status.done += 1
            stored = store.get(point.key)
            _rank(plan, status, point, stored.result if stored else None)
        else:
            status.failed += 1
    return status


def _rank(plan: Plan, status: Status, point: Point, result: dict[str, Any] | None) -> None:
    if point.number < 0 or result is None:
        return
    value = 1.0
    for name in _BEST[plan.sweep.minimise]:
        factor = table.value_at(result, name)
        if factor is None:
            return
        value *= factor
    if status.best is None or value < status.best[0]:
        status.best = (value, point)


def _run(plan: Plan, store: Store, todo: list[Point], executor: Executor, status: Status,
         watch: Callable[[Status], None]) -> None:
    hashes = Hashes()

    def task_of(point: Point) -> Task:
        scenario = plan.scenario(point)
        return make_task(point.key, point.group, scenario, assets(scenario, hashes))

    def keep(point: Point, outcome: Outcome) -> None:
        store.keep(outcome)
        status.ran += 1
        status.ran_cost += point.cost
        status.left_cost -= point.cost
        if outcome.result is None:
            status.failed += 1
            status.last_failure = outcome.reason
        else:
            status.done += 1
            _rank(plan, status, point, outcome.result)

    execute(todo, executor, task_of, keep, lambda: watch(status))


# --- what changed since the last time


def take_note(plan: Plan, store: Store) -> list[str]:
    """Keep what the sweep is made of; tell what is different from the last time."""
    now = {"scenario": plan.document.sha256, "files": plan.files, "neurosim": __version__}
    before = store.noted("made_of")
    notes = []
    if before is not None:
        if before["scenario"] != now["scenario"]:
            notes.append(f"{plan.document.file} has changed since the last time")
        if before["neurosim"] != now["neurosim"]:
            notes.append(f"the results were made by neurosim {before['neurosim']}")
        notes += [f"{path} has changed since the last time"
                  for path, sha in plan.files.items()
                  if before["files"].get(path, sha) != sha]
    if notes:
        wanted = {point.key for point in plan.runs()}
        have = set(store.keys())
        notes.append(f"{len(wanted & have)} of {len(wanted)} points have results that still hold; "
                     f"{len(have - wanted)} others are kept in the store but not in the table")
    store.note("made_of", now)
    store.note("name", plan.name)
    store.note("axes", list(plan.axes))
    store.note("base", plan.document.data)
    store.note("sweep", plan.sweep.model_dump(mode="json"))
    return notes


def write_results(plan: Plan, store: Store, folder: Path, parquet: bool) -> None:
    """The table, the wall times, and ``sweep.json``: what the sweep was made of."""
    table.write(plan, store, folder, parquet)
    seconds = store.seconds()
    times = [{"point": p.number, "key": p.key[:16], "seconds": round(seconds[p.key], 4)}
             for p in (*plan.points, *plan.twins) if p.key in seconds]
    table.write_text(folder / "timing.csv", table.csv_text(("point", "key", "seconds"), times))
    about = {
        "name": plan.name, "axes": list(plan.axes), "points": len(plan.points),
        "dense_twins": len(plan.twins), "excluded": plan.excluded,
        "scenario_sha256": plan.document.sha256, "files": plan.files, "neurosim": __version__,
        "base": plan.document.data, "sweep": plan.sweep.model_dump(mode="json"),
    }
    text = json.dumps(about, indent=2, sort_keys=True, default=str)
    table.write_text(folder / "sweep.json", text + "\n")
