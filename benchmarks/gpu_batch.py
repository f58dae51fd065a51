"""A real GPU on the shipped EGRU language model: time, power and energy of a token against batch.

The roofline of ``neurosim.measure.gpu`` is a model; this is the measurement beside it.  Needs torch
with CUDA and ``nvidia-ml-py``.  Every token is generated greedily: embedding, three layers, decoder
over the whole vocabulary, argmax.  Weights are dense (a GPU gains nothing from unstructured zeros)
or, as ``csr``, in cuSPARSE's form.  ``graph`` replays a recorded CUDA graph: no launch overhead;
``eager`` is plain PyTorch.  Energy is the board's own counter over at least ``--seconds``.

    python -m benchmarks.gpu_batch --out figures.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MODEL = Path(__file__).resolve().parents[1] / "models" / "egru_1350" / "weights.safetensors"
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Stack:
    """The language model on a GPU: one call of :meth:`step` generates one token a stream."""

    def __init__(self, network: Any, batch: int, kind: str) -> None:
        import torch

        self.torch, self.kind = torch, kind
        self.dtype = torch.bfloat16 if kind == "bf16" else torch.float32
        self.layers = []
        for layer in network.layers:
            thr = np.clip(layer.threshold.astype(np.float64), 0, 1) + layer.threshold_offset
            self.layers.append((
                self._matrix(layer.kernel.toarray()), self._matrix(layer.recurrent.toarray()),
                *(self._vector(v) for v in (layer.bias, layer.recurrent_bias, thr)),
                float(layer.zoneout), layer.units))
        self.embedding = self._vector(network.embedding).to(self.dtype)
        self.decoder = self.embedding.T.contiguous()
        bias = network.decoder_bias
        self.bias = self._vector(np.zeros(len(network.embedding)) if bias is None else bias)
        self.token = torch.zeros(batch, dtype=torch.long, device="cuda")
        self.h = [torch.zeros(batch, n, device="cuda") for *_, n in self.layers]
        self.y = [torch.zeros(batch, n, device="cuda") for *_, n in self.layers]

    def _vector(self, values: np.ndarray) -> Any:
        return self.torch.tensor(np.asarray(values, np.float32), device="cuda")

    def _matrix(self, dense: np.ndarray) -> Any:
        matrix = self._vector(dense).to(self.dtype)
        return matrix.T.contiguous().to_sparse_csr() if self.kind == "csr" else matrix

    def _product(self, x: Any, matrix: Any) -> Any:
        if self.kind == "csr":
            return (matrix @ x.T).T
        return (x.to(self.dtype) @ matrix).float()

    def step(self) -> None:
        torch = self.torch
        x = self.embedding[self.token].float()
        for i, (kernel, recurrent, bias, rbias, thr, p, n) in enumerate(self.layers):
            a = self._product(x, kernel) + bias
            q = self._product(self.y[i], recurrent) + rbias
            z = torch.sigmoid(a[:, :n] + q[:, :n])
            r = torch.sigmoid(a[:, n: 2 * n] + q[:, n: 2 * n])
            g = torch.tanh(a[:, 2 * n:] + r * q[:, 2 * n:])
            c = z * self.h[i] + (1 - z) * g
            c = p * self.h[i] + (1 - p) * c
            fires = (c > thr).float()
            self.y[i].copy_(fires * c)
            self.h[i].copy_(c - fires * thr)
            x = self.y[i]
        logits = (x.to(self.dtype) @ self.decoder).float() + self.bias
        self.token.copy_(logits.argmax(dim=1))


def recorded(stack: Stack) -> Callable[[], None]:
    """One step as a CUDA graph."""
    torch = stack.torch
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            stack.step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        stack.step()
    return graph.replay


def measured(stack: Stack, run: Callable[[], None], batch: int, seconds: float) -> dict[str, float]:
    """Time and energy of a token, over at least ``seconds``."""
    import pynvml

    torch, device = stack.torch, pynvml.nvmlDeviceGetHandleByIndex(0)
    for _ in range(20):
        run()
    torch.cuda.synchronize()
    begun, steps = time.perf_counter(), 0
    energy = pynvml.nvmlDeviceGetTotalEnergyConsumption(device)
    while time.perf_counter() - begun < seconds:
        for _ in range(50):
            run()
        torch.cuda.synchronize()
        steps += 50
    spent = time.perf_counter() - begun
    joules = (pynvml.nvmlDeviceGetTotalEnergyConsumption(device) - energy) / 1e3
    return {"step_s": spent / steps, "power_w": joules / spent,
            "energy_per_token_j": joules / steps / batch}


def greedy(network: Any, steps: int) -> tuple[list[int], list[int]]:
    """Tokens of the GPU in FP32 and of the functional model, from token 0."""
    from neurosim.network.functional import LayerRunner

    stack, found = Stack(network, 1, "fp32"), []
    for _ in range(steps):
        stack.step()
        found.append(int(stack.token[0]))
    runners, token, expected = [LayerRunner(layer) for layer in network.layers], 0, []
    for _ in range(steps):
        x = network.embedding[[token]].astype(np.float32)
        for runner in runners:
            x = runner.run(x)
        logits = x @ network.embedding.T.astype(np.float32)
        logits = logits if network.decoder_bias is None else logits + network.decoder_bias
        token = int(logits.argmax())
        expected.append(token)
    return found, expected


def main() -> None:
    import pynvml
    import torch

    from neurosim.network import load_model

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    pynvml.nvmlInit()
    torch.set_grad_enabled(False)
    torch.backends.cuda.matmul.allow_tf32 = False
    network = load_model(MODEL)
    found, expected = greedy(network, 50)
    rows = []
    for kind in ("fp32", "bf16", "csr"):
        for form in ("graph", "eager"):
            for batch in BATCHES:
                if form == "eager" and batch not in (1, 16, 256):
                    continue
                stack = Stack(network, batch, kind)
                try:
                    run = recorded(stack) if form == "graph" else stack.step
                except RuntimeError as error:
                    print(f"{kind} {form} {batch}: {error}"[:200])
                    continue
                row = {"weights": kind, "form": form, "batch": batch,
                       **measured(stack, run, batch, arguments.seconds)}
                rows.append(row)
                print(row, flush=True)
    time.sleep(5)
    device = pynvml.nvmlDeviceGetHandleByIndex(0)
    energy = pynvml.nvmlDeviceGetTotalEnergyConsumption(device)
    time.sleep(5)
    idle = (pynvml.nvmlDeviceGetTotalEnergyConsumption(device) - energy) / 5e3
    facts = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__,
             "model": "models/egru_1350/weights.safetensors", "idle_w": idle,
             "greedy_equal": sum(a == b for a, b in zip(found, expected, strict=True)),
             "greedy_steps": len(found)}
    arguments.out.write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")
    print(facts)


if __name__ == "__main__":
    main()
