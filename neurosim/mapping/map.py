"""A network onto a chip: slices, their cores, and their memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from neurosim.errors import MappingError
from neurosim.mapping.fanout import fanout
from neurosim.mapping.fit import LayerPlan, fitting
from neurosim.mapping.memory import Held
from neurosim.mapping.model import Mapping, MemoryUse, Slice
from neurosim.mapping.partition import expected_work, source_rates
from neurosim.mapping.placement import MAX_SWAP_CORES, place
from neurosim.mapping.reduction import result_parents
from neurosim.mapping.tables import require_tables_fit, table_use
from neurosim.network.machine import LanguagePlan

if TYPE_CHECKING:
    from neurosim.chip.schema import Chip
    from neurosim.network.model import Network

PARTITIONS = ("balanced", "even")
KEYS = ("unit", "core")


def map_network(
    network: Network,
    chip: Chip,
    cores: int | None = None,
    partition: str = "balanced",
    placement: str = "compact",
    cores_per_layer: Sequence[int] | None = None,
    keys: str = "unit",
    buffers: int = 2,
    rates: Sequence[np.ndarray] | None = None,
    seed: int = 0,
    plan: LanguagePlan | None = None,
    spill: bool = False,
) -> Mapping:
    """Map every layer's units to slices and the slices to cores.

    Args:
        cores: cores to use; None takes all usable ones (never more than there are units).
        partition: ``balanced`` evens out expected work within a layer, ``even`` the unit counts.
        placement: ``compact``, ``linear`` or ``random`` (:func:`neurosim.mapping.placement.place`).
        cores_per_layer: cores of each recurrent layer; None shares them by expected work.
        keys: ``unit`` or ``core`` (see :class:`~neurosim.mapping.model.Mapping`).
        buffers: banks of gate sums that each core holds.
        rates: mean events per step of each unit
            (:func:`neurosim.mapping.partition.source_rates`).
        seed: of the random placement.
        plan: of the ends, if ``network`` is a machine's (:mod:`neurosim.network.machine`).
        spill: where the tables do not fit the cores, keep the largest in DRAM.

    Raises:
        MappingError: fewer cores than layers; a layer that does not fit (the message says by how
            many bytes the fullest core is over, and what would do); or a routing table that
            overflows after compression, where the chip file limits them.
    """
    _require_choice("mapping.partition", partition, PARTITIONS)
    _require_choice("mapping.keys", keys, KEYS)
    rate = source_rates(network, rates)
    plan = plan or LanguagePlan()
    dram = {"lookup": plan.embedding_on == "dram", "decoder": plan.decoder_on == "dram"}
    plans = [
        LayerPlan(layer, expected_work(layer, rate[n], rate[n + 1], chip.core), chip.core,
                  Held(buffers, plan.streams, plan.choice.candidates, dram.get(layer.kind, False),
                       rows=2 if chip.dram is None else int(chip.dram.outstanding)),
                  partition)
        for n, layer in enumerate(network.layers)
    ]
    ends = {"lookup": plan.embedding_cores, "decoder": plan.decoder_cores}
    plans, counts = fitting(plans, chip, cores, cores_per_layer, ends, spill)
    slice_of_unit = [each.slices(count) for each, count in zip(plans, counts, strict=True)]
    placed = _place(network, chip, placement, seed, rate, counts, slice_of_unit)
    memory = [use for each, count in zip(plans, counts, strict=True) for use in each.memory(count)]
    slices: list[Slice] = []
    for number, (of_unit, count) in enumerate(zip(slice_of_unit, counts, strict=True)):
        by_slice = np.argsort(of_unit, kind="stable")
        groups = np.split(by_slice, np.cumsum(np.bincount(of_unit, minlength=count))[:-1])
        first = len(slices)
        slices += [Slice(number, int(placed[first + n]), units, memory[first + n].dram > 0)
                   for n, units in enumerate(groups)]
    if any(use.dram for use in memory):
        _require_room(chip, slices, memory)
    mapping = Mapping(tuple(slices), tuple(memory), int(chip.core.data_bytes), keys)
    if chip.noc.table_entries is not None:
        require_tables_fit(table_use(network, chip, mapping), chip)
    return mapping


def _require_room(chip: Chip, slices: Sequence[Slice], memory: Sequence[MemoryUse]) -> None:
    """Tables in DRAM must fit that of their chip.

    Raises:
        MappingError: they do not, or there is none.
    """
    if chip.dram is None:
        raise MappingError("chip.dram", f"{chip.name} has no DRAM", "a chip file with a section "
                           "dram, or nothing on dram")
    arrays, room = chip.noc_arrays, int(chip.dram.bytes)
    on_chip = arrays.router_chip[arrays.core_router[[part.core for part in slices]]]
    taken = np.bincount(on_chip, [use.dram for use in memory])
    if taken.max() > room:
        raise MappingError("chip.dram.bytes", f"tables of {int(taken.max())} bytes are in the DRAM "
                           f"of one chip, which holds {room}", f"{int(taken.max())} or more")


def slice_traffic(
    network: Network, rates: Sequence[np.ndarray], slice_of_unit: Sequence[np.ndarray],
    counts: Sequence[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Expected event copies per step, were each sent on its own.

    Returns:
        [slices, slices] from slice to slice, and [slices] between the host and each slice: the
        inputs of layer 0 and the events of the last layer.
    """
    first = np.concatenate([[0], np.cumsum(counts)])
    traffic = np.zeros((first[-1], first[-1]))
    host = np.zeros(first[-1])
    for n, layer in enumerate(network.layers):
        here = slice(first[n], first[n + 1])
        into = fanout(layer.kernel, slice_of_unit[n], counts[n])
        if n == 0:
            host[here] += _copies(into, rates[0], np.zeros(layer.inputs, np.int64), 1)[0]
        else:
            before = slice(first[n - 1], first[n])
            traffic[before, here] += _copies(into, rates[n], slice_of_unit[n - 1], counts[n - 1])
        within = fanout(layer.recurrent, slice_of_unit[n], counts[n])
        traffic[here, here] += _copies(within, rates[n + 1], slice_of_unit[n], counts[n])
    last = len(network.layers) - 1
    out = slice(first[last], first[last + 1])
    if network.layers[last].kind == "decoder":
        _results(traffic[out, out], host[out])
    else:
        host[out] += np.bincount(slice_of_unit[last], rates[last + 1], counts[last])
    return traffic, host


