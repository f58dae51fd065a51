"""The exact oracle: a language model step by step in the machine's arithmetic, and its choices.

Gate sums and logits are integers in units of 2^-40, as in the engines (machine-model.md, Numbers),
and units are updated by the shared scalar functions, so that a machine that loses nothing gives
the same tokens, one for one, whatever its chip, mapping and discipline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from neurosim import rules
from neurosim.errors import SimulationError
from neurosim.network.machine import (
    Choice,
    LanguagePlan,
    decoder_values,
    input_levels,
    machine_network,
    machine_workload,
)
from neurosim.network.model import Layer, Network, Workload
from neurosim.network.reference import round_events

#: Words whose score, computed with numpy, is this close to the best are compared exactly.
_CLOSE = 1e-6


@dataclass(frozen=True)
class Generated:
    """What the oracle decided.

    ``chosen`` [steps] int64: the token chosen on each step, prompts' steps included.  ``logits``
    [steps, vocabulary] float64, or [0, 0] if they were not kept.  ``outputs``: y of each recurrent
    layer, [steps, units] float32.
    """

    chosen: np.ndarray
    logits: np.ndarray
    outputs: list[np.ndarray]


def generate(
    network: Network, workload: Workload, plan: LanguagePlan, keep_logits: bool = False,
    chosen: Callable[[int, int], None] | None = None,
) -> Generated:
    """Run a language model over its workload, choosing a token on every step.

    Args:
        network: the model's, with embedding and decoder.
        workload: streams interleaved; ``rows`` (or ``tokens``) of -1 take the token that the step
            before of the same stream chose.
        plan: precisions, input and choice; where things are computed makes no difference.
        chosen: called with (step, token) as tokens are decided.
    """
    where = replace(plan, embedding_on="host", decoder_on="host")
    entering = machine_workload(network, workload, where)
    streams = workload.streams
    stacks = [_Stack(machine_network(network, where), workload.window, s, streams)
              for s in range(streams)]
    decoder = _Decoder(network, plan)
    steps = workload.steps
    rows = np.arange(steps) if entering.rows is None else entering.rows
    picked = np.full(steps, -1, np.int64)
    logits = np.zeros((steps if keep_logits else 0, decoder.vocabulary if keep_logits else 0))
    outputs = [np.zeros((steps, layer.units), np.float32) for layer in network.layers]
    for u in range(steps):
        row = int(rows[u]) if rows[u] >= 0 else int(picked[u - streams])
        ys = stacks[u % streams].step(entering.inputs[row])
        for record, y in zip(outputs, ys, strict=True):
            record[u] = y
        scores = decoder.logits(ys[-1])
        if keep_logits:
            logits[u] = scores
        picked[u] = choose(scores, plan.choice, u)
        if chosen is not None:
            chosen(u, int(picked[u]))
    return Generated(picked, logits, outputs)


def choose(logits: np.ndarray, choice: Choice, step: int) -> int:
    """The token that ``choice`` takes from the logits [vocabulary] of a global step."""
    if choice.kind == "greedy":
        return int(np.argmax(logits))  # the first of equals: the lower word
    words = np.arange(len(logits))
    if choice.kind == "top_k":
        words = np.lexsort((words, -logits))[: choice.k]
    rough = logits[words] / choice.temperature + _gumbel(choice.seed, words, step)
    close = words[rough >= rough.max() - _CLOSE].tolist()

    def score(word: int) -> float:
        return rules.score(float(logits[word]), choice.temperature, choice.seed, word, step)

    best = close[0]
    for word in close[1:]:
        if rules.better(score(word), word, score(best), best):
            best = word
    return int(best)


def _gumbel(seed: int, words: np.ndarray, step: int) -> np.ndarray:
    """:func:`neurosim.rules.gumbel` of many words, to rounding."""
    draws = np.array([rules.uniform(seed, 7, word, step) for word in words.tolist()])
    return -np.log(-np.log(draws))


class _Stack:
    """The recurrent layers of one stream with their state."""

    def __init__(self, network: Network, window: int, stream: int, streams: int) -> None:
        self.layers = network.layers
        self.window, self.stream, self.streams = window, stream, streams
        self.time = 0
        self.h = [[0.0] * layer.units for layer in self.layers]
        self.y = [np.zeros(layer.units, np.float32) for layer in self.layers]
        self.biases = [_biases(layer) for layer in self.layers]

    def step(self, x: np.ndarray) -> list[np.ndarray]:
        """Outputs of all layers for the input vector of the next step."""
        restart = self.window > 0 and self.time % self.window == 0
        for n, layer in enumerate(self.layers):
            if layer.kind == "replay":
                assert layer.replay is not None
                row = self.time * self.streams + self.stream
                x = self.y[n] = layer.replay[row % len(layer.replay)]
                continue
            if restart:
                self.h[n] = [0.0] * layer.units
            sums = _gate_sums(layer, x, self.y[n]) + self.biases[n]
            x = self.y[n] = _update(layer, sums, self.h[n])
        self.time += 1
        return list(self.y)


def _biases(layer: Layer) -> np.ndarray:
    """[4, units] float64 by gate sum: z, r, the input's part of g, the recurrence's part."""
    b = np.asarray(layer.bias, np.float64).reshape(3, layer.units)
    q = np.asarray(layer.recurrent_bias, np.float64).reshape(3, layer.units)
    return np.stack([b[0] + q[0], b[1] + q[1], b[2], q[2]])


def _gate_sums(layer: Layer, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[4, units] float64, without biases."""
    a = exact_product(layer.kernel, x).reshape(3, layer.units)
    q = exact_product(layer.recurrent, y).reshape(3, layer.units)
    return np.stack([a[0] + q[0], a[1] + q[1], a[2], q[2]]) / rules.SUM_SCALE


