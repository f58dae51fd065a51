"""From a scenario to an Image: network, workload, chip, mapping, and the crossing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neurosim import network as net
from neurosim.chip import Chip, load_chip
from neurosim.image import Image
from neurosim.lower import SyncPlan, lower_network, lower_traffic
from neurosim.mapping import map_network
from neurosim.mapping.model import Mapping
from neurosim.mapping.partition import machine_rates
from neurosim.network.machine import (
    LanguagePlan,
    at_precisions,
    machine_network,
    machine_workload,
)
from neurosim.network.model import Network, Workload
from neurosim.pipeline.base import Prepared, Share, afresh, loaded, located
from neurosim.pipeline.language import calibration_inputs, check_plan, plan_of
from neurosim.scenario import Scenario

#: Steps of the workload run on the functional model to learn the rates that mapping balances by.
CALIBRATION_STEPS = 256


def prepare(scenario: Scenario | str | Path, overrides: Sequence[str] = (),
            share: Share = afresh) -> Prepared:
    """Load, map and lower a scenario; ``share`` keeps what several scenarios have in common."""
    scenario = loaded(scenario, overrides)
    with located(scenario):
        chip = share("chip", scenario, lambda: _chip(scenario))
        if scenario.network is None:
            return Prepared(scenario, None, None, chip, None, _traffic_image(scenario, chip))
        model = share("network", scenario, lambda: _network(scenario))
        plan = plan_of(scenario)
        check_plan(plan, model, chip)
        network = at_precisions(model, plan)
        workload = share("workload", scenario, lambda: make_workload(scenario, network))
        rates = share("rates", scenario, lambda: _rates(network, workload))
        machine = machine_network(network, plan)
        entering = machine_workload(network, workload, plan)
        mapping = share("mapping", scenario,
                        lambda: _mapping(scenario, machine, plan, rates, chip))
        image = make_image(scenario, machine, entering, chip, mapping, plan)
        return Prepared(scenario, network, workload, chip, mapping, image, plan, machine, entering)


def make_image(scenario: Scenario, machine: Network, entering: Workload, chip: Chip,
               mapping: Mapping, plan: LanguagePlan) -> Image:
    """The crossing; what the task needs is recorded: what the host received, or the logits where
    the machine computes them on its cores."""
    scored = entering.targets is not None
    return lower_network(
        machine, entering, chip, mapping, _sync(scenario), scenario.seed,
        record_outputs="activity" in scenario.record,
        record_host=scored and not plan.decoder_layer, language=plan,
        record_logits=scored and plan.decoder_layer)


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


def make_workload(scenario: Scenario, network: Network, tokens: int | None = None) -> Workload:
    """The simulated steps of all streams, or one stream of the first ``tokens`` of the file."""
    spec, make = scenario.workload, net.workload
    steps = tokens or spec.steps
    streams = 1 if tokens else scenario.streams or 1
    window = _window(scenario, network)
    if spec.prompt is not None:
        assert steps is not None
        prompts = spec.prompt * streams if len(spec.prompt) == 1 else spec.prompt
        return make.from_prompts(prompts, network, steps, window)
    for path, read in ((spec.text, make.from_text), (spec.tokens, make.from_tokens),
                       (spec.inputs, make.from_inputs)):
        if path is not None:
            return read(scenario.resolve(path), network, steps, spec.start, window, streams)
    made = scenario.network.synthetic if scenario.network else None
    assert made is not None and steps is not None
    return make.synthetic_inputs(network, steps, made.input_activity, scenario.seed, window,
                                 streams)


def _window(scenario: Scenario, network: Network) -> int:
    """The scenario's window, or else the one that the model was trained with."""
    if scenario.workload.window is not None:
        return scenario.workload.window
    return int(network.sidecar.get("window") or 0)


def _mapping(scenario: Scenario, machine: Network, plan: LanguagePlan, rates: list[np.ndarray],
             chip: Chip) -> Mapping:
    """``rates`` are those of the model's inputs and layers.  Streams need a bank of sums each, as
    their recurrent events are used as many steps later."""
    spec = scenario.mapping
    return map_network(
        machine, chip, cores=scenario.chip.cores, partition=spec.partition,
        placement=spec.placement, cores_per_layer=spec.cores_per_layer, keys=spec.keys,
        buffers=plan.streams - 1 + (scenario.sync.buffers or 2),
        rates=machine_rates(rates, plan, machine), seed=scenario.seed, plan=plan,
        spill=spec.spill)


def _rates(network: Network, workload: Workload) -> list[np.ndarray]:
    """Mean events a step of inputs and units, from a calibration run of the functional model."""
    inputs = calibration_inputs(network, workload, CALIBRATION_STEPS)
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
    file = None if spec.file is None else scenario.resolve(spec.file)
    return lower_traffic(chip, spec.pattern, spec.rate or 0.0, spec.packet_flits, spec.cycles,
                         spec.warmup, scenario.seed, spec.process, file)
