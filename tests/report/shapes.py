"""Results to draw: made-up tables for a mesh of any size, consistent enough to look real."""

from __future__ import annotations

import copy

import numpy as np

from neurosim.measure import Result
from tests.measure import cases


def shaped(width: int, height: int, per_tile: int, layers: int, steps: int, name: str = "shape",
           without: tuple[tuple[int, int], ...] = (), seed: int = 0) -> Result:
    """A result with every core of the mesh in use, in ``layers`` runs of equal size."""
    rng = np.random.default_rng(seed)
    base = cases.result()
    data = copy.deepcopy(base.data)
    data["scenario"]["name"], data["steps"] = name, steps
    data["floorplan"] |= {"width": width, "height": height, "cores_per_tile": per_tile,
                          "without": [list(tile) for tile in without]}
    total = data["latency_s"]["total"]
    tiles = [(x, y) for y in range(height) for x in range(width) if (x, y) not in without]
    n = len(tiles) * per_tile
    cores = np.zeros(n, base.cores.dtype)
    cores["core"] = np.arange(n)
    cores["x"], cores["y"] = np.repeat(np.array(tiles), per_tile, axis=0).T
    cores["layer"] = np.arange(n) * layers // n
    cores["busy"] = rng.beta(6, 3, n)
    for share, column in ((0.5, "accumulate_s"), (0.3, "receive_s"), (0.15, "update_s"),
                          (0.05, "send_s")):
        cores[column] = share * cores["busy"] * total
    cores["stalled_s"] = rng.random(n) * 0.5 * (1 - cores["busy"]) * total
    cores["asleep_s"] = (1 - cores["busy"]) * total - cores["stalled_s"]
    return Result(data, cores, links(width, height, base, rng), step_table(layers, steps, rng))


def links(width: int, height: int, base: Result, rng: np.random.Generator) -> np.ndarray:
    ways = [(x, y, x + dx, y + dy) for y in range(height) for x in range(width)
            for dx, dy in ((1, 0), (0, 1), (-1, 0), (0, -1))
            if 0 <= x + dx < width and 0 <= y + dy < height]
    table = np.zeros(len(ways), base.links.dtype)
    for i, name in enumerate(("from_x", "from_y", "to_x", "to_y")):
        table[name] = [way[i] for way in ways]
    table["packets"] = rng.random(len(ways)) < 0.9
    table["utilisation"] = 0.4 * rng.random(len(ways)) * table["packets"]
    return table


def step_table(layers: int, steps: int, rng: np.random.Generator) -> np.ndarray:
    names = [*(f"layer{i}_s" for i in range(layers)), "output_s"]
    table = np.zeros(steps, [("step", "i8"), ("offered_s", "f8"), ("complete_s", "f8"),
                             ("latency_s", "f8"), *((name, "f8") for name in names)])
    table["step"] = np.arange(steps)
    for name in names:
        table[name] = rng.uniform(5e-5, 2e-4, steps)
        table["latency_s"] += table[name]
    return table
