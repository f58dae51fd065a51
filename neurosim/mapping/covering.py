"""Compression of routing tables across senders: few key/mask entries that cover many.

A table is a set of aligned ranges of keys, each with a set of outputs.  Ranges with the same
outputs merge into one key/mask entry wherever the smallest entry that covers both touches no range
with other outputs, and no keys that pass by default; keys that never come by are free.  Entries
never overlap entries of other outputs, so that their order does not matter, unlike in ordered
covering (Mundy, Heathcote and Garside, IEEE HPSR 2016), which saves more at the price of
priorities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: How many entries ahead in the order of keys a partner is looked for.
WINDOW = 16


@dataclass(frozen=True)
class Entries:
    """Key/mask entries: a key k matches entry i if ``k & mask[i] == key[i]``.  ``outputs`` is a
    number for a set of outputs; -1 marks keys that must match nothing (they pass by default)."""

    key: np.ndarray
    mask: np.ndarray
    outputs: np.ndarray

    def __len__(self) -> int:
        return int((self.outputs >= 0).sum())


def from_ranges(low: np.ndarray, high: np.ndarray, outputs: np.ndarray, bits: int) -> Entries:
    """Entries for ranges of keys [low, high), cut into aligned powers of two."""
    keys: list[int] = []
    sizes: list[int] = []
    which: list[int] = []
    for a, b, out in zip(low.tolist(), high.tolist(), outputs.tolist(), strict=True):
        while a < b:
            size = a & -a if a else 1 << bits
            while size > b - a:
                size >>= 1
            keys.append(a)
            sizes.append(size)
            which.append(out)
            a += size
    full = (1 << bits) - 1
    return Entries(np.array(keys, np.int64), full & ~(np.array(sizes, np.int64) - 1),
                   np.array(which, np.int64))


def cover(table: Entries) -> Entries:
    """An equivalent table, as small as greedy merging makes it."""
    while True:
        smaller = _one_pass(table)
        if len(smaller) == len(table):
            return table
        table = smaller


def _one_pass(table: Entries) -> Entries:
    """Every entry, in the order of keys, takes in the partners ahead of it that it may."""
    order = np.lexsort((table.key, table.outputs))
    key, mask, out = table.key[order].copy(), table.mask[order].copy(), table.outputs[order]
    alive = np.ones(len(key), bool)
    for i in range(len(key)):
        if not alive[i] or out[i] < 0:
            continue
        for j in range(i + 1, min(len(key), i + 1 + WINDOW)):
            if not alive[j] or out[j] != out[i]:
                continue
            wide = int(mask[i] & mask[j] & ~(key[i] ^ key[j]))
            met = alive & (((key ^ key[i]) & mask & wide) == 0)  # entries that it would touch
            if (out[met] == out[i]).all():
                key[i], mask[i] = key[i] & wide, wide
                inside = met & ((mask & wide) == wide)  # those wholly within it
                inside[i] = False
                alive &= ~inside
    return Entries(key[alive], mask[alive], out[alive])


def look_up(table: Entries, keys: np.ndarray) -> list[set[int]]:
    """For each key, the outputs of all entries that match it (for tests: at most one)."""
    return [set(table.outputs[((k ^ table.key) & table.mask) == 0].tolist()) - {-1}
            for k in keys.tolist()]
