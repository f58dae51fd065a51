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
from neurosim.network.model import Network
from neurosim.network.reference import update_units
from neurosim.network.task import TaskResult, summarise, token_nll

EVENT_STEPS = 255


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


def rounded_events(y: np.ndarray) -> np.ndarray:
    """Outputs as a receiver sees them: multiples of 1/255, float32."""
    return (np.rint(y * np.float32(EVENT_STEPS)) / np.float32(EVENT_STEPS)).astype(np.float32)


class EventRunner(functional.LayerRunner):
    """A layer of the functional model whose outputs are rounded where they leave a unit."""

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """As the base class, one step after another."""
        sums = self._input_sums(inputs.astype(np.float64)) + self.layer.bias
        outputs = np.empty((inputs.shape[0], self.layer.units), dtype=np.float32)
        for t in range(inputs.shape[0]):
            if self.window and self.step % self.window == 0:
                self.state = np.zeros(self.layer.units)
            y, self.state, _ = update_units(self.layer, sums[t], self._recurrent_sums(),
                                            self.state)
            self.output = outputs[t] = rounded_events(y)
            self.step += 1
        return outputs


def evaluate(network: Network, tokens: np.ndarray, window: int, stretch: int = 512) -> TaskResult:
    """The task's result with 8-bit events; ``tokens`` [n + 1], n predictions."""
    assert network.embedding is not None
    runners = [EventRunner(replace(layer), window) for layer in network.layers]
    parts = []
    for start in range(0, tokens.size - 1, stretch):
        now = tokens[start : min(start + stretch, tokens.size - 1)]
        x = network.embedding[now]
        for runner in runners:
            x = runner.run(x)
        parts.append(token_nll(network, x, tokens[start + 1 : start + 1 + now.size]))
    return summarise(parts)
