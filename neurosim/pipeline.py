"""From a scenario to a result: the one place that knows all the rooms.

    scenario -> network, workload, chip -> mapping -> image -> engine -> measure -> Result

Each room raises with the dotted key that it is about; here the errors get their file, line and
column from the scenario.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim import network as net
from neurosim.chip import Chip, load_chip
from neurosim.chip.bounds import End, at_range_end
from neurosim.engines import select
from neurosim.engines.outcome import INTERRUPTED, Outcome, Watcher, raise_unless_finished
from neurosim.errors import SimulationError, UserError
from neurosim.image import Image
from neurosim.lower import SyncPlan, lower_network, lower_traffic
from neurosim.mapping import map_network
from neurosim.mapping.model import Mapping
from neurosim.measure.summary import si
from neurosim.network.model import Network, Workload
from neurosim.scenario import Scenario, load_scenario

if TYPE_CHECKING:
    from neurosim.explain.whole import Explained
    from neurosim.measure import Result

#: Called with (steps done, steps in all, what is going on); True stops a simulation where it is.
Progress = Callable[[int, int, str], object]
#: Called as ``share(what, scenario, make)``: what ``make()`` returns, perhaps from an earlier call.
Share = Callable[[str, Scenario, Callable[[], Any]], Any]
#: Steps of the workload run on the functional model to learn the rates that mapping balances by.
CALIBRATION_STEPS = 256


def afresh(what: str, scenario: Scenario, make: Callable[[], Any]) -> Any:
    """Share nothing: every run makes its own.  Sweeps pass something better."""
    return make()


@dataclass(frozen=True)
class Prepared:
    """Everything before the simulation; without a network, ``network``, ``workload`` and
    ``mapping`` are None (traffic)."""

    scenario: Scenario
    network: Network | None
    workload: Workload | None
    chip: Chip
    mapping: Mapping | None
    image: Image


def run(
    scenario: Scenario | str | Path,
    overrides: Sequence[str] = (),
    engine: str | None = None,
    progress: Progress | None = None,
) -> Result:
    """Simulate a scenario.

    Args:
        scenario: a loaded scenario, or the path of its file.
        overrides: ``key=value`` texts applied to the file (a loaded scenario takes none).
        engine: ``simpy``, ``compiled`` or ``auto`` instead of the scenario's.
        progress: called with (steps done, steps, what) as the run proceeds.

    Returns:
        The measures; nothing is written until :meth:`Result.write`.

    Raises:
        UserError: any refusal, with file, line and column.
    """
    prepared = prepare(_loaded(scenario, overrides))
    return simulate(prepared, engine, progress)


def check(scenario: Scenario | str | Path, overrides: Sequence[str] = ()) -> Prepared:
    """Everything but the simulation; raises what :func:`run` would before it simulates."""
    return prepare(_loaded(scenario, overrides))


def prepare(scenario: Scenario | str | Path, overrides: Sequence[str] = (),
            share: Share = afresh) -> Prepared:
    """Load, map and lower a scenario; ``share`` keeps what several scenarios have in common."""
    scenario = _loaded(scenario, overrides)
    with _located(scenario):
        chip = share("chip", scenario, lambda: _chip(scenario))
        if scenario.network is None:
            return Prepared(scenario, None, None, chip, None, _traffic_image(scenario, chip))
        network = share("network", scenario, lambda: _network(scenario))
        workload = share("workload", scenario, lambda: _workload(scenario, network))
        rates = share("rates", scenario, lambda: _rates(network, workload))
        mapping = share("mapping", scenario, lambda: _mapping(scenario, network, rates, chip))
        image = _image(scenario, network, workload, chip, mapping)
        return Prepared(scenario, network, workload, chip, mapping, image)


def _image(scenario: Scenario, network: Network, workload: Workload, chip: Chip,
           mapping: Mapping) -> Image:
    return lower_network(
        network, workload, chip, mapping, _sync(scenario), scenario.seed,
        record_outputs="activity" in scenario.record, record_host=workload.targets is not None)


def simulate(prepared: Prepared, engine: str | None = None,
             progress: Progress | None = None, share: Share = afresh) -> Result:
    """Run a prepared scenario and measure it; ``share`` as in :func:`prepare`."""
    from neurosim.measure import measure

    scenario, image = prepared.scenario, prepared.image
    with _located(scenario):
        name, run_engine = select(engine or scenario.engine, image)
        report = None if progress is None else _watcher(name, image, progress)
        started = time.time()
        outcome = run_engine(image, want_trace="trace" in scenario.record, progress=report)
        seconds = time.time() - started
        try:
            raise_unless_finished(image, outcome)
        except SimulationError as error:
            raise _with_route_cycle(prepared.chip, error) from None
        if outcome.status == INTERRUPTED:
            return _partial(prepared, name, outcome, {"started": started, "seconds": seconds})
        if image.n_sources and not prepared.chip.noc.check_deadlock:
            _refuse_deadlocked_traffic(prepared.chip, image, outcome)
        task = _task(prepared, outcome.counters.host_values, progress, share)
        result = measure(
            name=scenario.name, scenario_sha256=scenario.sha256, resolved=scenario.resolved(),
            engine=name, seed=scenario.seed, network=prepared.network, workload=prepared.workload,
            chip=prepared.chip, mapping=prepared.mapping, image=image, counters=outcome.counters,
            task=task, trace=outcome.trace, wall={"started": started, "seconds": seconds})
        bounds = _bounds(prepared, name, run_engine) if scenario.bounds else None
        found = {"bounds": bounds}
        explained = None if outcome.trace is None else _explained(prepared, outcome.trace)
        if explained is not None:
            found["critical_path"] = explained.data()
        return replace(result, data={**result.data, **found}, draw=partial(_draw, explained))


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


def _with_route_cycle(chip: Chip, error: SimulationError) -> SimulationError:
    """A deadlock of routes that were not checked also names the cycle that a check would have."""
    from neurosim.chip.deadlock import name_cycle, tree_cycle

    cycle = None if chip.noc.check_deadlock or "deadlock" not in error.why \
        else tree_cycle(chip.routes)
    if cycle is None:
        return error
    named = f"{error.why}; the routes form the cycle {name_cycle(chip.routes, cycle)}"
    return SimulationError(error.key, named, error.allowed)


def _refuse_deadlocked_traffic(chip: Chip, image: Image, outcome: Outcome) -> None:
    """Sources offer packets for ever, so that an engine never sees traffic stand still; where the
    routes have a cycle and deliveries have ended, it does."""
    from neurosim.chip.deadlock import name_cycle, unicast_cycle
    from neurosim.measure.traffic import silent_since

    silent = silent_since(image, outcome.counters)
    cycle = None if silent is None else unicast_cycle(chip.routes)
    if cycle is not None:
        raise SimulationError(
            "chip.noc.routing", f"deadlock: nothing arrived after cycle {silent}, with "
            f"{outcome.counters.in_flight} packets in the network, whose routes wait in a circle: "
            f"{name_cycle(chip.routes, cycle)}", "noc.check_deadlock: true, which names it before")


def _partial(prepared: Prepared, name: str, outcome: Outcome, wall: dict[str, float]) -> Result:
    """What an interrupted run has: the steps that were over, marked as a part.

    Raises:
        KeyboardInterrupt: no step was over.
    """
    from neurosim.measure import measure
    from neurosim.measure.partial import cut, finished_steps

    scenario, image, workload = prepared.scenario, prepared.image, prepared.workload
    counters, steps = outcome.counters, 0
    if workload is not None:
        steps = finished_steps(image, counters)
        workload, image, counters = cut(workload, image, counters, steps)
    if workload is None or steps == 0:
        raise KeyboardInterrupt
    task = None
    if workload.targets is not None and prepared.network is not None:
        values = counters.host_values
        task = {"simulated": _facts(net.task_from_outputs(prepared.network, values,
                                                          workload.targets))}
    result = measure(
        name=scenario.name, scenario_sha256=scenario.sha256, resolved=scenario.resolved(),
        engine=name, seed=scenario.seed, network=prepared.network, workload=workload,
        chip=prepared.chip, mapping=prepared.mapping, image=image, counters=counters, task=task,
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
    from neurosim.measure import measure

    scenario, network, workload = prepared.scenario, prepared.network, prepared.workload
    if network is None or workload is None or prepared.mapping is None:
        return None
    found: dict[str, Any] = {}
    ends: tuple[End, End] = ("low", "high")
    for end in ends:
        chip = at_range_end(prepared.chip, end)
        image = _image(scenario, network, workload, chip, prepared.mapping)
        outcome = run_engine(image)
        raise_unless_finished(image, outcome)
        result = measure(
            name=scenario.name, scenario_sha256=scenario.sha256, resolved={}, engine=name,
            seed=scenario.seed, network=network, workload=workload, chip=chip,
            mapping=prepared.mapping, image=image, counters=outcome.counters)
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


def _loaded(scenario: Scenario | str | Path, overrides: Sequence[str]) -> Scenario:
    if isinstance(scenario, Scenario):
        if overrides:
            raise ValueError("overrides go to load_scenario, not to a loaded scenario")
        return scenario
    return load_scenario(scenario, overrides)


@contextmanager
def _located(scenario: Scenario) -> Iterator[None]:
    """Give errors from below their place in the scenario file."""
    try:
        yield
    except UserError as error:
        raise error.at(scenario.locate(error.key)) from None


def _chip(scenario: Scenario) -> Chip:
    spec = scenario.chip
    return load_chip(scenario.chip_source, level=spec.level, overrides=spec.set)


def _network(scenario: Scenario) -> Network:
    spec = scenario.network
    assert spec is not None
    if spec.model is not None:
        network = net.load_model(scenario.resolve(spec.model))
    else:
        made = spec.synthetic
        assert made is not None
        network = net.synthetic.make(
            made.layers, made.inputs, made.weight_sparsity, made.activity, made.events,
            replay=None if made.replay is None else scenario.resolve(made.replay),
            locality=made.locality, fan_in=made.fan_in, steps=scenario.workload.steps or 1,
            seed=scenario.seed)
    if spec.prune > 0.0:
        network = net.prune.prune(network, spec.prune)
    if spec.threshold_offset or spec.reset_offset:
        network = net.offset_thresholds(network, spec.threshold_offset, spec.reset_offset)
    if spec.fire is not None:
        network = net.with_fire(network, spec.fire)
    if spec.zoneout is not None:
        network = net.with_zoneout(network, spec.zoneout)
    return network


def _workload(scenario: Scenario, network: Network, steps: int | None = None) -> Workload:
    """The simulated steps, or the first ``steps`` of the file."""
    spec, make = scenario.workload, net.workload
    steps = steps or spec.steps
    window = _window(scenario, network)
    if spec.text is not None:
        return make.from_text(scenario.resolve(spec.text), network, steps, spec.start, window)
    if spec.tokens is not None:
        return make.from_tokens(scenario.resolve(spec.tokens), network, steps, spec.start, window)
    if spec.inputs is not None:
        return make.from_inputs(scenario.resolve(spec.inputs), network, steps, spec.start, window)
    made = scenario.network.synthetic if scenario.network else None
    assert made is not None and steps is not None
    return make.synthetic_inputs(network, steps, made.input_activity, scenario.seed, window)


def _window(scenario: Scenario, network: Network) -> int:
    """The scenario's window, or else the one that the model was trained with."""
    if scenario.workload.window is not None:
        return scenario.workload.window
    return int(network.sidecar.get("window") or 0)


