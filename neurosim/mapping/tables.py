"""Routing tables: how many key/mask entries each router needs for the multicast trees.

Keys: every slice, and the host, has a block of keys aligned to a power of two; a unit's key is the
block's start plus its place in the slice (``keys: core``: one key a slice).  An entry matches an
aligned power-of-two range of keys and names a set of outputs, links and local cores alike.
Where that overflows a router, entries of all senders are merged (``covering.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from neurosim.chip.topology import tile_of
from neurosim.errors import MappingError
from neurosim.mapping.covering import Entries, cover, from_ranges
from neurosim.mapping.fanout import fanout
from neurosim.mapping.reduction import result_parents

if TYPE_CHECKING:
    from neurosim.chip.schema import Chip
    from neurosim.mapping.model import Mapping
    from neurosim.network.model import Network


@dataclass(frozen=True)
class TableUse:
    """Routing entries by router, [R] int64 each.

    ``keys``: one entry for every key that passes.  ``routed``: without the keys that go straight
    on, which a router forwards by default.  ``merged``: ranges of keys with the same outputs in
    one entry where the ranges are aligned.  ``covered``: entries of all senders merged where they
    have the same outputs (:mod:`neurosim.mapping.covering`); this is what must fit.
    """

    keys: np.ndarray
    routed: np.ndarray
    merged: np.ndarray
    covered: np.ndarray


@dataclass(frozen=True)
class _Sender:
    """Keys of one sender: ``wanted`` [keys, E] CSR, who wants which of the E destinations ``ends``
    (cores, -1: the host) at ``routers`` [E]."""

    router: int
    routers: np.ndarray
    ends: np.ndarray
    wanted: sp.csr_array


@dataclass(frozen=True)
class _Passages:
    """Keys of one sender at the routers that they pass, in the order of router and key."""

    router: np.ndarray
    key: np.ndarray
    signature: np.ndarray  # stands for the set of outputs taken
    default: np.ndarray  # goes straight on
    keys: int  # of the sender

    @property
    def block(self) -> int:
        """Size of the sender's block of keys."""
        return 1 << (self.keys - 1).bit_length()


def table_use(
    network: Network, chip: Chip, mapping: Mapping, markers: bool = False,
    compress: bool = False, fullest: bool = False,
) -> TableUse:
    """Entries that the events of all units and of the host's inputs need at every router.

    Args:
        markers: count one more key a sender, for end-of-step markers (dataflow).
        compress: look for the smallest ``covered`` everywhere; otherwise only at routers whose
            ``merged`` is beyond the chip's limit, and elsewhere it is ``merged``.
        fullest: look for it at the router with the most ``merged`` entries, too.
    """
    routers = len(chip.noc_arrays.router_xy)
    total = np.zeros((3, routers), np.int64)
    if chip.noc.multicast == "unicast":  # packets name their destination: nothing is looked up
        return TableUse(total[0], total[1], total[2], total[2].copy())
    passing = []
    for sender in _senders(network, chip, mapping):
        if markers:
            sender = _with_key(sender, _union(sender.wanted))
        if sender.wanted.nnz:
            passages = _passages(chip, sender)
            passing.append(passages)
            total += _entries(passages, routers)
    limit = chip.noc.table_entries
    covered = total[2].copy()
    over = np.full(routers, compress) if limit is None else compress | (covered > int(limit))
    if fullest:
        over[covered.argmax()] = True
    for router in np.flatnonzero(over).tolist():
        covered[router] = min(covered[router], len(cover(routing_table(passing, router))))
    return TableUse(total[0], total[1], total[2], covered)


