"""Unstructured magnitude pruning of the recurrent layers' kernels, global over all of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Masks = dict[str, Tensor]


def kernels(model: nn.Module) -> dict[str, nn.Parameter]:
    """The matrices that are pruned, by name: every layer's kernel and recurrent kernel."""
    return {name: p for name, p in model.named_parameters()
            if name.startswith("rnns.") and p.ndim == 2}


def scheduled_sparsity(step: int, begin: int, end: int, target: float, start: float = 0.0) -> float:
    """Sparsity wanted at ``step``: cubic from ``start`` at begin to ``target`` at end.

    The schedule of Zhu and Gupta, arXiv 1710.01878: fast while much is redundant, then slow.
    """
    if step <= begin:
        return start
    if step >= end:
        return target
    left = 1.0 - (step - begin) / (end - begin)
    return target + (start - target) * left**3


@torch.no_grad()
def magnitude_masks(model: nn.Module, sparsity: float) -> Masks:
    """Masks (1 kept, 0 pruned) that zero the smallest round(sparsity * n) of all n weights.

    Weights pruned before are 0 and stay among the smallest, so repeated calls only ever add.
    """
    weights = kernels(model)
    sizes = torch.cat([p.abs().flatten() for p in weights.values()])
    count = round(sparsity * sizes.numel())
    if count == 0:
        return {name: torch.ones_like(p) for name, p in weights.items()}
    kept = torch.ones_like(sizes)
    kept[torch.argsort(sizes, stable=True)[:count]] = 0.0
    parts = kept.split([p.numel() for p in weights.values()])
    return {name: part.view_as(p) for (name, p), part in zip(weights.items(), parts, strict=True)}


@torch.no_grad()
def apply_masks(model: nn.Module, masks: Masks) -> None:
    """Zero the pruned weights in place."""
    for name, parameter in kernels(model).items():
        if name in masks:
            parameter.mul_(masks[name])


def weight_sparsity(model: nn.Module) -> float:
    """Fraction of zeros over all kernels."""
    weights = kernels(model).values()
    return 1.0 - sum(int((p != 0).sum()) for p in weights) / sum(p.numel() for p in weights)
