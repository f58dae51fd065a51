"""Units to slices: how many cores each layer gets, and which units share a core.

Expected work of a unit per step, in cycles: the sum over its stored synapses of the source's rate,
times the cost of a synapse, plus the cost of an update.  Receiving is left out: a core takes in
nearly every event of its layer's sources whatever units it holds, so no cut changes that part.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from neurosim.mapping.decoder_cost import (
    dense_cycles,
    lookup_update_cycles,
    product_cycles,
    word_cycles,
)
from neurosim.mapping.fanout import fanout
from neurosim.mapping.formats import GATES, scan_cycles

if TYPE_CHECKING:
    from neurosim.chip.schema import Core
    from neurosim.network.machine import LanguagePlan
    from neurosim.network.model import Layer, Network

#: Fraction of units that fire per step where nothing is known: EGRU language models fire about
#: one in five (arXiv 2206.06178).
DEFAULT_RATE = 0.2
#: Units are scattered over cores freely unless that multiplies deliveries by more than this.
MAX_EXTRA_DELIVERIES = 1.25


def source_rates(network: Network, rates: Sequence[np.ndarray] | None) -> list[np.ndarray]:
    """Mean events per step of the inputs of layer 0 and of each layer's units.

    Args:
        network: layers; a replayed layer's rates are those of its recording.
        rates: None, or one array a layer, or those preceded by one for the inputs.

    Returns:
        One array for the inputs (1.0 where not given: an embedding is dense) and one a layer.
    """
    layers = network.layers
    inputs = np.ones(layers[0].inputs)
    if rates is not None:
        given = [np.asarray(rate, float) for rate in rates]
        given = given if len(given) == len(layers) + 1 else [inputs, *given]
        sizes = [layers[0].inputs, *(layer.units for layer in layers)]
        if [len(rate) for rate in given] != sizes:
            raise ValueError(f"rates have {[len(rate) for rate in given]} entries, "
                             f"expected {sizes}")
        return given
    return [inputs, *(_own_rate(layer) for layer in layers)]


def machine_rates(rates: Sequence[np.ndarray], plan: LanguagePlan, machine: Network
                  ) -> list[np.ndarray]:
    """Rates of the model's inputs and layers as those of its machine network.

    A lookup layer's values are the inputs, and the token that reaches it enters on every step; so
    do all input currents.  Words fire no events: they are offered as candidates.
    """
    inputs, *own = rates
    found = [np.ones(machine.layers[0].inputs)] if plan.lookup_layer or plan.input == "currents" \
        else [inputs]
    found += [inputs, *own] if plan.lookup_layer else own
    if plan.decoder_layer:
        found.append(np.zeros(machine.layers[-1].units))
    return found


def _own_rate(layer: Layer) -> np.ndarray:
    if layer.kind in ("lookup", "decoder"):
        return np.full(layer.units, 1.0 if layer.kind == "lookup" else 0.0)
    if layer.replay is not None and len(layer.replay):
        return (layer.replay != 0).mean(axis=0)
    return np.full(layer.units, 1.0 if layer.fire == "always" else DEFAULT_RATE)


def expected_work(
    layer: Layer, input_rate: np.ndarray, own_rate: np.ndarray, core: Core
) -> np.ndarray:
    """[units] expected cycles per step of each unit (costs: chip file section ``core``)."""
    if layer.kind == "lookup":
        return np.full(layer.units, float(lookup_update_cycles(core) + int(core.send_cycles)))
    if layer.kind == "decoder":
        met = float(input_rate.sum()) if layer.gated else layer.inputs
        products = product_cycles(layer, core, 1000) / 1000 * met
        return np.full(layer.units, products + word_cycles(core))
    per_synapse = float(core.group_cycles) / float(core.lanes)
    if layer.currents:
        input_rate = input_rate * (dense_cycles(core) / per_synapse)
    events, met = np.zeros(3 * layer.units), 0.0
    for kernel, rate in ((layer.kernel, input_rate), (layer.recurrent, own_rate)):
        length = np.diff(kernel.indptr)
        events += np.bincount(kernel.indices, np.repeat(rate, length), minlength=3 * layer.units)
        met += float(rate[length > 0].sum())
    work = events.reshape(3, layer.units).sum(axis=0) * per_synapse
    # Rows that cover all columns of a core: each event costs every unit there alike.
    if core.table_format == "dense":
        work = np.full(layer.units, met * GATES * per_synapse)
    elif core.table_format == "bitmap":
        work += met * GATES * scan_cycles(core)
    return work + float(core.update_cycles)


def share_cores(
    work: Sequence[float], fewest: Sequence[int], most: Sequence[int], cores: int
) -> list[int]:
    """Cores for each layer, in proportion to its work within the bounds.

    Each further core goes to the layer with the most work per core, which minimises the maximum.

    Args:
        work: expected cycles per step by layer.
        fewest: cores that each layer must have; their sum is at most ``cores``.
        most: cores that each layer can use.
        cores: cores to give away; some stay idle where every layer has its most.
    """
    counts = list(fewest)

    def entry(layer: int) -> tuple[float, int]:
        return -work[layer] / counts[layer], layer

    waiting = [entry(n) for n in range(len(work)) if counts[n] < most[n]]
    heapq.heapify(waiting)
    for _ in range(cores - sum(counts)):
        if not waiting:
            break
        layer = waiting[0][1]
        counts[layer] += 1
        if counts[layer] < most[layer]:
            heapq.heapreplace(waiting, entry(layer))
        else:
            heapq.heappop(waiting)
    return counts


def even_slices(units: int, n_slices: int) -> np.ndarray:
    """[units] slice of each unit: runs of consecutive units whose lengths differ by at most 1."""
    return np.arange(units, dtype=np.int64) * n_slices // units


def contiguous_slices(weight: np.ndarray, n_slices: int) -> np.ndarray:
    """[units] slice of each unit: runs of consecutive units of about equal weight, none empty.

    Each run ends at the unit whose middle passes the next equal share of the total.
    """
    units, number = len(weight), np.arange(n_slices)
    middle = np.cumsum(weight) - weight / 2
    start = np.searchsorted(middle, number * (weight.sum() / n_slices))
    # No slice may be empty: starts ascend strictly and leave a unit for each slice that follows.
    start = np.maximum.accumulate(start - number) + number
    start = np.minimum(start, units - n_slices + number)
    start[0] = 0
    return np.searchsorted(start, np.arange(units), side="right") - 1


def scattered_slices(weight: np.ndarray, n_slices: int) -> np.ndarray:
    """[units] slice of each unit: heaviest unit first, each to the lightest slice so far.

    Graham's longest-processing-time rule; the heaviest slice is within 4/3 of the best possible.
    Ties go to the lower number; slices are numbered by their first unit.
    """
    slices = np.empty(len(weight), np.int64)
    lightest = [(0.0, n) for n in range(n_slices)]
    values = weight.tolist()
    for unit in np.argsort(-weight, kind="stable").tolist():
        load, chosen = lightest[0]
        slices[unit] = chosen
        heapq.heapreplace(lightest, (load + values[unit], chosen))
    first = np.full(n_slices, len(weight))
    np.minimum.at(first, slices, np.arange(len(weight)))
    rank = np.empty(n_slices, np.int64)
    rank[np.argsort(first)] = np.arange(n_slices)
    return rank[slices]


def balanced_slices(layer: Layer, weight: np.ndarray, n_slices: int) -> np.ndarray:
    """[units] slice of each unit, balancing ``weight`` [units].

    Units are scattered freely, which balances best, unless neighbouring units share sources so
    that keeping them together saves deliveries (:data:`MAX_EXTRA_DELIVERIES`).
    """
    scattered = scattered_slices(weight, n_slices)
    together = contiguous_slices(weight, n_slices)
    extra = _deliveries(layer, scattered, n_slices) / max(1, _deliveries(layer, together, n_slices))
    return scattered if extra <= MAX_EXTRA_DELIVERIES else together


def _deliveries(layer: Layer, slice_of_unit: np.ndarray, n_slices: int) -> int:
    """Copies delivered if every source fired once."""
    return sum(
        fanout(kernel, slice_of_unit, n_slices).nnz for kernel in (layer.kernel, layer.recurrent)
    )
