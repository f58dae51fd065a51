"""Several EGRU layers of several models over one window, with the backward pass written out.

Layers run as a wavefront: the window is cut into chunks, and layer l works on chunk k while layer
l + 1 works on chunk k - 1, each layer on its own stream (on a CPU there is one stream and the order
is the same).  A step is one batched matrix product and one element-wise kernel.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models import cells
from models.cells import Step, Units


@dataclass
class Kept:
    """A layer's arrays of one window: inputs x [M, T, B, in], the forward step's Step arrays
    [M, T, B, H], and y with the row of the step before in front [M, T + 1, B, H]."""

    x: Tensor
    step: Step
    y: Tensor

    def at(self, t: int) -> Step:
        """Views of step t."""
        return Step(*(k[:, t] for k in self.step))


@dataclass
class Plan:
    """How a window is computed.

    units: each layer's `Units`.  masks: dropout on each layer's input [M, 1, B, in], or None.
    y0: outputs of the step before [M, B, H].  h: states [M, B, H], advanced in place; None: 0.
    kernels: `models.cells` or `models.cells_triton`.  chunk: steps a layer runs ahead of the next.
    """

    units: Sequence[Units]
    masks: Sequence[Tensor | None]
    y0: Sequence[Tensor]
    h: Sequence[Tensor] | None = None
    kernels: Any = cells
    chunk: int = 0
    half: torch.dtype = torch.float32
    kept: list[Kept] | None = None


class _Wave:
    """One stream a layer, and the order between chunks."""

    def __init__(self, device: torch.device, layers: int, on: bool) -> None:
        self.on = on and device.type == "cuda"
        if self.on:
            self.main = torch.cuda.current_stream(device)
            self.streams = [torch.cuda.Stream(device) for _ in range(layers)]
            for stream in self.streams:
                stream.wait_stream(self.main)

    @contextlib.contextmanager
    def layer(self, index: int, after: Any = None) -> Iterator[None]:
        if not self.on:
            yield
            return
        with torch.cuda.stream(self.streams[index]):
            if after is not None:
                self.streams[index].wait_event(after)
            yield

    def mark(self, index: int) -> Any:
        return self.streams[index].record_event() if self.on else None

    def join(self) -> None:
        if self.on:
            for stream in self.streams:
                self.main.wait_stream(stream)


def _chunks(steps: int, chunk: int) -> list[tuple[int, int]]:
    size = chunk or steps
    return [(t, min(t + size, steps)) for t in range(0, steps, size)]


def _allocate(x: Tensor, plan: Plan) -> list[Kept]:
    models, steps, batch, _ = x.shape
    kept, width = [], x.shape[-1]
    for units, y0 in zip(plan.units, plan.y0, strict=True):
        n = units.thr.shape[-1]
        # bf16 cannot hold 1 - z for z near 1; fp16 has the bits for numbers of this size.
        kind = torch.float16 if plan.half == torch.bfloat16 else plan.half
        half = torch.empty(4, models, steps, batch, n, dtype=kind, device=x.device)
        c = torch.empty(models, steps, batch, n, dtype=units.thr.dtype, device=x.device)
        y = torch.empty(models, steps + 1, batch, n, dtype=plan.half, device=x.device)
        y[:, 0] = y0
        inputs = torch.empty(models, steps, batch, width, dtype=plan.half, device=x.device)
        kept.append(Kept(inputs, Step(half[0], half[1], half[2], half[3], c, y[:, 1:]), y))
        width = n
    return kept


class _Stack(torch.autograd.Function):
    """See `run`; tensors: per layer kernel, recurrent kernel, bias, recurrent bias."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, x: Tensor, *tensors: Tensor) -> Tensor:
        models, steps, batch, _ = x.shape
        layers = [tensors[i : i + 4] for i in range(0, len(tensors), 4)]
        kept = _allocate(x, plan)
        h = plan.h or [torch.zeros_like(y0, dtype=units.thr.dtype)
                       for y0, units in zip(plan.y0, plan.units, strict=True)]
        wave = _Wave(x.device, len(layers), len(layers) > 1 and plan.chunk > 0)
        alive: list[Tensor] = []
        for begin, end in _chunks(steps, plan.chunk):
            source, ready = x[:, begin:end], None
            for index, (kernel, recurrent, bias, rbias) in enumerate(layers):
                keep = kept[index]
                with wave.layer(index, ready):
                    mask = plan.masks[index]
                    keep.x[:, begin:end] = source if mask is None else source * mask
                    rows = keep.x[:, begin:end].reshape(models, -1, keep.x.shape[-1])
                    a = torch.bmm(rows, kernel).view(models, end - begin, batch, -1)
                    for t in range(begin, end):
                        q = torch.bmm(keep.y[:, t], recurrent)
                        plan.kernels.forward(a[:, t - begin], q, bias, rbias, plan.units[index],
                                             h[index], keep.at(t))
                    ready = wave.mark(index)
                alive += [rows, a]
                source = keep.step.y[:, begin:end]
        wave.join()
        ctx.plan, ctx.kept = plan, kept
        ctx.save_for_backward(*tensors)
        plan.kept = kept
        return kept[-1].step.y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        plan, kept, tensors = ctx.plan, ctx.kept, ctx.saved_tensors
        layers = [tensors[i : i + 4] for i in range(0, len(tensors), 4)]
        models, steps, batch, _ = grads[0].shape
        back = [_Back(keep, units) for keep, units in zip(kept, plan.units, strict=True)]
        top = grads[0].contiguous()
        wave = _Wave(top.device, len(layers), len(layers) > 1 and plan.chunk > 0)
        alive: list[Tensor] = []
        dx = torch.empty_like(kept[0].x)
        for begin, end in reversed(_chunks(steps, plan.chunk)):
            dy, ready = top[:, begin:end], None
            for index in reversed(range(len(layers))):
                with wave.layer(index, ready):
                    dy = back[index].chunk(plan, dy, begin, end, *layers[index][:2])
                    if plan.masks[index] is not None:
                        dy = dy * plan.masks[index]
                    if index == 0:
                        dx[:, begin:end] = dy
                    ready = wave.mark(index)
                alive.append(dy)
        found: list[Tensor] = []
        for index in range(len(layers)):
            with wave.layer(index):
                found += back[index].weights()
        wave.join()
        return (None, dx, *found)


