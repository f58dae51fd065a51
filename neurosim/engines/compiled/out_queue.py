"""Queues at a router's outputs: a copy joins one for each of its branches when it is sent here,
with the tick from which it may go on.

The queue of an output and virtual channel is ordered by that tick, then by the input (port and
channel), then by arrival: who came first is served first.
"""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.common import (
    copy_cell,
    edge,
    new_cell,
    rank,
    record,
    size_of,
    wake,
)
from neurosim.engines.compiled.jit import jit
from neurosim.engines.compiled.layout import (
    BRANCH_LAST,
    BRANCH_NEXT,
    BRANCH_VC,
    C_COST,
    C_CYCLE,
    C_QUEUE,
    CHANNEL,
    COST_TICKS,
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
    NONE,
    Q_PORT,
    Q_ROUTER,
    Q_SLOT,
    QUEUE,
    R_ACTIVE,
    R_OUT,
    R_PERIOD,
    R_PHASE,
    R_READY,
    ROUTER,
    Tables,
)
from neurosim.image import TRAFFIC
from neurosim.trace import ARRIVE, LAND


@jit
def join_outputs(m: Any, t: Tables, d: Any, tr: Any, cell: int, channel: int, vc: int,
                 following: int, head: int, transfer: int, key: int, key_rank: int) -> None:
    """The copy's branches join the queues of their outputs."""
    c = t.channel + CHANNEL * channel
    q = t.queue + QUEUE * (m[c + C_QUEUE] + vc)
    number = m[q + Q_ROUTER]
    r = t.router + ROUTER * number
    ready = edge(head, m[r + R_PHASE], m[r + R_PERIOD]) + m[r + R_READY]
    tail = head + transfer - m[c + C_CYCLE]
    whole = edge(tail, m[r + R_PHASE], m[r + R_PERIOD]) + m[r + R_READY]
    if tr is not None:
        m[cell + E_ARRIVED] = head
        record(m, t, tr, head * t.grid, rank(LAND, number, ARRIVE, m[q + Q_PORT]), cell,
               m[cell + E_META] >> 3, vc, key, key_rank)
    slot = m[q + Q_SLOT]
    if m[cell + E_META] & 7 == TRAFFIC:
        packed = int(d.routes[following * t.n_routers + number])
        m[cell + E_HOLDER] = NONE
        join(m, t, cell, number, slot, packed & 63, packed >> BRANCH_VC, following, ready, whole,
             transfer)
        return
    branch = t.branch + following
    holder = NONE
    if (m[branch] >> BRANCH_LAST) & 1 == 0:
        holder = new_cell(m, t)
        m[holder + E_BRANCHES], m[holder + E_FREED] = 0, 0
    while True:
        packed = m[branch]
        last = (packed >> BRANCH_LAST) & 1
        one = cell
        if last == 0:
            one = copy_cell(m, t, tr, cell)
            if tr is not None:
                m[one + E_ARRIVED] = head
        m[one + E_HOLDER] = holder
        if holder >= 0:
            m[holder + E_BRANCHES] += 1
        join(m, t, one, number, slot, packed & 63, (packed >> BRANCH_VC) & 255,
             packed >> BRANCH_NEXT, ready, whole, transfer)
        if last != 0:
            return
        branch += 1


@jit
def join(m: Any, t: Tables, cell: int, number: int, slot: int, output: int, vc: int,
         following: int, ready: int, whole: int, transfer: int) -> None:
    """One branch goes to its place in its output's queue."""
    r = t.router + ROUTER * number
    channel = m[r + R_OUT] + output
    if m[t.channel + CHANNEL * channel + C_COST + size_of(m, t, cell)] >> COST_TICKS < transfer:
        ready = whole
    m[cell + E_READY] = ready
    m[cell + E_OUT] = slot
    m[cell + E_VC] = vc
    m[cell + E_NODE] = following
    ends = t.out_queue + 2 * (channel * t.n_vcs + vc)
    before = m[ends + 1]
    while before >= 0 and (m[before + E_READY] > ready or (
            m[before + E_READY] == ready and m[before + E_OUT] > slot)):
        before = m[before + E_BEFORE]
    after = m[ends] if before < 0 else m[before + E_NEXT]
    m[cell + E_BEFORE], m[cell + E_NEXT] = before, after
    if before < 0:
        m[ends] = cell
    else:
        m[before + E_NEXT] = cell
    if after < 0:
        m[ends + 1] = cell
    else:
        m[after + E_BEFORE] = cell
    m[r + R_ACTIVE] |= 1 << output
    wake(m, t, number, ready)
