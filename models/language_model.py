"""Language models around the recurrent layers: tied embedding and decoder, dropout, evaluation.

Parameter names are the official checkpoints': ``embeddings.weight``, ``rnns.{l}.kernel`` and so on,
``decoder.decoder.bias``; the decoder's weight is the embedding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.egru_torch import EGRU, Fire


@dataclass(frozen=True)
class Dropout:
    """Fractions dropped while training: embedding columns, whole words, between layers, recurrent
    weights, before the decoder (the official recipe's five places)."""

    embedding: float = 0.0
    word: float = 0.0
    between: float = 0.0
    recurrent: float = 0.0
    output: float = 0.0


class _Decoder(nn.Module):
    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.decoder = nn.Linear(1, vocabulary)
        del self.decoder.weight  # it is the embedding
        nn.init.zeros_(self.decoder.bias)


class LanguageModel(nn.Module):
    """Embedding, EGRU layers, decoder tied to the embedding (its width is the last layer's)."""

    def __init__(self, vocabulary: int, layers: Sequence[int], fire: Fire, threshold_mean: float,
                 dropout: Dropout, train_thresholds: bool = False,
                 embedding_range: float = 0.1) -> None:
        super().__init__()
        width = layers[-1]
        self.embeddings = nn.Embedding(vocabulary, width)
        nn.init.uniform_(self.embeddings.weight, -embedding_range, embedding_range)
        inputs = [width, *layers[:-1]]
        self.rnns = nn.ModuleList(
            EGRU(n, units, fire, threshold_mean, train_thresholds)
            for n, units in zip(inputs, layers, strict=True))
        self.decoder = _Decoder(vocabulary)
        self.dropout = dropout

    def layers(self) -> list[EGRU]:
        """The recurrent layers, first to last."""
        return [cast(EGRU, rnn) for rnn in self.rnns]

    def initial_state(self, batch: int) -> list[Tensor]:
        """Outputs before the first step: zeros [batch, units] for each layer."""
        weight = self.embeddings.weight
        return [weight.new_zeros(batch, rnn.thr.shape[0]) for rnn in self.layers()]

    def embed(self, tokens: Tensor) -> Tensor:
        """Embedded tokens [..., width], with words and columns dropped while training."""
        table = self.embeddings.weight
        if self.training and self.dropout.word:
            keep = 1.0 - self.dropout.word
            table = table * (torch.rand_like(table[:, :1]) < keep) / keep
        x = functional.embedding(tokens, table)
        return locked_dropout(x, self.dropout.embedding, self.training)

    def forward(self, tokens: Tensor, state: Sequence[Tensor]
                ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """One window.

        Args:
            tokens: [steps, batch] int64.  state: each layer's outputs of the step before.

        Returns:
            The last layer's outputs [steps, batch, width] (dropped out while training), the new
            state, and c of every layer (events are c > thr).
        """
        x = self.embed(tokens)
        after, cells = [], []
        for index, (rnn, y0) in enumerate(zip(self.layers(), state, strict=True)):
            x, c = rnn(x, y0, self.dropout.recurrent)
            after.append(x[-1].detach().clone())
            cells.append(c)
            last = index == len(self.rnns) - 1
            x = locked_dropout(x, self.dropout.output if last else self.dropout.between,
                               self.training)
        return x, after, cells

    def logits(self, y: Tensor) -> Tensor:
        """Scores of the next token [..., vocabulary]."""
        return functional.linear(y, self.embeddings.weight, self.decoder.decoder.bias)


def locked_dropout(x: Tensor, fraction: float, training: bool) -> Tensor:
    """Dropout with one mask for all steps of a window; x is [steps, batch, features]."""
    if not training or not fraction:
        return x
    keep = 1.0 - fraction
    return x * ((torch.rand_like(x[:1]) < keep).to(x.dtype) / keep)


def loss_of(model: LanguageModel, tokens: Tensor, targets: Tensor, state: Sequence[Tensor]
            ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Mean cross entropy in nats over a window; new state; c of every layer."""
    y, after, cells = model(tokens, state)
    scores = model.logits(y).flatten(0, 1)
    return functional.cross_entropy(scores, targets.flatten()), after, cells


@dataclass(frozen=True)
class Evaluation:
    """nll: mean nats a token; activity: fraction of unit-steps with c > thr, per layer;
    backward: fraction of unit-steps where the surrogate derivative is 0, per layer."""

    tokens: int
    nll: float
    nll_se: float
    activity: tuple[float, ...]
    backward: tuple[float, ...]

    @property
    def perplexity(self) -> float:
        """exp of the mean nats a token."""
        return math.exp(self.nll)

    @property
    def bits(self) -> float:
        """Bits a token (a character, for character models)."""
        return self.nll / math.log(2.0)


@torch.no_grad()
def evaluate(model: LanguageModel, tokens: Tensor, window: int, limit: int | None = None,
             reset: bool = True) -> Evaluation:
    """Score one sequence as the simulator does: batch 1, y carried, h restarting each window.

    Args:
        tokens: [n] int64; token t is scored given tokens before it, n - 1 scores in all.
        limit: score at most so many.
        reset: False keeps one window over everything (no restart of h).
    """
    model.eval()
    count = min(len(tokens) - 1, limit or len(tokens))
    span = window if reset else count
    state = model.initial_state(1)
    total, squares = 0.0, 0.0
    fires, quiet = ([0.0] * len(model.rnns) for _ in range(2))
    for start in range(0, count, span):
        stop = min(start + span, count)
        y, state, cells = model(tokens[start:stop, None], state)
        nll = functional.cross_entropy(model.logits(y)[:, 0], tokens[start + 1 : stop + 1],
                                       reduction="none").double()
        total += float(nll.sum())
        squares += float((nll * nll).sum())
        for index, (rnn, c) in enumerate(zip(model.layers(), cells, strict=True)):
            v = c - rnn.thr
            e = torch.ones_like(v) if rnn.fire.always else (v > 0)
            fires[index] += float(e.sum())
            quiet[index] += float((v.abs() * rnn.fire.support >= 1.0).sum())
    mean = total / count
    spread = math.sqrt(max(squares / count - mean * mean, 0.0) / count)
    sizes = [float(count * rnn.thr.shape[0]) for rnn in model.layers()]
    return Evaluation(count, mean, spread,
                      tuple(f / n for f, n in zip(fires, sizes, strict=True)),
                      tuple(f / n for f, n in zip(quiet, sizes, strict=True)))
