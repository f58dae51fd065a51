"""Train a recipe: ``python -m models.train shakespeare_char``.

Progress goes to the terminal; checkpoints and the corpus to ``models/NAME/build/`` (not
committed); interrupted, the same command goes on from the last checkpoint.  At the end the
pruned weights, their sidecar, the held-out text and ``metrics.json`` stand in ``models/NAME/``.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from models import corpora, training
from models.corpora import CorpusError
from models.export import write_model
from models.language_model import Evaluation, evaluate
from models.pruning import weight_sparsity
from models.recipes import RecipeError, load_recipe, sha256

HERE = Path(__file__).resolve().parent


def encode(text: str, vocabulary: list[str]) -> torch.Tensor:
    """Token indices [n] int64; characters outside the vocabulary are left out."""
    index = {symbol: i for i, symbol in enumerate(vocabulary)}
    return torch.tensor([index[c] for c in text if c in index], dtype=torch.int64)


def record(result: Evaluation, sparsity: float) -> dict[str, object]:
    """One evaluation as it goes into metrics.json."""
    return {**asdict(result), "bits_per_token": result.bits, "perplexity": result.perplexity,
            "weight_sparsity": sparsity}


def run(name: str, cache: Path | None, threads: int) -> None:
    """Train, prune, evaluate and export the character-level recipe called ``name``."""
    folder = HERE / name
    build = folder / "build"
    corpus = corpora.load(load_recipe(folder / "recipe.yaml").corpus, cache or build)
    vocabulary = corpora.characters(corpus)
    recipe = load_recipe(folder / "recipe.yaml", len(vocabulary))
    build.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(threads)
    text = training.streams(encode(corpus.train, vocabulary).to(torch.uint8), recipe.batch)
    valid, test = encode(corpus.valid, vocabulary), encode(corpus.test, vocabulary)
    model = training.build(recipe)
    state = training.start(recipe, model)
    checkpoint, stages = build / "checkpoint.pt", build / "stages.json"
    if checkpoint.exists():
        training.resume(state, checkpoint)
        print(f"resumed at phase {state.phase}, update {state.update}")
    results = json.loads(stages.read_text()) if stages.exists() else []

    def report(now: training.Run, loss: float) -> None:
        scored = evaluate(model, valid, recipe.window, 4000)
        phase = recipe.phases[now.phase]
        print(f"phase {now.phase + 1}/{len(recipe.phases)} update {now.update}/{phase.updates}"
              f"  train {loss / math.log(2):.3f}  valid {scored.bits:.3f} bits"
              f"  activity {' '.join(f'{a:.2f}' for a in scored.activity)}"
              f"  sparsity {weight_sparsity(model):.3f}  {now.seconds / 60:.1f} min", flush=True)

    def phase_done(now: training.Run) -> None:
        results[:] = [r for r in results if r["phase"] < now.phase]  # killed just after this
        results.append({"phase": now.phase, "minutes": now.seconds / 60,
                        "valid": record(evaluate(model, valid, recipe.window),
                                        weight_sparsity(model)),
                        "test": record(evaluate(model, test, recipe.window),
                                       weight_sparsity(model))})
        stages.write_text(json.dumps(results, indent=1))
        torch.save(model.state_dict(), build / f"phase{now.phase}.pt")

    training.train(state, recipe, text, checkpoint, 100, report, phase_done)
    heldout = corpus.test[: corpus.test.find("\n", 24000) + 1] or corpus.test
    write_model(folder, model, recipe, vocabulary, heldout, results,
                {"corpus": dict(corpus.sources), "recipe_sha256": sha256(folder / "recipe.yaml"),
                 "torch": torch.__version__, "device": "one CPU core"})


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0, or 2 after a clear message."""
    parser = argparse.ArgumentParser(prog="python -m models.train", description=__doc__)
    parser.add_argument("name", help="folder under models/ with a recipe.yaml")
    parser.add_argument("--cache", type=Path, help="folder of downloaded corpora")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    try:
        run(options.name, options.cache, options.threads)
    except (CorpusError, RecipeError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
