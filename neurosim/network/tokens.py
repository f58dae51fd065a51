"""Text to tokens and back, by a model's sidecar: characters, or words apart by white space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from neurosim.errors import ModelError
from neurosim.network.model import Network
from neurosim.network.tensors import read_bytes


def text_tokens(path: str | Path, network: Network, count: int | None = None) -> np.ndarray:
    """The first ``count`` tokens (None: all) of a text, [n] int64.

    ``char``: every character is a token, line ends as ``\\n``.  ``word``: white space separates
    tokens and every line end is ``<eos>``; a word outside the vocabulary is ``<unk>`` if the
    vocabulary has that.  Tokens beyond ``count`` are not looked at.
    """
    key = "workload.text"
    sidecar = network.sidecar
    number = _vocabulary(network, key)
    try:
        text = read_bytes(Path(path), key, "a UTF-8 text file").decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(key, f"{path} is not UTF-8 at byte {error.start}",
                         "a UTF-8 text file") from None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
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


def prompt_tokens(prompt: str, network: Network) -> np.ndarray:
    """Tokens of a prompt, [n] int64, n >= 1; nothing stands for an unknown word.

    Raises:
        ModelError: ``workload.prompt``, naming the character or word that is not in the vocabulary.
    """
    key = "workload.prompt"
    number = _vocabulary(network, key)
    char = network.sidecar["tokenisation"] == "char"
    what = "character" if char else "word"
    found = []
    for place, token in enumerate(_characters(prompt) if char else _words(prompt), 1):
        if token.text not in number:
            raise ModelError(key, f"{what} {token.text[:40]!r} (number {place}) is not in the "
                                  "model's vocabulary",
                             f"the {len(number)} {what}s of its sidecar")
        found.append(number[token.text])
    if not found:
        raise ModelError(key, "has no token", f"at least one {what}")
    return np.array(found, dtype=np.int64)


def token_text(tokens: Sequence[int] | np.ndarray, network: Network) -> str:
    """Tokens as text: characters one after the other, words apart by spaces, ``<eos>`` a line."""
    pieces = []
    before = None
    for token in tokens:
        pieces.append(token_piece(int(token), before, network))
        before = int(token)
    return "".join(pieces)


def token_piece(token: int, before: int | None, network: Network) -> str:
    """What one token adds to a text in which the token ``before`` came last (None: nothing yet)."""
    vocabulary = network.sidecar["vocabulary"]
    if network.sidecar["tokenisation"] == "char":
        return str(vocabulary[token])
    if vocabulary[token] == "<eos>":
        return "\n"
    line_begins = before is None or vocabulary[before] == "<eos>"
    return str(vocabulary[token]) if line_begins else f" {vocabulary[token]}"


def _vocabulary(network: Network, key: str) -> dict[str, int]:
    """Number of every token of the sidecar's vocabulary."""
    sidecar = network.sidecar
    if "vocabulary" not in sidecar or "tokenisation" not in sidecar:
        raise ModelError(key, "the model's sidecar has no tokenisation and vocabulary",
                         "workload.tokens, or a sidecar with both")
    return {token: index for index, token in enumerate(sidecar["vocabulary"])}


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
