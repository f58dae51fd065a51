"""Train a word-level recipe: ``python -m models.train_words egru_1350 --data corpus.npz``.

The corpus is prepared beforehand (``--prepare``), so that the training machine needs no network.
Every stage ends with an evaluation (``metrics.json`` in the output folder), a checkpoint from which
the same command goes on, and the weights of its members as safetensors.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from models import corpora
from models.ensemble import Ensemble, Member
from models.ensemble_training import Stage, Trainer, evaluate, run_stage
from models.export import write_weights
from models.language_model import Dropout
from models.operations import operations
from models.recipes import RecipeError, build_part
from models.training import streams

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class WordRecipe:
    """A recipe of word-level models trained side by side; see `Member` and `Stage`."""

    name: str
    corpus: str
    vocabulary: int
    layers: tuple[int, ...]
    members: tuple[Member, ...]
    stages: tuple[Stage, ...]
    window: int = 70
    batch: int = 64
    chunk: int = 10
    clip: float = 0.1
    embedding_range: float = 0.1
    dropout: Dropout = Dropout()


def load_word_recipe(path: Path) -> WordRecipe:
    """The recipe in ``path``; unknown keys are refused."""
    if not path.is_file():
        raise RecipeError(f"{path}: no such recipe")
    values: dict[str, Any] = yaml.safe_load(path.read_text())
    values["layers"] = tuple(values.get("layers", ()))
    values["dropout"] = build_part(Dropout, values.get("dropout") or {}, f"{path}: dropout")
    values["members"] = tuple(build_part(Member, m, f"{path}: members")
                              for m in values.get("members") or ())
    for stage in values.get("stages") or ():
        stage["sparsity"] = tuple(stage.get("sparsity", (0.0,)))
    values["stages"] = tuple(build_part(Stage, s, f"{path}: stages")
                             for s in values.get("stages") or ())
    return build_part(WordRecipe, values, str(path))


def staged(models: Ensemble, stage: Stage, dropout: Dropout) -> tuple[Ensemble, list[float]]:
    """The stage's ensemble, and each member's sparsity before it."""
    dropout = Dropout(**{k: v * stage.dropout_scale for k, v in asdict(dropout).items()})
    if len(stage.sparsity) == 1:
        members = [replace(m, sparsity=stage.sparsity[0]) for m in models.members]
        return (models.expanded(members, range(len(members)), dropout),
                [m.sparsity for m in models.members])
    members, sources = [], []
    for index, member in enumerate(models.members):
        for sparsity in stage.sparsity:
            members.append(replace(member, sparsity=sparsity,
                                   name=f"{member.name}_{round(100 * sparsity):02d}"))
            sources.append(index)
    return (models.expanded(members, sources, dropout),
            [models.members[i].sparsity for i in sources])


def measured_updates(trainer: Trainer, stage: Stage) -> int:
    """How many updates the stage's minutes allow, from the time of 30 of them (rate 0)."""
    if stage.updates:
        return stage.updates
    device = trainer.models.device
    for _ in range(5):
        trainer.update(0.0)
    _wait(device)
    begin = time.perf_counter()
    for _ in range(30):
        trainer.update(0.0)
    _wait(device)
    one = (time.perf_counter() - begin) / 30
    trainer.counted = 0
    if trainer.steering is not None:
        trainer.steering.events.zero_()
    print(f"{1e3 * one:.2f} ms an update", flush=True)
    return max(1, int(60.0 * stage.minutes / one))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def score(models: Ensemble, parts: dict[str, Tensor], window: int) -> list[dict[str, Any]]:
    """Final evaluation of every member: one sequence, full precision, with and without restarts
    of h; operations from the test part's firing rates."""
    found: list[dict[str, Any]] = [asdict(m) for m in models.members]
    for part, reset in (("valid", True), ("test", True), ("test", False)):
        scores = evaluate(models, parts[part], window, reset=reset)
        key = part if reset else f"{part}_continuous"
        for index, out in enumerate(found):
            nll = float(scores.nll[index])
            out[key] = {"tokens": scores.tokens, "nll": nll, "nll_se": float(scores.nll_se[index]),
                        "perplexity": math.exp(nll)}
            if key == "test":
                rates = [r[index].double().cpu().numpy() for r in scores.rates]
                out["operations"] = operations(models.member_arrays(index), rates)
                out["activity_per_layer"] = [float(r.mean()) for r in rates]
                out["backward_sparsity"] = [float(b) for b in scores.backward[index]]
    return found


