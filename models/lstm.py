"""The LSTM baseline: PyTorch's own layers between the same tied embedding and decoder."""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.ensemble_training import Stage
from models.export import write_weights
from models.language_model import Dropout, locked_dropout


class LSTMModel(nn.Module):
    """Embedding, one LSTM a layer, decoder tied to the embedding."""

    def __init__(self, vocabulary: int, layers: tuple[int, ...], dropout: Dropout) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(vocabulary, layers[-1])
        nn.init.uniform_(self.embeddings.weight, -0.1, 0.1)
        self.rnns = nn.ModuleList(nn.LSTM(i, n) for i, n in
                                  zip((layers[-1], *layers[:-1]), layers, strict=True))
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.dropout = dropout

    def forward(self, tokens: Tensor, state: list[Any]) -> tuple[Tensor, list[Any]]:
        """Scores [T, B, vocabulary] for tokens [T, B]; the new states (h, c) of each layer."""
        x = locked_dropout(self.embeddings(tokens), self.dropout.embedding, self.training)
        after = []
        for index, rnn in enumerate(self.rnns):
            x, (h, c) = rnn(x, state[index])
            after.append((h.detach(), c.detach()))
            last = index == len(self.rnns) - 1
            x = locked_dropout(x, self.dropout.output if last else self.dropout.between,
                               self.training)
        return functional.linear(x, self.embeddings.weight, self.bias), after


@torch.no_grad()
def score(model: LSTMModel, tokens: Tensor, window: int, columns: int) -> float:
    """Mean nats a token, states carried through; the text in ``columns`` parts side by side."""
    model.eval()
    steps = (len(tokens) - 1) // columns
    rows = torch.stack([tokens[i * steps : (i + 1) * steps + 1] for i in range(columns)], 1)
    state: list[Any] = [None] * len(model.rnns)
    total = 0.0
    for t in range(0, steps, window):
        part = rows[t : min(t + window, steps) + 1]
        scores, state = model(part[:-1], state)
        total += float(functional.cross_entropy(scores.flatten(0, 1), part[1:].flatten(),
                                                reduction="sum"))
    return total / (steps * columns)


def train(text: Tensor, parts: dict[str, Tensor], vocabulary: int, layers: tuple[int, ...],
          dropout: Dropout, stage: Stage, window: int = 70, clip: float = 0.1,
          weight_decay: float = 0.02, seed: int = 1) -> tuple[LSTMModel, dict[str, Any]]:
    """Train for the stage's minutes or updates; the model and its metrics."""
    torch.manual_seed(seed)
    model = LSTMModel(vocabulary, layers, dropout).to(text.device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=stage.rate, betas=(0.0, 0.999),
                                  weight_decay=weight_decay)
    begin, done, position = time.perf_counter(), 0, 0
    state: list[Any] = [None] * len(layers)
    while True:
        spent = (time.perf_counter() - begin) / 60
        part = done / stage.updates if stage.updates else spent / stage.minutes
        if part >= 1.0:
            break
        if position + window + 1 > len(text):
            position, state = int(torch.randint(window, (1,))), [None] * len(layers)
        rows = text[position : position + window + 1]
        model.train()
        scores, state = model(rows[:-1], state)
        loss = functional.cross_entropy(scores.flatten(0, 1), rows[1:].flatten())
        for group in optimiser.param_groups:
            group["lr"] = _rate(stage, part)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        position, done = position + window, done + 1
    found = {k: score(model, parts[k], window, 10) for k in ("valid", "test")}
    return model, {"updates": done, "minutes": (time.perf_counter() - begin) / 60,
                   "parameters": sum(p.numel() for p in model.parameters()),
                   **{k: {"nll": v, "perplexity": math.exp(v)} for k, v in found.items()}}


def _rate(stage: Stage, part: float) -> float:
    return stage.rate_at(stage.warmup + int(1e6 * part), stage.warmup + 1_000_000)


def main() -> None:
    """``python -m models.lstm family_256 --data corpus.npz --out FOLDER --minutes 3``."""
    from models.train_words import HERE, load_word_recipe
    from models.training import streams

    parser = argparse.ArgumentParser(prog="python -m models.lstm", description=__doc__)
    parser.add_argument("name", help="recipe whose corpus, sizes and dropout are used")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    recipe = load_word_recipe(HERE / options.name / "recipe.yaml")
    arrays = np.load(options.data)
    parts = {k: torch.from_numpy(arrays[k].astype(np.int64)).to(options.device)
             for k in ("train", "valid", "test")}
    stage = Stage(rate=2e-3, minutes=options.minutes, hold=0.5, floor=0.02)
    model, metrics = train(streams(parts["train"], recipe.batch), parts, recipe.vocabulary,
                           recipe.layers, recipe.dropout, stage, recipe.window, recipe.clip)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "lstm.json").write_text(json.dumps(metrics, indent=1))
    write_weights(options.out / "lstm.safetensors",
                  {k: v.detach().float().cpu().numpy() for k, v in model.state_dict().items()},
                  np.float16)
    print(metrics)


if __name__ == "__main__":
    main()
