"""The shipped form of trained weights: safetensors, pruned matrices as CSR, a JSON sidecar.

A kernel NAME [rows, columns] is stored by presynaptic row where that takes fewer bytes, as
``NAME.values`` [n], ``NAME.indices`` [n] (column of each), ``NAME.row_pointers`` [rows + 1] and
``NAME.shape`` [2]; any other tensor under its own name.  The sidecar has the same stem.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save

if TYPE_CHECKING:
    from models.training import Recipe

SIDECAR_FORMAT = 1


def csr_tensors(name: str, matrix: np.ndarray) -> dict[str, np.ndarray]:
    """The four CSR tensors of a matrix; explicit zeros are never stored."""
    rows, columns = np.nonzero(matrix)
    pointers = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=matrix.shape[0]))))
    small = np.uint16 if matrix.shape[1] <= 65536 else np.int32
    return {f"{name}.values": matrix[rows, columns], f"{name}.indices": columns.astype(small),
            f"{name}.row_pointers": pointers.astype(np.int32),
            f"{name}.shape": np.array(matrix.shape, dtype=np.int64)}


def csr_is_smaller(matrix: np.ndarray) -> bool:
    """Whether values and 2-byte columns take fewer bytes than the whole matrix."""
    size = matrix.dtype.itemsize
    return bool(np.count_nonzero(matrix) * (size + 2) < matrix.size * size)


def stored(arrays: Mapping[str, np.ndarray], kind: Any = np.float32) -> dict[str, np.ndarray]:
    """Tensors as they go into the file, values rounded to ``kind`` (then never back to zero:
    what rounds to 0 is dropped)."""
    out: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        rounded = np.ascontiguousarray(array).astype(kind)
        prunable = name.startswith("rnns.") and rounded.ndim == 2
        if prunable and csr_is_smaller(rounded):
            out.update(csr_tensors(name, rounded))
        else:
            out[name] = rounded
    return out


def write_bytes(path: Path, content: bytes) -> str:
    """Write by rename; returns the sha256 of the content."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    os.replace(temporary, path)
    return hashlib.sha256(content).hexdigest()


def write_weights(path: Path, arrays: Mapping[str, np.ndarray], kind: Any = np.float32) -> str:
    """Write the safetensors file; returns its sha256."""
    return write_bytes(path, save(stored(arrays, kind)))


def write_sidecar(weights: Path, sha256: str, vocabulary: Sequence[str], tokenisation: str,
                  window: int, fire: str, training: Mapping[str, Any],
                  **more: Any) -> None:
    """Write the JSON beside the weights, which says everything that a checkpoint does not."""
    sidecar = {"format": SIDECAR_FORMAT, "kind": "egru", "tokenisation": tokenisation,
               "zoneout": 0.0, "window": window, "fire": fire, "tied": True, **more,
               "training": dict(training), "sha256": sha256}
    text = json.dumps(sidecar, indent=1, ensure_ascii=False)
    # The vocabulary goes on one line: thousands of words would bury the rest.
    words = json.dumps(list(vocabulary), ensure_ascii=False)
    text = text[: text.rindex("\n}")] + f',\n "vocabulary": {words}\n}}\n'
    write_bytes(weights.with_suffix(".json"), text.encode())


def model_arrays(model: Any) -> dict[str, np.ndarray]:
    """A `LanguageModel`'s parameters by official name, float32."""
    return {name: value.detach().numpy().astype(np.float32)
            for name, value in model.state_dict().items()}


def write_model(folder: Path, model: Any, recipe: Recipe, vocabulary: Sequence[str], heldout: str,
                stages: Sequence[Mapping[str, Any]], origin: Mapping[str, Any]) -> None:
    """Weights, sidecar, held-out text and metrics of a character-level recipe."""
    weights = folder / "weights.safetensors"
    digest = write_weights(weights, model_arrays(model))
    last = stages[-1]
    training = {**origin, "seed": recipe.seed, "minutes": round(last["minutes"], 1),
                "updates": sum(p.updates for p in recipe.phases),
                "weight_sparsity": last["test"]["weight_sparsity"],
                "activity": last["test"]["activity"],
                "test_bits_per_token": last["test"]["bits_per_token"],
                "test_bits_per_token_before_pruning": stages[0]["test"]["bits_per_token"]}
    write_sidecar(weights, digest, vocabulary, recipe.tokenisation, recipe.window, recipe.fire,
                  training, name=recipe.name, licence="Apache-2.0", precision="float32",
                  origin="trained for neurosim on public-domain text; see CARD.md")
    write_bytes(folder / "heldout.txt", heldout.encode())
    metrics = {"recipe": asdict(recipe), "stages": list(stages), "sha256": digest}
    write_bytes(folder / "metrics.json", (json.dumps(metrics, indent=1) + "\n").encode())