def export(models: Ensemble, folder: Path) -> None:
    """Each member's parameters as they are shipped: float16, pruned kernels as CSR.  A table that
    several members share is written once a group, by the name before the first underscore."""
    for index, member in enumerate(models.members):
        arrays = models.member_arrays(index)
        shared = folder / f"{member.name.rsplit('_', 1)[0]}.embedding.safetensors"
        if "_" in member.name:
            table = {"embeddings.weight": arrays.pop("embeddings.weight")}
            if not shared.exists():
                write_weights(shared, table, np.float16)
        write_weights(folder / f"{member.name}.safetensors", arrays, np.float16)


def save(path: Path, stage: int, models: Ensemble, record: dict[str, Any]) -> None:
    """A checkpoint between stages; appears by rename."""
    content = {"stage": stage, "parameters": models.parameters, "thresholds": models.thresholds,
               "price": models.price,
               "members": [asdict(m) for m in models.members], "record": json.dumps(record),
               "random": torch.get_rng_state()}
    torch.save(content, path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)


def resume(path: Path, models: Ensemble) -> tuple[int, dict[str, Any]]:
    """Fill ``models`` from a checkpoint; the next stage and the record so far."""
    content = torch.load(path, weights_only=True, map_location=models.device)
    models.parameters, models.thresholds = content["parameters"], content["thresholds"]
    models.price = content["price"]
    models.members = tuple(Member(**m) for m in content["members"])
    models._finish()
    torch.set_rng_state(content["random"].cpu())
    return content["stage"], json.loads(content["record"])


class Progress:
    """The curve of a stage: a quick validation now and then, printed and recorded."""

    def __init__(self, number: int, trainer: Trainer, updates: int, valid: Tensor,
                 window: int) -> None:
        self.number, self.trainer, self.updates = number, trainer, updates
        self.valid, self.window = valid[:20001], window
        self.begin, self.curve = time.perf_counter(), list[dict[str, Any]]()

    def __call__(self, done: int) -> None:
        """Score 20,000 validation tokens in 40 parts, in the type of the training's products."""
        trainer, now = self.trainer, self.trainer.models
        scores = evaluate(now, self.valid, self.window, 40, now.half)
        last = self.curve[-1]["update"] if self.curve else 0
        point: dict[str, Any] = {
            "update": done, "minutes": (time.perf_counter() - self.begin) / 60,
            "train": (trainer.total / max(1, done - last)).tolist(),
            "valid": scores.nll.exp().tolist(),
            "activity": [[float(r[i].mean()) for r in scores.rates]
                         for i in range(len(now.members))],
            "price": now.price.tolist()}
        trainer.total.zero_()
        self.curve.append(point)
        line = " ".join(f"{v:.1f}" for v in point["valid"])
        fire = " ".join("/".join(f"{x:.2f}" for x in a) for a in point["activity"][:6])
        print(f"stage {self.number} {done}/{self.updates} {point['minutes']:.1f} min epoch "
              f"{trainer.epochs} valid {line} activity {fire}", flush=True)
        if trainer.steering is not None:
            sizes = now.layers
            means = [sum(x * n for x, n in zip(a, sizes, strict=True)) / sum(sizes)
                     for a in point["activity"]]
            print("  " + " ".join(f"{m.name}={a:.3f}@{p:.2f}" for m, a, p in
                                  zip(now.members, means, point["price"], strict=True)),
                  flush=True)


