"""A copy reaches a router's input queue: done by whoever sends it, when it is sent."""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.common import edge, rank, record, wake
from neurosim.engines.compiled.jit import inline
from neurosim.engines.compiled.layout import (
    BRANCH_LAST,
    BRANCH_NEXT,
    BRANCH_VC,
    C_CYCLE,
    C_QUEUE,
    CHANNEL,
    E_ARRIVED,
    E_COUNTED,
    E_INCOMING,
    E_META,
    E_NEXT,
    E_NODE,
    E_OUT,
    E_READY,
    E_SINCE,
    E_VC,
    E_WHOLE,
    FORK,
    NONE,
    OUTPUT_QUEUES,
    Q_HEAD,
    Q_PORT,
    Q_ROUTER,
    Q_SLOT,
    Q_TAIL,
    QUEUE,
    R_ACTIVE,
    R_PERIOD,
    R_PHASE,
    R_READY,
    ROUTER,
    UNKNOWN,
    Tables,
)
from neurosim.engines.compiled.out_queue import join_outputs
from neurosim.engines.compiled.words import fetch
from neurosim.image import TRAFFIC
from neurosim.trace import ARRIVE, LAND


@inline
def arrive(m: Any, t: Tables, d: Any, tr: Any, cell: int, channel: int, vc: int,
           following: int, head: int, transfer: int, key: int, key_rank: int) -> None:
    """Put a copy into the far input queue of ``channel``; its head reaches it at ``head``."""
    if d.rare is not None:
        m[cell + E_SINCE] = NONE
        m[cell + E_COUNTED] = 0
        if t.program == OUTPUT_QUEUES:
            join_outputs(m, t, d, tr, cell, channel, vc, following, head, transfer, key, key_rank)
            return
    c = t.channel + CHANNEL * channel
    q = t.queue + QUEUE * (m[c + C_QUEUE] + vc)
    number = m[q + Q_ROUTER]
    r = t.router + ROUTER * number
    ready = edge(head, m[r + R_PHASE], m[r + R_PERIOD]) + m[r + R_READY]
    m[cell + E_NEXT] = NONE
    m[cell + E_READY] = ready
    if t.mixed != 0:
        tail = head + transfer - m[c + C_CYCLE]
        m[cell + E_WHOLE] = edge(tail, m[r + R_PHASE], m[r + R_PERIOD]) + m[r + R_READY]
        m[cell + E_INCOMING] = transfer
    if tr is not None:
        m[cell + E_ARRIVED] = head
        record(m, t, tr, head * t.grid, rank(LAND, number, ARRIVE, m[q + Q_PORT]), cell,
               m[cell + E_META] >> 3, vc, key, key_rank)
    # Which way it goes on is looked up when it can go: until then memory has answered.
    m[cell + E_NODE] = following
    m[cell + E_OUT] = UNKNOWN
    if m[cell + E_META] & 7 == TRAFFIC:
        fetch(d.routes, following * t.n_routers + number)
    else:
        fetch(m, t.branch + following)
    if m[q + Q_HEAD] < 0:
        m[q + Q_HEAD] = cell
        m[r + R_ACTIVE] |= 1 << m[q + Q_SLOT]
        wake(m, t, number, ready)
    else:
        m[m[q + Q_TAIL] + E_NEXT] = cell
    m[q + Q_TAIL] = cell


@inline
def look_up(m: Any, t: Tables, routes: Any, cell: int, number: int) -> None:
    """The output and channel of a copy at a router, or FORK."""
    node = m[cell + E_NODE]
    if m[cell + E_META] & 7 == TRAFFIC:
        packed = int(routes[node * t.n_routers + number])
        m[cell + E_OUT] = packed & 63
        m[cell + E_VC] = packed >> BRANCH_VC
        return
    packed = m[t.branch + node]
    if (packed >> BRANCH_LAST) & 1 != 0:
        m[cell + E_OUT] = packed & 63
        m[cell + E_VC] = (packed >> BRANCH_VC) & 255
        m[cell + E_NODE] = packed >> BRANCH_NEXT
    else:
        m[cell + E_OUT] = FORK
