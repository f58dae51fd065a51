"""The oracle: EGRU layers step by step in plain numpy, as the official code computes them.

Source of the equations: Subramoney et al., arXiv 2206.06178, in the form of the authors' published
code, whose checkpoints exist (docs/reference/network.md compares it with the paper's form).  With
input x_t, own output y_{t-1}, local state h_{t-1}, gates in the column order z, r, g:

    a = x_t W + b_x            q = y_{t-1} R + b_r
    z = s(a_z + q_z)           r = s(a_r + q_r)           g = tanh(a_g + r * q_g)
    c = z * h_{t-1} + (1 - z) * g                         z is the share of h that is kept
    c <- p * h_{t-1} + (1 - p) * c                        zoneout p at inference
    e = [c > thr + threshold_offset], strictly            e = 1 always with fire == "always"
    y_t = e * c                                           a graded event
    h_t = c - e * (thr + reset_offset)                    soft reset

State and arithmetic are float64; y is rounded to float32 (or, with 8-bit events, to a multiple of
1/255) where it leaves the unit, so that the unit itself and all others see the same number.  No
state but y crosses a window's edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, overload

import numpy as np

from neurosim.network.model import Layer, Network


@dataclass(frozen=True)
class LayerStates:
    """What a layer held on each step, float64.

    Shapes:
        candidate: [steps, units], c before firing.
        state: [steps, units], h after the reset.
    """

    candidate: np.ndarray
    state: np.ndarray


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logistic function 1 / (1 + exp(-x)), written so that exp never overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0.0, 1.0, e) / (1.0 + e)


def update_units(
    layer: Layer, input_sums: np.ndarray, recurrent_sums: np.ndarray, state: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One step of all units of an ``egru`` layer, from complete gate sums.

    Args:
        layer: its threshold, offsets, zoneout and fire rule are used.
        input_sums: a = x W + b_x, [3 * units] float64.
        recurrent_sums: q = y R + b_r, [3 * units] float64.
        state: h of the step before, [units] float64 (zeros at the start of a window).

    Returns:
        y [units] float32, h [units] float64, c [units] float64.
    """
    n = layer.units
    z, r = np.split(sigmoid(input_sums[: 2 * n] + recurrent_sums[: 2 * n]), 2)
    g = np.tanh(input_sums[2 * n :] + r * recurrent_sums[2 * n :])
    c = z * state + (1.0 - z) * g
    if layer.zoneout > 0.0:
        c = layer.zoneout * state + (1.0 - layer.zoneout) * c
    threshold = clamped_threshold(layer)
    if layer.fire == "always":
        fired = np.ones(n, dtype=bool)
    else:
        fired = c > threshold + layer.threshold_offset
    y = round_events(np.where(fired, c, 0.0), layer.event_levels)
    h = np.where(fired, c - (threshold + layer.reset_offset), c)
    return y, h, c


def round_events(c: np.ndarray, levels: int) -> np.ndarray:
    """:func:`neurosim.rules.round_event` of many values, float32."""
    if levels == 0:
        return c.astype(np.float32)
    return (np.clip(np.floor(c * levels + 0.5), 0.0, levels) / levels).astype(np.float32)


def clamped_threshold(layer: Layer) -> np.ndarray:
    """thr in float64, clamped to [0, 1] as the official code does on every forward pass."""
    return np.clip(layer.threshold.astype(np.float64), 0.0, 1.0)


@overload
def run_reference(
    network: Network, inputs: np.ndarray, window: int = 0, record_state: Literal[False] = False
) -> list[np.ndarray]: ...


@overload
def run_reference(
    network: Network, inputs: np.ndarray, window: int = 0, *, record_state: Literal[True]
) -> tuple[list[np.ndarray], list[LayerStates]]: ...


def run_reference(
    network: Network, inputs: np.ndarray, window: int = 0, record_state: bool = False
) -> list[np.ndarray] | tuple[list[np.ndarray], list[LayerStates]]:
    """All layers over all steps.

    Args:
        network: ``egru`` and ``replay`` layers.
        inputs: [steps, inputs of layer 0].
        window: h restarts at 0 on every step t with t % window == 0, y is carried; 0 means that
            only step 0 starts from h = 0 (the official evaluation uses 70).
        record_state: also return c and h.

    Returns:
        One array y [steps, units] float32 a layer; with ``record_state`` also one
        :class:`LayerStates` a layer (zeros for ``replay`` layers).
    """
    outputs, states = [], []
    x = np.asarray(inputs, dtype=np.float32)
    for layer in network.layers:
        x, layer_states = _run_layer(layer, x, window)
        outputs.append(x)
        states.append(layer_states)
    return (outputs, states) if record_state else outputs


def _run_layer(layer: Layer, inputs: np.ndarray, window: int) -> tuple[np.ndarray, LayerStates]:
    steps = inputs.shape[0]
    outputs = np.zeros((steps, layer.units), dtype=np.float32)
    states = LayerStates(np.zeros((steps, layer.units)), np.zeros((steps, layer.units)))
    if layer.kind == "replay":
        assert layer.replay is not None
        outputs[:] = layer.replay[np.arange(steps) % layer.replay.shape[0]]
        return outputs, states
    kernel = layer.kernel.astype(np.float64).T
    recurrent = layer.recurrent.astype(np.float64).T
    h = np.zeros(layer.units)
    y = np.zeros(layer.units, dtype=np.float32)
    for t in range(steps):
        if window and t % window == 0:
            h = np.zeros(layer.units)
        a = kernel @ inputs[t].astype(np.float64) + layer.bias
        q = recurrent @ y.astype(np.float64) + layer.recurrent_bias
        y, h, c = update_units(layer, a, q, h)
        outputs[t], states.candidate[t], states.state[t] = y, c, h
    return outputs, states
