"""EGRU layers for PyTorch: whole sequences with the backward pass written out.

The equations and the parameter layout are those of the official EGRU implementation (EvNN,
Subramoney et al., ICLR 2023, arXiv 2206.06178); gate order z, r, g in the columns of ``kernel``
[inputs, 3 H] and ``recurrent_kernel`` [H, 3 H].  One step:

    a = x W + b;   q = y' R + b_r                        (y': the output of the step before)
    z = sigmoid(a_z + q_z);  r = sigmoid(a_r + q_r);  g = tanh(a_g + r * q_g)
    c = z * h' + (1 - z) * g
    e = [c > thr];  y = e * c;  h = c - e * thr

h restarts at 0 in every window, y is carried.  [.] has the piecewise linear surrogate derivative
s * max(0, 1 - s * |c - thr|), whose integral over c is 1 for every s > 0.

One autograd node covers a window: five arrays are kept instead of some thirty graph nodes a step,
and the weight gradients are one matrix product each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Fire:
    """How a unit fires.

    ``always``: every unit fires with threshold 0, which makes the layer a GRU exactly.
    ``support``: s in the surrogate derivative (1 / width on each side of the threshold).
    ``smooth``: replace the step by the surrogate's integral, so that the backward pass becomes
    the exact gradient; for tests against finite differences only.
    """

    always: bool = False
    support: float = 3.6
    smooth: bool = False


def surrogate(v: Tensor, support: float) -> Tensor:
    """Piecewise linear derivative of the step at v = c - thr; any shape."""
    return support * torch.clamp(1.0 - support * v.abs(), min=0.0)


def surrogate_integral(v: Tensor, support: float) -> Tensor:
    """The function whose derivative is `surrogate`: 0 far below, 1/2 at v = 0, 1 far above."""
    u = torch.clamp(support * v, -1.0, 1.0)
    return 0.5 + u - 0.5 * u * u.abs()


def fired(v: Tensor, fire: Fire) -> Tensor:
    """e for v = c - thr, as 0.0 or 1.0 (smooth: between them)."""
    if fire.always:
        return torch.ones_like(v)
    if fire.smooth:
        return surrogate_integral(v, fire.support)
    return (v > 0).to(v.dtype)


class _Sequence(torch.autograd.Function):
    """One layer over one window; see `egru_sequence`."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, y0: Tensor, recurrent: Tensor, recurrent_bias: Tensor,
                thr: Tensor, fire: Fire) -> tuple[Tensor, Tensor]:
        steps, batch, units = a.shape[0], a.shape[1], thr.shape[0]
        z, r, g, qg, c, y = a.new_empty(6, steps, batch, units).unbind(0)
        q = a.new_empty(batch, 3 * units)
        h, y_before = torch.zeros_like(y0), y0
        for t in range(steps):
            torch.addmm(recurrent_bias, y_before, recurrent, out=q)
            qg[t].copy_(q[:, 2 * units :])
            q[:, : 2 * units] += a[t, :, : 2 * units]
            torch.sigmoid(q[:, :units], out=z[t])
            torch.sigmoid(q[:, units : 2 * units], out=r[t])
            torch.addcmul(a[t, :, 2 * units :], r[t], qg[t], out=g[t]).tanh_()
            torch.lerp(g[t], h, z[t], out=c[t])
            e = fired(c[t] - thr, fire)
            torch.mul(e, c[t], out=y[t])
            h = torch.addcmul(c[t], e, thr, value=-1.0)
            y_before = y[t]
        ctx.save_for_backward(z, r, g, qg, c, y, y0, recurrent, thr)
        ctx.fire = fire
        ctx.mark_non_differentiable(c)
        return y, c

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        z, r, g, qg, c, y, y0, recurrent, thr = ctx.saved_tensors
        dy_out = grads[0]
        steps, batch, units = z.shape
        da = z.new_empty(steps, batch, 3 * units)
        dq = z.new_empty(steps, batch, 3 * units)
        v = c - thr
        e = fired(v, ctx.fire)
        ds = torch.zeros_like(v) if ctx.fire.always else surrogate(v, ctx.fire.support)
        h = torch.addcmul(c, e, thr, value=-1.0)
        dc_dy, dc_dh = torch.addcmul(e, c, ds), torch.addcmul(torch.ones_like(e), thr, ds, value=-1)
        dthr_dh = torch.addcmul(-e, thr, ds)
        dthr = torch.zeros_like(thr)
        dh, dy_next = torch.zeros_like(y0), torch.zeros_like(y0)
        back = recurrent.t()
        for t in range(steps - 1, -1, -1):
            dy = dy_out[t] + dy_next
            dthr += (dh * dthr_dh[t] - dy * c[t] * ds[t]).sum(0)
            dc = torch.addcmul(dy * dc_dy[t], dh, dc_dh[t])
            dg = dc * (1.0 - z[t]) * (1.0 - g[t] * g[t])
            before = h[t - 1] - g[t] if t else -g[t]
            da[t, :, :units] = dc * before * z[t] * (1.0 - z[t])
            da[t, :, units : 2 * units] = dg * qg[t] * r[t] * (1.0 - r[t])
            da[t, :, 2 * units :] = dg
            dq[t, :, : 2 * units] = da[t, :, : 2 * units]
            dq[t, :, 2 * units :] = dg * r[t]
            dh = dc * z[t]
            dy_next = dq[t] @ back
        sent = torch.cat((y0[None], y[:-1])).reshape(-1, units)
        flat = dq.reshape(-1, 3 * units)
        return da, dy_next, sent.t() @ flat, flat.sum(0), dthr, None


