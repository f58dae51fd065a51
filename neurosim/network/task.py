"""What the network is for: predicting the next token, and how well it does."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from neurosim.errors import ModelError
from neurosim.network.model import EVENT_LEVELS, Network
from neurosim.network.reference import round_events

#: Logits held at a time (float64: 32 MiB), so that a large vocabulary does not fill the memory.
_LOGITS_AT_ONCE = 4 * 2**20


@dataclass(frozen=True)
class TaskResult:
    """Next-token prediction over a number of tokens.

    ``nll_mean`` is the mean negative log likelihood in nats; perplexity = exp(nll_mean),
    bits_per_token = nll_mean / ln 2 (bits per character for a character model).  ``nll_se`` is the
    standard error of the mean, sample standard deviation / sqrt(tokens); it takes the tokens as
    independent, so it is a lower bound on running text (nan below two tokens).
    """

    perplexity: float
    bits_per_token: float
    nll_mean: float
    nll_se: float
    tokens: int


def task_from_outputs(
    network: Network, outputs: np.ndarray, targets: np.ndarray
) -> TaskResult:
    """The task's result, from the last layer's outputs.

    logits = y D^T + b with D the decoder (the embedding, when tied); nll = logsumexp(logits) -
    logits[target], in float64.

    Args:
        outputs: [steps, units of the last layer].
        targets: [steps] token that should come next.
    """
    return summarise([token_nll(network, outputs, targets)])


def token_nll(network: Network, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Negative log likelihood of each target in nats, [steps] float64."""
    if network.decoder_weight is None:
        raise ModelError("network.model", "has no decoder, so there is no task result",
                         "a model with decoder.decoder.weight or embeddings.weight")
    targets = np.asarray(targets, dtype=np.int64)
    vocabulary, inputs = network.decoder_weight.shape
    if outputs.shape != (targets.size, inputs):
        raise ValueError(f"outputs {outputs.shape} for {targets.size} targets and a decoder of "
                         f"{inputs} inputs")
    nll = np.empty(targets.size)
    rows = max(1, _LOGITS_AT_ONCE // vocabulary)
    for start in range(0, targets.size, rows):
        part = slice(start, start + rows)
        nll[part] = logits_nll(logits(network, outputs[part]), targets[part])
    return nll


def logits(network: Network, outputs: np.ndarray) -> np.ndarray:
    """y D^T + b, [steps, vocabulary] float64; an int8 decoder's values are rounded first."""
    assert network.decoder_weight is not None
    levels = EVENT_LEVELS if network.decoder_precision == "int8" else 0
    values = round_events(outputs.astype(np.float64), levels).astype(np.float64)
    bias = 0.0 if network.decoder_bias is None else network.decoder_bias.astype(np.float64)
    found: np.ndarray = values @ network.decoder_weight.astype(np.float64).T + bias
    return found


def logits_nll(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """logsumexp(logits) - logits[target], [steps] float64, of logits [steps, vocabulary]."""
    scores = scores.astype(np.float64)
    top = scores.max(axis=1)
    total = np.log(np.exp(scores - top[:, None]).sum(axis=1)) + top
    found: np.ndarray = total - scores[np.arange(scores.shape[0]), targets]
    return found


def task_from_logits(scores: np.ndarray, targets: np.ndarray) -> TaskResult:
    """The task's result from a machine's own logits [steps, vocabulary]."""
    return summarise([logits_nll(scores, np.asarray(targets, np.int64))])


def summarise(parts: Iterable[np.ndarray]) -> TaskResult:
    """One result from the nll of successive stretches of tokens."""
    nll = np.concatenate(list(parts))
    if nll.size == 0:
        raise ModelError("workload", "has no token to predict", "at least one step")
    mean = float(nll.mean())
    error = float(nll.std(ddof=1) / math.sqrt(nll.size)) if nll.size > 1 else math.nan
    perplexity = math.exp(mean) if mean < 700.0 else math.inf
    return TaskResult(perplexity, mean / math.log(2.0), mean, error, int(nll.size))
