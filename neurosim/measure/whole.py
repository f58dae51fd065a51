"""All measures of a run together: the contract of result.json."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np

from neurosim._version import __version__
from neurosim.chip.schema import Chip
from neurosim.image import Counters, Image
from neurosim.mapping.model import Mapping as CoreMapping
from neurosim.measure import energy, gpu, tables
from neurosim.measure.bound import bound
from neurosim.measure.facts import Facts
from neurosim.measure.latency import latency, throughput
from neurosim.measure.memory import memory
from neurosim.measure.operations import layer_outputs, operations, reduction, sparsity
from neurosim.measure.result import Result
from neurosim.measure.traffic import traffic
from neurosim.network.machine import LanguagePlan
from neurosim.network.model import Network, Workload


def measure(
    name: str,
    scenario_sha256: str,
    resolved: Mapping[str, Any],
    engine: str,
    seed: int,
    network: Network | None,
    workload: Workload | None,
    chip: Chip,
    mapping: CoreMapping | None,
    image: Image,
    counters: Counters,
    task: Any = None,
    trace: np.ndarray | None = None,
    wall: Mapping[str, Any] | None = None,
    machine: Network | None = None,
    plan: LanguagePlan | None = None,
) -> Result:
    """Everything that docs/reference/results.md defines, from what an engine counted.

    Args:
        name, scenario_sha256, resolved, engine, seed: of the scenario, for the provenance.
        network, workload, mapping: None for synthetic traffic.
        chip: at the performance level that was simulated.
        task: the functional model's result, a dataclass or mapping (perplexity, nll_mean, ...).
        trace: records of :data:`neurosim.trace.RECORD`, if they were kept.
        wall: wall-clock ``seconds`` and ``started``: all that differs between equal runs.
        machine, plan: the network that ran and how it came from ``network``, where the ends of a
            language model were on the machine (:mod:`neurosim.network.machine`).
    """
    facts = Facts(network, workload, chip, mapping, image, counters, machine,
                  plan or LanguagePlan())
    counts = operations(facts)
    steps = facts.steps
    spent, beside = energy.energy(facts), energy.host(facts, counts)
    whole = (spent["energy_j"]["total"] + beside["decoder_j"] + beside["currents_j"]) / steps \
        if steps else None
    data: dict[str, Any] = {
        "scenario": {"name": name, "sha256": scenario_sha256},
        "engine": engine,
        "steps": steps,
        "streams": image.streams,
        "latency_s": latency(facts),
        "throughput_steps_per_s": throughput(facts),
        "realisation": {"latency": None, "energy": None},
        "operations": counts,
        "operations_per_step": {key: count / steps if steps else None
                                for key, count in counts.items()},
        "reduction": reduction(counts),
        "sparsity": sparsity(facts),
        "traffic": traffic(facts),
        **spent,
        "host": beside,
        "energy_per_step_whole_j": whole,
        "bound": bound(facts),
        "gpu_model": gpu.comparison(network, whole),
        "memory": memory(facts),
        "cores_used": 0 if mapping is None else len(mapping.slices),
        "cores_powered": energy.powered_cores(facts),
        "floorplan": floorplan(chip),
        "task": task_block(facts, task),
        "provenance": provenance(facts, seed, resolved),
    }
    if wall is not None:
        data["wall"] = dict(wall)
    outputs = layer_outputs(facts)
    return Result(
        data=data,
        cores=tables.cores(facts),
        links=tables.links(facts),
        steps=tables.steps(facts),
        activity={f"layer{i}": y for i, y in enumerate(outputs)} if outputs else None,
        trace=trace,
    )


def task_block(facts: Facts, task: Any) -> dict[str, Any] | None:
    """The functional model's task result, and what the host received gives on its own.

    None where the workload has no targets.
    """
    block = _as_dict(task)
    network, workload, values = facts.network, facts.workload, facts.counters.host_values
    if ("simulated" not in block and workload is not None and workload.targets is not None
            and network is not None and network.decoder_weight is not None and len(values)):
        from neurosim.network.task import task_from_outputs

        targets = workload.targets[: len(values)]
        block["simulated"] = _as_dict(task_from_outputs(network, values, targets))
    return block or None


def _as_dict(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else dict(value)


def floorplan(chip: Chip) -> dict[str, Any]:
    """Where the tiles of all chips, the holes and the host are: enough to draw them.

    ``without``: tiles that have a router but no cores; ``missing``: places without a router.
    """
    arrays, mesh = chip.noc_arrays, chip.topology
    first = arrays.router_xy.min(axis=0)
    width, height = (arrays.router_xy.max(axis=0) - first + 1).tolist()
    tiles = [tuple(xy) for xy in arrays.router_xy.tolist()]
    cored = {tiles[r] for r in arrays.core_router.tolist()}
    every = [(x, y) for y in range(int(first[1]), int(first[1]) + height)
             for x in range(int(first[0]), int(first[0]) + width)]
    return {
        "width": width, "height": height, "first": first.tolist(),
        "cores_per_tile": mesh.cores_per_tile,
        "host": arrays.router_xy[arrays.host_router].tolist(),
        "without": [list(tile) for tile in sorted(set(tiles) - cored)],
        "missing": [list(tile) for tile in sorted(set(every) - set(tiles))],
        "router_at_holes": mesh.router_at_holes,
    }


def provenance(facts: Facts, seed: int, resolved: Mapping[str, Any]) -> dict[str, Any]:
    """What is needed to run this again, and how far to trust its constants."""
    chip, network = facts.chip, facts.network
    return {
        "neurosim": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "model_sha256": None if network is None else network.sha256 or None,
        "chip": {
            "name": chip.name,
            "level": chip.default_level,
            "sha256": chip_sha256(chip),
            "assumed": assumed_constants(chip),
        },
        "seed": seed,
        "resolved_scenario": dict(resolved),
    }


def chip_sha256(chip: Chip) -> str:
    """Hash of everything in the chip as loaded, overrides included; of files their contents."""
    text = json.dumps(chip.model_dump(mode="json", exclude={"topology": {"file"}}), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def assumed_constants(chip: Chip) -> list[str]:
    """Dotted keys of the constants that are proxies, other performance levels left out."""
    here = f"levels.{chip.default_level}."
    return [key for key, constant, _ in chip.constants()
            if constant.flag == "assumed" and (not key.startswith("levels.")
                                               or key.startswith(here))]