def _mapping(scenario: Scenario, network: Network, rates: list[np.ndarray], chip: Chip) -> Mapping:
    spec = scenario.mapping
    return map_network(
        network, chip, cores=scenario.chip.cores, partition=spec.partition,
        placement=spec.placement, cores_per_layer=spec.cores_per_layer, keys=spec.keys,
        buffers=scenario.sync.buffers or 2, rates=rates, seed=scenario.seed)


def _rates(network: Network, workload: Workload) -> list[np.ndarray]:
    """Mean events a step of inputs and units, from a calibration run of the functional model."""
    inputs = workload.inputs[:CALIBRATION_STEPS]
    outputs = net.run_functional(network, inputs, workload.window)
    return [(x != 0).mean(axis=0) for x in (inputs, *outputs)]


def _sync(scenario: Scenario) -> SyncPlan:
    spec = scenario.sync
    return SyncPlan(
        kind=spec.kind, order=spec.order or "skewed", base_s=spec.base, per_core_s=spec.per_core,
        period_s=spec.period or 0.0, buffers=spec.buffers or 2,
        closed_loop=scenario.host.closed_loop)


def _traffic_image(scenario: Scenario, chip: Chip) -> Image:
    spec = scenario.workload.traffic
    assert spec is not None
    return lower_traffic(chip, spec.pattern, spec.rate, spec.packet_flits, spec.cycles,
                         spec.warmup, scenario.seed, spec.process)


