"""Magnitude pruning and its schedule."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from models.egru_torch import Fire  # noqa: E402
from models.language_model import Dropout, LanguageModel  # noqa: E402
from models.pruning import (  # noqa: E402
    apply_masks,
    kernels,
    magnitude_masks,
    scheduled_sparsity,
    weight_sparsity,
)


def model() -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(11, (10, 8), Fire(), 0.1, Dropout())


def test_schedule_is_cubic_between_its_ends() -> None:
    assert scheduled_sparsity(0, 10, 110, 0.8) == 0.0
    assert scheduled_sparsity(110, 10, 110, 0.8) == scheduled_sparsity(999, 10, 110, 0.8) == 0.8
    assert scheduled_sparsity(60, 10, 110, 0.8) == pytest.approx(0.8 - 0.8 / 8)
    assert scheduled_sparsity(60, 10, 110, 0.9, 0.8) == pytest.approx(0.9 - 0.1 / 8)


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.85, 1.0])
def test_the_smallest_of_all_kernels_go(sparsity: float) -> None:
    net = model()
    sizes = torch.cat([p.detach().abs().flatten() for p in kernels(net).values()])
    apply_masks(net, magnitude_masks(net, sparsity))
    left = torch.cat([p.detach().abs().flatten() for p in kernels(net).values()])
    count = round(sparsity * sizes.numel())
    assert int((left == 0).sum()) == count
    assert weight_sparsity(net) == pytest.approx(count / sizes.numel())
    if 0 < count < sizes.numel():
        assert left[left > 0].min() >= sizes.sort().values[count - 1]


def test_pruning_only_ever_adds() -> None:
    net = model()
    apply_masks(net, magnitude_masks(net, 0.4))
    before = {n: p.detach() == 0 for n, p in kernels(net).items()}
    apply_masks(net, magnitude_masks(net, 0.7))
    for name, p in kernels(net).items():
        assert (p[before[name]] == 0).all()
