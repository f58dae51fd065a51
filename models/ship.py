"""From what a word-level recipe left to what is shipped:
``python -m models.ship family_256 --built FOLDER --data corpus.npz``.

Writes weights (float16, pruned kernels CSR) and int8 versions with their sidecars, one embedding a
group, held-out tokens, and a recorded sample of activity for each.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save

from models.corpora import CORPUS_SOURCES
from models.export import write_bytes, write_sidecar, write_weights
from models.int8 import quantised
from models.recipes import sha256
from neurosim.network.functional import run_functional
from neurosim.network.load import load_model

HERE = Path(__file__).resolve().parent
#: Predictions that the held-out tokens allow, and steps of the recorded activity.
HELDOUT, SAMPLE = 20_000, 64
TABLE = "embeddings.weight"


def ship(name: str, built: Path, data: Path) -> None:
    """Fill models/NAME from the recipe's output folder and its corpus."""
    folder = HERE / name
    metrics = json.loads((built / "metrics.json").read_text())
    shutil.copyfile(built / "metrics.json", folder / "metrics.json")
    corpus = np.load(data)
    symbols = [str(w) for w in corpus["vocabulary"]]
    tokens = corpus["test"][: HELDOUT + 1]
    np.save(folder / "heldout.npy", tokens)
    members = {m["name"]: m for m in metrics["stages"][-1]["members"]}
    for stem, member in members.items():
        path = built / f"{stem}.safetensors"
        if path.exists():
            _ship_member(folder, built, stem if len(members) > 1 else "weights", path, member,
                         metrics, symbols, tokens)


def _ship_member(folder: Path, built: Path, stem: str, path: Path, member: Mapping[str, Any],
                 metrics: Mapping[str, Any], symbols: list[str], tokens: np.ndarray) -> None:
    arrays = load_file(path)
    group = stem.rsplit("_", 1)[0]
    table = "embedding.safetensors" if group == "weights" else f"{group}.embedding.safetensors"
    if TABLE in arrays:
        write_weights(folder / table, {TABLE: arrays.pop(TABLE)}, np.float16)
    else:
        shutil.copyfile(built / table, folder / table)
    recipe = metrics["recipe"]
    training = {"corpus": CORPUS_SOURCES[recipe["corpus"]], "torch": metrics["torch"],
                "device": "one H200 GPU", "seed": member["seed"],
                "minutes": round(sum(s["minutes"] for s in metrics["stages"]), 1),
                "recipe_sha256": sha256(folder / "recipe.yaml"),
                "weight_sparsity": member["operations"]["weight_sparsity"],
                "activity": member["activity_per_layer"],
                "test_perplexity": member["test"]["perplexity"],
                "test_tokens": member["test"]["tokens"]}
    forms = {stem: (arrays, "float16")}
    if member["fire"] == "threshold" and member["sparsity"]:
        full = dense(arrays)
        forms[f"{stem}_int8"] = (quantised(full), "int8 weights, one scale per output column; "
                                 "events unsigned 8 bits; embedding float16")
    for form, (content, precision) in forms.items():
        weights = folder / f"{form}.safetensors"
        digest = write_bytes(weights, save(dict(content)))
        write_sidecar(weights, digest, symbols, "word", recipe["window"], member["fire"], training,
                      kind="egru" if member["fire"] == "threshold" else "gru",
                      name=f"{recipe['name']}/{form}", licence="Apache-2.0", precision=precision,
                      origin="trained for neurosim on public-domain text; see CARD.md",
                      embedding=table, embedding_sha256=sha256(folder / table))
    if member["fire"] == "always":
        return  # every unit fires in every step: nothing to record
    network = load_model(folder / f"{stem}.safetensors")
    assert network.embedding is not None
    outputs = run_functional(network, network.embedding[tokens[:SAMPLE].astype(int)],
                             recipe["window"])
    np.savez_compressed(folder / f"{stem}.activity.npz", allow_pickle=False,
                        **{f"layer{i}": y for i, y in enumerate(outputs)})


def dense(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """CSR tensors back to matrices."""
    out: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        base, _, part = name.rpartition(".")
        if part == "values":
            matrix = np.zeros(tuple(arrays[f"{base}.shape"]), dtype=array.dtype)
            counts = np.diff(arrays[f"{base}.row_pointers"])
            matrix[np.repeat(np.arange(len(counts)), counts),
                   arrays[f"{base}.indices"].astype(int)] = array
            out[base] = matrix
        elif part not in ("indices", "row_pointers", "shape"):
            out[name] = array
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m models.ship", description=__doc__)
    parser.add_argument("name", help="folder under models/ with a recipe.yaml")
    parser.add_argument("--built", type=Path, required=True, help="output folder of the training")
    parser.add_argument("--data", type=Path, required=True, help="the prepared corpus (.npz)")
    options = parser.parse_args()
    ship(options.name, options.built, options.data)


if __name__ == "__main__":
    main()
