"""What enters the network: text, token files, dense inputs, or made-up inputs.

A language workload of n steps takes n + 1 tokens: step t enters token t and should predict
token t + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neurosim.errors import ModelError
from neurosim.network.model import Network, Workload
from neurosim.network.rates import draw_events, draw_values, unit_rates
from neurosim.network.tensors import read_bytes
from neurosim.network.tokens import prompt_tokens, text_tokens

_STREAM = 5


def from_text(
    path: str | Path, network: Network, steps: int | None = None, start: int = 0, window: int = 0,
    streams: int = 1,
) -> Workload:
    """Steps ``start`` to ``start + steps`` of a UTF-8 text, by the sidecar's tokenisation.

    Args:
        network: with an embedding, and a sidecar that has ``tokenisation`` and ``vocabulary``.
        steps: of each stream; None takes all that the text has.
        window: goes into the workload (0: h never restarts).
        streams: the text is cut into so many stretches of ``steps`` tokens, which are interleaved.

    Raises:
        ModelError: ``workload.text`` for an unusable text, with line and column of a token outside
            the vocabulary; ``workload.steps`` if the text is too short.
    """
    tokens = text_tokens(path, network, None if steps is None else start + streams * steps + 1)
    return language_workload(tokens, network, steps, start, window, "workload.text", str(path),
                             streams)


def from_tokens(
    path: str | Path, network: Network, steps: int | None = None, start: int = 0, window: int = 0,
    streams: int = 1,
) -> Workload:
    """As :func:`from_text`, from a .npy vector of integers."""
    tokens = npy_tokens(path, network)
    return language_workload(tokens, network, steps, start, window, "workload.tokens", str(path),
                             streams)


def from_inputs(
    path: str | Path, network: Network, steps: int | None = None, start: int = 0, window: int = 0,
    streams: int = 1,
) -> Workload:
    """Dense inputs from a .npy array [steps, inputs of layer 0] of finite numbers; no task."""
    key, width = "workload.inputs", network.layers[0].inputs
    array = _read_npy(path, key)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise ModelError(key, f"{path} is {array.dtype} of shape {list(array.shape)}",
                         f"numbers of shape [steps, {width}]")
    if array.shape[1] != width:
        raise ModelError(key, f"{path} has {array.shape[1]} values a step, but layer 0 takes "
                              f"{width}", f"shape [steps, {width}]")
    count = streams * _steps(array.shape[0], steps, start, key, str(path), streams=streams)
    with np.errstate(over="ignore"):
        inputs = array[start : start + count].astype(np.float32)
    if not np.isfinite(inputs).all():
        row, column = np.argwhere(~np.isfinite(inputs))[0]
        raise ModelError(key, f"{path} is not finite at [{start + row}, {column}]",
                         "finite float32 numbers")
    return Workload(_interleaved(inputs, streams), window=_window(window), streams=streams)


def synthetic_inputs(
    network: Network, steps: int = 10, input_activity: float = 1.0, seed: int = 0, window: int = 0,
    streams: int = 1,
) -> Workload:
    """Random inputs: on each step a share ``input_activity`` of them is non-zero.

    Which, by systematic sampling with the same rate for every input (to within one input a step
    of the mean); how much, uniform in (0, 1].
    """
    if not 0.0 <= input_activity <= 1.0:
        raise ModelError("network.synthetic.input_activity", f"{input_activity} is no fraction",
                         "[0, 1]")
    if steps < 1:
        raise ModelError("workload.steps", f"{steps} steps", "at least 1")
    rng = np.random.default_rng([seed, _STREAM])
    rates = unit_rates(network.layers[0].inputs, input_activity, "uniform")
    return Workload(draw_values(draw_events(rates, steps * streams, rng), rng),
                    window=_window(window), streams=streams)


def language_workload(
    tokens: np.ndarray, network: Network, steps: int | None = None, start: int = 0,
    window: int = 0, key: str = "workload.tokens", where: str = "the token stream",
    streams: int = 1,
) -> Workload:
    """A workload from tokens already read: inputs embedded, targets the next tokens.

    A model without a decoder has no task: its workload has no targets.  Stream s of S takes the
    s-th stretch of ``steps`` tokens.
    """
    if network.embedding is None:
        raise ModelError(key, "the model has no embedding, so tokens cannot enter",
                         "a model with embeddings.weight, or workload.inputs")
    count = streams * _steps(tokens.size - 1, steps, start, key, where,
                             "tokens, the last of which is only predicted", streams)
    now = _interleaved(tokens[start : start + count], streams)
    then = _interleaved(tokens[start + 1 : start + count + 1], streams)
    return Workload(network.embedding[now], now,
                    None if network.decoder_weight is None else then, _window(window), streams)


def _interleaved(rows: np.ndarray, streams: int) -> np.ndarray:
    """Stretches one after the other as steps of streams: row u is step u // S of stretch u % S."""
    if streams == 1:
        return rows
    return rows.reshape(streams, -1, *rows.shape[1:]).swapaxes(0, 1).reshape(rows.shape)


