"""Traffic sources and sinks.

A source needs no queue: its offers follow from its seed and their number, so it keeps only the
first packet that is not injected yet.  A sink's counters are due when the packet is granted its
last channel, if it lands before the end of the run.
"""

from __future__ import annotations

from typing import Any

from neurosim import rules
from neurosim.engines.compiled.common import (
    edge,
    free_cell,
    happened,
    land_credits,
    later,
    new_cell,
    next_credit,
    rank,
    record,
    wake,
)
from neurosim.engines.compiled.hop import arrive
from neurosim.engines.compiled.jit import inline, jit
from neurosim.engines.compiled.layout import (
    C_COST,
    C_LATENCY,
    CHANNEL,
    COST_NEED,
    COST_TICKS,
    CREDIT,
    E_LENGTH,
    E_META,
    E_OFFERED,
    E_SEQUENCE,
    E_SOURCE,
    H_COPIES,
    H_DELIVERED,
    H_LAST,
    H_OFFERED,
    H_RECORDS,
    K_AT,
    K_HAVE,
    K_KEY,
    K_KEY_RANK,
    NEVER,
    NONE,
    O_DRAWN,
    O_KEY,
    O_PORT,
    O_SEQUENCE,
    OFFERS,
    SOURCE,
    X_BUSY,
    X_BUSY_KEY,
    X_BUSY_RANK,
    X_CHANNEL,
    X_COUNTED,
    X_DELIVERED,
    X_DEST,
    X_DRAWS,
    X_FIXED,
    X_LENGTH,
    X_OFFERED,
    X_PERIOD,
    X_PHASE,
    X_SEQUENCE,
    Tables,
)
from neurosim.image import BATCHES, HISTOGRAM_BINS, PACKET_KINDS, TRAFFIC
from neurosim.trace import DECIDE, DELIVER, INJECT, LAND, OFFER

# --- sinks


@inline
def sink(m: Any, t: Tables, tr: Any, cell: int, part: int, tick: int, key: int,
         key_rank: int) -> None:
    """Latency runs from the offer to the tail's arrival."""
    free_cell(m, cell)
    if tick > m[H_LAST]:
        return
    x = t.source + SOURCE * (part - t.first_source)
    exact, offered = tick * t.grid, m[cell + E_OFFERED] * t.grid
    if tr is not None:
        record(m, t, tr, exact, rank(LAND, part, DELIVER, 0), cell, 0, TRAFFIC, key, key_rank)
    m[H_DELIVERED + TRAFFIC] += 1
    happened(m, exact)
    if exact >= t.warmup:
        m[x + X_DELIVERED] += 1
    if offered >= t.warmup:
        latency = tick - m[cell + E_OFFERED]
        batch = (exact - t.warmup) * BATCHES // t.batch_span
        m[t.batch + batch] += latency
        m[t.batch + BATCHES + batch] += 1
        bins = latency if t.bin == 1 else latency // t.bin
        m[t.histogram + min(bins, HISTOGRAM_BINS - 1)] += 1


# --- sources


@jit
def draw(m: Any, t: Tables, d: Any, number: int, at: int) -> None:
    """Draw until the pattern gives a destination, from the draw and tick in X_DRAWS and X_OFFERED
    of the words ``at``; X_OFFERED is NEVER beyond the end."""
    x = t.source + SOURCE * number
    if d.rare is not None and t.listed != 0:
        draw_listed(m, d, x, at)
        return
    tick = m[at + X_OFFERED]
    dest = NONE
    while dest < 0:
        count = m[at + X_DRAWS]
        tick += rules.traffic_gap(t.seed, number, count, t.log_miss) * m[x + X_PERIOD]
        if tick > m[H_LAST]:
            m[at + X_OFFERED] = NEVER
            return
        dest = rules.traffic_dest(t.seed, number, count, t.n_sources, t.dest_kind, m[x + X_FIXED],
                                  t.hot_fraction)
        m[at + X_DRAWS] = count + 1
    m[at + X_OFFERED] = tick
    m[at + X_DEST] = dest


@jit
def draw_listed(m: Any, d: Any, x: int, at: int) -> None:
    """The next packet of the list."""
    n = m[at + X_DRAWS]
    if n >= m[x + X_FIXED] or d.offer_tick[n] > m[H_LAST]:
        m[at + X_OFFERED] = NEVER
        return
    m[at + X_DRAWS] = n + 1
    m[at + X_OFFERED] = d.offer_tick[n]
    m[at + X_DEST] = d.offer_dest[n]


@inline
def offer_port(m: Any, t: Tables, d: Any, n: int, sequence: int) -> int:
    """Which of its source's listed packets of one tick number ``n`` is; 0 for drawn packets."""
    port = 0
    if d.rare is not None and t.listed != 0:
        while port < sequence and d.offer_tick[n - port - 1] == d.offer_tick[n]:
            port += 1
    return port


@inline
def next_offer(m: Any, t: Tables, d: Any, number: int) -> None:
    """The next packet to be injected, if there is one."""
    x = t.source + SOURCE * number
    draw(m, t, d, number, x)
    if m[x + X_OFFERED] == NEVER:
        return
    if d.rare is not None and t.listed != 0:
        m[x + X_LENGTH] = d.offer_length[m[x + X_DRAWS] - 1]
    m[H_OFFERED + TRAFFIC] += 1
    m[H_COPIES + TRAFFIC] += 1
    if m[x + X_OFFERED] * t.grid >= t.warmup:
        m[x + X_COUNTED] += 1
    m[x + X_SEQUENCE] += 1


