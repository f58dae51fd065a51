"""Small random networks for the mapping tests."""

import numpy as np
import scipy.sparse as sp

from neurosim.network.model import Layer, Network


def layer(name, inputs, units, density, rng, **other):
    def kernel(rows):
        dense = rng.standard_normal((rows, 3 * units)) * (rng.random((rows, 3 * units)) < density)
        return sp.csr_array(dense.astype(np.float32))

    zeros = np.zeros(3 * units, np.float32)
    return Layer(name, "egru", inputs, units, kernel(inputs), kernel(units), zeros, zeros,
                 np.zeros(units, np.float32), **other)


def network(sizes, inputs=6, density=0.5, seed=0):
    rng = np.random.default_rng(seed)
    before = [inputs, *sizes]
    return Network(tuple(layer(f"layer{n}", before[n], units, density, rng)
                         for n, units in enumerate(sizes)))


def local_network(units, window, seed=0):
    """One layer whose units take inputs from a window of nearby inputs only."""
    rng = np.random.default_rng(seed)
    target = np.repeat(np.arange(units), 8)
    source = (target + rng.integers(-window, window + 1, len(target))) % units
    kernel = sp.csr_array((np.ones(len(target), np.float32), (source, target)),
                          shape=(units, 3 * units))
    kernel.sum_duplicates()
    zeros = np.zeros(3 * units, np.float32)
    return Network((Layer("local", "egru", units, units, kernel, kernel.copy(), zeros, zeros,
                          np.zeros(units, np.float32)),))
