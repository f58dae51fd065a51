"""Shipped weights against their recipes: ``python -m models.verify family_256 --data corpus.npz``.

Scores every shipped network with neurosim's functional model on the recipe's whole test part, and
its int8 version on the held-out tokens, and writes ``shipped.json``.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from models import int8
from models.export import write_bytes
from models.ship import dense
from neurosim.network.functional import evaluate
from neurosim.network.load import build_network, load_model
from neurosim.network.model import Network
from neurosim.network.parts import dequantised

HERE = Path(__file__).resolve().parent


def in_int8(folder: Path, stem: str, network: Network) -> Network:
    """The network with its kernels rounded to int8, from its float file."""
    arrays = int8.quantised(dense(load_file(folder / f"{stem}.safetensors")))
    assert network.embedding is not None
    arrays["embeddings.weight"] = network.embedding
    return build_network(dequantised(arrays, stem), network.sidecar)


def verify(folder: Path, stem: str, recipe: dict[str, Any], test: np.ndarray,
           heldout: np.ndarray, window: int) -> dict[str, Any]:
    """One network's figures; ``recipe`` holds what training measured."""
    network = load_model(folder / f"{stem}.safetensors")
    whole = evaluate(network, test[:-1], test[1:], window)
    part = evaluate(network, heldout[:-1], heldout[1:], window)
    stated = recipe["test"]["perplexity"]
    out = {"tokens": whole.tokens, "recipe_perplexity": stated, "perplexity": whole.perplexity,
           "relative_difference": whole.perplexity / stated - 1.0,
           "heldout_tokens": part.tokens, "heldout_perplexity": part.perplexity}
    if recipe["fire"] == "threshold":
        coarse = in_int8(folder, stem, network)
        weights_only = evaluate(coarse, heldout[:-1], heldout[1:], window)
        both = int8.evaluate(coarse, heldout, window)
        out["int8_weights_heldout_perplexity"] = weights_only.perplexity
        out["int8_heldout_perplexity"] = both.perplexity
        out["int8_loss"] = both.perplexity / part.perplexity - 1.0
    return out


def main() -> None:
    """Command line; networks done before are kept, so that it can be interrupted."""
    parser = argparse.ArgumentParser(prog="python -m models.verify", description=__doc__)
    parser.add_argument("name", help="folder under models/")
    parser.add_argument("--data", type=Path, required=True, help="the prepared corpus (.npz)")
    options = parser.parse_args()
    folder = HERE / options.name
    metrics = json.loads((folder / "metrics.json").read_text())
    test = np.load(options.data)["test"].astype(np.int64)
    heldout = np.load(folder / "heldout.npy").astype(np.int64)
    place = folder / "shipped.json"
    found: dict[str, Any] = json.loads(place.read_text()) if place.exists() else {}
    members = metrics["stages"][-1]["members"]
    for member in members:
        stem = member["name"] if len(members) > 1 else "weights"
        if stem in found or not os.path.exists(folder / f"{stem}.safetensors"):
            continue
        found[stem] = verify(folder, stem, member, test, heldout, metrics["recipe"]["window"])
        write_bytes(place, (json.dumps(found, indent=1) + "\n").encode())
        print(stem, found[stem], flush=True)


if __name__ == "__main__":
    main()