def egru_sequence(x: Tensor, y0: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor,
                  recurrent_bias: Tensor, thr: Tensor, fire: Fire) -> tuple[Tensor, Tensor]:
    """One EGRU layer over one window, h starting at 0 (equations above).

    Args:
        x: inputs [steps, batch, inputs];  y0: outputs of the step before [batch, H].
        kernel [inputs, 3 H], recurrent [H, 3 H], bias, recurrent_bias [3 H], thr [H] in [0, 1].

    Returns:
        y [steps, batch, H], differentiable in everything but ``fire``; and c of the same shape,
        from which events are to be counted as c > thr (no gradient).
    """
    a = torch.addmm(bias, x.reshape(-1, x.shape[-1]), kernel).view(*x.shape[:2], -1)
    y, c = _Sequence.apply(a, y0, recurrent, recurrent_bias, thr, fire)
    return y, c


class EGRU(nn.Module):
    """Parameters of one layer under their official names.

    Kernels start Xavier normal, biases at 0, thresholds at Beta(3 m / (1 - m), 3), mean m
    (official initialisation).  Thresholds are frozen unless ``train_thresholds``.
    """

    def __init__(self, inputs: int, units: int, fire: Fire, threshold_mean: float,
                 train_thresholds: bool = False) -> None:
        super().__init__()
        self.fire = fire
        self.kernel = nn.Parameter(nn.init.xavier_normal_(torch.empty(inputs, 3 * units)))
        self.recurrent_kernel = nn.Parameter(nn.init.xavier_normal_(torch.empty(units, 3 * units)))
        self.bias = nn.Parameter(torch.zeros(3 * units))
        self.recurrent_bias = nn.Parameter(torch.zeros(3 * units))
        thr = torch.zeros(units)
        if not fire.always:
            alpha = 3.0 * threshold_mean / (1.0 - threshold_mean)
            thr = torch.distributions.Beta(alpha, 3.0).sample((units,))
        self.thr = nn.Parameter(thr, requires_grad=train_thresholds and not fire.always)

    def forward(self, x: Tensor, y0: Tensor, dropconnect: float = 0.0) -> tuple[Tensor, Tensor]:
        """As `egru_sequence`; ``dropconnect`` drops recurrent weights while training."""
        self.thr.data.clamp_(0.0, 1.0)
        recurrent = nn.functional.dropout(self.recurrent_kernel, dropconnect, self.training)
        return egru_sequence(x, y0, self.kernel, recurrent, self.bias, self.recurrent_bias,
                             self.thr, self.fire)