def _results(traffic: np.ndarray, host: np.ndarray) -> None:
    """One candidate a step up the tree of decoder cores, and from its root to the host."""
    parent = result_parents(len(host))
    traffic[np.arange(1, len(host)), parent[1:]] += 1.0
    host[0] += 1.0


def _copies(
    reach: sp.csr_array, rate: np.ndarray, slice_of_source: np.ndarray, n_slices: int
) -> np.ndarray:
    """[source slices, destination slices] rate-weighted number of non-zero entries of ``reach``."""
    length = np.diff(reach.indptr)
    entry = np.repeat(slice_of_source, length) * reach.shape[1] + reach.indices
    table = np.bincount(entry, np.repeat(rate, length), n_slices * reach.shape[1])
    return table.reshape(n_slices, reach.shape[1])


def _place(
    network: Network, chip: Chip, placement: str, seed: int, rates: list[np.ndarray],
    counts: list[int], slice_of_unit: list[np.ndarray],
) -> np.ndarray:
    traffic = host = None
    if placement == "compact" and chip.usable <= MAX_SWAP_CORES:
        traffic, host = slice_traffic(network, rates, slice_of_unit, counts)
    return place(placement, sum(counts), chip, seed, traffic, host)


def _require_choice(key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise MappingError(key, f"is {value!r}", ", ".join(choices))
