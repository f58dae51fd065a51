"""Word-level language models trained side by side: M models, one batch, one pass.

Small models leave a GPU idle, and a sweep over sparsities wants many of them: every parameter has a
leading axis of M models, products are batched over it, and all models see the same text.  M = 1 is
an ordinary model.  Sizes are padded to what matrix units like; padded units have weights 0 and
threshold 0, so they never fire, get no gradient and stay 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models import cells, stack
from models.cells import Units
from models.language_model import Dropout


@dataclass(frozen=True)
class Member:
    """What may differ between models trained side by side.

    fire: ``threshold``, or ``always`` (thresholds 0: the dense-activated twin, a GRU).
    threshold_mean, weight_decay: steer activity.  support: of the surrogate derivative.
    activity_weight: nats that an activity of 1 would add to the loss, for all units' mean.
    activity_target: mean activity of all units towards which that weight is adapted while training
    (`models.activity`), from ``activity_weight`` on; 0: it stays as it is.
    sparsity: of the kernels at the end of the stage that the member is in.
    """

    name: str
    fire: str = "threshold"
    threshold_mean: float = 0.01
    support: float = 3.6
    weight_decay: float = 0.1
    activity_weight: float = 0.0
    activity_target: float = 0.0
    seed: int = 0
    sparsity: float = 0.0


def padded(size: int) -> int:
    """Size in memory: a multiple of 64 from 128 up, else as it is."""
    return size if size < 128 else -(-size // 64) * 64


class _Gather(torch.autograd.Function):
    """Rows ``tokens`` [T, B] of tables [M, V, E]; the gradient is summed in full precision."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, tokens: Tensor) -> Tensor:
        ctx.save_for_backward(tokens)
        ctx.shape, ctx.kind = table.shape, table.dtype
        return table[:, tokens]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (tokens,) = ctx.saved_tensors
        models, vocabulary, width = ctx.shape
        offset = torch.arange(models, device=tokens.device)[:, None] * vocabulary
        out = grads[0].new_zeros(models * vocabulary, width, dtype=torch.float32)
        out.index_add_(0, (offset + tokens.flatten()).flatten(),
                       grads[0].reshape(-1, width).to(torch.float32))
        return out.view(ctx.shape).to(ctx.kind), None


def _kept(x: Tensor, shape: Sequence[int], fraction: float) -> Tensor:
    keep = 1.0 - fraction
    return (torch.rand(*shape, device=x.device) < keep).to(x.dtype) / keep


