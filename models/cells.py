"""The element-wise half of an EGRU step, forward and backward, for several models side by side.

Plain PyTorch; `models.cells_triton` has the same two functions as one GPU kernel each.  Arrays of
one step are [models, batch, H] or [models, batch, 3 H], gate order z, r, g; the models' axis may
be strided.  The backward equations are derived in docs/guides/training.md.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Units(NamedTuple):
    """What a layer's units are, per model.

    thr: [models, H] thresholds.  always: [models] 1.0 where every unit fires (with thr 0).
    support: [models] s of the surrogate derivative s * max(0, 1 - s * |c - thr|).
    pull: [models, H] added to the gradient of c, times `reach`: the price of an event in the loss;
    None: none, and nothing is computed for it.
    """

    thr: Tensor
    always: Tensor
    support: Tensor
    pull: Tensor | None = None


class Step(NamedTuple):
    """What a forward step keeps for the backward pass, and its y; each [models, batch, H]."""

    z: Tensor
    r: Tensor
    g: Tensor
    qg: Tensor
    c: Tensor
    y: Tensor


def _fired(c: Tensor, units: Units) -> Tensor:
    above = (c > units.thr[:, None]).to(c.dtype)
    return torch.maximum(above, units.always[:, None, None].to(c.dtype))


def reach(v: Tensor, support: Tensor) -> Tensor:
    """How strongly an activity penalty acts at v = c - thr; any shape, ``support`` broadcast.

    1 at the threshold; below it down to 0 where the surrogate derivative ends, at -1/s; above it
    down to 1/2 at v = 1, which no c reaches, so that no unit that fires is out of reach.
    """
    return torch.clamp(1.0 - torch.where(v > 0.0, 0.5 * v, -support * v), min=0.0)


def forward(a: Tensor, q: Tensor, bias: Tensor, recurrent_bias: Tensor, units: Units, h: Tensor,
            out: Step) -> None:
    """One step; ``a`` = x W and ``q`` = y' R without biases; ``h`` is advanced in place."""
    n = h.shape[-1]
    a = a.to(h.dtype) + bias[:, None]
    q = q.to(h.dtype) + recurrent_bias[:, None]
    z = torch.sigmoid(a[..., :n] + q[..., :n])
    r = torch.sigmoid(a[..., n : 2 * n] + q[..., n : 2 * n])
    g = torch.tanh(a[..., 2 * n :] + r * q[..., 2 * n :])
    c = z * h + (1.0 - z) * g
    e = _fired(c, units)
    h.copy_(c - e * units.thr[:, None])
    for place, value in zip(out, (z, r, g, q[..., 2 * n :], c, e * c), strict=True):
        place.copy_(value)


def backward(dy: Tensor, dy_next: Tensor | None, dh: Tensor, kept: Step, c_before: Tensor | None,
             units: Units, da: Tensor, dq: Tensor) -> None:
    """One step back.

    dy: gradient of y from above; dy_next: from the step after, through the recurrent kernel (None
    at the last step).  ``dh`` is moved one step back in place.  c_before: c of the step before
    (None at the first).  Written: da = dL/da and dq = dL/dq, [models, batch, 3 H].
    """
    n = dh.shape[-1]
    thr, support = units.thr[:, None], units.support[:, None, None]
    always = units.always[:, None, None]
    z, r, g, qg, c = (k.to(dh.dtype) for k in kept[:5])
    if dy_next is not None:
        dy = dy + dy_next
    slope = support * torch.clamp(1.0 - support * (c - thr).abs(), min=0.0) * (1.0 - always)
    dc = dy * (_fired(c, units) + c * slope) + dh * (1.0 - thr * slope)
    if units.pull is not None:
        dc = dc + units.pull[:, None] * reach(c - thr, support) * (1.0 - always)
    before = torch.zeros_like(c)
    if c_before is not None:
        before = c_before.to(c.dtype)
        before = before - _fired(before, units) * thr
    dg = dc * (1.0 - z) * (1.0 - g * g)
    dz = dc * (before - g) * z * (1.0 - z)
    dr = dg * qg * r * (1.0 - r)
    for target, last in ((da, dg), (dq, dg * r)):
        target[..., :n], target[..., n : 2 * n], target[..., 2 * n :] = dz, dr, last
    dh.copy_(dc * z)
