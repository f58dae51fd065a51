"""A trace as columns, with every cause as the index of its record."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neurosim import trace
from neurosim.explain.pieces import in_order
from neurosim.image import SYNC_TICK, TRAFFIC, Image

_PACKET_BITS = 32
#: In ``cause``: not looked for, or before the first record here.
UNKNOWN = -2


class Outside(LookupError):
    """Something earlier than the first record here is needed."""


@dataclass(frozen=True)
class Packets:
    """All packets of a run: the one that ``source`` sent as number ``sequence`` is packet
    ``base[source] + sequence``.  ``kind`` [packets] is EVENT, MARKER, ..."""

    base: np.ndarray
    kind: np.ndarray


@dataclass(frozen=True)
class Records:
    """N records in order of their keys; all columns int64 [N].

    ``cause`` is the index of the record's cause, always smaller than the record's own, or -1 at
    the beginning of the world.  ``since`` is the recorded cause's tick.  A global tick's cause is
    the tick before it.  Where these are only records ``first`` and following of a run
    (:func:`columns`), causes are :data:`UNKNOWN` until somebody looks for them.
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
    since: np.ndarray
    first: int = 0
    packets: Packets | None = None

    def __len__(self) -> int:
        return len(self.tick)

    @cached_property
    def packet(self) -> np.ndarray:
        """[N] number of the record's packet, counted from 0, or -1 without one."""
        if self.packets is not None:
            base = self.packets.base[np.maximum(self.source, 0)]
            return np.where(self.source < 0, -1, base + self.sequence)
        code = (self.source << _PACKET_BITS) | self.sequence
        _, number = np.unique(np.where(self.source < 0, -1, code), return_inverse=True)
        return number - bool((self.source < 0).any())

    @cached_property
    def packet_kind(self) -> np.ndarray:
        """[packets] EVENT, MARKER, ACK, TRAFFIC, RESULT or CURRENT."""
        if self.packets is not None:
            return self.packets.kind
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

    def arrival_of(self, grants: np.ndarray) -> np.ndarray:
        """:attr:`arrival` of these records only.

        Raises:
            Outside: one lies before the first record here.
        """
        arrived = np.flatnonzero(self.kind == trace.ARRIVE)
        arrived = arrived[np.isin(self.packet[arrived], self.packet[grants])]
        found = self._find(arrived, grants)
        if self.first > 0 and found.min(initial=0) < 0:
            raise Outside
        return found

    def _join(self, what: int, to: int) -> np.ndarray:
        """For records of kind ``to``, the record of kind ``what`` of the same packet and part."""
        result = np.full(len(self), -1, np.int64)
        here = np.flatnonzero((self.kind == to) & (self.packet >= 0))
        result[here] = self._find(np.flatnonzero(self.kind == what), here)
        return result

    def _find(self, there: np.ndarray, here: np.ndarray) -> np.ndarray:
        """For each record ``here`` that of ``there`` with the same packet and part, or -1."""
        n_parts = self.image.sync_part + 1
        code = self.packet[there] * n_parts + self.part[there]
        order = np.argsort(code, kind="stable")
        wanted = self.packet[here] * n_parts + self.part[here]
        at = np.searchsorted(code[order], wanted)
        at = np.minimum(at, max(0, len(order) - 1))
        if not len(order):
            return np.full(len(here), -1, np.int64)
        return np.where(code[order[at]] == wanted, there[order[at]], -1)


def read(image: Image, records: np.ndarray, packets: Packets | None = None,
         first: int = 0) -> Records:
    """Columns of a trace of ``image`` (:data:`neurosim.trace.RECORD`, in any order).

    Args:
        packets: of the run, if they are known (then these may be some of its records only).
        first: number in the run of the first of these records; causes before it are
            :data:`UNKNOWN`.

    Raises:
        ValueError: a cause that is not in the trace, or does not precede its effect.
    """
    if not in_order(records):
        records = trace.in_order(records)
    result = columns(image, records, first, packets, _causes(records, first > 0))
    if image.sync == SYNC_TICK:
        _link_ticks(result)
    return result


def columns(image: Image, records: np.ndarray, first: int = 0, packets: Packets | None = None,
            cause: np.ndarray | None = None) -> Records:
    """Columns, or views of them, of records in order."""
    phase, part, kind, port = trace.unpack_columns(records["rank"])
    if cause is None:
        cause = np.full(len(records), UNKNOWN, np.int64)
    return Records(image, records["tick"], phase, part, kind, port, records["source"],
                   records["sequence"], records["step"], records["info"], cause,
                   records["cause_tick"], first, packets)


def _causes(records: np.ndarray, cut: bool) -> np.ndarray:
    """Index of each record's cause; keys are compressed to one integer to be searched for."""
    ranks = np.unique(records["rank"])
    ticks = np.unique(records["tick"])

    def codes(tick: np.ndarray, rank: np.ndarray) -> np.ndarray:
        return np.searchsorted(ticks, tick) * (len(ranks) + 1) + np.searchsorted(ranks, rank)

    own = codes(records["tick"], records["rank"])
    result = np.full(len(records), -1, np.int64)
    some = np.flatnonzero(records["cause_tick"] >= 0)
    if cut:
        tick, rank = records["cause_tick"][some], records["cause_rank"][some]
        first = records[0]
        before = (tick < first["tick"]) | ((tick == first["tick"]) & (rank < first["rank"]))
        result[some[before]] = UNKNOWN
        some = some[~before]
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
