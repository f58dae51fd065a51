"""The JSON beside the weights: what the arrays alone do not say.

``weights.safetensors`` may have ``weights.json`` next to it with the keys of :data:`KEYS`; all but
``format`` are optional.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from neurosim.errors import ModelError
from neurosim.network.tensors import KEY, read_bytes

FORMAT = 1
#: What ``precision`` says of a model whose outputs are rounded to 8 bits where they leave a unit.
EVENTS_8_BITS = "events unsigned 8 bits"
#: Key: what it says.
KEYS = {
    "format": "version of this file's layout: 1",
    "kind": "egru, or gru (always fires, threshold 0, thr may be absent)",
    "tokenisation": "char (one character a token) or word (white space apart, line end <eos>)",
    "vocabulary": "list of tokens, in the order of the embedding's rows",
    "zoneout": "zoneout probability in [0, 1], one or one a layer",
    "window": "steps between restarts of h in training and evaluation, 0: none",
    "fire": "threshold or always",
    "tied": "whether embedding and decoder share their weights",
    "sha256": "of the weights file, in hex",
    "embedding": "safetensors file beside this one that holds embeddings.weight, if shared",
    "embedding_sha256": "of that file, in hex",
    "name": "short name", "description": "one paragraph", "origin": "who trained it, from what",
    "licence": "SPDX identifier or text",
    "precision": "numbers' format in the file; with 'events unsigned 8 bits' units send 8-bit "
                 "events",
    "training": "free-form training card",
}
_CHOICES: dict[str, tuple[Any, ...]] = {
    "format": (FORMAT,), "kind": ("egru", "gru"), "tokenisation": ("char", "word"),
    "fire": ("threshold", "always"), "tied": (True, False),
}


def sidecar_path(model: Path) -> Path:
    """Where the sidecar of a model file stands: same stem, ``.json``."""
    return model.with_suffix(".json")


def read_sidecar(model: Path, sha256: str) -> dict[str, Any]:
    """The sidecar of ``model``, checked, or an empty dict if there is none.

    Raises ModelError for damaged JSON, unknown or wrong keys, and a ``sha256`` that is not the
    weights file's.
    """
    path = sidecar_path(model)
    if not path.exists():
        return {}
    try:
        sidecar = json.loads(read_bytes(path, what="a JSON file").decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(KEY, f"{path} is not JSON: {error}") from None
    check_sidecar(sidecar, str(path))
    stated = sidecar.get("sha256")
    if stated is not None and stated.lower() != sha256:
        raise ModelError(
            KEY, f"{path} belongs to other weights: it states sha256 {stated[:12]}..., "
                 f"{model.name} has {sha256[:12]}...")
    return sidecar


def check_sidecar(sidecar: Any, where: str, key: str = KEY) -> None:
    """ModelError under ``key`` unless ``sidecar`` has only known keys with values of their kind."""
    try:
        _check(sidecar, where)
    except ModelError as error:
        raise ModelError(key, error.why, error.allowed) from None


def _check(sidecar: Any, where: str) -> None:
    if not isinstance(sidecar, dict):
        raise ModelError(KEY, f"{where} is not a JSON object")
    unknown = sorted(set(sidecar) - set(KEYS))
    if unknown:
        raise ModelError(KEY, f"{where}: unknown key {unknown[0]!r}", ", ".join(KEYS))
    if "format" not in sidecar:
        raise ModelError(KEY, f"{where}: format is missing", str(FORMAT))
    for key, choices in _CHOICES.items():
        if key in sidecar and not any(sidecar[key] is c or (
                sidecar[key] == c and type(sidecar[key]) is type(c)) for c in choices):
            raise ModelError(KEY, f"{where}: {key} is {sidecar[key]!r}",
                             ", ".join(map(str, choices)))
    _check_numbers(sidecar, where)
    _check_vocabulary(sidecar, where)


def _check_numbers(sidecar: dict[str, Any], where: str) -> None:
    window = sidecar.get("window", 0)
    if type(window) is not int or window < 0:
        raise ModelError(KEY, f"{where}: window is {window!r}", "a whole number of steps >= 0")
    zoneout = sidecar.get("zoneout", 0.0)
    for value in zoneout if isinstance(zoneout, list) else [zoneout]:
        if (isinstance(value, bool) or not isinstance(value, int | float)
                or not (math.isfinite(value) and 0.0 <= value <= 1.0)):
            raise ModelError(KEY, f"{where}: zoneout is {value!r}",
                             "a number in [0, 1], or one a layer")
    for key in ("sha256", "embedding_sha256"):
        if sidecar.get(key) is not None and not isinstance(sidecar[key], str):
            raise ModelError(KEY, f"{where}: {key} is {sidecar[key]!r}", "a text of hex digits")
    shared = sidecar.get("embedding", "")
    if not isinstance(shared, str) or Path(shared).name != shared:
        raise ModelError(KEY, f"{where}: embedding is {shared!r}",
                         "the name of a file in the same folder")


def _check_vocabulary(sidecar: dict[str, Any], where: str) -> None:
    vocabulary = sidecar.get("vocabulary")
    if vocabulary is None:
        return
    if not isinstance(vocabulary, list) or not vocabulary:
        raise ModelError(KEY, f"{where}: vocabulary is no list of tokens")
    for position, token in enumerate(vocabulary):
        if not isinstance(token, str) or not token:
            raise ModelError(KEY, f"{where}: vocabulary[{position}] is {token!r}",
                             "a text of at least one character")
        if sidecar.get("tokenisation") == "char" and len(token) != 1:
            raise ModelError(KEY, f"{where}: vocabulary[{position}] is {token!r}",
                             "single characters, as tokenisation is char")
    if len(set(vocabulary)) != len(vocabulary):
        twice = next(t for i, t in enumerate(vocabulary) if t in vocabulary[:i])
        raise ModelError(KEY, f"{where}: vocabulary has {twice!r} twice")
