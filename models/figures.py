"""Rows of the table of trained models, out of the committed metrics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Row:
    """One trained network.  MACs are millions a token; ``effective`` and ``dense`` are of the
    recurrent layers (input and recurrent kernels), the decoder is beside them, dense and gated by
    the last layer's events.  ``backward`` is None where no unit has a threshold."""

    group: str
    name: str
    parameters: float
    weight_sparsity: float
    activity: float
    backward: float | None
    effective: float
    by_matrices: float
    naive: float
    dense: float
    decoder: float
    decoder_gated: float
    valid: float
    test: float
    test_se: float
    continuous: float
    minutes: float

    @property
    def reduction(self) -> float:
        """Dense over effective MACs of the recurrent layers."""
        return self.dense / self.effective

    @property
    def reduction_whole(self) -> float:
        """Of the whole model with a dense decoder."""
        return (self.dense + self.decoder) / (self.effective + self.decoder)

    @property
    def reduction_gated(self) -> float:
        """Of the whole model whose decoder is gated by the last layer's events."""
        return (self.dense + self.decoder) / (self.effective + self.decoder_gated)


def load(name: str) -> dict[str, Any]:
    """metrics.json of a recipe."""
    return json.loads((HERE / name / "metrics.json").read_text())


def _row(group: str, name: str, member: dict[str, Any], recipe: dict[str, Any],
         minutes: float) -> Row:
    counts, test = member["operations"], member["test"]
    layers = recipe["layers"]
    biases = sum(6 * n for n in layers) + recipe["vocabulary"]
    dense, decoder = counts["dense"] / 1e6, counts["decoder_dense"] / 1e6
    backward = sum(b * n for b, n in zip(member["backward_sparsity"], layers, strict=True))
    return Row(group, name, dense + decoder + biases / 1e6, counts["weight_sparsity"],
               counts["activity"], backward / sum(layers) if member["fire"] != "always" else None,
               counts["effective"] / 1e6, counts["by_matrices"] / 1e6, counts["naive"] / 1e6,
               dense, decoder, counts["decoder_gated"] / 1e6, member["valid"]["perplexity"],
               test["perplexity"], test["perplexity"] * test["nll_se"],
               member["test_continuous"]["perplexity"], minutes)


def large(name: str, group: str, label: str) -> list[Row]:
    """A recipe whose stages are pruned one after the other: a row a stage."""
    metrics, rows, minutes = load(name), [], 0.0
    for stage in metrics["stages"]:
        minutes += stage["minutes"]
        (member,) = stage["members"]
        sparsity = round(100 * member["operations"]["weight_sparsity"])
        rows.append(_row(group, f"{label}, {sparsity} % pruned" if sparsity else f"{label}, dense",
                         member, metrics["recipe"], minutes))
    return rows


def family() -> tuple[list[Row], dict[str, list[Row]]]:
    """The small models by level and sparsity (seed 1), and all seeds of the middle level by
    sparsity."""
    metrics = load("family_256")
    minutes = sum(s["minutes"] for s in metrics["stages"])
    rows: list[Row] = []
    seeds: dict[str, list[Row]] = {}
    for member in metrics["stages"][-1]["members"]:
        name = member["name"]
        row = _row("256/256/128", name, member, metrics["recipe"], minutes)
        if "seed" not in name:
            rows.append(row)
        if name.startswith("middle"):
            seeds.setdefault(name.rsplit("_", 1)[1], []).append(row)
    return rows, seeds


def best_within(rows: Sequence[Row], limit: float, reference: float) -> Row | None:
    """The row of largest reduction (recurrent layers) whose test perplexity is at most
    ``reference * (1 + limit)``."""
    good = [r for r in rows if r.test <= reference * (1 + limit)]
    return max(good, key=lambda r: r.reduction) if good else None
