"""Routing tables: how many key/mask entries each router needs for the multicast trees.

Keys: every slice, and the host, has a block of keys aligned to a power of two; a unit's key is the
block's start plus its place in the slice (``keys: core``: one key a slice).  An entry matches an
aligned power-of-two range of keys and names a set of outputs, links and local cores alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from neurosim.chip.topology import tile_of
from neurosim.errors import MappingError
from neurosim.mapping.fanout import fanout

if TYPE_CHECKING:
    from neurosim.chip.schema import Chip
    from neurosim.mapping.model import Mapping
    from neurosim.network.model import Network


@dataclass(frozen=True)
class TableUse:
    """Routing entries by router, [R] int64 each.

    ``keys``: one entry for every key that passes.  ``routed``: without the keys that go straight
    on, which a router forwards by default.  ``merged``: ranges of keys with the same outputs in
    one entry where the ranges are aligned; this is what must fit.
    """

    keys: np.ndarray
    routed: np.ndarray
    merged: np.ndarray


@dataclass(frozen=True)
class _Sender:
    """Keys of one sender: ``wanted`` [keys, E] CSR, who wants which of the E destinations, cores
    or the host, at ``routers`` [E]."""

    router: int
    routers: np.ndarray
    wanted: sp.csr_array


def table_use(
    network: Network, chip: Chip, mapping: Mapping, markers: bool = False
) -> TableUse:
    """Entries that the events of all units and of the host's inputs need at every router.

    Args:
        markers: count one more key a sender, for end-of-step markers (dataflow).
    """
    arrays = chip.noc_arrays
    total = np.zeros((3, len(arrays.router_xy)), np.int64)
    for sender in _senders(network, chip, mapping):
        if markers:
            sender = _with_key(sender, _union(sender.wanted))
        if sender.wanted.nnz:
            total += _entries(chip, sender)
    return TableUse(*total)


def require_tables_fit(use: TableUse, chip: Chip) -> None:
    """Refuse routers with more entries, after compression, than the chip's tables hold.

    Raises:
        MappingError: naming the fullest router's tile.
    """
    limit = chip.noc.table_entries
    if limit is None or int(use.merged.max()) <= int(limit):
        return
    router = int(np.argmax(use.merged))
    raise MappingError(
        "chip",
        f"the router at tile {tile_of(chip.topology_graph, router)} needs {use.merged[router]} "
        f"routing entries after compression ({use.keys[router]} before) and holds {int(limit)}",
        "mapping.keys core, fewer units, or a larger noc.table_entries",
    )


def _senders(network: Network, chip: Chip, mapping: Mapping) -> Iterator[_Sender]:
    arrays = chip.noc_arrays
    last = len(network.layers) - 1
    members = [[s for s in mapping.slices if s.layer == n] for n in range(last + 1)]
    routers = [arrays.core_router[[s.core for s in group]] for group in members]
    host = np.array([arrays.host_router])
    of_unit = [_slice_of_unit(layer.units, group)
               for layer, group in zip(network.layers, members, strict=True)]

    def reach(kernel: sp.csr_array, n: int) -> sp.csr_array:
        return fanout(kernel, of_unit[n], len(members[n]))

    yield _sender(arrays.host_router, reach(network.layers[0].kernel, 0), routers[0])
    for n, layer in enumerate(network.layers):
        within = reach(layer.recurrent, n)
        if n < last:
            onward, beyond = reach(network.layers[n + 1].kernel, n + 1), routers[n + 1]
        else:
            onward, beyond = sp.csr_array(np.ones((layer.units, 1), np.int64)), host
        both = sp.csr_array(sp.hstack([within, onward], format="csr"))
        ends = np.concatenate([routers[n], beyond])
        for part, router in zip(members[n], routers[n].tolist(), strict=True):
            sender = _sender(router, both[part.units], ends)
            if mapping.keys == "core":
                sender = _Sender(router, sender.routers, _union(sender.wanted))
            yield sender


def _slice_of_unit(units: int, group: list) -> np.ndarray:
    of_unit = np.zeros(units, np.int64)
    for n, part in enumerate(group):
        of_unit[part.units] = n
    return of_unit


def _sender(router: int, reach: sp.csr_array, routers: np.ndarray) -> _Sender:
    """Only the destinations that some key wants."""
    some, column = np.unique(reach.indices, return_inverse=True)
    wanted = sp.csr_array((np.ones(len(column), np.int64), column, reach.indptr),
                          shape=(reach.shape[0], len(some)))
    return _Sender(router, routers[some], wanted)


def _union(wanted: sp.csr_array) -> sp.csr_array:
    """[1, E] one key wanted by all that want any."""
    return sp.csr_array(np.ones((1, wanted.shape[1]), np.int64))


def _with_key(sender: _Sender, key: sp.csr_array) -> _Sender:
    return _Sender(sender.router, sender.routers,
                   sp.csr_array(sp.vstack([sender.wanted, key], format="csr")))


def _entries(chip: Chip, sender: _Sender) -> np.ndarray:
    """[3, R] entries that one sender's keys need (rows as in :class:`TableUse`)."""
    arrays = chip.noc_arrays
    output_router, straight, on_route = _outputs(chip, sender)
    uses = sp.csr_array(sender.wanted @ on_route)  # [keys, outputs], pattern
    keys, routers = uses.shape[0], len(arrays.router_xy)
    key = np.repeat(np.arange(keys), np.diff(uses.indptr))
    # One passage for each (router, key), ascending, with the set of outputs taken there; a random
    # number an output makes the sum over a set its signature.
    place, passage = np.unique(output_router[uses.indices] * keys + key, return_inverse=True)
    number = np.random.default_rng(0).integers(1, 2**62, len(output_router), dtype=np.int64)
    signature = np.zeros(len(place), np.int64)
    np.add.at(signature, passage, number[uses.indices])
    taken = np.bincount(passage)
    default = (taken == 1) & (np.bincount(passage, straight[uses.indices]) == 1)
    router, key = np.divmod(place, keys)
    return np.stack([
        np.bincount(router, minlength=routers),
        np.bincount(router[~default], minlength=routers),
        _merged(router, key, signature, default, keys, routers),
    ])


