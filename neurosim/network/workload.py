"""What enters the network: text, token files, dense inputs, or made-up inputs.

A language workload of n steps takes n + 1 tokens: step t enters token t and should predict
token t + 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from neurosim.errors import ModelError
from neurosim.network.model import Network, Workload
from neurosim.network.rates import draw_events, draw_values, unit_rates
from neurosim.network.tensors import read_bytes

_STREAM = 5


def from_text(
    path: str | Path, network: Network, steps: int | None = None, start: int = 0, window: int = 0
) -> Workload:
    """Steps ``start`` to ``start + steps`` of a UTF-8 text, by the sidecar's tokenisation.

    Args:
        network: with an embedding, and a sidecar that has ``tokenisation`` and ``vocabulary``.
        steps: None takes all that the text has.
        window: goes into the workload (0: h never restarts).

    Raises:
        ModelError: ``workload.text`` for an unusable text, with line and column of a token outside
            the vocabulary; ``workload.steps`` if the text is too short.
    """
    tokens = text_tokens(path, network, None if steps is None else start + steps + 1)
    return language_workload(tokens, network, steps, start, window, "workload.text", str(path))


def from_tokens(
    path: str | Path, network: Network, steps: int | None = None, start: int = 0, window: int = 0
) -> Workload:
    """As :func:`from_text`, from a .npy vector of integers."""
    tokens = npy_tokens(path, network)
    return language_workload(tokens, network, steps, start, window, "workload.tokens", str(path))


def from_inputs(
    path: str | Path, network: Network, steps: int | None = None, start: int = 0, window: int = 0
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
    count = _steps(array.shape[0], steps, start, key, str(path))
    with np.errstate(over="ignore"):
        inputs = array[start : start + count].astype(np.float32)
    if not np.isfinite(inputs).all():
        row, column = np.argwhere(~np.isfinite(inputs))[0]
        raise ModelError(key, f"{path} is not finite at [{start + row}, {column}]",
                         "finite float32 numbers")
    return Workload(inputs, window=_window(window))


def synthetic_inputs(
    network: Network, steps: int = 10, input_activity: float = 1.0, seed: int = 0, window: int = 0
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
    return Workload(draw_values(draw_events(rates, steps, rng), rng), window=_window(window))


def language_workload(
    tokens: np.ndarray, network: Network, steps: int | None = None, start: int = 0,
    window: int = 0, key: str = "workload.tokens", where: str = "the token stream",
) -> Workload:
    """A workload from tokens already read: inputs embedded, targets the next tokens.

    A model without a decoder has no task: its workload has no targets.
    """
    if network.embedding is None:
        raise ModelError(key, "the model has no embedding, so tokens cannot enter",
                         "a model with embeddings.weight, or workload.inputs")
    count = _steps(tokens.size - 1, steps, start, key, where, "tokens, the last of which is only "
                   "predicted")
    now, then = tokens[start : start + count], tokens[start + 1 : start + count + 1]
    return Workload(network.embedding[now], now,
                    None if network.decoder_weight is None else then, _window(window))


def text_tokens(path: str | Path, network: Network, count: int | None = None) -> np.ndarray:
    """The first ``count`` tokens (None: all) of a text, [n] int64.

    ``char``: every character is a token, line ends as ``\\n``.  ``word``: white space separates
    tokens and every line end is ``<eos>``; a word outside the vocabulary is ``<unk>`` if the
    vocabulary has that.  Tokens beyond ``count`` are not looked at.
    """
    key = "workload.text"
    sidecar = network.sidecar
    if "vocabulary" not in sidecar or "tokenisation" not in sidecar:
        raise ModelError(key, "the model's sidecar has no tokenisation and vocabulary",
                         "workload.tokens, or a sidecar with both")
    try:
        text = read_bytes(Path(path), key, "a UTF-8 text file").decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(key, f"{path} is not UTF-8 at byte {error.start}",
                         "a UTF-8 text file") from None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    number = {token: index for index, token in enumerate(sidecar["vocabulary"])}
    char = sidecar["tokenisation"] == "char"
    unknown = None if char else number.get("<unk>")
    found = _characters(text) if char else _words(text)
    tokens = []
    for token in islice(found, count):
        index = number.get(token.text, unknown)
        if index is None:
            raise ModelError(
                key, f"{path}:{token.line}:{token.column}: token {token.text[:40]!r} is not in the "
                     "model's vocabulary", f"one of the {len(number)} tokens in its sidecar")
        tokens.append(index)
    if not tokens:
        raise ModelError(key, f"{path} is empty", "a text of at least two tokens")
    return np.array(tokens, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    line: int
    column: int


def _characters(text: str) -> Iterator[_Token]:
    line, column = 1, 0
    for character in text:
        column += 1
        yield _Token(character, line, column)
        if character == "\n":
            line, column = line + 1, 0


def _words(text: str) -> Iterator[_Token]:
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        column = 0
        for word in line.split():
            column = line.index(word, column)
            yield _Token(word, number, column + 1)
            column += len(word)
        if number < len(lines):
            yield _Token("<eos>", number, len(line) + 1)


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
    available: int, steps: int | None, start: int, key: str, where: str, unit: str = "steps"
) -> int:
    """How many steps to take from ``start``."""
    if start < 0:
        raise ModelError("workload.start", f"{start} is negative", "0 or more")
    if steps is not None and steps < 1:
        raise ModelError("workload.steps", f"{steps} steps", "at least 1")
    left = available - start
    total = f"{where} has {available + (unit != 'steps')} {unit}"
    if left < 1:
        raise ModelError("workload.start" if start else key,
                         f"nothing left from step {start}: {total}", "at least one step")
    if steps is not None and steps > left:
        raise ModelError("workload.steps", f"{steps} steps from step {start}, but {total}",
                         f"at most {left}")
    return left if steps is None else steps


def _window(window: int) -> int:
    if window < 0:
        raise ModelError("workload.window", f"{window} steps", "0 (never) or more")
    return int(window)
