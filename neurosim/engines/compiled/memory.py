"""Memory ports: first come, first served (reference: ``memory.py``).

Times here are exact ticks: bursts and latencies need not be on the grid of clocks.  A request is
put among its port's when it leaves; the port looks at the world when the first one's transfer
begins.
"""

from __future__ import annotations

from typing import Any

from neurosim import rules
from neurosim.engines.compiled.common import edge, rank, record, wake
from neurosim.engines.compiled.jit import inline, jit
from neurosim.engines.compiled.layout import (
    A_ARRIVAL,
    A_BYTES,
    A_RECORD,
    A_RECORD_RANK,
    A_STAGE,
    A_STEP,
    A_TARGET,
    DATUM,
    E_INCOMING,
    E_KEY,
    E_KEY_RANK,
    E_META,
    E_NEXT,
    E_NODE,
    E_READY,
    NEVER,
    NONE,
    P_BURST,
    P_BUSY,
    P_COUNT,
    P_FIRST,
    P_FREE,
    P_KEY,
    P_KEY_RANK,
    P_MASK,
    P_PART,
    P_RING,
    P_SERVED,
    P_TICKS,
    P_WAIT,
    PORT,
    REQUEST,
    S_ASK_UNIT,
    S_ASKED,
    S_BEGUN,
    S_DATA,
    S_DATA_COUNT,
    S_DATA_FIRST,
    S_END_UNIT,
    S_FETCHED,
    S_FETCHED_BYTES,
    S_FETCHES,
    S_LATENCY,
    S_PART,
    S_PERIOD,
    S_PHASE,
    S_PORT,
    S_READY,
    S_REQUEST,
    S_UNIT,
    STAGE,
    Tables,
)
from neurosim.trace import DATA, DECIDE, LAND, REQUEST_BITS, SERVE
from neurosim.trace import REQUEST as REQUESTED

#: The port of a record within its rank: of a request its core and number.
SLOT = (1 << 32) - 1


