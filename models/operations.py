"""Multiply-accumulates a token of a trained network, from its weights and its units' firing rates.

Counted as NeuroBench does for gated cells: a product counts where the weight is not 0 and its
source is not 0.  Biases and the few element-wise products a unit are left out.  For an EGRU every
source fires in steps independent of the weights, so the mean over tokens is exactly the sum over
sources of firing rate times stored weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def operations(arrays: Mapping[str, np.ndarray], rates: Sequence[np.ndarray]) -> dict[str, float]:
    """Counts a token.

    Args:
        arrays: parameters by official name.  rates: fraction of steps in which each unit of each
            layer fires, [H] a layer.

    Returns:
        ``dense`` (all layers, every indicator 1), ``effective`` (input and recurrent kernels, by
        non-zero weight and firing source; the first layer's input, the embedding, is dense),
        ``effective_recurrent`` (recurrent kernels so, input kernels by non-zero weight only, as in
        the tables of Subramoney et al.), ``by_matrices`` (sum over matrices of size x density x
        mean activity of the source), ``naive`` (dense x density x mean activity), ``decoder_dense``
        and ``decoder_gated`` (by the last layer's events).
    """
    out = dict.fromkeys(("dense", "effective", "effective_recurrent", "by_matrices"), 0.0)
    stored, source = 0, np.ones(arrays["rnns.0.kernel"].shape[0])
    for index, rate in enumerate(rates):
        for name, firing in (("kernel", source), ("recurrent_kernel", rate)):
            weights = arrays[f"rnns.{index}.{name}"] != 0
            rows = weights.sum(1)
            stored += int(rows.sum())
            out["dense"] += weights.size
            out["effective"] += float(rows @ firing)
            out["by_matrices"] += weights.size * float(weights.mean()) * float(firing.mean())
            out["effective_recurrent"] += float(rows @ firing if name != "kernel" else rows.sum())
        source = rate
    units = sum(len(rate) for rate in rates)
    activity = sum(float(rate.sum()) for rate in rates) / units
    vocabulary = arrays["embeddings.weight"].shape[0]
    out["naive"] = out["dense"] * (stored / out["dense"]) * activity
    out["activity"] = activity
    out["weight_sparsity"] = 1.0 - stored / out["dense"]
    out["decoder_dense"] = float(arrays["embeddings.weight"].size)
    out["decoder_gated"] = vocabulary * float(rates[-1].sum())
    return out
