"""Training on a tiny text: it learns, prunes to its target, and resumes in the same bits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from models import training  # noqa: E402
from models.language_model import Dropout, evaluate  # noqa: E402
from models.pruning import weight_sparsity  # noqa: E402
from models.training import Phase, Recipe  # noqa: E402

RECIPE = Recipe(
    name="tiny", corpus="none", tokenisation="char", vocabulary=7, layers=(12, 8), window=10,
    batch=4, phases=(Phase(120, 1e-2, warmup=5), Phase(80, 5e-3, sparsity=0.6)), clip=1.0,
    threshold_mean=0.1, support=2.0, embedding_range=0.4, betas=(0.9, 0.99), weight_decay=0.01,
    dropout=Dropout(0.05, 0.05, 0.1, 0.1, 0.1))


def text() -> torch.Tensor:
    """A text with something to learn: mostly a cycle of seven, now and then a random letter."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.arange(2000) % 7
    noise = torch.rand(2000, generator=generator) < 0.1
    return torch.where(noise, torch.randint(7, (2000,), generator=generator), tokens)


def fresh() -> training.Run:
    torch.set_num_threads(1)
    return training.start(RECIPE, training.build(RECIPE))


def test_killed_and_resumed_ends_in_the_same_bits(tmp_path: Path) -> None:
    """200 updates over two phases, killed at update 137 with the last checkpoint at 130."""
    columns = training.streams(text(), RECIPE.batch)
    whole = training.train(fresh(), RECIPE, columns)
    path = tmp_path / "checkpoint.pt"
    training.train(fresh(), RECIPE, columns, path, every=10, stop_after=137)
    torch.rand(3)  # whatever ran in between must not matter
    again = training.resume(fresh(), path)
    assert (again.phase, again.update) == (1, 10)
    training.train(again, RECIPE, columns, path, every=10)
    assert whole.phase == again.phase == 2
    for (name, a), b in zip(whole.model.state_dict().items(), again.model.state_dict().values(),
                            strict=True):
        assert torch.equal(a, b), name
    for a, b in zip(whole.state, again.state, strict=True):
        assert torch.equal(a, b)
    assert weight_sparsity(whole.model) == pytest.approx(0.6, abs=1e-3)


def test_it_learns() -> None:
    columns = training.streams(text(), RECIPE.batch)
    run = fresh()
    held = text()[:500]
    before = evaluate(run.model, held, RECIPE.window).nll
    training.train(run, replace(RECIPE, phases=RECIPE.phases[:1]), columns)
    after = evaluate(run.model, held, RECIPE.window)
    assert after.nll < 0.9 * before
    assert all(0.0 < a < 1.0 for a in after.activity)


def test_learning_rate_warms_up_and_falls() -> None:
    phase = Phase(100, 1e-3, floor=0.1, warmup=10)
    rates = [training.learning_rate(phase, k) for k in range(101)]
    assert rates[0] == pytest.approx(1e-4)
    assert max(rates) == pytest.approx(1e-3) and rates[-1] == pytest.approx(1e-4)
    assert all(a >= b for a, b in zip(rates[10:], rates[11:], strict=False))


def test_windows_score_every_token_once() -> None:
    model = training.build(RECIPE)
    scored = evaluate(model, text()[:98], 10)
    assert scored.tokens == 97
    assert evaluate(model, text()[:98], 97).nll == pytest.approx(
        evaluate(model, text()[:98], 10, reset=False).nll, rel=1e-6)
