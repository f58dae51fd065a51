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
from neurosim.network.model import Network, Workload
from neurosim.pipeline.base import Prepared, Share, afresh, loaded, located
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
        network = share("network", scenario, lambda: _network(scenario))
        workload = share("workload", scenario, lambda: make_workload(scenario, network))
        rates = share("rates", scenario, lambda: _rates(network, workload))
        mapping = share("mapping", scenario, lambda: _mapping(scenario, network, rates, chip))
        image = make_image(scenario, network, workload, chip, mapping)
        return Prepared(scenario, network, workload, chip, mapping, image)


def make_image(scenario: Scenario, network: Network, workload: Workload, chip: Chip,
           mapping: Mapping) -> Image:
    return lower_network(
        network, workload, chip, mapping, _sync(scenario), scenario.seed,
        record_outputs="activity" in scenario.record, record_host=workload.targets is not None)


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


def make_workload(scenario: Scenario, network: Network, steps: int | None = None) -> Workload:
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
