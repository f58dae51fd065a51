"""Operations counted from weights, inputs and recorded outputs, independently of any engine.

The counting is NeuroBench's (arXiv 2304.04640, its counter for GRU cells): a multiply-accumulate
is effective if its weight and its activation are both non-zero; biases do not count; "dense" sets
every indicator to 1.  Totals are over all steps, and step t's events are counted with their whole
fan-out: into the next layer on step t and into the own layer's gates of step t + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from neurosim.network.model import Network


@dataclass(frozen=True)
class OperationCounts:
    """Totals over the steps; layers only, but for the two decoder figures.

    ``events``: non-zero outputs of units.
    ``synaptic_ops``: stored weights met by those events and by non-zero inputs.
    ``input_macs``: of these, the ones of layer 0's input kernel.
    ``macs_effective``: the same as synaptic_ops, since nothing is ever lost here.
    ``macs_effective_recurrent``: only recurrent products are discounted by activity; every input
    kernel counts all its stored weights on every step, as in the tables of arXiv 2206.06178.
    ``macs_dense``: all positions of all kernels on every step.
    ``elementwise_macs``: r * q_g, (1 - z) * g and z * h, three a unit and step, not in the above.
    ``neuron_updates``: units times steps (``egru`` and ``replay`` layers alike).
    ``decoder_macs``: all positions of the decoder; ``decoder_macs_gated``: non-zero weights met
    by the last layer's events.
    """

    events: int
    synaptic_ops: int
    macs_effective: int
    macs_effective_recurrent: int
    macs_dense: int
    input_macs: int
    elementwise_macs: int
    neuron_updates: int
    decoder_macs: int
    decoder_macs_gated: int


@dataclass(frozen=True)
class Sparsity:
    """Fractions of zeros.

    ``weight``: positions of all kernels without a stored weight.  ``activity``: outputs that are
    zero, over all units and steps (unit-weighted, as the EGRU papers count).
    ``activity_fanout_weighted``: each unit weighted by its stored outgoing weights in own and next
    layer: 1 - what its events met / what they met if all units fired.
    """

    weight: float
    activity: float
    activity_per_layer: tuple[float, ...]
    activity_fanout_weighted: float


def count_operations(
    network: Network, inputs: np.ndarray, outputs: Sequence[np.ndarray]
) -> OperationCounts:
    """Count a run.

    Args:
        inputs: [steps, inputs of layer 0].
        outputs: y of each layer, [steps, units].
    """
    steps = inputs.shape[0]
    layers = network.layers
    fired = [_nonzero_per_column(y) for y in outputs]
    sources = [_nonzero_per_column(inputs), *fired]
    forward = [int(_per_row(layer.kernel) @ sources[index]) for index, layer in enumerate(layers)]
    recurrent = [int(_per_row(layer.recurrent) @ fired[index])
                 for index, layer in enumerate(layers)]
    units = sum(layer.units for layer in layers)
    decoder = np.zeros(layers[-1].units, dtype=np.int64)
    positions = 0
    if network.decoder_weight is not None:
        decoder = np.count_nonzero(network.decoder_weight, axis=0)
        positions = network.decoder_weight.size
    return OperationCounts(
        events=int(sum(counts.sum() for counts in fired)),
        synaptic_ops=sum(forward) + sum(recurrent),
        macs_effective=sum(forward) + sum(recurrent),
        macs_effective_recurrent=steps * sum(int(layer.kernel.nnz) for layer in layers)
        + sum(recurrent),
        macs_dense=steps * sum(3 * layer.units * (layer.inputs + layer.units) for layer in layers),
        input_macs=forward[0],
        elementwise_macs=3 * units * steps,
        neuron_updates=units * steps,
        decoder_macs=steps * positions,
        decoder_macs_gated=int(decoder @ fired[-1]),
    )


def sparsity(network: Network, outputs: Sequence[np.ndarray]) -> Sparsity:
    """Weight and activity sparsity of a run; ``outputs`` as in :func:`count_operations`."""
    layers = network.layers
    positions = sum(3 * layer.units * (layer.inputs + layer.units) for layer in layers)
    stored = sum(layer.kernel.nnz + layer.recurrent.nnz for layer in layers)
    fired = [_nonzero_per_column(y) for y in outputs]
    met = possible = 0
    for index, layer in enumerate(layers):
        fanout = _per_row(layer.recurrent)
        if index + 1 < len(layers):
            fanout = fanout + _per_row(layers[index + 1].kernel)
        met += int(fanout @ fired[index])
        possible += int(fanout.sum()) * outputs[index].shape[0]
    size = sum(y.size for y in outputs)
    return Sparsity(
        weight=1.0 - stored / positions,
        activity=1.0 - sum(int(counts.sum()) for counts in fired) / size,
        activity_per_layer=tuple(1.0 - int(counts.sum()) / y.size
                                 for counts, y in zip(fired, outputs, strict=True)),
        activity_fanout_weighted=1.0 - met / possible if possible else 0.0,
    )


def _nonzero_per_column(array: np.ndarray) -> np.ndarray:
    return np.count_nonzero(array, axis=0).astype(np.int64)


def _per_row(matrix: sp.csr_array) -> np.ndarray:
    return np.diff(matrix.indptr).astype(np.int64)
