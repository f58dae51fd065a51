"""How long a point may take: a rough guess before the first one is done, and weights after it.

A run's time goes with its synaptic operations and its packets.  What is not known without loading
the model (its density and its activity) is taken from the file's size and from typical figures.
"""

from __future__ import annotations

import os

from neurosim.scenario import Scenario
from neurosim.sweep.identity import Asset

#: Seconds on the machine of docs/reference/sweeps.md, by engine: per synaptic operation, per
#: packet copy, and for a point whatever its size.
NOMINAL = {
    "simpy": (1.0e-6, 1.5e-4, 0.1),
    "compiled": (5.0e-9, 5.0e-7, 0.05),
}
#: Activity of a trained network, where nothing is known.
TYPICAL_ACTIVITY = 0.2
#: A packet's copies, as a fraction of the cores.
TYPICAL_FANOUT = 0.5


def cost(scenario: Scenario, files: tuple[Asset, ...] = ()) -> float:
    """Guessed seconds of one point."""
    per_op, per_copy, fixed = NOMINAL["simpy" if scenario.engine == "simpy" else fast_engine()]
    if scenario.workload.traffic is not None:
        spec = scenario.workload.traffic
        return fixed + 64 * spec.rate * spec.packet_flits * (spec.cycles + spec.warmup) * per_copy
    weights, units, activity = _network(scenario, files)
    steps = scenario.workload.steps or 1000
    copies = units * activity * TYPICAL_FANOUT * (scenario.chip.cores or 100)
    return fixed + steps * (weights * activity * per_op + copies * per_copy)


def fast_engine() -> str:
    """Which engine ``auto`` will mostly take."""
    from importlib.util import find_spec

    return "compiled" if find_spec("neurosim.engines.compiled") else "simpy"


def _network(scenario: Scenario, files: tuple[Asset, ...]) -> tuple[float, float, float]:
    """Guessed stored weights, units and activity."""
    network = scenario.network
    assert network is not None
    made = network.synthetic
    if made is None:
        size = next((os.path.getsize(f.main) for f in files if f.key == "network.model"), 0)
        weights = size / 6.0 * (1.0 - network.prune)
        activity = 1.0 if network.fire == "always" else TYPICAL_ACTIVITY
        return weights, (weights / 6.0) ** 0.5, activity
    widths = [made.inputs, *made.layers]
    positions = sum(3 * here * (before + here)
                    for before, here in zip(widths, made.layers, strict=False))
    if made.fan_in is not None:
        weights = 2.0 * made.fan_in * sum(made.layers)
    else:
        weights = positions * (1.0 - made.weight_sparsity)
    return weights * (1.0 - network.prune), float(sum(made.layers)), made.activity