def _outputs(chip: Chip, sender: _Sender) -> tuple[np.ndarray, np.ndarray, sp.csr_array]:
    """Outputs that the sender's packets may take: links, then one local output a destination.

    Returns:
        [outputs] the router that each belongs to; [outputs] True for a link that goes straight on;
        [E, outputs] CSR pattern, the outputs on each destination's route.
    """
    tree = chip.routes.tree(sender.router, sender.routers)
    parent, ends = tree.parent[1:], len(sender.routers)
    dest, link = np.nonzero(tree.on_route()[:, 1:])
    row = np.concatenate([dest, np.arange(ends)])
    output = np.concatenate([link, len(parent) + np.arange(ends)])
    on_route = sp.csr_array((np.ones(len(row), np.int64), (row, output)),
                            shape=(ends, len(parent) + ends))
    router = np.concatenate([tree.router[parent], sender.routers])
    # A router forwards by default to the side across; only grids have one.
    straight = (tree.port[1:] == tree.port[parent]) & (chip.topology.kind != "file")
    return router, np.concatenate([straight, np.zeros(ends, bool)]), on_route


def _merged(
    router: np.ndarray, key: np.ndarray, signature: np.ndarray, default: np.ndarray, keys: int,
    routers: int,
) -> np.ndarray:
    """[routers] aligned key ranges after joining neighbours with the same outputs.

    Passages come in order of router and key.  Keys that do not pass a router are free to be
    matched, so runs reach over them; the first and the last run of a router reach to the ends of
    the sender's key block.
    """
    block = 1 << (keys - 1).bit_length()
    enters = np.r_[True, router[1:] != router[:-1]]
    leaves = np.r_[enters[1:], True]
    starts = np.flatnonzero(enters | np.r_[True, signature[1:] != signature[:-1]])
    ends = np.r_[starts[1:] - 1, len(key) - 1]
    low = np.where(enters[starts], 0, key[starts])
    high = np.where(leaves[ends], block, key[ends] + 1)
    # A run of passages that go straight on needs no entry, but nothing may reach over it.
    counted = ~default[starts]
    ranges = _aligned_ranges(low[counted], high[counted])
    return np.bincount(router[starts][counted], ranges, routers).astype(np.int64)


def _aligned_ranges(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Fewest aligned power-of-two ranges that make up [low, high), element-wise."""
    low, high = low.copy(), high.copy()
    count = np.zeros(len(low), np.int64)
    while (low < high).any():
        open_low = (low < high) & (low % 2 == 1)
        count += open_low
        low += open_low
        open_high = (low < high) & (high % 2 == 1)
        count += open_high
        high -= open_high
        low, high = low // 2, high // 2
    return count
