"""A GPU at batch 1 and beyond, as a model: a roofline of memory and arithmetic, and no more.

One step of B streams reads every stored position of the dense weights once, and makes two floating
point operations for each and stream, so that

    time of a step = max(weight bytes / bandwidth, 2 B weights / peak)

bounds it from below; a stream's tokens come a step apart.  Unstructured sparsity saves nothing.
Launch overheads, caches that keep weights, and what a framework adds are left out; measured times
are longer.  Power grows with the share u of the peak that is used,

    power = low + (board - low) u,     u = 2 B weights / (peak x time)

between what batch 1 draws and the board's power.  Bandwidth, peak and board power are from the data
sheets.  The single published measurement is an A100 at batch 1 on an EGRU language model, 60 W
(Nazeer et al., arXiv 2312.09084): it gives ``low``, as a share of the board's power.  How many
tokens that measurement's 19.9 ms cover is not published, so that no time was fitted to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neurosim.network.model import Network

#: Share of the board power that batch 1 draws: 60 W of 400 W (arXiv 2312.09084, A100 40 GB).
BATCH_1_SHARE = 60.0 / 400.0
FP32_BYTES = 4
#: Batches at which results state the model.
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True)
class Gpu:
    """Data sheet values: memory bandwidth in B/s, board power in W, peaks in operations/s: of FP32
    without tensor cores, and of BF16 with them (dense)."""

    name: str
    bandwidth: float
    board_w: float
    peak: float
    bf16_peak: float

    def at(self, numbers: str) -> tuple[float, int]:
        """(peak, bytes a weight) of a numbers' format, ``fp32`` or ``bf16``."""
        return (self.peak, FP32_BYTES) if numbers == "fp32" else (self.bf16_peak, FP32_BYTES // 2)


GPUS = (
    Gpu("A100 40 GB", 1.555e12, 400.0, 19.5e12, 312e12),
    Gpu("A100 80 GB", 2.039e12, 400.0, 19.5e12, 312e12),
    Gpu("H100 SXM", 3.35e12, 700.0, 67e12, 989e12),
)
#: Numbers' formats that results compare with.
NUMBERS = ("fp32", "bf16")


def dense_weights(network: Network) -> tuple[int, int]:
    """Positions of all kernels, and of the decoder, stored or not."""
    kernels = sum(3 * layer.units * (layer.inputs + layer.units) for layer in network.layers)
    decoder = 0 if network.decoder_weight is None else int(network.decoder_weight.size)
    return kernels, decoder


def step_s(weights: int, gpu: Gpu, batch: int = 1, numbers: str = "fp32") -> float:
    """Lower bound of the time of a step of ``batch`` streams, seconds."""
    peak, weight_bytes = gpu.at(numbers)
    return max(weights * weight_bytes / gpu.bandwidth, 2.0 * batch * weights / peak)


def power_w(weights: int, gpu: Gpu, batch: int = 1, numbers: str = "fp32") -> float:
    """Power at a batch, between the measured share of the board's at batch 1 and the board's."""
    low = gpu.board_w * BATCH_1_SHARE

    def used(streams: int) -> float:
        seconds = step_s(weights, gpu, streams, numbers)
        return 2.0 * streams * weights / gpu.at(numbers)[0] / seconds if seconds else 0.0

    # The measurement is of batch 1: what that uses of the peak is in it already.
    first = used(1)
    share = (used(batch) - first) / (1.0 - first) if first < 1.0 else 1.0
    return low + (gpu.board_w - low) * share


def energy_per_token_j(
    weights: int, gpu: Gpu, batch: int = 1, numbers: str = "fp32"
) -> float:
    """Energy of one token of one of ``batch`` streams, joules."""
    return power_w(weights, gpu, batch, numbers) * step_s(weights, gpu, batch, numbers) / batch


def break_even(weights: int, gpu: Gpu, joules: float, numbers: str = "fp32",
               most: int = 2**20) -> int | None:
    """Smallest batch from which on a token takes the GPU no more energy than ``joules``; None if
    no batch up to ``most`` does.  Energy per token falls with the batch."""
    def cheap(batch: int) -> bool:
        return energy_per_token_j(weights, gpu, batch, numbers) <= joules

    if not cheap(most):
        return None
    low, high = 0, most  # not cheap at low (or 0), cheap at high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if cheap(middle) else (middle, high)
    return high


def roofline(network: Network, gpu: Gpu) -> dict[str, Any]:
    """The model for one GPU: a token at batch 1 in FP32, at both powers, and over batches."""
    kernels, decoder = dense_weights(network)
    weights = kernels + decoder
    seconds = step_s(weights, gpu)
    low, high = gpu.board_w * BATCH_1_SHARE, gpu.board_w
    return {
        "name": gpu.name, "time_per_token_s": seconds, "power_low_w": low, "power_high_w": high,
        "energy_per_token_low_j": seconds * low, "energy_per_token_high_j": seconds * high,
        "time_recurrent_layers_s": step_s(kernels, gpu),
        "batches": [{
            "numbers": numbers, "batch": batch,
            "time_per_step_s": step_s(weights, gpu, batch, numbers),
            "power_w": power_w(weights, gpu, batch, numbers),
            "energy_per_token_j": energy_per_token_j(weights, gpu, batch, numbers),
        } for numbers in NUMBERS for batch in BATCHES],
    }


def comparison(network: Network | None, joules: float | None = None) -> list[dict[str, Any]]:
    """``gpu_model`` of a result: every known GPU, or nothing without a network.

    Args:
        joules: energy of a token on the chip, for the batch from which on the GPU takes less.
    """
    if network is None:
        return []
    weights = sum(dense_weights(network))
    return [{**roofline(network, gpu),
             "break_even_batch": {
                 numbers: None if joules is None else break_even(weights, gpu, joules, numbers)
                 for numbers in NUMBERS}}
            for gpu in GPUS]
