"""The barrier and the global tick: the only things off the grid of clocks.

Reports take equally long, so they land in the order in which they are sent; one release is on its
way at most.  `advance` handles everything here at its exact tick, before the grid tick that
follows.
"""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.common import edge, happened, rank, record, wake
from neurosim.engines.compiled.fifo import stage_of
from neurosim.engines.compiled.jit import jit
from neurosim.engines.compiled.layout import (
    NEVER,
    NONE,
    REPORT,
    S_LATCHED,
    S_PERIOD,
    S_PHASE,
    S_SUPERSTEP,
    S_SYNC_AT,
    S_SYNC_KEY,
    S_SYNC_RANK,
    S_TICKED,
    Y_BALANCE,
    Y_CAUSE,
    Y_CAUSE_RANK,
    Y_COUNT,
    Y_FIRST,
    Y_HAVE,
    Y_LAST,
    Y_LAST_RANK,
    Y_RELEASE,
    Y_SUPERSTEP,
    Y_TIMER,
    Y_TIMER_NUMBER,
    Tables,
)
from neurosim.image import SYNC_BARRIER
from neurosim.trace import LAND, SYNC


@jit
def next_sync(m: Any, t: Tables) -> int:
    """Exact tick of the next report, release or timer, or NEVER."""
    if t.sync == SYNC_BARRIER:
        first = m[Y_RELEASE]
        if m[Y_COUNT] > 0:
            first = min(first, m[t.report + REPORT * m[Y_FIRST]])
        return first
    return m[Y_TIMER]


@jit
def synchronise(m: Any, t: Tables, tr: Any, tick: int) -> None:
    """All that the synchroniser or the timers do at an exact tick."""
    if m[Y_TIMER] == tick:
        latch(m, t, tr, tick, m[Y_TIMER_NUMBER], -1, 0)
        m[Y_TIMER_NUMBER] += 1
        m[Y_TIMER] = tick + t.tick_period if m[Y_TIMER_NUMBER] < t.supersteps else NEVER
        return
    if m[Y_RELEASE] == tick:
        m[Y_RELEASE] = NEVER
        latch(m, t, tr, tick, -1, m[Y_CAUSE], m[Y_CAUSE_RANK])
    landed = False
    while m[Y_COUNT] > 0 and m[t.report + REPORT * m[Y_FIRST]] == tick:
        landed = True
        reported(m, t, tr, tick, t.report + REPORT * m[Y_FIRST])
        m[Y_FIRST] = (m[Y_FIRST] + 1) % t.reports
        m[Y_COUNT] -= 1
    members = t.sync_part - t.n_routers
    ports = t.first_source - t.first_port
    if landed and m[Y_HAVE] == members - ports and m[Y_BALANCE] == 0:
        following = m[Y_SUPERSTEP] + 1
        if following < t.supersteps:
            m[Y_HAVE] = 0
            for member in range(members):
                m[t.have + member] = 0
            m[Y_SUPERSTEP] = following
            m[Y_RELEASE] = tick + t.barrier
            m[Y_CAUSE], m[Y_CAUSE_RANK] = m[Y_LAST], m[Y_LAST_RANK]


@jit
def reported(m: Any, t: Tables, tr: Any, tick: int, entry: int) -> None:
    member, superstep = m[entry + 1], m[entry + 2]
    if tr is not None:
        key_rank = rank(LAND, t.sync_part, SYNC, member)
        record(m, t, tr, tick, key_rank, NONE, -1, superstep, m[entry + 4], m[entry + 5])
        if tick > m[Y_LAST] or (tick == m[Y_LAST] and key_rank > m[Y_LAST_RANK]):
            m[Y_LAST], m[Y_LAST_RANK] = tick, key_rank
    m[Y_BALANCE] += m[entry + 3]
    have = t.have + member - t.n_routers
    if superstep == m[Y_SUPERSTEP] and m[have] == 0:
        m[have] = 1
        m[Y_HAVE] += 1
    happened(m, tick)


@jit
def latch(m: Any, t: Tables, tr: Any, tick: int, number: int, cause: int,
          cause_rank: int) -> None:
    """Every stage notes a released superstep, or a tick (``number`` >= 0)."""
    grid_tick = -(-tick // t.grid)
    for part in range(t.n_routers, t.sync_part):
        if t.first_port <= part < t.first_source:
            continue
        s = stage_of(t, part)
        if tr is not None:
            info = number if number >= 0 else m[s + S_SUPERSTEP] + 1
            key_rank = rank(LAND, part, SYNC, 0)
            record(m, t, tr, tick, key_rank, NONE, -1, info, cause, cause_rank)
            m[s + S_SYNC_KEY], m[s + S_SYNC_RANK] = tick, key_rank
        m[s + S_SYNC_AT] = tick
        m[s + S_LATCHED] += 1
        m[s + S_TICKED] = int(number >= 0)
        wake(m, t, part, edge(grid_tick, m[s + S_PHASE], m[s + S_PERIOD]))
    happened(m, tick)
