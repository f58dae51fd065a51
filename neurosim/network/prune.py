"""Variants of a network: fewer weights, other thresholds, the dense-activated twin."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from neurosim.errors import ModelError
from neurosim.network.model import Layer, Network


@dataclass(frozen=True)
class MatrixDensity:
    """Stored weights of one kernel: ``stored`` of ``size`` positions."""

    name: str
    size: int
    stored: int

    @property
    def density(self) -> float:
        return self.stored / self.size


def densities(network: Network) -> list[MatrixDensity]:
    """Per kernel, in the order layer by layer, input kernel before recurrent kernel."""
    return [
        MatrixDensity(f"{layer.name}.{name}", matrix.shape[0] * matrix.shape[1], int(matrix.nnz))
        for layer in network.layers
        for name, matrix in (("kernel", layer.kernel), ("recurrent_kernel", layer.recurrent))
    ]


def prune(network: Network, fraction: float) -> Network:
    """Unstructured magnitude pruning, one threshold over all kernels of all layers.

    Afterwards at least round(fraction * positions) of all kernels' positions are zero, those of
    smallest magnitude (zeros already there count).  Among equal magnitudes the earlier position
    goes first: layer by layer, input kernel before recurrent kernel, row by row.  Biases,
    thresholds, embedding and decoder stay.  As in arXiv 2311.07625 and 2405.00433 ("standard
    unstructured magnitude pruning"), here without fine-tuning.

    Raises:
        ModelError: ``network.prune`` outside [0, 1).
    """
    if not 0.0 <= fraction < 1.0:
        raise ModelError("network.prune", f"{fraction} is no fraction of the weights", "[0, 1)")
    matrices = [m.sorted_indices() for layer in network.layers
                for m in (layer.kernel, layer.recurrent)]
    positions = sum(entry.size for entry in densities(network))
    stored = sum(m.nnz for m in matrices)
    excess = round(fraction * positions) - (positions - stored)
    if excess <= 0:
        return network
    magnitudes = np.concatenate([np.abs(m.data) for m in matrices])
    keep = _keep_largest(magnitudes, stored - excess)
    pruned, start = [], 0
    for matrix in matrices:
        pruned.append(_select(matrix, keep[start : start + matrix.nnz]))
        start += matrix.nnz
    layers = tuple(replace(layer, kernel=pruned[2 * i], recurrent=pruned[2 * i + 1])
                   for i, layer in enumerate(network.layers))
    return replace(network, layers=layers)


def _keep_largest(magnitudes: np.ndarray, count: int) -> np.ndarray:
    """Mask of the ``count`` largest; among equals the later positions stay."""
    drop = magnitudes.size - count
    limit = np.partition(magnitudes, drop - 1)[drop - 1]
    keep = magnitudes > limit
    ties = np.flatnonzero(magnitudes == limit)
    keep[ties[ties.size - (count - int(keep.sum())):]] = True
    return keep


def _select(matrix: sp.csr_array, keep: np.ndarray) -> sp.csr_array:
    before = np.concatenate([[0], np.cumsum(keep)])
    return sp.csr_array((matrix.data[keep], matrix.indices[keep],
                         before[matrix.indptr].astype(matrix.indptr.dtype)), shape=matrix.shape)


def offset_thresholds(
    network: Network, threshold_offset: float = 0.0, reset_offset: float = 0.0
) -> Network:
    """Move all units' firing threshold and, separately, what a firing unit subtracts.

    A unit fires if c > thr + threshold_offset and is reset by thr + reset_offset; thr itself is
    clamped to [0, 1] before.  Offsets replace those that the network had.
    """
    return _with(network, threshold_offset=float(threshold_offset),
                 reset_offset=float(reset_offset))


def with_fire(network: Network, fire: str) -> Network:
    """The same weights with another fire rule.

    ``always`` is the dense-activated twin: every unit sends its c every step, and thresholds and
    offsets become 0, which makes the EGRU a GRU exactly (h = y = c).  ``threshold`` sets the
    layers' rule only.
    """
    if fire == "threshold":
        return _with(network, fire="threshold")
    if fire != "always":
        raise ModelError("network.fire", f"unknown rule {fire!r}", "threshold, always")
    if any(layer.event_levels for layer in network.layers):
        raise ModelError("network.fire", "the model's 8-bit events are unsigned, but units that "
                         "always fire also send negative values", "threshold")
    layers = tuple(
        replace(layer, fire="always", threshold=np.zeros_like(layer.threshold),
                threshold_offset=0.0, reset_offset=0.0) if layer.kind == "egru" else layer
        for layer in network.layers)
    return replace(network, layers=layers)


def with_zoneout(network: Network, zoneout: float) -> Network:
    """The same network with one zoneout probability in all layers."""
    if not 0.0 <= zoneout <= 1.0:
        raise ModelError("network.zoneout", f"{zoneout} is no probability", "[0, 1]")
    return _with(network, zoneout=float(zoneout))


def _with(network: Network, **changes: float | str) -> Network:
    def change(layer: Layer) -> Layer:
        return replace(layer, **changes) if layer.kind == "egru" else layer  # type: ignore[arg-type]

    return replace(network, layers=tuple(change(layer) for layer in network.layers))
