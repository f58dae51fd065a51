"""What all parts use: wakes, cells, credits and trace records."""

from __future__ import annotations

from typing import Any

from neurosim import rules, trace
from neurosim.engines.compiled.jit import inline, jit
from neurosim.engines.compiled.layout import (
    C_OWNER,
    CHANNEL,
    CREDIT,
    E_LENGTH,
    E_META,
    E_NEXT,
    E_OFFSET,
    E_READY,
    E_SEQUENCE,
    E_SOURCE,
    E_VALUE,
    H_BROKEN,
    H_END,
    H_FREE,
    H_FREE_CELLS,
    H_NOW,
    H_RECORDS,
    K_AT,
    K_COUNT,
    K_DELAY,
    K_FIRST,
    K_HAVE,
    K_KEY,
    K_KEY_RANK,
    K_MASK,
    K_RING,
    K_WAITED,
    K_WORTH,
    RING,
    Tables,
)
from neurosim.image import PACKET_KINDS, TRAFFIC

# Arguments everywhere: m the words of the machine, t its Tables, tr the trace's words or None.


@inline
def wake(m: Any, t: Tables, part: int, tick: int) -> None:
    """Let a part look at the world at ``tick``, one of its edges.  Beyond the wheel's horizon it
    is woken early, finds nothing to do and asks again."""
    if tick - m[H_NOW] > t.wheel_mask:
        clock = t.clock + 2 * part
        early = m[H_NOW] + t.wheel_mask - t.widest_period
        tick = rules.edge(early, m[clock + 1], m[clock])
    slot = tick & t.wheel_mask
    m[t.wheel + slot * t.words + (part >> 6)] |= 1 << (part & 63)
    m[t.occupied + (slot >> 6)] |= 1 << (slot & 63)


@inline
def edge(tick: int, phase: int, period: int) -> int:
    """rules.edge, without the division where every tick is an edge."""
    if period == 1:
        return tick
    return rules.edge(tick, phase, period)


@inline
def new_cell(m: Any, t: Tables) -> int:
    """A cell; `advance` sees to it that there are enough before every tick."""
    cell = m[H_FREE]
    m[H_FREE] = m[cell + E_NEXT]
    m[H_FREE_CELLS] -= 1
    return cell


@inline
def copy_cell(m: Any, t: Tables, tr: Any, cell: int) -> int:
    """Another copy of a packet, at a fork.  Where it goes is filled in by who sends it there."""
    copy = new_cell(m, t)
    m[copy + E_META] = m[cell + E_META]
    m[copy + E_OFFSET] = m[cell + E_OFFSET]
    m[copy + E_VALUE] = m[cell + E_VALUE]
    if tr is not None:
        m[copy + E_SOURCE] = m[cell + E_SOURCE]
        m[copy + E_SEQUENCE] = m[cell + E_SEQUENCE]
    return copy


@inline
def free_cell(m: Any, cell: int) -> None:
    m[cell + E_NEXT] = m[H_FREE]
    m[H_FREE] = cell
    m[H_FREE_CELLS] += 1


@inline
def leave_bundle(m: Any, cell: int) -> None:
    """A copy of an event packet is done with: the last one frees what the packet carried."""
    if m[cell + E_OFFSET] >= 0:
        return
    event = -2 - m[cell + E_OFFSET]
    m[event + E_READY] -= 1
    if m[event + E_READY] == 0:
        while event >= 0:
            following = m[event + E_NEXT]
            free_cell(m, event)
            event = following


@inline
def happened(m: Any, exact_tick: int) -> None:
    """Simulated time extends to the last thing that did something."""
    if exact_tick > m[H_END]:
        m[H_END] = exact_tick


@jit
def record(m: Any, t: Tables, tr: Any, tick: int, rank: int, cell: int, step: int, info: int,
           cause: int, cause_rank: int) -> None:
    """Write a trace record; ``tick`` exact, ``cell`` NONE where no packet is meant."""
    at = 8 * m[H_RECORDS]
    m[H_RECORDS] += 1
    tr[at] = tick
    tr[at + 1] = rank
    tr[at + 2] = m[cell + E_SOURCE] if cell >= 0 else -1
    tr[at + 3] = m[cell + E_SEQUENCE] if cell >= 0 else -1
    tr[at + 4] = step
    tr[at + 5] = info
    tr[at + 6] = cause
    tr[at + 7] = cause_rank


@inline
def later(a: int, a_key: int, a_rank: int, b: int, b_key: int, b_rank: int) -> bool:
    """Is condition b (tick met, key of its record) after condition a?  Ties: the higher key."""
    if a != b:
        return b > a
    if a_key != b_key:
        return b_key > a_key
    return b_rank > a_rank


