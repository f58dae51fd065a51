"""`models.cells` as one GPU kernel a step; same arguments, same meaning."""
# mypy: ignore-errors

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from models.cells import Step, Units

BLOCK = 512


@triton.jit
def _forward(a, q, bias, rbias, thr, always, h, z, r, g, qg, c, y, sa, sq, s, sy, size,
             N: tl.constexpr, SIZE: tl.constexpr):
    m = tl.program_id(1)
    at = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    ok = at < size
    j = at % N
    wide = (at // N) * (3 * N) + j
    base, b3 = a + m * sa + wide, m * 3 * N + j
    qbase = q + m * sq + wide
    zz = tl.sigmoid(tl.load(base, ok, 0.0).to(tl.float32) + tl.load(bias + b3, ok, 0.0)
                    + tl.load(qbase, ok, 0.0).to(tl.float32) + tl.load(rbias + b3, ok, 0.0))
    rr = tl.sigmoid(tl.load(base + N, ok, 0.0).to(tl.float32) + tl.load(bias + b3 + N, ok, 0.0)
                    + tl.load(qbase + N, ok, 0.0).to(tl.float32)
                    + tl.load(rbias + b3 + N, ok, 0.0))
    qq = tl.load(qbase + 2 * N, ok, 0.0).to(tl.float32) + tl.load(rbias + b3 + 2 * N, ok, 0.0)
    aa = tl.load(base + 2 * N, ok, 0.0).to(tl.float32) + tl.load(bias + b3 + 2 * N, ok, 0.0)
    gg = 2.0 * tl.sigmoid(2.0 * (aa + rr * qq)) - 1.0
    narrow = m * size + at
    hh = tl.load(h + narrow, ok, 0.0)
    cc = zz * hh + (1.0 - zz) * gg
    t = tl.load(thr + m * N + j, ok, 0.0)
    e = tl.maximum(tl.where(cc > t, 1.0, 0.0), tl.load(always + m))
    tl.store(h + narrow, cc - e * t, ok)
    kept = m * s + at
    tl.store(z + kept, zz.to(z.dtype.element_ty), ok)
    tl.store(r + kept, rr.to(r.dtype.element_ty), ok)
    tl.store(g + kept, gg.to(g.dtype.element_ty), ok)
    tl.store(qg + kept, qq.to(qg.dtype.element_ty), ok)
    tl.store(c + kept, cc.to(c.dtype.element_ty), ok)
    tl.store(y + m * sy + at, (e * cc).to(y.dtype.element_ty), ok)


@triton.jit
def _backward(dy, dyn, dh, z, r, g, qg, c, cb, thr, always, support, pull, da, dq, sdy, sdyn, s,
              sd, size, N: tl.constexpr, FIRST: tl.constexpr, LAST: tl.constexpr,
              PULL: tl.constexpr, SIZE: tl.constexpr):
    m = tl.program_id(1)
    at = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    ok = at < size
    j = at % N
    d = tl.load(dy + m * sdy + at, ok, 0.0).to(tl.float32)
    if not LAST:
        d += tl.load(dyn + m * sdyn + at, ok, 0.0).to(tl.float32)
    dhh = tl.load(dh + m * size + at, ok, 0.0)
    kept = m * s + at
    zz = tl.load(z + kept, ok, 0.0).to(tl.float32)
    rr = tl.load(r + kept, ok, 0.0).to(tl.float32)
    gg = tl.load(g + kept, ok, 0.0).to(tl.float32)
    qq = tl.load(qg + kept, ok, 0.0).to(tl.float32)
    cc = tl.load(c + kept, ok, 0.0)
    t = tl.load(thr + m * N + j, ok, 0.0)
    full = tl.load(always + m)
    sup = tl.load(support + m)
    e = tl.maximum(tl.where(cc > t, 1.0, 0.0), full)
    slope = (1.0 - full) * sup * tl.maximum(1.0 - sup * tl.abs(cc - t), 0.0)
    dc = d * (e + cc * slope) + dhh * (1.0 - t * slope)
    if PULL:
        v = cc - t
        far = tl.maximum(1.0 - tl.where(v > 0.0, 0.5 * v, -sup * v), 0.0)
        dc += tl.load(pull + m * N + j, ok, 0.0) * far * (1.0 - full)
    before = tl.zeros_like(cc)
    if not FIRST:
        before = tl.load(cb + kept, ok, 0.0)
        before = before - tl.maximum(tl.where(before > t, 1.0, 0.0), full) * t
    dg = dc * (1.0 - zz) * (1.0 - gg * gg)
    dz = dc * (before - gg) * zz * (1.0 - zz)
    dr = dg * qq * rr * (1.0 - rr)
    tl.store(dh + m * size + at, dc * zz, ok)
    wide = m * sd + (at // N) * (3 * N) + j
    kind = da.dtype.element_ty
    tl.store(da + wide, dz.to(kind), ok)
    tl.store(da + wide + N, dr.to(kind), ok)
    tl.store(da + wide + 2 * N, dg.to(kind), ok)
    tl.store(dq + wide, dz.to(kind), ok)
    tl.store(dq + wide + N, dr.to(kind), ok)
    tl.store(dq + wide + 2 * N, (dg * rr).to(kind), ok)


def forward(a: Tensor, q: Tensor, bias: Tensor, recurrent_bias: Tensor, units: Units, h: Tensor,
            out: Step) -> None:
    """See `models.cells.forward`."""
    models, batch, n = h.shape
    size = batch * n
    _forward[(triton.cdiv(size, BLOCK), models)](
        a, q, bias, recurrent_bias, units.thr, units.always, h, *out, a.stride(0), q.stride(0),
        out.z.stride(0), out.y.stride(0), size, N=n, SIZE=BLOCK)


def backward(dy: Tensor, dy_next: Tensor | None, dh: Tensor, kept: Step, c_before: Tensor | None,
             units: Units, da: Tensor, dq: Tensor) -> None:
    """See `models.cells.backward`."""
    models, batch, n = dh.shape
    size = batch * n
    after = dy if dy_next is None else dy_next
    pull = units.thr if units.pull is None else units.pull
    _backward[(triton.cdiv(size, BLOCK), models)](
        dy, after, dh, kept.z, kept.r, kept.g, kept.qg, kept.c,
        kept.c if c_before is None else c_before, units.thr, units.always, units.support, pull, da,
        dq, dy.stride(0), after.stride(0), kept.z.stride(0), da.stride(0), size, N=n,
        FIRST=c_before is None, LAST=dy_next is None, PULL=units.pull is not None, SIZE=BLOCK)
