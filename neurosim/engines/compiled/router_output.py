"""What :mod:`neurosim.engines.reference.router_output` says: a queue at every output."""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.common import (
    edge,
    free_cell,
    land_credits,
    later,
    next_credit,
    rank,
    record,
    return_credit_sorted,
    size_of,
    wake,
)
from neurosim.engines.compiled.fifo import deliver
from neurosim.engines.compiled.hop import arrive
from neurosim.engines.compiled.jit import jit
from neurosim.engines.compiled.layout import (
    C_BUSY,
    C_COST,
    C_CYCLE,
    C_FAR,
    C_LATENCY,
    C_QUEUE,
    CHANNEL,
    COST_NEED,
    COST_TICKS,
    CREDIT,
    E_ARRIVED,
    E_BEFORE,
    E_BRANCHES,
    E_FREED,
    E_HOLDER,
    E_META,
    E_NEXT,
    E_NODE,
    E_OUT,
    E_READY,
    E_VC,
    K_AT,
    K_HAVE,
    K_KEY,
    K_KEY_RANK,
    NEVER,
    NONE,
    Q_CHANNEL,
    Q_PORT,
    Q_ROUTER,
    QUEUE,
    R_ACTIVE,
    R_OUT,
    R_PERIOD,
    R_PHASE,
    R_QUEUE,
    ROUTER,
    Tables,
)
from neurosim.engines.compiled.words import lowest_bit
from neurosim.trace import ARRIVE, DECIDE, GRANT, LAND


@jit
def decide_outputs(m: Any, t: Tables, d: Any, tr: Any, number: int, now: int) -> None:
    """Every output that is free serves the one that came first, of those with room behind them
    that are the first of their virtual channels."""
    r = t.router + ROUTER * number
    again = NEVER
    outputs = m[r + R_ACTIVE]
    while outputs != 0:
        output = lowest_bit(outputs)
        outputs &= outputs - 1
        again = min(again, serve_output(m, t, d, tr, r, number, output, now))
    if again < NEVER:
        wake(m, t, number, edge(again, m[r + R_PHASE], m[r + R_PERIOD]))


@jit
def serve_output(m: Any, t: Tables, d: Any, tr: Any, r: int, number: int, output: int,
                 now: int) -> int:
    """Grant one output if it can be; returns when to look again."""
    channel = m[r + R_OUT] + output
    c = t.channel + CHANNEL * channel
    if m[c + C_BUSY] > now:
        return int(m[c + C_BUSY])
    again, best = NEVER, NONE
    for vc in range(t.n_vcs):
        room = channel * t.n_vcs + vc
        cell = m[t.out_queue + 2 * room]
        if cell < 0:
            continue
        if m[cell + E_READY] > now:
            again = min(again, m[cell + E_READY])
            continue
        k = t.credit + CREDIT * room
        if m[k + K_HAVE] >= 0:
            need = m[c + C_COST + size_of(m, t, cell)] & COST_NEED
            land_credits(m, t, tr, room, now)
            if m[k + K_HAVE] < need:
                again = min(again, next_credit(m, t, room))
                continue
        if best < 0 or m[cell + E_READY] < m[best + E_READY] or (
                m[cell + E_READY] == m[best + E_READY] and m[cell + E_OUT] < m[best + E_OUT]):
            best = cell
    if best >= 0:
        grant_output(m, t, d, tr, r, number, channel, output, best, now)
        if (m[r + R_ACTIVE] >> output) & 1 != 0:
            again = min(again, m[c + C_BUSY])
    return int(again)


@jit
def grant_output(m: Any, t: Tables, d: Any, tr: Any, r: int, number: int, channel: int,
                 output: int, cell: int, now: int) -> None:
    """The first of a queue leaves; its place at the input frees with the copy's last branch."""
    c = t.channel + CHANNEL * channel
    vc = m[cell + E_VC]
    room = channel * t.n_vcs + vc
    k = t.credit + CREDIT * room
    size = size_of(m, t, cell)
    cost = m[c + C_COST + size]
    transfer = cost >> COST_TICKS
    end = now + transfer
    q = t.queue + QUEUE * (m[r + R_QUEUE] + m[cell + E_OUT])
    key, key_rank = 0, 0
    if tr is not None:
        key, key_rank = now * t.grid, rank(DECIDE, number, GRANT, channel)
        at, why = m[cell + E_READY], m[cell + E_ARRIVED] * t.grid
        why_rank = rank(LAND, m[q + Q_ROUTER], ARRIVE, m[q + Q_PORT])
        busy_key, busy_rank = m[t.grant_key + channel], key_rank
        if busy_key < 0:
            busy_rank = 0
        if later(at, why, why_rank, m[c + C_BUSY], busy_key, busy_rank):
            at, why, why_rank = m[c + C_BUSY], busy_key, busy_rank
        if m[k + K_HAVE] >= 0 and later(at, why, why_rank, m[k + K_AT], m[k + K_KEY],
                                        m[k + K_KEY_RANK]):
            why, why_rank = m[k + K_KEY], m[k + K_KEY_RANK]
        record(m, t, tr, key, key_rank, cell, m[cell + E_META] >> 3, vc, why, why_rank)
        m[t.grant_key + channel] = key
    if m[k + K_HAVE] >= 0:
        m[k + K_HAVE] -= cost & COST_NEED
    m[t.granted + 8 * channel + size] += 1
    m[c + C_BUSY] = end
    leave_queue(m, t, r, channel, output, cell, room)
    holder, freed = m[cell + E_HOLDER], end
    if holder >= 0:
        m[holder + E_BRANCHES] -= 1
        freed = max(end, m[holder + E_FREED])
        m[holder + E_FREED] = freed
    if holder < 0 or m[holder + E_BRANCHES] == 0:
        incoming = m[cell + E_OUT] % t.n_vcs
        return_credit_sorted(m, t, tr, m[q + Q_CHANNEL], incoming, freed, m[t.flits + size],
                             key, key_rank)
        if holder >= 0:
            free_cell(m, holder)
    head, following = now + m[c + C_LATENCY], m[cell + E_NODE]
    if m[c + C_QUEUE] >= 0:
        arrive(m, t, d, tr, cell, channel, vc, following, head, transfer, key, key_rank)
    else:
        deliver(m, t, d, tr, cell, m[c + C_FAR], following, head + transfer - m[c + C_CYCLE], key,
                key_rank)


@jit
def leave_queue(m: Any, t: Tables, r: int, channel: int, output: int, cell: int,
                room: int) -> None:
    ends = t.out_queue + 2 * room
    following = m[cell + E_NEXT]
    m[ends] = following
    if following >= 0:
        m[following + E_BEFORE] = NONE
        return
    m[ends + 1] = NONE
    for vc in range(t.n_vcs):
        if m[t.out_queue + 2 * (channel * t.n_vcs + vc)] >= 0:
            return
    m[r + R_ACTIVE] &= ~(1 << output)