@jit
def request(m: Any, t: Tables, tr: Any, s: int, target: int, n_bytes: int, step: int, key: int,
            key_rank: int) -> None:
    """A core asks for data at the exact tick ``key``: the request joins those of its port, in their
    order."""
    p = m[s + S_PORT]
    arrival, part = key + m[s + S_REQUEST], m[p + P_PART]
    first, mask, ring = m[p + P_FIRST], m[p + P_MASK], m[p + P_RING]
    at = m[p + P_COUNT]
    while at > 0:
        before = ring + REQUEST * ((first + at - 1) & mask)
        if m[before + A_ARRIVAL] < arrival or (m[before + A_ARRIVAL] == arrival
                                               and m[before + A_STAGE] <= s):
            break
        for word in range(REQUEST):
            m[ring + REQUEST * ((first + at) & mask) + word] = m[before + word]
        at -= 1
    entry = ring + REQUEST * ((first + at) & mask)
    m[p + P_COUNT] += 1
    m[entry + A_ARRIVAL], m[entry + A_STAGE], m[entry + A_BYTES] = arrival, s, n_bytes
    m[entry + A_TARGET], m[entry + A_STEP] = target, step
    if tr is not None:
        slot = (s - t.stage) // STAGE << REQUEST_BITS | m[s + S_ASKED] & (1 << REQUEST_BITS) - 1
        asked = rank(LAND, part, REQUESTED, slot)
        record(m, t, tr, arrival, asked, max(target, NONE), step, n_bytes, key, key_rank)
        m[entry + A_RECORD], m[entry + A_RECORD_RANK] = arrival, asked
    m[s + S_ASKED] += 1
    if at == 0:
        wake(m, t, part, -(-max(arrival, m[p + P_FREE]) // t.grid))


@jit
def decide_port(m: Any, t: Tables, tr: Any, part: int, now: int) -> None:
    serve(m, t, tr, t.port + PORT * (part - t.first_port), now * t.grid)


@jit
def serve(m: Any, t: Tables, tr: Any, p: int, last: int) -> None:
    """Transfer for all requests whose turn comes up to the exact tick ``last``."""
    while m[p + P_COUNT] > 0:
        entry = m[p + P_RING] + REQUEST * m[p + P_FIRST]
        arrival = m[entry + A_ARRIVAL]
        start = max(arrival, m[p + P_FREE])
        if start > last:
            wake(m, t, m[p + P_PART], -(-start // t.grid))
            return
        m[p + P_FIRST] = (m[p + P_FIRST] + 1) & m[p + P_MASK]
        m[p + P_COUNT] -= 1
        n_bytes = m[entry + A_BYTES]
        ticks = rules.bursts(n_bytes, m[p + P_BURST]) * m[p + P_TICKS]
        key, key_rank = 0, 0
        if tr is not None:
            why, why_rank = m[entry + A_RECORD], m[entry + A_RECORD_RANK]
            if m[p + P_FREE] > arrival:
                why, why_rank = m[p + P_KEY], m[p + P_KEY_RANK]
            key, key_rank = start, rank(
                DECIDE, m[p + P_PART], SERVE, m[entry + A_RECORD_RANK] & SLOT)
            record(m, t, tr, key, key_rank, max(m[entry + A_TARGET], NONE), m[entry + A_STEP],
                   n_bytes, why, why_rank)
            m[p + P_KEY], m[p + P_KEY_RANK] = key, key_rank
        m[p + P_FREE] = start + ticks
        m[p + P_SERVED] += 1
        m[m[entry + A_STAGE] + S_FETCHED_BYTES] += n_bytes
        m[p + P_BUSY] += ticks
        m[p + P_WAIT] += start - arrival
        answer(m, t, tr, entry, start + ticks, key, key_rank)


@inline
def answer(m: Any, t: Tables, tr: Any, entry: int, done: int, key: int, key_rank: int) -> None:
    """The data will be at the core: its part of the machine learns when."""
    s, target = m[entry + A_STAGE], m[entry + A_TARGET]
    landing = done + m[s + S_LATENCY]
    ready = edge(-(-landing // t.grid), m[s + S_PHASE], m[s + S_PERIOD]) + m[s + S_READY]
    data_rank = 0
    if tr is not None:
        data_rank = rank(LAND, m[s + S_PART], DATA, 0)
        record(m, t, tr, landing, data_rank, max(target, NONE), m[entry + A_STEP],
               m[entry + A_BYTES], key, key_rank)
    if target >= 0:
        m[target + E_READY] = ready
        m[target + E_KEY], m[target + E_KEY_RANK] = landing, data_rank
    else:
        datum = -2 - target
        m[datum], m[datum + 1], m[datum + 2] = ready, landing, data_rank
    wake(m, t, m[s + S_PART], ready)


@jit
def request_rows(m: Any, t: Tables, d: Any, tr: Any, s: int, key: int, key_rank: int) -> None:
    """Ask for those of the first rows that are in DRAM and were not asked for."""
    cell, number = m[s + S_FETCHED], 0
    while cell >= 0 and number < m[s + S_FETCHES]:
        if m[cell + E_INCOMING] != 0:
            m[cell + E_INCOMING] = 0
            request(m, t, tr, s, cell, d.row_bytes[m[cell + E_NODE]], m[cell + E_META] >> 3, key,
                    key_rank)
        cell, number = m[cell + E_NEXT], number + 1


@jit
def request_units(m: Any, t: Tables, d: Any, tr: Any, s: int, key: int, key_rank: int) -> None:
    """Ask for what the next units' updates need."""
    while m[s + S_ASK_UNIT] < m[s + S_END_UNIT] and m[s + S_DATA_COUNT] < m[s + S_FETCHES]:
        n_bytes = d.unit_bytes[m[s + S_ASK_UNIT]]
        m[s + S_ASK_UNIT] += 1
        if n_bytes > 0:
            place = (m[s + S_DATA_FIRST] + m[s + S_DATA_COUNT]) % m[s + S_FETCHES]
            datum = m[s + S_DATA] + DATUM * place
            m[datum] = NEVER
            m[s + S_DATA_COUNT] += 1
            request(m, t, tr, s, -2 - datum, n_bytes, m[s + S_BEGUN] - 1, key, key_rank)


@inline
def data_here(m: Any, t: Tables, d: Any, s: int, now: int) -> bool:
    """Is what the next unit's update needs ready to be used?"""
    if t.fetching == 0 or m[s + S_PORT] < 0 or d.unit_bytes[m[s + S_UNIT]] == 0:
        return True
    ready = m[m[s + S_DATA] + DATUM * m[s + S_DATA_FIRST]]
    if now < ready < NEVER:
        wake(m, t, m[s + S_PART], ready)
    return bool(ready <= now)


@inline
def data_used(m: Any, t: Tables, d: Any, tr: Any, s: int, unit: int, key: int,
              key_rank: int) -> None:
    """A unit was updated: its data makes room for the next."""
    if t.fetching != 0 and m[s + S_PORT] >= 0 and d.unit_bytes[unit] > 0:
        m[s + S_DATA_FIRST] = (m[s + S_DATA_FIRST] + 1) % m[s + S_FETCHES]
        m[s + S_DATA_COUNT] -= 1
        request_units(m, t, d, tr, s, key, key_rank)


@inline
def row_here(m: Any, t: Tables, s: int, now: int) -> bool:
    """Is the first row ready to be accumulated?"""
    if m[s + S_FETCHED] < 0:
        return False
    ready = m[m[s + S_FETCHED] + E_READY]
    if now < ready < NEVER:
        wake(m, t, m[s + S_PART], ready)
    return bool(ready <= now)