def _task(prepared: Prepared, received: np.ndarray, progress: Progress | None,
          share: Share) -> dict | None:
    """Task results: of the functional model over ``evaluate_tokens``, and of what the host
    received on the simulated steps, with the largest difference between the two's outputs."""
    workload, network, scenario = prepared.workload, prepared.network, prepared.scenario
    if workload is None or network is None or workload.targets is None:
        return None
    wanted = max(scenario.workload.evaluate_tokens or 0, workload.steps)
    if progress is not None:
        progress(0, 1, "evaluating the functional model")
    functional = share("task", scenario, lambda: _evaluate(scenario, network, workload, wanted))
    simulated = net.task_from_outputs(network, received, workload.targets)
    reference = share("reference", scenario, lambda: net.run_functional(
        network, workload.inputs, workload.window)[-1])
    expected = net.task_from_outputs(network, reference, workload.targets)
    return {
        **_facts(functional),
        "simulated": {
            **_facts(simulated),
            "functional_perplexity": expected.perplexity,
            "max_output_difference": float(np.abs(received - reference).max()),
        },
    }


def _evaluate(scenario: Scenario, network: Network, workload: Workload, tokens: int) -> Any:
    """The functional model's task result over that many tokens."""
    if tokens != workload.steps:
        workload = _workload(scenario, network, tokens)
    assert workload.tokens is not None and workload.targets is not None
    return net.evaluate(network, workload.tokens, workload.targets, workload.window)


def _facts(task: Any) -> dict[str, float | int]:
    return {"perplexity": task.perplexity, "bits_per_token": task.bits_per_token,
            "nll_mean": task.nll_mean, "nll_se": task.nll_se, "tokens": task.tokens}
