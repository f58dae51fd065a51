"""Training and evaluation of an `Ensemble`; on a GPU a whole update is one CUDA graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.activity import EVERY, Steering
from models.ensemble import Ensemble
from models.pruning import scheduled_sparsity


def repeatable(work: Callable[[], None], device: torch.device) -> Callable[[], object]:
    """``work`` itself on a CPU; on a GPU its recorded CUDA graph (``work`` runs three times first,
    so it must leave nothing behind that matters)."""
    if device.type != "cuda":
        return work
    side = torch.cuda.Stream(device)
    side.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream(device).wait_stream(side)
    torch.cuda.synchronize(device)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


@dataclass(frozen=True)
class Stage:
    """One stretch of training for all members.

    minutes: how long (updates are counted off at the speed measured at its start), or
    updates: how many.  rate: learning rate, held for the fraction ``hold``, then cosine down to
    ``rate * floor``.  sparsity: targets; several mean that every member is continued at each.
    ramp: fraction of the updates over which pruning reaches its target.
    dropout_scale: multiplies all the recipe's dropouts (pruned networks overfit less).
    """

    rate: float
    minutes: float = 0.0
    updates: int = 0
    hold: float = 0.6
    floor: float = 0.02
    warmup: int = 50
    sparsity: tuple[float, ...] = (0.0,)
    ramp: float = 0.5
    freeze_embedding: bool = False
    dropout_scale: float = 1.0

    def rate_at(self, update: int, updates: int) -> float:
        """Learning rate of an update counted from 0."""
        if update < self.warmup:
            return self.rate * (update + 1) / self.warmup
        done = max(0.0, update / updates - self.hold) / max(1e-9, 1.0 - self.hold)
        return self.rate * (self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done)))


class Trainer:
    """The optimiser's state and one update as a repeatable piece of work.

    AdamW with beta1 = 0 (the official recipe): no first moment.  Gradients are clipped by each
    member's own norm over all its parameters.
    """

    def __init__(self, models: Ensemble, text: Tensor, window: int, clip: float,
                 freeze_embedding: bool = False, beta: float = 0.999) -> None:
        self.models, self.text, self.window, self.clip, self.beta = models, text, window, clip, beta
        device, count = models.device, len(models.members)
        self.names = [n for n in models.parameters
                      if not (freeze_embedding and n == "embeddings.weight")]
        for name, p in models.parameters.items():
            p.requires_grad_(name in self.names)
        self.second = {n: torch.zeros_like(models.parameters[n]) for n in self.names}
        self.masks = {n: torch.ones_like(models.parameters[n]) for n in models.kernel_names()}
        self.decay = torch.tensor([m.weight_decay for m in models.members], device=device)
        self.rate = torch.zeros((), device=device)
        self.step = torch.zeros((), device=device)
        self.total = torch.zeros(count, device=device)
        self.steering = Steering(models, window * text.shape[1]) if models.steered else None
        self.rows = torch.zeros(window + 1, text.shape[1], dtype=torch.int64, device=device)
        self.state = models.initial_state(text.shape[1])
        self.position, self.counted, self.epochs = 0, 0, 0
        self._replay: Callable[[], object] | None = None

    def _work(self) -> None:
        nll, plan = self.models.window(self.rows, self.state, True)
        loss = nll.mean((1, 2))
        wanted = [self.models.parameters[n] for n in self.names]
        grads = torch.autograd.grad(loss.sum(), wanted)
        with torch.no_grad():
            assert plan.kept is not None
            for y0, kept in zip(self.state, plan.kept, strict=True):
                y0.copy_(kept.y[:, -1])
            self.total += loss.detach()
            if self.steering is not None:
                self.steering.count([kept.step.c for kept in plan.kept])
            self._descend(dict(zip(self.names, grads, strict=True)))

    def _descend(self, grads: dict[str, Tensor]) -> None:
        count = len(self.models.members)
        norm = torch.stack([g.float().flatten(1).square().sum(1) for g in grads.values()])
        scale = (self.clip / (norm.sum(0).sqrt() + 1e-6)).clamp(max=1.0)
        self.step += 1
        correction = 1.0 - self.beta**self.step
        for name, g in grads.items():
            p, v = self.models.parameters[name], self.second[name]
            shape = (count,) + (1,) * (p.ndim - 1)
            g = g.float() * scale.view(shape)
            v.mul_(self.beta).addcmul_(g, g, value=1.0 - self.beta)
            p.mul_(1.0 - self.rate * self.decay.view(shape))
            p.sub_(self.rate * g / ((v / correction).sqrt() + 1e-8))
            if name in self.masks:
                p.mul_(self.masks[name])

    def _saved(self) -> list[Tensor]:
        counts = [] if self.steering is None else [self.steering.events]
        return [*self.models.parameters.values(), *self.second.values(), *self.state, self.step,
                self.total, *counts]

    def update(self, rate: float) -> None:
        """One update on the next window of the text."""
        if self._replay is None:
            before = [t.detach().clone() for t in self._saved()]
            self._replay = repeatable(self._work, self.models.device)
            with torch.no_grad():
                for place, value in zip(self._saved(), before, strict=True):
                    place.copy_(value)
        if self.position + self.window + 1 > len(self.text):
            self.position = int(torch.randint(self.window, (1,)))
            self.epochs += 1
            for y0 in self.state:
                y0.zero_()
        self.rows.copy_(self.text[self.position : self.position + self.window + 1])
        self.rate.fill_(rate)
        self._replay()
        self.position += self.window
        self.counted += 1

    @torch.no_grad()
    def prune(self, sparsities: Sequence[float]) -> None:
        """New masks, global over each member's kernels; padding does not count as pruned."""
        names = self.models.kernel_names()
        flat = torch.cat([self.models.parameters[n].abs().flatten(1) for n in names], 1)
        layers = self.models.layers
        real = sum((i + n) * 3 * n for i, n in zip((layers[-1], *layers), layers, strict=False))
        limits = []
        for row, sparsity in zip(flat, sparsities, strict=True):
            kept = round((1.0 - sparsity) * real)
            smallest = row.numel() - kept
            limits.append(row.sort().values[smallest - 1] if smallest else row.new_tensor(-1.0))
        limit = torch.stack(limits)[:, None, None]
        for name in names:
            p = self.models.parameters[name]
            self.masks[name].copy_(p.abs() > limit)
            p.mul_(self.masks[name])


