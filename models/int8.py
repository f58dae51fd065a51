"""Trained networks in 8 bits: int8 weights with one scale per output column, unsigned 8-bit events.

A kernel's column j (one gate sum of one unit) has scale[j] = max |W[:, j]| / 127 and stores
round(W / scale).  An EGRU's outputs lie in [0, 1) (c is a mean of numbers below 1 in magnitude, and
fires above a threshold >= 0), so an event is round(255 y) / 255: rounded once, where it leaves the
unit, and not sent if it rounds to 0.  State, biases and thresholds stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from models.export import csr_is_smaller, csr_tensors
from neurosim.network import functional
from neurosim.network.model import EVENT_LEVELS, Network
from neurosim.network.task import TaskResult


def quantised(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Tensors of the int8 form: kernels as int8 (CSR where smaller) with NAME.scale
    [columns] float32; all else as it is."""
    out: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if not (name.startswith("rnns.") and array.ndim == 2):
            out[name] = array
            continue
        weights = array.astype(np.float32)
        scale = np.abs(weights).max(0) / np.float32(127)
        scale[scale == 0] = 1.0
        values = np.rint(weights / scale).astype(np.int8)
        out[f"{name}.scale"] = scale
        if csr_is_smaller(values):
            out.update(csr_tensors(name, values))
        else:
            out[name] = values
    return out


def with_events(network: Network) -> Network:
    """The network with its units' outputs rounded to 8 bits where they leave a unit."""
    return replace(network, layers=tuple(
        replace(layer, event_levels=EVENT_LEVELS) for layer in network.layers))


def evaluate(network: Network, tokens: np.ndarray, window: int) -> TaskResult:
    """The task's result with 8-bit events; ``tokens`` [n + 1], n predictions."""
    return functional.evaluate(with_events(network), tokens[:-1], tokens[1:], window)