class Ensemble:
    """Parameters of M models by their official names, each with a leading axis M.

    Args:
        members: the models.  layers: units of each layer; the last is the embedding's width.
        dropout: as `models.language_model.Dropout`.  half: type of the products.
    """

    def __init__(self, members: Sequence[Member], vocabulary: int, layers: Sequence[int],
                 dropout: Dropout, embedding_range: float = 0.1,
                 device: torch.device | str = "cpu", half: torch.dtype = torch.float32,
                 kernels: Any = cells, chunk: int = 0) -> None:
        self.members, self.layers, self.vocabulary = tuple(members), tuple(layers), vocabulary
        self.dropout, self.half, self.kernels, self.chunk = dropout, half, kernels, chunk
        self.device = torch.device(device)
        drawn = [self._initial(member, embedding_range) for member in members]
        self.parameters = {name: torch.stack([d[name] for d in drawn]).to(self.device)
                           for name in drawn[0]}
        self.thresholds = [self.parameters.pop(f"rnns.{i}.thr") for i in range(len(layers))]
        self.price = torch.tensor([m.activity_weight for m in members], device=self.device)
        self._finish()

    def _finish(self) -> None:
        always = torch.tensor([float(m.fire == "always") for m in self.members],
                              device=self.device)
        support = torch.tensor([m.support for m in self.members], device=self.device)
        self.steered = any(m.activity_weight or m.activity_target for m in self.members)
        self.units = [Units(thr, always, support, torch.zeros_like(thr) if self.steered else None)
                      for thr in self.thresholds]

    def _initial(self, member: Member, embedding_range: float) -> dict[str, Tensor]:
        """Official initialisation of one member, padded: Xavier normal kernels, thresholds
        Beta(3 m / (1 - m), 3), uniform embedding."""
        torch.manual_seed(member.seed)
        width = self.layers[-1]
        wide = padded(width)
        table = torch.zeros(self.vocabulary, wide)
        table[:, :width].uniform_(-embedding_range, embedding_range)
        out = {"embeddings.weight": table, "decoder.decoder.bias": torch.zeros(self.vocabulary)}
        for index, (inputs, n) in enumerate(zip((width, *self.layers), self.layers, strict=False)):
            m = member.threshold_mean
            thr = torch.zeros(padded(n))
            if member.fire != "always":
                thr[:n] = torch.distributions.Beta(3 * m / (1 - m), 3.0).sample((n,))
            key = f"rnns.{index}."
            for name, rows in (("kernel", inputs), ("recurrent_kernel", n)):
                real = torch.nn.init.xavier_normal_(torch.empty(rows, 3 * n))
                full = torch.zeros(padded(rows), 3, padded(n))
                full[:rows, :, :n] = real.view(rows, 3, n)
                out[key + name] = full.view(padded(rows), -1)
            out[key + "bias"] = torch.zeros(3 * padded(n))
            out[key + "recurrent_bias"] = torch.zeros(3 * padded(n))
            out[key + "thr"] = thr
        return out

    def expanded(self, members: Sequence[Member], sources: Sequence[int],
                 dropout: Dropout) -> Ensemble:
        """A new ensemble whose member i starts from this one's member sources[i]."""
        new = object.__new__(Ensemble)
        new.__dict__.update(self.__dict__)
        new.members, new.dropout = tuple(members), dropout
        take = torch.tensor(list(sources), device=self.device)
        new.parameters = {name: p.detach().index_select(0, take)
                          for name, p in self.parameters.items()}
        new.thresholds = [thr.index_select(0, take) for thr in self.thresholds]
        new.price = self.price.index_select(0, take)
        new._finish()
        return new

    def kernel_names(self) -> list[str]:
        """Names of the matrices that are pruned."""
        return [f"rnns.{i}.{k}" for i in range(len(self.layers))
                for k in ("kernel", "recurrent_kernel")]

    def initial_state(self, batch: int, kind: torch.dtype | None = None) -> list[Tensor]:
        """Zeros [M, batch, H] per layer."""
        return [torch.zeros(len(self.members), batch, thr.shape[-1], device=self.device,
                            dtype=kind or self.half) for thr in self.thresholds]

    def window(self, tokens: Tensor, state: Sequence[Tensor], training: bool,
               half: torch.dtype | None = None, h: Sequence[Tensor] | None = None
               ) -> tuple[Tensor, stack.Plan]:
        """Nats of every prediction [M, T, B] for tokens [T + 1, B], and the plan with what the
        layers did; ``state``: outputs of the step before; ``h``: carried states, else 0."""
        half = half or self.half
        models, drop = len(self.members), self.dropout
        table = self.parameters["embeddings.weight"].to(half)
        batch, width = tokens.shape[1], table.shape[-1]
        source = table
        if training and drop.word:
            source = table * _kept(table, (models, self.vocabulary, 1), drop.word)
        x = _Gather.apply(source, tokens[:-1])
        fractions = [drop.embedding] + [drop.between] * (len(self.layers) - 1)
        sizes = [width] + [thr.shape[-1] for thr in self.thresholds[:-1]]
        masks = [_kept(x, (models, 1, batch, n), f) if training and f else None
                 for n, f in zip(sizes, fractions, strict=True)]
        weights: list[Tensor] = []
        for index in range(len(self.layers)):
            p = {k: self.parameters[f"rnns.{index}.{k}"]
                 for k in ("kernel", "recurrent_kernel", "bias", "recurrent_bias")}
            recurrent = functional.dropout(p["recurrent_kernel"], drop.recurrent, training)
            weights += [p["kernel"].to(half), recurrent.to(half), p["bias"], p["recurrent_bias"]]
        plan = stack.Plan(self.units, masks, state, h, self.kernels, self.chunk, half)
        y = stack.run(plan, x, weights)
        if training and drop.output:
            y = y * _kept(y, (models, 1, batch, width), drop.output)
        scores = torch.baddbmm(self.parameters["decoder.decoder.bias"].to(half)[:, None],
                               y.reshape(models, -1, width), table.transpose(1, 2))
        nll = functional.cross_entropy(scores.float().flatten(0, 1),
                                       tokens[1:].flatten().repeat(models), reduction="none")
        return nll.view(models, -1, batch), plan

    def member_arrays(self, index: int) -> dict[str, np.ndarray]:
        """One member's parameters without padding, float32, by official name."""
        out, width = {}, self.layers[-1]
        table = self.parameters["embeddings.weight"][index]
        out["embeddings.weight"] = table[:, :width]
        out["decoder.decoder.bias"] = self.parameters["decoder.decoder.bias"][index]
        for layer, (inputs, n) in enumerate(zip((width, *self.layers), self.layers, strict=False)):
            key = f"rnns.{layer}."
            out[key + "thr"] = self.thresholds[layer][index][:n]
            for name, rows in (("kernel", inputs), ("recurrent_kernel", n)):
                full = self.parameters[key + name][index]
                full = full.view(full.shape[0], 3, -1)[:rows, :, :n]
                out[key + name] = full.reshape(rows, 3 * n)
            for name in ("bias", "recurrent_bias"):
                out[key + name] = self.parameters[key + name][index].view(3, -1)[:, :n].flatten()
        return {name: value.detach().float().cpu().numpy() for name, value in out.items()}