def build(recipe: WordRecipe, device: torch.device) -> Ensemble:
    """The recipe's networks with their initial weights; on a GPU with bf16 products."""
    gpu = device.type == "cuda"
    kernels = importlib.import_module("models.cells_triton" if gpu else "models.cells")
    return Ensemble(recipe.members, recipe.vocabulary, recipe.layers, recipe.dropout,
                    recipe.embedding_range, device, torch.bfloat16 if gpu else torch.float32,
                    kernels, recipe.chunk)


def train_stage(recipe: WordRecipe, number: int, models: Ensemble, parts: dict[str, Tensor]
                ) -> tuple[Ensemble, dict[str, Any]]:
    """One stage: the networks after it, and its record."""
    stage = recipe.stages[number]
    torch.manual_seed(1000 + number)
    begin = time.perf_counter()
    models, starts = staged(models, stage, recipe.dropout)
    text = streams(parts["train"], recipe.batch)
    trainer = Trainer(models, text, recipe.window, recipe.clip, stage.freeze_embedding)
    updates = measured_updates(trainer, stage)
    trainer.total.zero_()
    progress = Progress(number, trainer, updates, parts["valid"], recipe.window)
    run_stage(trainer, stage, updates, starts, progress, max(1, updates // 20))
    minutes = (time.perf_counter() - begin) / 60
    found = score(models, parts, recipe.window)
    for m in found:
        print(f"{m['name']} sparsity {m['operations']['weight_sparsity']:.3f} activity "
              f"{m['operations']['activity']:.3f} valid {m['valid']['perplexity']:.2f} test "
              f"{m['test']['perplexity']:.2f}", flush=True)
    return models, {"stage": number, "updates": updates, "minutes": minutes,
                    "curve": progress.curve, "epochs": updates * recipe.window / len(text),
                    "members": found}


def train(recipe: WordRecipe, data: Path, out: Path, device: torch.device) -> dict[str, Any]:
    """All stages of a recipe; returns what metrics.json holds."""
    out.mkdir(parents=True, exist_ok=True)
    arrays = np.load(data)
    parts = {k: torch.from_numpy(arrays[k].astype(np.int64)).to(device)
             for k in ("train", "valid", "test")}
    models = build(recipe, device)
    record: dict[str, Any] = {"recipe": asdict(recipe), "torch": torch.__version__, "stages": []}
    first, checkpoint = 0, out / "checkpoint.pt"
    if checkpoint.exists():
        first, record = resume(checkpoint, models)
    for number in range(first, len(recipe.stages)):
        models, found = train_stage(recipe, number, models, parts)
        record["stages"].append(found)
        save(checkpoint, number + 1, models, record)
        (out / "metrics.json").write_text(json.dumps(record, indent=1))
        print(f"stage {number} done, {found['minutes']:.2f} min", flush=True)
    export(models, out)
    return record


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0, or 2 after a clear message."""
    parser = argparse.ArgumentParser(prog="python -m models.train_words", description=__doc__)
    parser.add_argument("name", help="folder under models/ with a recipe.yaml")
    parser.add_argument("--data", type=Path, required=True, help="the prepared corpus (.npz)")
    parser.add_argument("--out", type=Path, help="default: models/NAME/build")
    parser.add_argument("--prepare", action="store_true", help="download and write --data, no more")
    parser.add_argument("--cache", type=Path, default=HERE / "build")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies every stage's minutes")
    options = parser.parse_args(arguments)
    try:
        recipe = load_word_recipe(HERE / options.name / "recipe.yaml")
        if options.prepare:
            corpora.write_arrays(options.data, recipe.corpus, recipe.vocabulary, options.cache)
            return 0
        recipe = replace(recipe, stages=tuple(
            replace(s, minutes=s.minutes * options.scale) for s in recipe.stages))
        train(recipe, options.data, options.out or HERE / options.name / "build",
              torch.device(options.device))
    except (corpora.CorpusError, RecipeError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
