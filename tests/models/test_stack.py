"""Layers of several models side by side against the single layer."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from models import cells, stack  # noqa: E402
from models.cells import Units  # noqa: E402
from models.egru_torch import Fire, egru_sequence  # noqa: E402
from models.ensemble import Ensemble, Member, padded  # noqa: E402
from models.ensemble_training import Trainer  # noqa: E402
from models.language_model import Dropout  # noqa: E402

KIND = torch.float64
SIZES = (4, 5, 6, 4)
ALWAYS, SUPPORT = (0.0, 1.0, 0.0), (3.6, 1.0, 2.0)


@pytest.mark.parametrize("chunk", [0, 3, 7])
def test_values_and_gradients_are_the_single_layers(chunk: int) -> None:
    torch.manual_seed(0)
    models, steps, batch = 3, 7, 4
    x = torch.randn(models, steps, batch, SIZES[0], dtype=KIND, requires_grad=True)
    weights, units = [], []
    for inputs, n in zip(SIZES, SIZES[1:], strict=False):
        for shape in ((inputs, 3 * n), (n, 3 * n), (3 * n,), (3 * n,)):
            weights.append((torch.randn(models, *shape, dtype=KIND) * 0.6).requires_grad_())
        thr = torch.rand(models, n, dtype=KIND) * 0.3
        thr[1] = 0.0
        units.append(Units(thr, torch.tensor(ALWAYS, dtype=KIND),
                           torch.tensor(SUPPORT, dtype=KIND)))
    y0 = [torch.rand(models, batch, n, dtype=KIND) for n in SIZES[1:]]
    masks = [None, *(torch.rand(models, 1, batch, n, dtype=KIND) for n in SIZES[1:-1])]
    top = torch.randn(models, steps, batch, SIZES[-1], dtype=KIND)
    y = stack.run(stack.Plan(units, masks, y0, kernels=cells, chunk=chunk, half=KIND), x, weights)
    found = torch.autograd.grad((y * top).sum(), [x, *weights])
    total = torch.zeros((), dtype=KIND)
    for m in range(models):
        out = x[m]
        for layer in range(3):
            if masks[layer] is not None:
                out = out * masks[layer][m]
            w = [t[m] for t in weights[4 * layer : 4 * layer + 4]]
            out, _ = egru_sequence(out, y0[layer][m], *w, units[layer].thr[m],
                                   Fire(always=bool(ALWAYS[m]), support=SUPPORT[m]))
        assert torch.allclose(out, y[m], atol=1e-12)
        total = total + (out * top[m]).sum()
    expected = torch.autograd.grad(total, [x, *weights])
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def small_ensemble(*members: Member) -> Ensemble:
    return Ensemble(members, 30, (130, 140, 130), Dropout(0.1, 0.1, 0.1, 0.2, 0.1), 0.3)


def test_padding_stays_zero_and_pruning_counts_without_it() -> None:
    models = small_ensemble(Member("a", threshold_mean=0.1), Member("b", fire="always"))
    torch.manual_seed(1)
    trainer = Trainer(models, torch.randint(30, (200, 4)), 10, 0.1)
    for _ in range(5):
        trainer.update(1e-2)
    wide, real = padded(130), 130
    assert wide > real
    for p in (models.parameters["rnns.0.kernel"].view(2, wide, 3, -1)[:, real:],
              models.parameters["rnns.0.recurrent_kernel"].view(2, wide, 3, -1)[..., real:],
              models.parameters["rnns.0.bias"].view(2, 3, -1)[..., real:],
              models.parameters["embeddings.weight"][..., real:]):
        assert not p.any()
    trainer.prune([0.75, 0.0])
    for index, kept in ((0, 0.25), (1, 1.0)):
        arrays = models.member_arrays(index)
        matrices = [a for n, a in arrays.items() if n.startswith("rnns.") and a.ndim == 2]
        count = sum(int((m != 0).sum()) for m in matrices)
        assert count == round(kept * sum(m.size for m in matrices))


def test_members_do_not_touch_each_other() -> None:
    """A member trained beside another ends where it ends alone (no dropout: masks are drawn for
    all members at once)."""
    ends = []
    for members in ((Member("a", threshold_mean=0.1, seed=3),),
                    (Member("a", threshold_mean=0.1, seed=3), Member("b", fire="always", seed=4))):
        models = Ensemble(members, 30, (24, 16), Dropout(), 0.3)
        torch.manual_seed(1)
        trainer = Trainer(models, torch.randint(30, (200, 4)), 10, 0.1)
        for _ in range(10):
            trainer.update(1e-2)
        ends.append(models.parameters["rnns.1.kernel"][0].detach())
    assert torch.allclose(*ends, atol=1e-6)
