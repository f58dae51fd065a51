"""The same equations over long texts: layer by layer over stretches of tokens.

A layer's input products of a whole stretch are one matrix product; only the recurrence goes step
by step, over the rows of units that fired.  The equations themselves are
:func:`neurosim.network.reference.update_units`; sums differ from the oracle's only in the order of
float64 additions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from neurosim.errors import ModelError
from neurosim.network.model import Layer, Network
from neurosim.network.reference import update_units
from neurosim.network.task import TaskResult, summarise, token_nll

#: Steps evaluated at a time: enough for the matrix products, little memory.
STRETCH = 512
#: Below this density a product over stored weights beats one over the dense rows that fired.
_SPARSE_BELOW = 0.3


class LayerRunner:
    """One layer with its state, fed stretch after stretch; ``window`` as in the oracle.

    Of ``streams`` interleaved sequences it runs number ``stream``: a replayed layer plays the rows
    of that stream's steps.
    """

    def __init__(self, layer: Layer, window: int = 0, stream: int = 0, streams: int = 1) -> None:
        self.layer, self.window = layer, window
        self.stream, self.streams = stream, streams
        self.step = 0
        self.state = np.zeros(layer.units)
        self.output = np.zeros(layer.units, dtype=np.float32)
        if layer.kind == "egru":
            self._kernel = _product_form(layer.kernel)
            self._recurrent = _product_form(layer.recurrent)

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs [steps, units] float32 of the next steps' ``inputs`` [steps, inputs]."""
        steps = inputs.shape[0]
        if self.layer.kind == "replay":
            assert self.layer.replay is not None
            rows = self.stream + self.streams * (self.step + np.arange(steps))
            self.step += steps
            return self.layer.replay[rows % self.layer.replay.shape[0]]
        sums = self._input_sums(inputs.astype(np.float64))
        sums += self.layer.bias
        outputs = np.empty((steps, self.layer.units), dtype=np.float32)
        for t in range(steps):
            if self.window and self.step % self.window == 0:
                self.state = np.zeros(self.layer.units)
            self.output, self.state, _ = update_units(
                self.layer, sums[t], self._recurrent_sums(), self.state)
            outputs[t] = self.output
            self.step += 1
        return outputs

    def _input_sums(self, inputs: np.ndarray) -> np.ndarray:
        if isinstance(self._kernel, np.ndarray):
            return inputs @ self._kernel
        return np.ascontiguousarray((self._kernel @ inputs.T).T)

    def _recurrent_sums(self) -> np.ndarray:
        fired = np.flatnonzero(self.output)
        if isinstance(self._recurrent, np.ndarray):
            sums = self.output[fired].astype(np.float64) @ self._recurrent[fired]
        else:
            sums = self._recurrent @ self.output.astype(np.float64)
        return sums + self.layer.recurrent_bias


def _product_form(matrix: sp.csr_array) -> np.ndarray | sp.csc_array:
    """Float64, ready for products: dense [sources, sums], or the sparse transpose."""
    size = matrix.shape[0] * matrix.shape[1]
    if matrix.nnz < _SPARSE_BELOW * size:
        return matrix.astype(np.float64).T
    return matrix.toarray().astype(np.float64)


def run_functional(
    network: Network, inputs: np.ndarray, window: int = 0, streams: int = 1
) -> list[np.ndarray]:
    """As :func:`neurosim.network.reference.run_reference`, faster.

    With ``streams`` S, row u of ``inputs`` is step u // S of stream u % S, and so are the outputs'.
    """
    outputs = [np.zeros((inputs.shape[0], layer.units), np.float32) for layer in network.layers]
    for stream in range(streams):
        found = _run_stream(network, inputs[stream::streams], window, stream, streams)
        for record, y in zip(outputs, found, strict=True):
            record[stream::streams] = y
    return outputs


def _run_stream(
    network: Network, inputs: np.ndarray, window: int, stream: int, streams: int
) -> list[np.ndarray]:
    runners = [LayerRunner(layer, window, stream, streams) for layer in network.layers]
    parts: list[list[np.ndarray]] = [[] for _ in runners]
    for start in range(0, inputs.shape[0], STRETCH):
        x = np.asarray(inputs[start : start + STRETCH], dtype=np.float32)
        for runner, done in zip(runners, parts, strict=True):
            x = runner.run(x)
            done.append(x)
    return [np.concatenate(done) if done else np.zeros((0, layer.units), np.float32)
            for done, layer in zip(parts, network.layers, strict=True)]


def evaluate(
    network: Network, tokens: np.ndarray, targets: np.ndarray, window: int = 0, streams: int = 1
) -> TaskResult:
    """Perplexity of a language model over a token stream, batch 1, states continuing.

    Args:
        tokens, targets: [steps] integers; targets[t] is the token after tokens[t].
        window: h restarts at 0 every ``window`` steps (0: never).
        streams: S sequences interleaved: entry u is step u // S of stream u % S.
    """
    return summarise(
        token_nll(network, outputs, targets[stream::streams][start : start + outputs.shape[0]])
        for stream in range(streams)
        for start, outputs in _last_outputs(network, np.asarray(tokens)[stream::streams], window))


def continue_greedily(
    network: Network, tokens: np.ndarray, steps: int, window: int = 0
) -> np.ndarray:
    """[steps] tokens that enter: those given, then always the one of the largest logit.

    For rates and estimates: sums are not the machine's, so that near ties may fall otherwise.
    """
    assert network.embedding is not None and network.decoder_weight is not None
    bias = 0.0 if network.decoder_bias is None else network.decoder_bias
    runners = [LayerRunner(layer, window) for layer in network.layers]
    entered = [int(token) for token in tokens[:steps]]
    for step in range(steps - 1):
        x = network.embedding[entered[step]][None]
        for runner in runners:
            x = runner.run(x)
        if step + 1 == len(entered):
            fired = np.flatnonzero(x[0])
            logits = network.decoder_weight[:, fired] @ x[0, fired] + bias
            entered.append(int(np.argmax(logits)))
    return np.array(entered, np.int64)


def _last_outputs(
    network: Network, tokens: np.ndarray, window: int
) -> Iterator[tuple[int, np.ndarray]]:
    if network.embedding is None:
        raise ModelError("network.model", "has no embedding, so tokens cannot enter",
                         "a model with embeddings.weight")
    runners = [LayerRunner(layer, window) for layer in network.layers]
    for start in range(0, tokens.size, STRETCH):
        x = network.embedding[tokens[start : start + STRETCH]]
        for runner in runners:
            x = runner.run(x)
        yield start, x