def from_prompts(
    prompts: Sequence[str], network: Network, steps: int, window: int = 0
) -> Workload:
    """What generates: each stream's prompt enters, then the tokens that it chooses.

    Args:
        prompts: one text a stream.
        network: with embedding, decoder, and a sidecar of ``tokenisation`` and ``vocabulary``.
        steps: tokens that the stream with the longest prompt generates; others generate as many
            more as their prompt is shorter.

    Returns:
        A workload whose ``inputs`` are the embedding and whose ``rows`` and ``tokens`` are -1
        where a chosen token enters.

    Raises:
        ModelError: ``workload.prompt``: no vocabulary, or a token outside it.
    """
    key = "workload.prompt"
    if network.embedding is None or network.decoder_weight is None:
        raise ModelError(key, "the model has no embedding or no decoder, so it cannot generate",
                         "a language model")
    tokens = [prompt_tokens(prompt, network) for prompt in prompts]
    length = max(map(len, tokens))
    rows = np.full((length + steps - 1, len(tokens)), -1, np.int64)
    for stream, own in enumerate(tokens):
        rows[: len(own), stream] = own
    entering = rows.ravel()
    return Workload(network.embedding, entering, None, _window(window), len(tokens), entering)


def npy_tokens(path: str | Path, network: Network) -> np.ndarray:
    """All tokens of a .npy vector of integers, checked against the embedding, [n] int64."""
    key = "workload.tokens"
    array = _read_npy(path, key)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ModelError(key, f"{path} is {array.dtype} of shape {list(array.shape)}",
                         "a vector of integers")
    if array.size == 0:
        raise ModelError(key, f"{path} is empty", "at least two tokens")
    if network.embedding is not None:
        size = network.embedding.shape[0]
        outside = np.flatnonzero((array < 0) | (array >= size))
        if outside.size:
            at = int(outside[0])
            raise ModelError(key, f"{path}: token {array[at]} at position {at} is not in the "
                                  "model's vocabulary", f"0 to {size - 1}")
    return array.astype(np.int64)


def _read_npy(path: str | Path, key: str) -> np.ndarray:
    path = Path(path)
    what = "a .npy file"
    read_bytes(path, key, what)
    try:
        array = np.load(path, allow_pickle=False)
    except Exception as error:  # whatever the parser of a damaged file raises
        text = " ".join(str(error).split())[:160]
        raise ModelError(key, f"{path} cannot be read: {text}", what) from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise ModelError(key, f"{path} is an archive of arrays", what)
    return array


def _steps(
    available: int, steps: int | None, start: int, key: str, where: str, unit: str = "steps",
    streams: int = 1,
) -> int:
    """How many steps each of ``streams`` takes from ``start``."""
    if start < 0:
        raise ModelError("workload.start", f"{start} is negative", "0 or more")
    if steps is not None and steps < 1:
        raise ModelError("workload.steps", f"{steps} steps", "at least 1")
    left = (available - start) // streams
    total = f"{where} has {available + (unit != 'steps')} {unit}"
    if left < 1:
        each = f" for each of {streams} streams" if streams > 1 else ""
        raise ModelError("workload.start" if start else key,
                         f"nothing left from step {start}{each}: {total}", "at least one step")
    if steps is not None and steps > left:
        each = f" of {streams} streams" if streams > 1 else ""
        raise ModelError("workload.steps", f"{steps} steps{each} from step {start}, but {total}",
                         f"at most {left}")
    return left if steps is None else steps


def _window(window: int) -> int:
    if window < 0:
        raise ModelError("workload.window", f"{window} steps", "0 (never) or more")
    return int(window)