def _update(layer: Layer, sums: np.ndarray, h: list[float]) -> np.ndarray:
    """One step of all units: h is replaced, y [units] float32 returned."""
    threshold = np.asarray(layer.threshold, np.float64)
    fire_above = (threshold + layer.threshold_offset).tolist()
    reset_by = (threshold + layer.reset_offset).tolist()
    always, zoneout, levels = layer.fire == "always", float(layer.zoneout), layer.event_levels
    y = np.zeros(layer.units, np.float32)
    for i, (z, r, gx, gy) in enumerate(sums.T.tolist()):
        c = rules.egru_candidate(z, r, gx, gy, h[i], zoneout)
        if always or c > fire_above[i]:
            h[i] = c - reset_by[i]
            y[i] = rules.round_event(c, levels)
        else:
            h[i] = c
    return y


def exact_product(kernel: sp.csr_array, values: np.ndarray) -> np.ndarray:
    """values @ kernel with every product rounded to a multiple of 2^-40, [columns] int64.

    Args:
        kernel: [sources, columns] CSR float32.
        values: [sources] float32; zeros send no event.
    """
    sums = np.zeros(kernel.shape[1], np.int64)
    fired = np.flatnonzero(values)
    counts = kernel.indptr[fired + 1] - kernel.indptr[fired]
    before = np.cumsum(counts) - counts
    at = np.repeat(kernel.indptr[fired] - before, counts) + np.arange(int(counts.sum()))
    np.add.at(sums, kernel.indices[at],
              rounded_products(kernel.data[at], np.repeat(values[fired], counts)))
    return sums


def rounded_products(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """:func:`neurosim.rules.product` element by element, int64."""
    scaled = weights.astype(np.float64) * values.astype(np.float64) * rules.SUM_SCALE
    if scaled.size and np.abs(scaled).max() >= float(rules.SUM_LIMIT):
        raise SimulationError("network", "a product leaves the range of the sums",
                              "smaller weights")
    return np.floor(scaled + 0.5).astype(np.int64)


class _Decoder:
    """Logits from the last layer's outputs, in integer sums."""

    def __init__(self, network: Network, plan: LanguagePlan) -> None:
        self.weight = decoder_values(network, plan.decoder_precision)
        self.levels = input_levels(plan.decoder_precision)
        self.vocabulary = len(self.weight)
        bias = network.decoder_bias
        self.bias = np.zeros(self.vocabulary) if bias is None else bias.astype(np.float64)

    def logits(self, y: np.ndarray) -> np.ndarray:
        """[vocabulary] float64: sum / 2^40 + bias."""
        values = round_events(y.astype(np.float64), self.levels)
        fired = np.flatnonzero(values)
        sums = rounded_products(self.weight[:, fired], values[fired]).sum(axis=1)
        return sums / rules.SUM_SCALE + self.bias
