"""The price of events: its gradient, its absence, and that it holds activity at a target."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from models import activity, cells, stack, train_words  # noqa: E402
from models.activity import EVERY, Steering  # noqa: E402
from models.cells import Units  # noqa: E402
from models.egru_torch import surrogate_integral  # noqa: E402
from models.ensemble import Ensemble, Member  # noqa: E402
from models.ensemble_training import Stage, Trainer, evaluate, run_stage  # noqa: E402
from models.language_model import Dropout  # noqa: E402

KIND = torch.float64
SIZES = (3, 4, 5)


def smooth_count(v: torch.Tensor, support: torch.Tensor) -> torch.Tensor:
    """The integral of `cells.reach` from far below."""
    below = (1.0 + support * v.clamp(max=0.0)).clamp(min=0.0).square() / (2.0 * support)
    above = v.clamp(0.0, 2.0)
    return below + above - above * above / 4.0


def test_reach_is_the_derivative_of_a_smooth_count() -> None:
    v = torch.linspace(-1.5, 1.5, 3001, dtype=KIND)
    for support in (1.0, 3.6):
        s = torch.tensor(support, dtype=KIND)
        numeric = torch.gradient(smooth_count(v, s), spacing=(v,))[0]
        assert torch.allclose(numeric[1:-1], cells.reach(v, s)[1:-1], atol=support * 1e-3)
    assert float(cells.reach(torch.zeros(()), torch.ones(()))) == 1.0


@pytest.mark.parametrize("chunk", [0, 2])
def test_gradient_against_finite_differences(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the surrogate's integral as fire function, the backward pass is the exact gradient of
    the outputs' loss plus price times smooth count, for two members of different prices."""
    def smooth(c: torch.Tensor, units: Units) -> torch.Tensor:
        return surrogate_integral(c - units.thr[:, None], units.support[:, None, None])

    monkeypatch.setattr(cells, "_fired", smooth)
    torch.manual_seed(0)
    models, steps, batch = 2, 5, 2
    x = torch.randn(models, steps, batch, SIZES[0], dtype=KIND)
    tensors, units = [x], []
    for inputs, n in zip(SIZES, SIZES[1:], strict=False):
        for shape in ((inputs, 3 * n), (n, 3 * n), (3 * n,), (3 * n,)):
            tensors.append(torch.randn(models, *shape, dtype=KIND) * 0.6)
        units.append(Units(torch.rand(models, n, dtype=KIND) * 0.3, torch.zeros(models, dtype=KIND),
                           torch.tensor([2.0, 1.2], dtype=KIND),
                           torch.tensor([[0.7], [-0.4]], dtype=KIND).expand(models, n).clone()))
    y0 = [torch.rand(models, batch, n, dtype=KIND) for n in SIZES[1:]]
    top = torch.randn(models, steps, batch, SIZES[-1], dtype=KIND)

    def loss(values: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        plan = stack.Plan(units, [None, None], y0, kernels=cells, chunk=chunk, half=KIND)
        task = (stack.run(plan, values[0], values[1:]) * top).sum()
        assert plan.kept is not None
        price = sum((u.pull[:, None, None]
                     * smooth_count(k.step.c - u.thr[:, None, None],
                                    u.support[:, None, None, None])).sum()
                    for u, k in zip(units, plan.kept, strict=True))
        return task, price

    values = [t.clone().requires_grad_() for t in tensors]
    found = torch.autograd.grad(loss(values)[0], values)
    for t, gradient in zip(tensors, found, strict=True):
        turn = torch.randn(t.shape, dtype=KIND)
        ends = []
        for sign in (1.0, -1.0):
            moved = [v + sign * 1e-6 * turn if v is t else v for v in tensors]
            ends.append(float(sum(loss(moved))))
        assert float((gradient * turn).sum()) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)


def text() -> torch.Tensor:
    """Sequences [T, 8] with something to learn: a cycle of 11, and a random letter now and then,
    so that events never become worthless."""
    generator = torch.Generator().manual_seed(0)
    cycle = (torch.arange(4000)[:, None] + torch.arange(8)) % 11
    noise = torch.rand(4000, 8, generator=generator) < 0.25
    return torch.where(noise, torch.randint(11, (4000, 8), generator=generator), cycle)


