"""Both engines on the same machines, in one run, as ratios; and how the compiled one scales.

    python benchmarks/engines.py                 # everything, about ten minutes
    python benchmarks/engines.py load network    # some tables
    python benchmarks/engines.py scaling --plot docs/background/compiled-engine.png

Times are processor time of one core, of the engine alone: building its state and simulating, but
neither import nor lowering nor compilation (which `neurosim` does once and keeps on disk).  The
reference engine is timed on as much of the same machine as takes some seconds, and compared by
rate.  Tables are Markdown, for docs/background/compiled-engine.md.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.chip import load_chip
from neurosim.engines import compiled, reference
from neurosim.engines.outcome import FINISHED, STOPPED, Outcome
from neurosim.image import Image
from neurosim.lower import SyncPlan, lower_network, lower_traffic
from neurosim.mapping import map_network
from neurosim.network import synthetic
from neurosim.network.model import Workload

LOADS = (0.1, 0.2, 0.3, 0.36)
SIZES = (8, 16, 32, 64)


def timed(engine: Callable[..., Outcome], image: Image, repeats: int = 1) -> tuple[float, Outcome]:
    """Best processor time of some runs, in seconds."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        outcome = engine(image)
        best = min(best, time.process_time() - start)
    assert outcome.status in (FINISHED, STOPPED), outcome.status
    return best, outcome


def link_hops(image: Image, outcome: Outcome) -> int:
    """Link traversals between routers; deliveries to endpoints do not count."""
    links = image.ch_port[: image.n_outputs] >= 0
    return int(outcome.counters.ch_packets[links].sum())


def row(*cells: Any) -> None:
    print("| " + " | ".join(str(c) for c in cells) + " |", flush=True)


def header(*names: str) -> None:
    print()
    row(*names)
    row(*["---"] * len(names))


def mesh_traffic(side: int, load: float, cycles: int, warmup: int = 0) -> Image:
    chip = load_chip("mesh", overrides={"topology.width": side, "topology.height": side,
                                        "topology.cores_per_tile": 1})
    return lower_traffic(chip, "uniform", load, 1, cycles, warmup)


# --- tables


def table_load() -> None:
    """Uniform traffic on an 8 x 8 mesh against load."""
    header("8 x 8 mesh, load [packets/node/cycle]", "reference [link hops/s]",
           "compiled [link hops/s]", "ratio")
    for load in LOADS:
        short = mesh_traffic(8, load, 200)
        spent, outcome = timed(reference.run, short)
        slow = link_hops(short, outcome) / spent
        image = mesh_traffic(8, load, 40_000)
        spent, outcome = timed(compiled.run, image, 5)
        fast = link_hops(image, outcome) / spent
        row(load, f"{slow:,.0f}", f"{fast / 1e6:.1f} M", f"{fast / slow:,.0f}")


def language_model(sync: str, steps: int) -> Image:
    """3 layers 1350/1350/750, 95 % sparse, 20 % activity, on 150 SpiNNaker2 cores."""
    network = synthetic.make([1350, 1350, 750], 400, weight_sparsity=0.95, activity=0.2,
                             steps=steps)
    chip = load_chip("spinnaker2", overrides={"usable_cores": 150})
    mapping = map_network(network, chip, cores=150)
    inputs = np.random.default_rng(0).normal(0, 1, (steps, 400)).astype(np.float32)
    return lower_network(network, Workload(inputs), chip, mapping, SyncPlan(kind=sync))


def computing(steps: int) -> Image:
    """2 layers of 256 units, 85 % pruned, whose events are computed, on 24 SpiNNaker2 cores."""
    network = synthetic.make([256, 256], 128, weight_sparsity=0.85, activity=0.2, steps=steps)
    layers = tuple(replace(layer, kind="egru", replay=None,
                           threshold=np.full(layer.units, 0.2, np.float32))
                   for layer in network.layers)
    network = replace(network, layers=layers)
    chip = load_chip("spinnaker2")
    mapping = map_network(network, chip, cores=24)
    inputs = np.random.default_rng(0).normal(0, 1, (steps, 128)).astype(np.float32)
    return lower_network(network, Workload(inputs), chip, mapping, SyncPlan(kind="dataflow"))


