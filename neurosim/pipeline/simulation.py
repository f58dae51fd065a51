"""From an Image to a Result: the engine, what an interrupted run keeps, the measures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.chip import Chip
from neurosim.chip.bounds import End, at_range_end
from neurosim.engines import select
from neurosim.engines.outcome import INTERRUPTED, Outcome, Watcher, raise_unless_finished
from neurosim.errors import SimulationError
from neurosim.image import Counters, Image
from neurosim.measure.summary import si
from neurosim.pipeline.base import Prepared, Progress, Share, Told, afresh, located
from neurosim.pipeline.generation import teller
from neurosim.pipeline.preparation import make_image
from neurosim.pipeline.tasks import part_task, task_block
from neurosim.pipeline.tracing import run_traced

if TYPE_CHECKING:
    from neurosim.explain.whole import Explained
    from neurosim.measure import Result


def simulate(prepared: Prepared, engine: str | None = None,
             progress: Progress | None = None, share: Share = afresh,
             scratch: Path | None = None, told: Told | None = None) -> Result:
    """Run a prepared scenario and measure it; ``share`` as in :func:`prepare`, ``scratch`` and
    ``told`` as in :func:`neurosim.pipeline.run`."""
    scenario, image = prepared.scenario, prepared.image
    with located(scenario):
        name, run_engine = select(engine or scenario.engine, image)
        report = None if progress is None else _watcher(name, image, progress)
        started = time.time()
        chosen = None if told is None else teller(prepared, told)
        if "trace" in scenario.record:
            outcome = run_traced(run_engine, scratch, image, progress=report, chosen=chosen)
        else:
            outcome = run_engine(image, progress=report, chosen=chosen)
        seconds = time.time() - started
        try:
            raise_unless_finished(image, outcome)
        except SimulationError as error:
            raise _with_route_cycle(prepared.chip, image, error) from None
        if outcome.status == INTERRUPTED:
            return _partial(prepared, name, outcome, {"started": started, "seconds": seconds})
        task = task_block(prepared, outcome.counters, progress, share)
        result = _measured(prepared, name, outcome.counters, task=task, trace=outcome.trace,
                           wall={"started": started, "seconds": seconds})
        bounds = _bounds(prepared, name, run_engine) if scenario.bounds else None
        found = {"bounds": bounds}
        explained = None if outcome.trace is None else _explained(prepared, outcome.trace)
        if explained is not None:
            found["critical_path"] = explained.data()
        return replace(result, data={**result.data, **found}, draw=partial(_draw, explained))


def _measured(prepared: Prepared, engine: str, counters: Counters, **more: Any) -> Result:
    """Everything that is measured of a run; ``more`` overrides what was prepared."""
    from neurosim.measure import measure

    scenario = prepared.scenario
    run = {
        "name": scenario.name, "scenario_sha256": scenario.sha256,
        "resolved": scenario.resolved(), "engine": engine, "seed": scenario.seed,
        "network": prepared.network, "workload": prepared.workload, "chip": prepared.chip,
        "mapping": prepared.mapping, "image": prepared.image, "counters": counters,
        "machine": prepared.machine, "plan": prepared.plan,
    }
    return measure(**{**run, **more})


def _watcher(name: str, image: Image, progress: Progress) -> Watcher:
    """What an engine calls: progress with the speed, in events and in simulated time."""
    started = time.monotonic()

    def watch(done: int, tick: int = 0, events: int = 0) -> object:
        wall = max(1e-9, time.monotonic() - started)
        simulated = tick / image.tick_hz
        speed = f", {si(simulated, 's')} simulated in {si(wall, 's')}, " \
                f"{si(events / wall, 'events/s')}" if events else ""
        return progress(done, max(image.steps, 1), f"simulating ({name}){speed}")

    return watch


def _with_route_cycle(chip: Chip, image: Image, error: SimulationError) -> SimulationError:
    """A deadlock of routes that were not checked also names the cycle that a check would have."""
    from neurosim.chip.deadlock import name_cycle, tree_cycle, unicast_cycle

    if chip.noc.check_deadlock or "deadlock" not in error.why:
        return error
    cycle = (unicast_cycle if image.n_sources else tree_cycle)(chip.routes)
    if cycle is None:
        return error
    named = f"{error.why}; the routes form the cycle {name_cycle(chip.routes, cycle)}"
    return SimulationError("chip.noc.routing", named,
                           "noc.check_deadlock: true, which names it before")


def _partial(prepared: Prepared, name: str, outcome: Outcome, wall: dict[str, float]) -> Result:
    """What an interrupted run has: the steps that were over, marked as a part.

    Raises:
        KeyboardInterrupt: no step was over.
    """
    from neurosim.measure.partial import cut, finished_steps

    image, workload = prepared.image, prepared.workload
    counters, steps = outcome.counters, 0
    if workload is not None:
        steps = finished_steps(image, counters)
        workload, image, counters = cut(workload, image, counters, steps)
    if workload is None or steps == 0:
        raise KeyboardInterrupt
    task = part_task(prepared, workload, counters)
    result = _measured(prepared, name, counters, workload=workload, image=image, task=task,
                       trace=outcome.trace, wall=wall)
    part = {"steps_asked": prepared.image.steps, "steps_finished": steps}
    return replace(result, data={**result.data, "partial": part}, draw=partial(_draw, None))


def _explained(prepared: Prepared, trace: np.ndarray) -> Explained:
    from neurosim.explain.whole import Explained

    return Explained(prepared.image, trace, prepared.chip, prepared.mapping)


def _bounds(prepared: Prepared, name: str, run_engine: Callable[..., Any]) -> dict[str, Any] | None:
    """Time and energy with all assumed durations at the low, and at the high end of their ranges.

    Mapping and outputs stay; under ``tick`` the outputs may differ, and the task is not repeated.
    """
    machine, entering = prepared.machine, prepared.entering
    if machine is None or entering is None or prepared.mapping is None:
        return None
    found: dict[str, Any] = {}
    ends: tuple[End, End] = ("low", "high")
    for end in ends:
        chip = at_range_end(prepared.chip, end)
        image = make_image(prepared.scenario, machine, entering, chip, prepared.mapping,
                           prepared.plan)
        outcome = run_engine(image)
        raise_unless_finished(image, outcome)
        result = _measured(prepared, name, outcome.counters, chip=chip, image=image, resolved={})
        found[end] = {key: result.data[key] for key in (
            "latency_s", "throughput_steps_per_s", "energy_j", "energy_low_j", "energy_high_j",
            "power_w")}
    return found


def _draw(explained: Explained | None, result: Result, directory: Path) -> None:
    from neurosim.report import write_figures
    from neurosim.report.html import details, write_report

    write_figures(result, directory)
    detail = None if explained is None else details(explained)
    write_report(directory / "report.html", result, detail)