@inline
def record_offers(m: Any, t: Tables, d: Any, tr: Any, number: int, until: int) -> bool:
    """Write the OFFER records up to the tick ``until``; False: there is no room for the next."""
    o = t.offers + OFFERS * number
    part = t.first_source + number
    if m[o + O_DRAWN] == 0:
        m[o + O_DRAWN] = 1
        draw(m, t, d, number, o)
    while m[o + X_OFFERED] < NEVER and m[o + X_OFFERED] <= until:
        if m[H_RECORDS] >= t.records:
            return False
        cell, tick, sequence = t.scratch, m[o + X_OFFERED] * t.grid, m[o + O_SEQUENCE]
        port = offer_port(m, t, d, m[o + X_DRAWS] - 1, sequence)
        m[cell + E_SOURCE] = part
        m[cell + E_SEQUENCE] = sequence
        before = m[o + O_KEY] if sequence > 0 else -1
        before_rank = rank(LAND, part, OFFER, m[o + O_PORT]) if sequence > 0 else 0
        record(m, t, tr, tick, rank(LAND, part, OFFER, port), cell, 0, m[o + X_DEST], before,
               before_rank)
        m[o + O_KEY], m[o + O_PORT] = tick, port
        m[o + O_SEQUENCE] += 1
        draw(m, t, d, number, o)
    return True


@inline
def cost_here(m: Any, d: Any, x: int, c: int) -> int:
    """Ticks and credits of the first packet on the source's channel."""
    if d.rare is not None and m[x + X_LENGTH] > 0:
        return m[c + C_COST + PACKET_KINDS - 1 + m[x + X_LENGTH]]
    return m[c + C_COST + TRAFFIC]


@inline
def decide_source(m: Any, t: Tables, d: Any, tr: Any, part: int, now: int) -> None:
    """Inject the first packet offered, when the channel is free and the router has room."""
    x = t.source + SOURCE * (part - t.first_source)
    if m[x + X_OFFERED] == NEVER:
        return
    when = max(m[x + X_OFFERED], m[x + X_BUSY])
    if when <= now:
        c = t.channel + CHANNEL * m[x + X_CHANNEL]
        need = cost_here(m, d, x, c) & COST_NEED
        room = m[x + X_CHANNEL] * t.n_vcs
        k = t.credit + CREDIT * room
        if tr is not None or m[k + K_HAVE] < need:
            land_credits(m, t, tr, room, now)
        if m[k + K_HAVE] >= need:
            inject(m, t, d, tr, part, x, c, k, now)
            if m[x + X_OFFERED] == NEVER:
                return
            when = max(m[x + X_OFFERED], m[x + X_BUSY])
        else:
            when = next_credit(m, t, room)
    if when < NEVER:
        wake(m, t, part, edge(when, m[x + X_PHASE], m[x + X_PERIOD]))


@inline
def inject(m: Any, t: Tables, d: Any, tr: Any, part: int, x: int, c: int, k: int,
           now: int) -> None:
    from_here = m[x + X_CHANNEL]
    cost = cost_here(m, d, x, c)
    transfer = cost >> COST_TICKS
    cell = new_cell(m, t)
    m[cell + E_META] = TRAFFIC
    m[cell + E_OFFERED] = m[x + X_OFFERED]
    if d.rare is not None:
        m[cell + E_LENGTH] = m[x + X_LENGTH]
    key, key_rank = 0, 0
    if tr is not None:
        m[cell + E_SOURCE] = part
        m[cell + E_SEQUENCE] = m[x + X_SEQUENCE] - 1
        key, key_rank = now * t.grid, rank(DECIDE, part, INJECT, 0)
        at, why = m[x + X_OFFERED], m[x + X_OFFERED] * t.grid
        why_rank = rank(LAND, part, OFFER, offer_port(
            m, t, d, m[x + X_DRAWS] - 1, m[x + X_SEQUENCE] - 1))
        if later(at, why, why_rank, m[x + X_BUSY], m[x + X_BUSY_KEY], m[x + X_BUSY_RANK]):
            at, why, why_rank = m[x + X_BUSY], m[x + X_BUSY_KEY], m[x + X_BUSY_RANK]
        if later(at, why, why_rank, m[k + K_AT], m[k + K_KEY], m[k + K_KEY_RANK]):
            why, why_rank = m[k + K_KEY], m[k + K_KEY_RANK]
        record(m, t, tr, key, key_rank, cell, 0, TRAFFIC, why, why_rank)
        m[x + X_BUSY_KEY], m[x + X_BUSY_RANK] = key, key_rank
    m[k + K_HAVE] -= cost & COST_NEED
    m[x + X_BUSY] = now + transfer
    dest = m[x + X_DEST]
    next_offer(m, t, d, part - t.first_source)
    arrive(m, t, d, tr, cell, from_here, 0, dest, now + m[c + C_LATENCY], transfer, key,
           key_rank)