def table_network() -> None:
    """Networks: tokens a second, and what a token consists of."""
    header("network", "deliveries / token", "link hops / token", "synaptic ops / token",
           "reference [tokens/s]", "compiled [tokens/s]", "ratio", "compiled [deliveries/s]",
           "compiled [synaptic ops/s]", "wall time / simulated time")
    cases: tuple[tuple[str, Callable[[int], Image], int, int], ...] = (
        ("1350/1350/750, 95 % sparse, 20 % active, 150 cores, barrier",
         lambda steps: language_model("barrier", steps), 2, 20),
        ("the same, dataflow", lambda steps: language_model("dataflow", steps), 2, 20),
        ("256/256 computing, 85 % pruned, 24 cores, dataflow", computing, 4, 200),
    )
    for name, make, few, many in cases:
        spent, _ = timed(reference.run, make(few))
        slow = few / spent
        image = make(many)
        spent, outcome = timed(compiled.run, image, 3)
        c, fast = outcome.counters, many / spent
        delivered, operations = int(c.delivered.sum()), int(c.synaptic_ops.sum())
        row(name, f"{delivered / many:,.0f}", f"{link_hops(image, outcome) / many:,.0f}",
            f"{operations / many:,.0f}", f"{slow:.2f}", f"{fast:,.0f}", f"{fast / slow:,.0f}",
            f"{delivered / spent / 1e6:.1f} M", f"{operations / spent / 1e6:.1f} M",
            f"{spent / (c.end_tick / image.tick_hz):,.0f}")


def peak_memory() -> int:
    """Bytes that this process has held at most; getrusage would count its parent's on Linux."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return 1024 * int(line.split()[1])
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def scaling_case(side: int, cycles: int) -> tuple[int, float, int, int]:
    """(link hops, seconds, bytes before the run, peak bytes) of a mesh at equal load of links."""
    image = mesh_traffic(side, 0.3 * 8 / side, cycles)
    compiled.run(mesh_traffic(2, 0.1, 10))
    before = peak_memory()
    spent, outcome = timed(compiled.run, image, 2)
    return link_hops(image, outcome), spent, before, peak_memory()


def table_scaling(plot: Path | None) -> None:
    """Cost of a hop against size; each case in a process of its own, so that memory is its own."""
    header("mesh", "simulated cycles", "link hops", "ns / hop", "relative", "peak memory",
           "of which the run's")
    context = multiprocessing.get_context("spawn")
    cost: dict[int, float] = {}
    for side in SIZES:
        cycles = 40_000 * 64 // side**2 * side // 8
        for length in (cycles, 4 * cycles):
            with context.Pool(1) as pool:
                hops, spent, before, peak = pool.apply(scaling_case, (side, length))
            cost.setdefault(side, 1e9 * spent / hops)
            row(f"{side} x {side}", f"{length:,}", f"{hops:,}", f"{1e9 * spent / hops:.0f}",
                f"{1e9 * spent / hops / cost[SIZES[0]]:.2f}", f"{peak / 2**20:.0f} MiB",
                f"{(peak - before) / 2**20:.0f} MiB")
    if plot is not None:
        draw(cost, plot)


def draw(cost: dict[int, float], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3))
    axes.plot([side**2 for side in cost], list(cost.values()), "o-")
    axes.axhline(2 * cost[SIZES[0]], linestyle=":", color="grey", label="twice the 8 x 8 mesh")
    axes.set(xscale="log", xlabel="tiles", ylabel="processor time / hop [ns]", ylim=(0, None))
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", help="load, network, scaling (all)")
    parser.add_argument("--plot", type=Path, help="where to draw the cost of a hop against size")
    chosen = parser.parse_args()
    tables = chosen.tables or ["load", "network", "scaling"]
    compiled.warm()
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    print(f"{time.strftime('%Y-%m-%d')}, {model}, Python {platform.python_version()}")
    if "load" in tables:
        table_load()
    if "network" in tables:
        table_network()
    if "scaling" in tables:
        table_scaling(chosen.plot)


if __name__ == "__main__":
    main()