def run_stage(trainer: Trainer, stage: Stage, updates: int, starts: Sequence[float],
              report: Callable[[int], None], every: int, remask: int = 100) -> None:
    """All updates of a stage; ``starts``: members' sparsities before it; ``report(update)`` is
    called every ``every`` updates."""
    ramp = max(1, int(stage.ramp * updates))
    targets = [m.sparsity for m in trainer.models.members]
    pruning = any(targets)
    if any(starts):
        trainer.prune(starts)
    while trainer.counted < updates:
        trainer.update(stage.rate_at(trainer.counted, updates))
        done = trainer.counted
        if trainer.steering is not None and done % EVERY == 0:
            trainer.steering.steer(stage.rate_at(done - 1, updates) / stage.rate)
        if pruning and done <= ramp and (done % remask == 0 or done == ramp):
            trainer.prune([scheduled_sparsity(done, 0, ramp, target, begin)
                           for target, begin in zip(targets, starts, strict=True)])
        if done % every == 0:
            report(done)


@dataclass
class Scores:
    """What an evaluation found, M models: mean nats a token and its standard error [M]; firing
    rates per layer [M, H]; fraction of unit-steps outside the surrogate's support [M, layers]."""

    tokens: int
    nll: Tensor
    nll_se: Tensor
    rates: list[Tensor]
    backward: Tensor


@torch.no_grad()
def evaluate(models: Ensemble, tokens: Tensor, window: int, columns: int = 1,
             half: torch.dtype = torch.float32, reset: bool = True) -> Scores:
    """Score a text, y carried, h restarting every window unless not ``reset``.

    tokens: [n]; columns: so many parts of it are scored side by side (1: one sequence).
    """
    count, device = len(models.members), models.device
    text = tokens[: 1 + (len(tokens) - 1) // columns * columns]
    steps = (len(text) - 1) // columns
    rows = torch.stack([text[i * steps : (i + 1) * steps + 1] for i in range(columns)], 1)
    state, h = models.initial_state(columns, half), models.initial_state(columns, torch.float32)
    sums = torch.zeros(2, count, dtype=torch.float64, device=device)
    fires = [torch.zeros_like(thr) for thr in models.thresholds]
    quiet = torch.zeros(count, len(fires), device=device)
    static = torch.zeros(window + 1, columns, dtype=torch.int64, device=device)

    def work(part: Tensor = static) -> None:
        if reset:
            for place in h:
                place.zero_()
        nll, plan = models.window(part, state, False, half, h)
        assert plan.kept is not None
        wide = nll.double()
        sums[0] += wide.sum((1, 2))
        sums[1] += wide.square().sum((1, 2))
        for index, (units, kept) in enumerate(zip(models.units, plan.kept, strict=True)):
            above = kept.step.c > units.thr[:, None, None]
            fired = torch.maximum(above.float(), units.always[:, None, None, None])
            fires[index] += fired.sum((1, 2))
            near = (kept.step.c - units.thr[:, None, None]).abs() * units.support[
                :, None, None, None] < 1.0
            real = models.layers[index]
            quiet[:, index] += (~near[..., :real]).float().sum((1, 2, 3)) / real
            state[index].copy_(kept.y[:, -1])

    saved = [*state, *h, sums, *fires, quiet]
    full = steps // window
    replay = None
    for k in range(full):
        if replay is None:
            replay = repeatable(work, device)
            for place in saved:
                place.zero_()
        static.copy_(rows[k * window : (k + 1) * window + 1])
        replay()
    if steps % window:
        work(rows[full * window :])
    total = steps * columns
    mean = sums[0] / total
    error = ((sums[1] / total - mean * mean).clamp(min=0) / total).sqrt()
    rates = [f[:, :n] / total for f, n in zip(fires, models.layers, strict=True)]
    return Scores(total, mean, error, rates, quiet / total)
