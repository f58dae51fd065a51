"""A GPU at batch 1, as a model: the comparison that users ask for, and no more than a roofline.

One token at a time, every stored position of the dense weights crosses the memory bus once, so that
bandwidth bounds the time from below: time = bytes / bandwidth.  Unstructured sparsity saves nothing
there.  Launch overheads, caches that keep weights, and what a framework adds are left out; measured
times are longer.  Bandwidth and board power are from the data sheets.  The single measured point is
an A100 at batch 1 on an EGRU language model, 60 W (Nazeer et al., arXiv 2312.09084): it gives the
low end of the power, as a share of the board's; the board power is the high end.  How many tokens
that measurement's 19.9 ms cover is not published, so that no time was fitted to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neurosim.network.model import Network

#: Share of the board power that batch 1 draws: 60 W of 400 W (arXiv 2312.09084, A100 40 GB).
BATCH_1_SHARE = 60.0 / 400.0
FP32_BYTES = 4


@dataclass(frozen=True)
class Gpu:
    """Data sheet values: memory bandwidth in B/s, board power in W."""

    name: str
    bandwidth: float
    board_w: float


GPUS = (
    Gpu("A100 40 GB", 1.555e12, 400.0),
    Gpu("A100 80 GB", 2.039e12, 400.0),
    Gpu("H100 SXM", 3.35e12, 700.0),
)


def dense_weights(network: Network) -> tuple[int, int]:
    """Positions of all kernels, and of the decoder, stored or not."""
    kernels = sum(3 * layer.units * (layer.inputs + layer.units) for layer in network.layers)
    decoder = 0 if network.decoder_weight is None else int(network.decoder_weight.size)
    return kernels, decoder


def roofline(network: Network, gpu: Gpu, weight_bytes: int = FP32_BYTES) -> dict[str, Any]:
    """Lower bound of the time of a token in seconds, and its energy in joules at both powers."""
    kernels, decoder = dense_weights(network)
    seconds = (kernels + decoder) * weight_bytes / gpu.bandwidth
    low, high = gpu.board_w * BATCH_1_SHARE, gpu.board_w
    return {
        "name": gpu.name, "time_per_token_s": seconds, "power_low_w": low, "power_high_w": high,
        "energy_per_token_low_j": seconds * low, "energy_per_token_high_j": seconds * high,
        "time_recurrent_layers_s": kernels * weight_bytes / gpu.bandwidth,
    }


def comparison(network: Network | None) -> list[dict[str, Any]]:
    """``gpu_model`` of a result: every known GPU, or nothing without a network."""
    return [] if network is None else [roofline(network, gpu) for gpu in GPUS]
