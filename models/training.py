"""The training loop that all recipes share: windows of text, pruning, checkpoints that resume.

A run is a sequence of phases; a phase has its updates, learning rate and target sparsity.  All
randomness comes from torch's default generator, whose state is part of the checkpoint, so that a
run killed at any update and resumed ends in the same bits (on the CPU).
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.egru_torch import Fire
from models.language_model import Dropout, LanguageModel, loss_of
from models.pruning import Masks, apply_masks, magnitude_masks, scheduled_sparsity


@dataclass(frozen=True)
class Phase:
    """``updates`` steps: learning rate warmed up over ``warmup``, then cosine from ``rate`` to
    ``rate * floor``; sparsity ramps to ``sparsity`` over the first ``ramp`` of the updates."""

    updates: int
    rate: float
    floor: float = 0.0
    warmup: int = 0
    sparsity: float = 0.0
    ramp: float = 0.5


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a trained network but the text."""

    name: str
    corpus: str
    tokenisation: str
    vocabulary: int
    layers: tuple[int, ...]
    window: int
    batch: int
    phases: tuple[Phase, ...]
    fire: str = "threshold"
    threshold_mean: float = 0.01
    train_thresholds: bool = False
    support: float = 3.6
    embedding_range: float = 0.1
    weight_decay: float = 0.0
    clip: float = 0.1
    betas: tuple[float, float] = (0.0, 0.999)
    dropout: Dropout = Dropout()
    seed: int = 0


@dataclass
class Run:
    """The state of a run, all of which a checkpoint holds."""

    model: LanguageModel
    optimiser: torch.optim.AdamW
    masks: Masks
    state: list[Tensor]
    phase: int = 0
    update: int = 0
    position: int = 0
    seconds: float = 0.0


def build(recipe: Recipe) -> LanguageModel:
    """The recipe's network with its initial weights, drawn from the recipe's seed."""
    torch.manual_seed(recipe.seed)
    fire = Fire(always=recipe.fire == "always", support=recipe.support)
    return LanguageModel(recipe.vocabulary, recipe.layers, fire, recipe.threshold_mean,
                         recipe.dropout, recipe.train_thresholds, recipe.embedding_range)


def decayed(model: LanguageModel) -> tuple[list[Tensor], list[Tensor]]:
    """Trained parameters with weight decay (all but thresholds), and those without."""
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    return ([p for n, p in named if not n.endswith("thr")],
            [p for n, p in named if n.endswith("thr")])


def start(recipe: Recipe, model: LanguageModel) -> Run:
    """A run at its first update; ``model`` decides the device."""
    torch.manual_seed(recipe.seed + 1)
    with_decay, without = decayed(model)
    groups = [{"params": with_decay, "weight_decay": recipe.weight_decay},
              {"params": without, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW([g for g in groups if g["params"]], lr=1e-3, betas=recipe.betas)
    return Run(model, optimiser, {}, model.initial_state(recipe.batch))


def streams(tokens: Tensor, batch: int) -> Tensor:
    """Tokens [n] cut into ``batch`` contiguous columns of equal length: [n // batch, batch]."""
    length = len(tokens) // batch
    return tokens[: length * batch].view(batch, length).t().contiguous()


def learning_rate(phase: Phase, update: int) -> float:
    """The rate at an update of the phase, counted from 0."""
    if update < phase.warmup:
        return phase.rate * (update + 1) / phase.warmup
    done = (update - phase.warmup) / max(1, phase.updates - phase.warmup)
    return phase.rate * (phase.floor + (1 - phase.floor) * 0.5 * (1 + math.cos(math.pi * done)))


def one_update(run: Run, recipe: Recipe, text: Tensor, remask: int = 10) -> float:
    """Train on the next window; returns the window's mean nats a token."""
    phase, window = recipe.phases[run.phase], recipe.window
    if run.position + window + 1 > len(text):
        # A random start moves the windows over the text from epoch to epoch.
        run.position = int(torch.randint(window, (1,)))
        run.state = [torch.zeros_like(y) for y in run.state]
    rows = text[run.position : run.position + window + 1].long()
    run.model.train()
    loss, run.state, _ = loss_of(run.model, rows[:-1], rows[1:], run.state)
    for group in run.optimiser.param_groups:
        group["lr"] = learning_rate(phase, run.update)
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), recipe.clip)
    run.optimiser.step()
    run.position += window
    run.update += 1
    if phase.sparsity:
        ramp = max(1, int(phase.ramp * phase.updates))
        if run.update <= ramp and (run.update % remask == 0 or run.update == ramp):
            wanted = scheduled_sparsity(run.update, 0, ramp, phase.sparsity, _before(recipe, run))
            run.masks = magnitude_masks(run.model, wanted)
        apply_masks(run.model, run.masks)
    return float(loss.detach())


def _before(recipe: Recipe, run: Run) -> float:
    return recipe.phases[run.phase - 1].sparsity if run.phase else 0.0


def train(run: Run, recipe: Recipe, text: Tensor, checkpoint: Path | None = None, every: int = 200,
          report: Callable[[Run, float], None] | None = None,
          phase_done: Callable[[Run], None] | None = None, stop_after: int | None = None) -> Run:
    """Run the remaining phases.

    Args:
        text: `streams` of the training tokens.
        checkpoint: written every ``every`` updates and after each phase.
        report: called every ``every`` updates with the mean loss since the last call.
        phase_done: called after each phase, before the next begins.
        stop_after: return after so many updates (for tests of resuming).
    """
    losses, count, clock = 0.0, 0, 0
    last = time.perf_counter()
    while run.phase < len(recipe.phases):
        while run.update < recipe.phases[run.phase].updates:
            losses, count, clock = losses + one_update(run, recipe, text), count + 1, clock + 1
            if run.update % every == 0:
                now = time.perf_counter()
                run.seconds, last = run.seconds + now - last, now
                if report:
                    report(run, losses / count)
                losses, count = 0.0, 0
                if checkpoint:
                    save(run, checkpoint)
            if stop_after is not None and clock >= stop_after:
                return run
        if phase_done:
            phase_done(run)
        run.phase, run.update = run.phase + 1, 0
        if checkpoint:
            save(run, checkpoint)
    return run


def save(run: Run, path: Path) -> None:
    """Write the whole state of the run; the file appears by rename, never half-written."""
    content: dict[str, Any] = {
        "model": run.model.state_dict(), "optimiser": run.optimiser.state_dict(),
        "masks": run.masks, "state": run.state, "random": torch.get_rng_state(),
        "counters": [run.phase, run.update, run.position], "seconds": run.seconds}
    temporary = path.with_suffix(".part")
    torch.save(content, temporary)
    os.replace(temporary, path)


def resume(run: Run, path: Path) -> Run:
    """Fill ``run`` (from `start` with the same recipe) with a checkpoint's state."""
    content = torch.load(path, weights_only=True)
    run.model.load_state_dict(content["model"])
    run.optimiser.load_state_dict(content["optimiser"])
    run.masks, run.state, run.seconds = content["masks"], content["state"], content["seconds"]
    run.phase, run.update, run.position = content["counters"]
    torch.set_rng_state(content["random"])
    return run
