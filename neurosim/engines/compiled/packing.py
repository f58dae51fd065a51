"""Several events in a packet: what waits for more, and what leaves together."""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.common import new_cell
from neurosim.engines.compiled.jit import inline, jit
from neurosim.engines.compiled.layout import (
    E_META,
    E_NEXT,
    E_NODE,
    E_OFFSET,
    E_OUT,
    E_READY,
    E_VALUE,
    H_COPIES,
    H_HOST_SENT,
    H_OFFERED,
    H_PACKED,
    NONE,
    S_BALANCE,
    S_END_UNIT,
    S_HEAD,
    S_PART,
    S_UNIT,
    Tables,
)
from neurosim.image import EVENT


@inline
def holds(m: Any, t: Tables, s: int) -> bool:
    """A packet of events with room waits for those of the units still to be updated."""
    if t.packet_events <= 1 or m[s + S_UNIT] >= m[s + S_END_UNIT] or m[s + S_HEAD] < 0:
        return False
    return has_room(m, t, m[s + S_HEAD])


@jit
def has_room(m: Any, t: Tables, cell: int) -> bool:
    """Is a queue from ``cell`` on nothing but the events of a packet that is not full?"""
    if m[cell + E_META] & 7 != EVENT:
        return False
    following, length = m[cell + E_NEXT], 1
    while following >= 0 and length < t.packet_events:
        if m[following + E_META] != m[cell + E_META] or m[following + E_NODE] != m[cell + E_NODE]:
            return False
        following, length = m[following + E_NEXT], length + 1
    return bool(following < 0 and length < t.packet_events)


@jit
def pack(m: Any, t: Tables, s: int, cell: int) -> None:
    """The events behind it in the queue, of its step and for its receivers, travel in the packet
    as far as it has room."""
    following, last, first, packed = m[s + S_HEAD], NONE, NONE, 0
    while following >= 0 and packed + 1 < t.packet_events:
        if m[following + E_META] != m[cell + E_META] or m[following + E_NODE] != m[cell + E_NODE]:
            break
        if packed == 0:
            first = last = new_cell(m, t)
            m[first + E_OFFSET], m[first + E_VALUE] = m[cell + E_OFFSET], m[cell + E_VALUE]
            m[first + E_READY] = m[cell + E_OUT]
        m[last + E_NEXT] = following
        last = following
        following = m[following + E_NEXT]
        packed += 1
    if packed == 0:
        return
    m[last + E_NEXT] = NONE
    m[s + S_HEAD] = following
    m[cell + E_OFFSET] = -2 - first
    m[H_PACKED] += packed
    m[H_OFFERED + EVENT] -= packed
    m[H_COPIES + EVENT] -= packed * m[cell + E_OUT]
    m[s + S_BALANCE] -= packed * m[cell + E_OUT]
    if m[s + S_PART] >= t.first_host:
        m[H_HOST_SENT] -= packed
