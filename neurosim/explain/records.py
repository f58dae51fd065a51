"""A trace as columns, with every cause as the index of its record."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neurosim import trace
from neurosim.image import SYNC_TICK, TRAFFIC, Image

_PACKET_BITS = 32


@dataclass(frozen=True)
class Records:
    """N records in order of their keys; all columns int64 [N].

    ``cause`` is the index of the record's cause, always smaller than the record's own, or -1 at
    the beginning of the world.  A global tick's cause is the tick before it.
    """

    image: Image
    tick: np.ndarray
    phase: np.ndarray
    part: np.ndarray
    kind: np.ndarray
    port: np.ndarray
    source: np.ndarray
    sequence: np.ndarray
    step: np.ndarray
    info: np.ndarray
    cause: np.ndarray

    def __len__(self) -> int:
        return len(self.tick)

    @cached_property
    def packet(self) -> np.ndarray:
        """[N] number of the record's packet, counted from 0, or -1 without one."""
        code = (self.source << _PACKET_BITS) | self.sequence
        _, number = np.unique(np.where(self.source < 0, -1, code), return_inverse=True)
        return number - bool((self.source < 0).any())

    @cached_property
    def packet_kind(self) -> np.ndarray:
        """[packets] EVENT, MARKER, ACK, TRAFFIC, RESULT or CURRENT."""
        kinds = np.full(int(self.packet.max(initial=-1)) + 1, TRAFFIC, np.int64)
        offers = np.flatnonzero((self.kind == trace.OFFER) & ~self.at_source)
        kinds[self.packet[offers]] = self.info[offers]
        return kinds

    @cached_property
    def at_source(self) -> np.ndarray:
        """[N] bool: records of traffic sources."""
        return (self.part >= self.image.first_source) & (self.part < self.image.first_host)

    @cached_property
    def arrival(self) -> np.ndarray:
        """[N] for each grant the record of its packet's arrival at that router, else -1."""
        return self._join(trace.ARRIVE, trace.GRANT)

    @cached_property
    def delivery(self) -> np.ndarray:
        """[N] for each start of a receive job the record of its packet's delivery, else -1."""
        return self._join(trace.DELIVER, trace.START)

    @cached_property
    def transfer(self) -> np.ndarray:
        """[N] for each grant, ticks that its channel is busy with it, else 0."""
        return self.transfer_in(self.image)

    def transfer_in(self, image: Image) -> np.ndarray:
        """:attr:`transfer` with the widths of another image of the same machine."""
        result = np.zeros(len(self), np.int64)
        grants = np.flatnonzero(self.kind == trace.GRANT)
        channel = self.port[grants]
        bits = image.packet_bits[self.packet_kind[self.packet[grants]]]
        result[grants] = -(-bits // image.ch_width[channel]) * image.ch_cycle[channel]
        return result

    def _join(self, what: int, to: int) -> np.ndarray:
        """For records of kind ``to``, the record of kind ``what`` of the same packet and part."""
        result = np.full(len(self), -1, np.int64)
        n_parts = self.image.sync_part + 1
        here = np.flatnonzero((self.kind == to) & (self.packet >= 0))
        there = np.flatnonzero(self.kind == what)
        code = self.packet[there] * n_parts + self.part[there]
        order = np.argsort(code, kind="stable")
        wanted = self.packet[here] * n_parts + self.part[here]
        at = np.searchsorted(code[order], wanted)
        at = np.minimum(at, max(0, len(order) - 1))
        if len(order):
            found = there[order[at]]
            result[here] = np.where(code[order[at]] == wanted, found, -1)
        return result


def read(image: Image, records: np.ndarray) -> Records:
    """Columns of a trace of ``image`` (:data:`neurosim.trace.RECORD`, in any order).

    Raises:
        ValueError: a cause that is not in the trace, or does not precede its effect.
    """
    tick, rank = records["tick"], records["rank"]
    later = (tick[1:] > tick[:-1]) | ((tick[1:] == tick[:-1]) & (rank[1:] > rank[:-1]))
    if not later.all():
        records = trace.in_order(records)
    phase, part, kind, port = trace.unpack_columns(records["rank"])
    cause = _causes(records)
    result = Records(image, records["tick"].copy(), phase, part, kind, port,
                     records["source"].copy(), records["sequence"].copy(), records["step"].copy(),
                     records["info"].copy(), cause)
    if image.sync == SYNC_TICK:
        _link_ticks(result)
    return result


def _causes(records: np.ndarray) -> np.ndarray:
    """Index of each record's cause; keys are compressed to one integer to be searched for."""
    ranks = np.unique(records["rank"])
    ticks = np.unique(records["tick"])

    def codes(tick: np.ndarray, rank: np.ndarray) -> np.ndarray:
        return np.searchsorted(ticks, tick) * (len(ranks) + 1) + np.searchsorted(ranks, rank)

    own = codes(records["tick"], records["rank"])
    result = np.full(len(records), -1, np.int64)
    some = np.flatnonzero(records["cause_tick"] >= 0)
    at = np.searchsorted(own, codes(records["cause_tick"][some], records["cause_rank"][some]))
    at = np.minimum(at, max(0, len(records) - 1))
    there = records[at]
    wrong = (there["tick"] != records["cause_tick"][some]) | (
        there["rank"] != records["cause_rank"][some])
    if wrong.any():
        first = records[some[np.flatnonzero(wrong)[0]]]
        raise ValueError(f"a cause is not in the trace: {trace.describe(first)}")
    late = at >= some
    if late.any():
        first = records[some[np.flatnonzero(late)[0]]]
        raise ValueError(f"a cause does not precede its effect: {trace.describe(first)}")
    result[some] = at
    return result


def _link_ticks(records: Records) -> None:
    """Each global tick at a part follows from the one before it."""
    ticks = np.flatnonzero(records.kind == trace.SYNC)
    by_part = ticks[np.argsort(records.part[ticks], kind="stable")]
    same = records.part[by_part[1:]] == records.part[by_part[:-1]]
    records.cause[by_part[1:][same]] = by_part[:-1][same]
