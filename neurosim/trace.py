"""Trace records and the comparison of traces.

A record's key is (tick, phase, part, kind, port); it is unique in a run, so traces compare sorted
by key, whatever order an engine wrote them in.  ``phase``, ``part``, ``kind`` and ``port`` are
packed into one integer, ``rank``; ``cause`` is the key of the enabling condition met last.
"""

from __future__ import annotations

import numpy as np

LAND, DECIDE = 0, 1
#: In the order of causes within one part's tick: an END lets a STEP be, a STEP an OFFER.
KINDS = (
    "TIMER", "CREDIT", "ARRIVE", "DELIVER", "DROP", "DATA", "END", "STEP", "OFFER", "INJECT",
    "SYNC", "GRANT", "START", "LEVEL", "REQUEST", "SERVE",
)
(TIMER, CREDIT, ARRIVE, DELIVER, DROPPED, DATA, END, STEP, OFFER, INJECT, SYNC, GRANT, START,
 LEVEL, REQUEST, SERVE) = range(16)

#: Bits of a memory request's number in the port of its records, below its core's number.
REQUEST_BITS = 6
_PORT_BITS, _KIND_BITS, _PART_BITS = 32, 5, 25
#: No cause: the beginning of the world.
NO_CAUSE = (-1, 0)

RECORD = np.dtype([
    ("tick", np.int64), ("rank", np.int64), ("source", np.int64), ("sequence", np.int64),
    ("step", np.int64), ("info", np.int64), ("cause_tick", np.int64), ("cause_rank", np.int64),
])


def pack(phase: int, part: int, kind: int, port: int) -> int:
    """Rank of a record within its tick."""
    return (((((phase << _PART_BITS) | part) << _KIND_BITS) | kind) << _PORT_BITS) | port


def unpack(rank: int) -> tuple[int, int, int, int]:
    """(phase, part, kind, port) of a rank."""
    port = rank & ((1 << _PORT_BITS) - 1)
    rank >>= _PORT_BITS
    kind = rank & ((1 << _KIND_BITS) - 1)
    rank >>= _KIND_BITS
    return rank >> _PART_BITS, rank & ((1 << _PART_BITS) - 1), kind, port


def unpack_columns(rank: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Columns (phase, part, kind, port) of many ranks."""
    port = rank & ((1 << _PORT_BITS) - 1)
    rest = rank >> _PORT_BITS
    kind = rest & ((1 << _KIND_BITS) - 1)
    rest = rest >> _KIND_BITS
    return rest >> _PART_BITS, rest & ((1 << _PART_BITS) - 1), kind, port


def in_order(trace: np.ndarray) -> np.ndarray:
    """The trace sorted by key, as a new array."""
    trace = np.asarray(trace, RECORD)
    return trace[_order(trace["tick"], trace["rank"])]


def _order(tick: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Indices that sort by tick, then rank; keys are packed into one integer if they fit."""
    port, rest = rank & ((1 << _PORT_BITS) - 1), rank >> _PORT_BITS
    phase = rest >> (_PART_BITS + _KIND_BITS)
    rest &= (1 << (_PART_BITS + _KIND_BITS)) - 1
    key = tick - tick.min(initial=0)
    span, rests, ports = (int(c.max(initial=0)).bit_length() for c in (key, rest, port))
    if span + 1 + rests + ports > 63:
        return np.lexsort((rank, tick))
    for column, bits in ((phase, 1), (rest, rests), (port, ports)):
        key <<= bits
        key |= column
    return np.argsort(key, kind="stable")


def describe(record: np.void) -> str:
    """One record for a person."""
    phase, part, kind, port = unpack(int(record["rank"]))
    text = f"tick {record['tick']} {'DECIDE' if phase else 'LAND'} part {part} {KINDS[kind]}"
    text += f" port {port} packet ({record['source']}, {record['sequence']})"
    text += f" step {record['step']} info {record['info']}"
    if record["cause_tick"] >= 0:
        _, part, kind, port = unpack(int(record["cause_rank"]))
        text += f" cause tick {record['cause_tick']} part {part} {KINDS[kind]} port {port}"
    return text


def first_difference(a: np.ndarray, b: np.ndarray) -> str | None:
    """The first record in which two traces differ, described, or None if they are equal."""
    a, b = in_order(a), in_order(b)
    n = min(len(a), len(b))
    unequal = np.flatnonzero(a[:n] != b[:n])
    if len(unequal):
        i = int(unequal[0])
        return f"record {i}:\n  {describe(a[i])}\n  {describe(b[i])}"
    if len(a) != len(b):
        longer, name = (a, "first") if len(a) > len(b) else (b, "second")
        return f"record {n} only in the {name}: {describe(longer[n])}"
    return None
