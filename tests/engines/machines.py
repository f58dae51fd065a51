"""Small machines for tests: random networks, chips with tiny buffers, any discipline."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from neurosim.chip import load_chip
from neurosim.image import Image
from neurosim.lower import SyncPlan, lower_network
from neurosim.mapping.model import Mapping, MemoryUse, Slice
from neurosim.network.model import Layer, Network, Workload


def random_layer(rng: np.random.Generator, name: str, inputs: int, units: int, density: float,
                 **extra: Any) -> Layer:
    def kernel(rows: int) -> sp.csr_array:
        dense = rng.normal(0.0, 1.0, (rows, 3 * units)) * (rng.random((rows, 3 * units)) < density)
        return sp.csr_array(dense.astype(np.float32))

    return Layer(
        name=name, kind="egru", inputs=inputs, units=units, kernel=kernel(inputs),
        recurrent=kernel(units), bias=rng.normal(0, 0.3, 3 * units).astype(np.float32),
        recurrent_bias=rng.normal(0, 0.3, 3 * units).astype(np.float32),
        threshold=rng.random(units).astype(np.float32) * 0.3, **extra)


def random_network(seed: int, inputs: int, sizes: list[int], density: float = 0.5,
                   **extra: Any) -> Network:
    rng = np.random.default_rng(seed)
    layers = []
    for i, units in enumerate(sizes):
        layers.append(random_layer(rng, f"layer{i}", inputs, units, density, **extra))
        inputs = units
    return Network(tuple(layers))


def random_workload(seed: int, steps: int, inputs: int, window: int = 0) -> Workload:
    rng = np.random.default_rng(seed + 1000)
    x = rng.normal(0, 1, (steps, inputs)) * (rng.random((steps, inputs)) < 0.7)
    return Workload(x.astype(np.float32), window=window)


def spread(network: Network, cores: list[int], cores_of_layer: list[int], keys: str = "unit",
           seed: int | None = None) -> Mapping:
    """Units dealt out to cores: in runs, or at random with ``seed``."""
    slices, at = [], 0
    for index, layer in enumerate(network.layers):
        n = cores_of_layer[index]
        order = np.arange(layer.units) if seed is None else (
            np.random.default_rng(seed + index).permutation(layer.units))
        for units in np.array_split(order, n):
            slices.append(Slice(index, cores[at], np.sort(units)))
            at += 1
    nothing = MemoryUse(0, 0, 0, 0, 0, 0, 0)
    return Mapping(tuple(slices), tuple(nothing for _ in slices), 1 << 20, keys)


def mesh(width: int = 2, height: int = 2, per_tile: int = 2, **sets: Any) -> Any:
    overrides = {"topology.width": width, "topology.height": height,
                 "topology.cores_per_tile": per_tile}
    return load_chip("mesh", overrides={**overrides, **sets})


def small_image(seed: int = 0, sync: SyncPlan | None = None, chip: Any = None,
                sizes: tuple[int, ...] = (6, 5), inputs: int = 4, steps: int = 5,
                cores: tuple[int, ...] = (2, 2), keys: str = "unit", shift: int = 0,
                window: int = 0, shuffle_units: int | None = None, **extra: Any) -> Image:
    network = random_network(seed, inputs, list(sizes), **extra)
    chip = chip or mesh()
    places = [(i * 3 + shift) % chip.core_count for i in range(chip.core_count)]
    places = list(dict.fromkeys(places + list(range(chip.core_count))))
    mapping = spread(network, places, list(cores), keys, shuffle_units)
    return lower_network(network, random_workload(seed, steps, inputs, window), chip, mapping,
                         sync or SyncPlan(), record_outputs=True, record_host=True)