def trained(*members: Member, updates: int, rate: float = 2e-3) -> tuple[Ensemble, Trainer]:
    torch.set_num_threads(1)
    models = Ensemble(members, 11, (24, 16), Dropout(0.1, 0.0, 0.1, 0.1, 0.1), 0.3)
    torch.manual_seed(1)
    trainer = Trainer(models, text(), 12, 0.1)
    stage = Stage(rate=rate, updates=updates, warmup=5, hold=0.9)
    run_stage(trainer, stage, updates, [0.0] * len(members), lambda done: None, updates)
    return models, trainer


def test_no_price_is_no_change_at_all() -> None:
    """Members without a weight train in the same bits alone and beside one that has a target."""
    plain = Member("a", threshold_mean=0.1, support=2.0, seed=3)
    other = replace(plain, name="b")
    alone, trainer = trained(plain, other, updates=2 * EVERY + 3)
    assert trainer.steering is None and all(u.pull is None for u in alone.units)
    beside, trainer = trained(plain, replace(other, activity_target=0.05), updates=2 * EVERY + 3)
    assert trainer.steering is not None
    for name, p in alone.parameters.items():
        assert torch.equal(p[0], beside.parameters[name][0]), name
    assert not torch.equal(alone.parameters["rnns.0.bias"][1], beside.parameters["rnns.0.bias"][1])
    assert beside.price[0] == 0.0 and beside.price[1] != 0.0


def test_activity_reaches_its_targets_and_keeps_them_while_pruned(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three levels side by side, then half of the weights pruned away; prices move faster here,
    as the run is short."""
    monkeypatch.setattr(activity, "INTEGRAL", 0.15)
    monkeypatch.setattr(activity, "SMALL", 1.0)
    targets = (0.45, 0.3, 0.15)
    members = tuple(Member(f"m{t}", threshold_mean=0.1, support=2.0, weight_decay=0.1, seed=1,
                           activity_target=t) for t in targets)
    models, _ = trained(*members, updates=1500)
    pruned, starts = train_words.staged(models, Stage(rate=2e-3, sparsity=(0.5,)), Dropout())
    assert torch.equal(pruned.price, models.price)
    trainer = Trainer(pruned, text(), 12, 0.1)
    stage = Stage(rate=2e-3, warmup=5, floor=0.1, hold=0.8)
    run_stage(trainer, stage, 1200, starts, lambda done: None, 1200)
    for found in (models, pruned):
        rates = evaluate(found, text()[:600, 0], 12).rates
        mean = torch.cat(rates, 1).mean(1)
        for value, target in zip(mean.tolist(), targets, strict=True):
            assert value == pytest.approx(target, abs=0.05)


def test_a_fixed_weight_stays_and_lowers_activity() -> None:
    member = Member("a", threshold_mean=0.1, support=2.0, weight_decay=0.01, seed=1)
    models, _ = trained(member, replace(member, activity_weight=3.0), updates=600)
    rates = torch.cat(evaluate(models, text()[:600, 0], 12).rates, 1).mean(1)
    assert rates[1] < 0.7 * rates[0]
    assert models.price.tolist() == [0.0, 3.0]


def test_counted_events_are_those_of_the_windows() -> None:
    member = Member("a", threshold_mean=0.1, activity_target=0.5)
    models = Ensemble((member,), 11, (16, 130), Dropout(), 0.3)
    steering = Steering(models, 2 * 3)
    states = [torch.randn(1, 2, 3, n) for n in (16, 192)]
    states[1][..., 130:] = 0.0
    steering.count(states)
    expected = sum(int((c > u.thr[:, None, None]).sum())
                   for c, u in zip(states, models.units, strict=True)) / (6 * 146)
    assert float(steering.events) == pytest.approx(expected)
    for units, real in zip(models.units, (16, 130), strict=True):
        steering.set_price(torch.ones(1))
        assert torch.all(units.pull[:, :real] > 0) and not units.pull[:, real:].any()
