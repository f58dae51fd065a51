"""What is known of a whole run after reading its trace once or twice, a stretch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain.path import first_records, last_records
from neurosim.explain.pieces import Pieces, in_order
from neurosim.explain.records import Packets, Records, columns
from neurosim.image import Image


@dataclass(frozen=True)
class Survey:
    """Steps (of traffic: packets) that were finished, every packet, and what parts did.

    ``first`` and ``last`` [S] are the numbers of a step's first and last record, ``begin`` and
    ``end`` their ticks.
    """

    image: Image
    records: int
    span: int  # tick of the last record
    packets: Packets
    step: np.ndarray
    first: np.ndarray
    last: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    core_ticks: np.ndarray  # [C] of all jobs of each core
    output_ticks: np.ndarray  # [O] that each router output was busy


def survey(image: Image, pieces: Pieces) -> Survey:
    """Read a trace through.

    Raises:
        ValueError: records are not in order of their keys.
    """
    first, last = _Ends(image.steps), _Ends(image.steps)
    updated = _Ends(image.steps)
    offers, before, span = _Offers(), (-1, 0), 0
    for at, rows in pieces.stretches():
        if (int(rows["tick"][0]), int(rows["rank"][0])) <= before or not in_order(rows):
            raise ValueError("the trace is not in order")
        before = (int(rows["tick"][-1]), int(rows["rank"][-1]))
        span = before[0]
        r = columns(image, rows, at)
        offers.add(r)
        if image.sync != im.SYNC_NONE:
            for ends, (index, step) in zip((first, last, updated),
                                           (first_records(r), *last_records(r)), strict=True):
                ends.add(r, index, step)
    packets = offers.packets(image)
    if image.sync == im.SYNC_NONE:
        step, first, last = _deliveries(image, pieces, packets)
    else:
        last.fill(updated)
        step = np.flatnonzero((first.record >= 0) & (last.record >= first.record))
    cores, outputs = _work(image, pieces, packets)
    return Survey(image, len(pieces), span, packets, step, first.record[step], last.record[step],
                  first.tick[step], last.tick[step], cores, outputs)


class _Ends:
    """One record of every step: the last that was added."""

    def __init__(self, count: int) -> None:
        self.record, self.tick = np.full((2, count), -1, np.int64)

    def add(self, r: Records, index: np.ndarray, step: np.ndarray) -> None:
        """Records ``index`` of these ``step``s."""
        np.maximum.at(self.record, step, index + r.first)
        np.maximum.at(self.tick, step, r.tick[index])

    def fill(self, other: _Ends) -> None:
        """Where there is none, take the other's."""
        for mine, theirs in ((self.tick, other.tick), (self.record, other.record)):
            np.copyto(mine, theirs, where=self.record < 0)


class _Offers:
    """Every packet's sender, number and kind, as they are offered."""

    def __init__(self) -> None:
        self.source: list[np.ndarray] = []
        self.sequence: list[np.ndarray] = []
        self.kind: list[np.ndarray] = []

    def add(self, r: Records) -> None:
        made = np.flatnonzero(r.kind == trace.OFFER)
        kind = np.where(r.at_source[made], im.TRAFFIC, r.info[made])
        self.source.append(r.source[made].astype(np.int32))
        self.sequence.append(r.sequence[made].astype(np.int32))
        self.kind.append(kind.astype(np.int8))

    def packets(self, image: Image) -> Packets:
        source, sequence, kind = (np.concatenate([np.zeros(0, np.int8), *some])
                                  for some in (self.source, self.sequence, self.kind))
        base = np.zeros(image.sync_part + 2, np.int64)
        np.add.at(base, source.astype(np.int64) + 1, 1)
        base = np.cumsum(base)
        kinds = np.full(len(kind), im.TRAFFIC, np.int8)
        kinds[base[source.astype(np.int64)] + sequence] = kind
        return Packets(base, kinds)


def _deliveries(image: Image, pieces: Pieces,
                packets: Packets) -> tuple[np.ndarray, _Ends, _Ends]:
    """Traffic: every delivered packet, in the order of deliveries, its offer and its delivery."""
    first, last = _Ends(len(packets.kind)), _Ends(len(packets.kind))
    for at, rows in pieces.stretches():
        r = columns(image, rows, at, packets)
        for ends, kind in ((first, trace.OFFER), (last, trace.DELIVER)):
            index = np.flatnonzero(r.kind == kind)
            ends.add(r, index, r.packet[index])
    done = np.flatnonzero(last.record >= 0)
    return done[np.argsort(last.record[done])], first, last


def _work(image: Image, pieces: Pieces, packets: Packets) -> tuple[np.ndarray, np.ndarray]:
    cores, outputs = np.zeros(image.n_cores), np.zeros(image.n_outputs)
    for at, rows in pieces.stretches():
        r = columns(image, rows, at, packets)
        ends = np.flatnonzero(r.kind == trace.END)
        core = r.part[ends] - image.first_core
        inside = core < image.n_cores
        took = r.tick[ends] - r.since[ends]
        cores += np.bincount(core[inside], weights=took[inside], minlength=image.n_cores)
        grants = np.flatnonzero(r.kind == trace.GRANT)
        outputs += np.bincount(r.port[grants], weights=r.transfer[grants],
                               minlength=image.n_outputs)
    return cores, outputs