def routing_table(passing: Sequence[_Passages], router: int) -> Entries:
    """The key/mask entries of one router before they are covered, senders' blocks one after the
    other, and the keys that pass by default."""
    low, high, outputs = [], [], []
    start = 0
    for sender in passing:
        start = -(-start // sender.block) * sender.block
        at = sender.router == router
        if at.any():
            runs = _runs(sender.key[at], sender.signature[at], sender.default[at], sender.block)
            low.append(start + runs[0])
            high.append(start + runs[1])
            outputs.append(np.where(runs[3], -1, runs[2]))
        start += sender.block
    bits = max(1, (max(1, start) - 1).bit_length())
    empty = np.zeros(0, np.int64)
    out = np.concatenate([empty, *outputs])
    _, number = np.unique(out, return_inverse=True)
    return from_ranges(np.concatenate([empty, *low]), np.concatenate([empty, *high]),
                       np.where(out == -1, -1, number), bits)


def _runs(key: np.ndarray, signature: np.ndarray, default: np.ndarray, block: int
          ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ranges [low, high) of one sender's keys at one router, their outputs, and which go straight
    on; ranges that need an entry reach over keys that never pass."""
    starts = np.flatnonzero(np.r_[True, signature[1:] != signature[:-1]])
    last = np.r_[starts[1:] - 1, len(key) - 1]
    straight = default[starts]
    low, high = key[starts].copy(), key[last] + 1
    if not straight[0]:
        low[0] = 0
    if not straight[-1]:
        high[-1] = block
    return low, high, signature[starts], straight


def require_tables_fit(use: TableUse, chip: Chip) -> None:
    """Refuse routers with more entries, after compression, than the chip's tables hold.

    Raises:
        MappingError: naming the fullest router's tile.
    """
    limit = chip.noc.table_entries
    if limit is None or int(use.covered.max()) <= int(limit):
        return
    router = int(np.argmax(use.covered))
    raise MappingError(
        "chip",
        f"the router at tile {tile_of(chip.topology_graph, router)} needs {use.covered[router]} "
        f"routing entries after compression ({use.keys[router]} before) and holds {int(limit)}",
        "mapping.keys core, fewer units, or a larger noc.table_entries",
    )


def _senders(network: Network, chip: Chip, mapping: Mapping) -> Iterator[_Sender]:
    arrays = chip.noc_arrays
    last = len(network.layers) - 1
    members = [[s for s in mapping.slices if s.layer == n] for n in range(last + 1)]
    cores = [np.array([s.core for s in group]) for group in members]
    routers = [arrays.core_router[group] for group in cores]
    host, at_host = np.array([-1]), np.array([arrays.host_router])
    of_unit = [_slice_of_unit(layer.units, group)
               for layer, group in zip(network.layers, members, strict=True)]

    def reach(kernel: sp.csr_array, n: int) -> sp.csr_array:
        return fanout(kernel, of_unit[n], len(members[n]))

    yield _sender(arrays.host_router, reach(network.layers[0].kernel, 0), routers[0], cores[0])
    for n, layer in enumerate(network.layers):
        if layer.kind == "decoder":
            yield from _result_senders(cores[n], routers[n], arrays.host_router)
            continue
        within = reach(layer.recurrent, n)
        if n < last:
            onward = reach(network.layers[n + 1].kernel, n + 1)
            beyond, there = cores[n + 1], routers[n + 1]
        else:
            onward = sp.csr_array(np.ones((layer.units, 1), np.int64))
            beyond, there = host, at_host
        both = sp.csr_array(sp.hstack([within, onward], format="csr"))
        ends, at = np.concatenate([cores[n], beyond]), np.concatenate([routers[n], there])
        for part, router in zip(members[n], routers[n].tolist(), strict=True):
            sender = _sender(router, both[part.units], at, ends)
            if mapping.keys == "core":
                sender = replace(sender, wanted=_union(sender.wanted))
            yield sender


def _result_senders(
    cores: np.ndarray, routers: np.ndarray, host_router: int
) -> Iterator[_Sender]:
    """A decoder core has one key: its candidates go to its parent in the tree, or to the host."""
    to_one = sp.csr_array(np.ones((1, 1), np.int64))
    for n, parent in enumerate(result_parents(len(cores)).tolist()):
        end, at = (-1, host_router) if parent < 0 else (cores[parent], routers[parent])
        yield _sender(int(routers[n]), to_one, np.array([at]), np.array([end]))


def _slice_of_unit(units: int, group: list) -> np.ndarray:
    of_unit = np.zeros(units, np.int64)
    for n, part in enumerate(group):
        of_unit[part.units] = n
    return of_unit


def _sender(router: int, reach: sp.csr_array, routers: np.ndarray, ends: np.ndarray) -> _Sender:
    """Only the destinations that some key wants."""
    some, column = np.unique(reach.indices, return_inverse=True)
    wanted = sp.csr_array((np.ones(len(column), np.int64), column, reach.indptr),
                          shape=(reach.shape[0], len(some)))
    return _Sender(router, routers[some], ends[some], wanted)


def _union(wanted: sp.csr_array) -> sp.csr_array:
    """[1, E] one key wanted by all that want any."""
    return sp.csr_array(np.ones((1, wanted.shape[1]), np.int64))


def _with_key(sender: _Sender, key: sp.csr_array) -> _Sender:
    return replace(sender, wanted=sp.csr_array(sp.vstack([sender.wanted, key], format="csr")))


def _passages(chip: Chip, sender: _Sender) -> _Passages:
    output_router, straight, number, on_route = _outputs(chip, sender)
    uses = sp.csr_array(sender.wanted @ on_route)  # [keys, outputs], pattern
    keys = uses.shape[0]
    key = np.repeat(np.arange(keys), np.diff(uses.indptr))
    # One passage for each (router, key), ascending, with the set of outputs taken there; a random
    # number an output makes the sum over a set its signature.
    place, passage = np.unique(output_router[uses.indices] * keys + key, return_inverse=True)
    signature = np.zeros(len(place), np.int64)
    np.add.at(signature, passage, number[uses.indices])
    taken = np.bincount(passage)
    default = (taken == 1) & (np.bincount(passage, straight[uses.indices]) == 1)
    router, key = np.divmod(place, keys)
    return _Passages(router, key, signature & (2**62 - 1), default, keys)


def _entries(passages: _Passages, routers: int) -> np.ndarray:
    """[3, R] entries that one sender's keys need (rows as in :class:`TableUse`)."""
    router, default = passages.router, passages.default
    return np.stack([
        np.bincount(router, minlength=routers),
        np.bincount(router[~default], minlength=routers),
        _merged(router, passages.key, passages.signature, default, passages.keys, routers),
    ])


def _outputs(
    chip: Chip, sender: _Sender
) -> tuple[np.ndarray, np.ndarray, np.ndarray, sp.csr_array]:
    """Outputs that the sender's packets may take: links, then one local output a destination.

    Returns:
        [outputs] the router that each belongs to; [outputs] True for a link that goes straight on;
        [outputs] a number that the same output has for all senders; [E, outputs] CSR pattern, the
        outputs on each destination's route.
    """
    if chip.routes.centre is not None:
        return _central_outputs(chip, sender, chip.routes.centre)
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
    ports = chip.noc_arrays.neighbours.shape[1]
    name = np.concatenate([tree.router[parent] * ports + tree.port[1:], -2 - sender.ends])
    return router, np.concatenate([straight, np.zeros(ends, bool)]), _scatter(name), on_route


def _central_outputs(chip: Chip, sender: _Sender, centre: np.ndarray
                     ) -> tuple[np.ndarray, np.ndarray, np.ndarray, sp.csr_array]:
    """As :func:`_outputs`, where only the centres look packets up: links from chip to chip, and the
    cores of the own chip."""
    home, ends = int(centre[sender.router]), len(sender.routers)
    tree = chip.routes.tree(home, centre[sender.routers])
    parent = tree.parent[1:]
    dest, link = np.nonzero(tree.on_route()[:, 1:])
    row = np.concatenate([dest, np.arange(ends)])
    output = np.concatenate([link, len(parent) + np.arange(ends)])
    on_route = sp.csr_array((np.ones(len(row), np.int64), (row, output)),
                            shape=(ends, len(parent) + ends))
    router = np.concatenate([tree.router[parent], centre[sender.routers]])
    ports = chip.noc_arrays.neighbours.shape[1]
    name = np.concatenate([tree.router[parent] * ports + tree.port[1:], -2 - sender.ends])
    return router, np.zeros(len(router), bool), _scatter(name), on_route


def _scatter(name: np.ndarray) -> np.ndarray:
    """A pseudo-random 62-bit number for each integer (splitmix64's finaliser)."""
    x = name.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x632BE59BD9B4E019)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(2)).astype(np.int64)


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