# --- credits


@inline
def land_credits(m: Any, t: Tables, tr: Any, room: int, now: int) -> None:
    """Take in the credits that have landed; ``room``: index of (channel, vc)."""
    k = t.credit + CREDIT * room
    while m[k + K_COUNT] > 0:
        entry = m[k + K_RING] + RING * m[k + K_FIRST]
        if m[entry] > now:
            break
        if tr is not None and m[k + K_HAVE] < m[k + K_WORTH]:
            m[k + K_AT] = m[entry]
            m[k + K_KEY] = m[entry + 2]
            m[k + K_KEY_RANK] = m[entry + 3]
        m[k + K_HAVE] += m[entry + 1]
        m[k + K_FIRST] = (m[k + K_FIRST] + 1) & m[k + K_MASK]
        m[k + K_COUNT] -= 1


@inline
def next_credit(m: Any, t: Tables, room: int) -> int:
    """Tick of the next credit on its way, or NEVER (then whoever sends one rings the owner)."""
    k = t.credit + CREDIT * room
    if m[k + K_COUNT] == 0:
        m[k + K_WAITED] = 1
        return 1 << 60
    return m[m[k + K_RING] + RING * m[k + K_FIRST]]


@inline
def return_credit(m: Any, t: Tables, tr: Any, channel: int, vc: int, freed: int, amount: int,
                  key: int, rank: int) -> None:
    """Room at the far end of ``channel`` is free from ``freed`` on; the sender learns later."""
    room = channel * t.n_vcs + vc
    k = t.credit + CREDIT * room
    if m[k + K_COUNT] > m[k + K_MASK]:
        land_credits(m, t, tr, room, m[H_NOW])
        if m[k + K_COUNT] > m[k + K_MASK]:
            m[H_BROKEN] = 1
            return
    tick = freed + m[k + K_DELAY]
    entry = m[k + K_RING] + RING * ((m[k + K_FIRST] + m[k + K_COUNT]) & m[k + K_MASK])
    m[entry] = tick
    m[entry + 1] = amount
    if tr is not None:
        m[entry + 2] = key
        m[entry + 3] = rank
    m[k + K_COUNT] += 1
    if m[k + K_WAITED] != 0:
        m[k + K_WAITED] = 0
        owner = m[t.channel + CHANNEL * channel + C_OWNER]
        clock = t.clock + 2 * owner
        wake(m, t, owner, edge(tick, m[clock + 1], m[clock]))


@jit
def return_credit_sorted(m: Any, t: Tables, tr: Any, channel: int, vc: int, freed: int,
                         amount: int, key: int, rank: int) -> None:
    """As :func:`return_credit`, where slots do not free in the order of time."""
    room = channel * t.n_vcs + vc
    k = t.credit + CREDIT * room
    if m[k + K_COUNT] > m[k + K_MASK]:
        land_credits(m, t, tr, room, m[H_NOW])
        if m[k + K_COUNT] > m[k + K_MASK]:
            m[H_BROKEN] = 1
            return
    tick = freed + m[k + K_DELAY]
    place = m[k + K_COUNT]
    while place > 0:
        entry = m[k + K_RING] + RING * ((m[k + K_FIRST] + place) & m[k + K_MASK])
        before = m[k + K_RING] + RING * ((m[k + K_FIRST] + place - 1) & m[k + K_MASK])
        if m[before] <= tick:
            break
        for word in range(RING):
            m[entry + word] = m[before + word]
        place -= 1
    entry = m[k + K_RING] + RING * ((m[k + K_FIRST] + place) & m[k + K_MASK])
    m[entry], m[entry + 1], m[entry + 2], m[entry + 3] = tick, amount, key, rank
    m[k + K_COUNT] += 1
    if m[k + K_WAITED] != 0 or place == 0:
        m[k + K_WAITED] = 0
        owner = m[t.channel + CHANNEL * channel + C_OWNER]
        clock = t.clock + 2 * owner
        wake(m, t, owner, edge(tick, m[clock + 1], m[clock]))


@inline
def size_of(m: Any, t: Tables, cell: int) -> int:
    """Which of the costs of a channel a copy has: its kind's, or its length class's."""
    kind = m[cell + E_META] & 7
    if t.lengths != 0 and kind == TRAFFIC and m[cell + E_LENGTH] > 0:
        return PACKET_KINDS - 1 + m[cell + E_LENGTH]
    return kind


@inline
def rank(phase: int, part: int, kind: int, port: int) -> int:
    return trace.pack(phase, part, kind, port)
