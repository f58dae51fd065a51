"""How long a point may take: a rough guess before the first one is done, and weights after it.

A run's time goes with the copies of packets that are delivered and with its synaptic operations.
Sizes come from the scenario or from the head of the model file; the activity of a trained network
is not known before it runs, so it is taken as typical.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from neurosim.scenario import Scenario
from neurosim.sweep.identity import Asset

#: Seconds on the machine of docs/reference/sweeps.md, by engine: per synaptic operation, per copy
#: of a packet, and for a point whatever its size.
NOMINAL = {
    "simpy": (1.0e-6, 4.0e-5, 0.05),
    "compiled": (3.0e-9, 1.2e-6, 0.05),
}
#: Activity of a trained network, and the part of a layer's cores that an event goes to.
TYPICAL_ACTIVITY, TYPICAL_FANOUT = 0.25, 0.8
#: Cores that a network takes where the scenario does not say, and steps of a whole text.
_CORES, _STEPS = 100, 1000
_MOST_HEADER = 10_000_000


@dataclass(frozen=True)
class Size:
    """Stored weights, units and inputs of a network, and its layers."""

    weights: float
    units: int
    inputs: int
    layers: int


def cost(scenario: Scenario, files: tuple[Asset, ...] = ()) -> float:
    """Guessed seconds of one point."""
    per_op, per_copy, fixed = NOMINAL["simpy" if scenario.engine == "simpy" else fast_engine()]
    if scenario.workload.traffic is not None:
        spec = scenario.workload.traffic
        rate = 0.1 if spec.rate is None else spec.rate  # a list of packets may have any
        return fixed + 64 * rate * spec.packet_flits * (spec.cycles + spec.warmup) * per_copy
    assert scenario.network is not None
    made = scenario.network.synthetic
    size = _made(scenario) if made is not None else _trained(files)
    activity = TYPICAL_ACTIVITY if made is None else made.activity
    if scenario.network.fire == "always":
        activity = 1.0
    cores = scenario.chip.cores or _CORES
    each = cores / size.layers
    copies = (size.inputs + 2 * activity * size.units) * each * TYPICAL_FANOUT
    if scenario.sync.kind == "dataflow":
        copies += 4 * cores * each  # markers and acknowledgements, own layer and next
    steps = (scenario.workload.steps or _STEPS) * (scenario.streams or 1)
    operations = size.weights * (1.0 - scenario.network.prune) * activity
    return fixed + steps * (operations * per_op + copies * per_copy)


def fast_engine() -> str:
    """Which engine ``auto`` will mostly take."""
    from importlib.util import find_spec

    return "compiled" if find_spec("neurosim.engines.compiled") else "simpy"


def _made(scenario: Scenario) -> Size:
    assert scenario.network is not None and scenario.network.synthetic is not None
    made = scenario.network.synthetic
    widths = [made.inputs, *made.layers]
    positions = sum(3 * here * (before + here)
                    for before, here in zip(widths, made.layers, strict=False))
    weights = positions * (1.0 - made.weight_sparsity)
    if made.fan_in is not None:
        weights = 2.0 * made.fan_in * sum(made.layers)
    return Size(weights, sum(made.layers), made.inputs, len(made.layers))


def _trained(files: tuple[Asset, ...]) -> Size:
    """The size of a trained network, from its file's head, or roughly from the file's size."""
    path = next((Path(f.main) for f in files if f.key == "network.model"), None)
    shapes = {} if path is None else _shapes(path)
    weights = units = inputs = layers = 0
    for name, shape in shapes.items():
        if name.endswith(("kernel", "kernel.values")):
            weights += prod(shape)
        if name.endswith(".recurrent_bias"):
            units += shape[0] // 3
            layers += 1
        if name in ("rnns.0.kernel", "rnns.0.kernel.row_pointers"):
            inputs = shape[0]
    if not layers:
        weights = os.path.getsize(path) // 6 if path is not None else 0
        units = int((weights / 6.0) ** 0.5) + 1
    return Size(weights, units, inputs or units, layers or 1)


def _shapes(path: Path) -> dict[str, list[int]]:
    """Shapes of a safetensors file's arrays; nothing for any other file, or a damaged one."""
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            head: Any = json.loads(file.read(length)) if length <= _MOST_HEADER else {}
        return {name: list(about["shape"]) for name, about in head.items()
                if name != "__metadata__"}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
