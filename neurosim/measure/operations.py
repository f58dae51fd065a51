"""Operations and sparsities: what was computed, against what a dense network would compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from neurosim.image import (
    ROW_CURRENT,
    ROW_DECODER,
    ROW_FORWARD,
    ROW_INPUT,
    ROW_LOOKUP,
    ROW_RECURRENT,
)
from neurosim.measure.facts import Facts
from neurosim.network.model import Layer, Network

#: Row classes of the recurrent layers' own products.
RECURRENT_ROWS = (ROW_INPUT, ROW_FORWARD, ROW_RECURRENT)


def operations(facts: Facts) -> dict[str, int]:
    """``operations`` of the contract: totals over the run (docs/reference/results.md)."""
    counters, network, steps = facts.counters, facts.network, facts.steps
    performed = counters.synaptic_ops.sum(axis=0)
    needed = operations_by_class(facts)
    fired, updated = counters.layer_events[facts.recurrent], counters.layer_updates[facts.recurrent]
    events, updates = int(fired.sum()), int(updated.sum())
    kernels = dense = decoder = decoder_gated = 0
    if network is not None:
        kernels = sum(int(layer.kernel.nnz) for layer in network.layers)
        dense = sum(_positions(layer) for layer in network.layers)
        decoder = steps * _decoder_size(network)
        decoder_gated = _vocabulary(network) * int(fired[-1])
    effective = int(needed.sum())
    return {
        "events": events,
        "synaptic_ops": int(performed[list(RECURRENT_ROWS)].sum()),
        "macs_effective": effective,
        "macs_effective_recurrent": steps * kernels + int(needed[ROW_RECURRENT]),
        "macs_effective_whole": effective + decoder,
        "macs_effective_whole_gated": effective + decoder_gated,
        "macs_dense": steps * dense,
        "macs_dense_whole": steps * dense + decoder,
        "input_macs": int(needed[ROW_INPUT]),
        "decoder_macs": decoder,
        "decoder_macs_gated": decoder_gated,
        "decoder_macs_done": decoder_macs_done(facts),
        "embedding_reads": int(performed[ROW_LOOKUP]),
        "current_adds": int(performed[ROW_CURRENT]),
        "elementwise_macs": 3 * updates,
        "neuron_updates": updates,
    }


def decoder_macs_done(facts: Facts) -> int:
    """Products that the run's decoder made, wherever it was; 0 where none was simulated."""
    network, plan = facts.network, facts.plan
    if network is None or plan.decoder_on is None:
        return 0
    if not plan.gated:
        return facts.steps * _decoder_size(network)
    if plan.decoder_layer:
        return int(facts.counters.synaptic_ops[:, ROW_DECODER].sum())
    return _vocabulary(network) * int(facts.counters.layer_events[facts.recurrent][-1])


def reduction(counts: dict[str, int]) -> dict[str, float | None]:
    """Dense over effective multiply-accumulates, by what one counts as the model."""
    def ratio(dense: str, effective: str) -> float | None:
        return counts[dense] / counts[effective] if counts[effective] else None

    return {
        "recurrent_layers": ratio("macs_dense", "macs_effective"),
        "whole_model": ratio("macs_dense_whole", "macs_effective_whole"),
        "whole_model_gated_decoder": ratio("macs_dense_whole", "macs_effective_whole_gated"),
    }


def sparsity(facts: Facts) -> dict[str, Any]:
    """``sparsity`` of the contract: fractions of zeros; None without layers."""
    counters, network = facts.counters, facts.network
    if network is None or not network.layers:
        return {"weight": None, "activity": None, "activity_per_layer": [],
                "activity_fanout_weighted": None}
    positions = sum(_positions(layer) for layer in network.layers)
    stored = sum(int(layer.kernel.nnz) + int(layer.recurrent.nnz) for layer in network.layers)
    events = counters.layer_events[facts.recurrent]
    updates = counters.layer_updates[facts.recurrent]
    per_layer = [_zeros(int(e), int(u)) for e, u in zip(events, updates, strict=True)]
    by_event = stored - int(network.layers[0].kernel.nnz)
    met = int(operations_by_class(facts).sum()) - int(operations_by_class(facts)[ROW_INPUT])
    return {
        "weight": _zeros(stored, positions),
        "weight_per_layer": [
            _zeros(int(layer.kernel.nnz) + int(layer.recurrent.nnz), _positions(layer))
            for layer in network.layers],
        "activity": _zeros(int(events.sum()), int(updates.sum())),
        "activity_per_layer": per_layer,
        "activity_fanout_weighted": _zeros(met, facts.steps * by_event),
        "input": _zeros(int(facts.entered.sum()), facts.steps * network.layers[0].inputs),
    }


def operations_by_class(facts: Facts) -> np.ndarray:
    """[3] multiply-accumulates by row class (input, forward, recurrent) that the events call for.

    A machine that loses nothing performs exactly these, so they are what the cores counted.  If
    packets were dropped they are counted from the recorded outputs instead, and without a record
    the performed ones stand in as a lower bound.  What the host multiplies out (currents) counts
    as if the cores had; behind an embedding on the chip, the input's events are those of its cores.
    """
    counters = facts.counters
    performed = counters.synaptic_ops.sum(axis=0)[list(RECURRENT_ROWS)]
    if facts.network is not None and (facts.plan.input == "currents" or facts.plan.lookup_layer):
        given = int(_fanout(facts.network.layers[0].kernel) @ facts.entered)
        performed[ROW_FORWARD] -= given if facts.plan.lookup_layer else 0
        performed[ROW_INPUT] = given
    recorded = counters.outputs.size > 0
    if not counters.dropped.any() or not recorded or facts.network is None:
        return performed
    layers = facts.network.layers
    fired = [np.count_nonzero(y, axis=0) for y in layer_outputs(facts)]
    entered = facts.entered
    forward = sum(int(_fanout(layers[i + 1].kernel) @ fired[i]) for i in range(len(layers) - 1))
    recurrent = sum(int(_fanout(layer.recurrent) @ fired[i]) for i, layer in enumerate(layers))
    return np.array([int(_fanout(layers[0].kernel) @ entered), forward, recurrent], np.int64)


def layer_outputs(facts: Facts) -> list[np.ndarray]:
    """Recorded outputs y of each layer, [steps, units] float32; empty without a record."""
    outputs, network = facts.counters.outputs, facts.network
    if outputs.size == 0 or network is None:
        return []
    ends = np.cumsum([layer.units for layer in network.layers])
    return list(np.split(outputs, ends[:-1], axis=1))


def _fanout(kernel: sp.csr_array) -> np.ndarray:
    return np.diff(kernel.indptr).astype(np.int64)


def _positions(layer: Layer) -> int:
    return 3 * layer.units * (layer.inputs + layer.units)


def _vocabulary(network: Network) -> int:
    return 0 if network.decoder_weight is None else int(network.decoder_weight.shape[0])


def _decoder_size(network: Network) -> int:
    return 0 if network.decoder_weight is None else int(network.decoder_weight.size)


def _zeros(nonzero: int, of: int) -> float | None:
    return 1.0 - nonzero / of if of else None