class _Back:
    """The backward pass of one layer, chunk by chunk."""

    def __init__(self, keep: Kept, units: Units) -> None:
        models, steps, batch, n = keep.step.z.shape
        self.keep, self.units = keep, units
        self.da, self.dq = torch.empty(2, models, steps, batch, 3 * n, dtype=keep.y.dtype,
                                       device=keep.y.device)
        self.dh = torch.zeros(models, batch, n, dtype=units.thr.dtype, device=keep.y.device)
        self.dy_next: Tensor | None = None

    def chunk(self, plan: Plan, dy: Tensor, begin: int, end: int, kernel: Tensor,
              recurrent: Tensor) -> Tensor:
        """Steps end-1 .. begin; returns the gradient of the layer's input [M, end-begin, B, in]."""
        turned = recurrent.transpose(1, 2)
        for t in range(end - 1, begin - 1, -1):
            before = self.keep.step.c[:, t - 1] if t else None
            plan.kernels.backward(dy[:, t - begin], self.dy_next, self.dh, self.keep.at(t), before,
                                  self.units, self.da[:, t], self.dq[:, t])
            self.dy_next = torch.bmm(self.dq[:, t], turned)
        da = self.da[:, begin:end]
        models, _, batch, width = da.shape
        return torch.bmm(da.reshape(models, -1, width), kernel.transpose(1, 2)).view(
            models, end - begin, batch, -1)

    def weights(self) -> list[Tensor]:
        """Gradients of kernel, recurrent kernel, bias, recurrent bias."""
        models, steps, batch, width = self.da.shape
        da, dq = self.da.view(models, -1, width), self.dq.view(models, -1, width)
        x = self.keep.x.view(models, steps * batch, -1)
        y = self.keep.y[:, :steps].reshape(models, steps * batch, -1)
        full = self.dh.dtype
        return [torch.bmm(x.transpose(1, 2), da), torch.bmm(y.transpose(1, 2), dq),
                da.sum(1, dtype=full), dq.sum(1, dtype=full)]


def run(plan: Plan, x: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """The last layer's outputs [M, T, B, H] for inputs x [M, T, B, in].

    weights: per layer kernel [M, in, 3 H] and recurrent kernel [M, H, 3 H] in ``plan.half``, bias
    and recurrent bias [M, 3 H] in the units' type.  `plan.kept` holds every layer's arrays after.
    """
    return _Stack.apply(plan, x, *weights)
