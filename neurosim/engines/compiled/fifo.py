"""Deliveries to cores, hosts and sinks, and the input FIFOs of cores."""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.common import (
    edge,
    free_cell,
    happened,
    leave_bundle,
    rank,
    record,
    wake,
)
from neurosim.engines.compiled.jit import inline
from neurosim.engines.compiled.layout import (
    E_KEY,
    E_KEY_RANK,
    E_META,
    E_NEXT,
    E_NODE,
    E_OFFSET,
    E_READY,
    H_DROPPED,
    H_NOW,
    NONE,
    S_BALANCE,
    S_COMING,
    S_DEPTH,
    S_DROPPED,
    S_FIFO,
    S_FIFO_COUNT,
    S_FIFO_MAX,
    S_JOB,
    S_LANDED_CELL,
    S_PART,
    S_PERIOD,
    S_PHASE,
    S_POLICY,
    S_READY,
    S_TAIL_CELL,
    STAGE,
    Tables,
)
from neurosim.engines.compiled.sources import sink
from neurosim.engines.compiled.words import fetch
from neurosim.image import CURRENT, DROP, EVENT, STALL
from neurosim.trace import DELIVER, DROPPED, LAND


@inline
def stage_of(t: Tables, part: int) -> int:
    """First word of a core's or host's entry."""
    if part >= t.first_host:
        return t.stage + STAGE * (t.first_port - t.n_routers + part - t.first_host)
    return t.stage + STAGE * (part - t.n_routers)


@inline
def deliver(m: Any, t: Tables, d: Any, tr: Any, cell: int, part: int, entry: int, tick: int,
            key: int, key_rank: int) -> None:
    """The tail of a copy reaches an endpoint at ``tick``, in the future.  Cores look at what has
    landed when they decide; a core is woken for it only if it is idle."""
    if t.first_source <= part < t.first_host:
        sink(m, t, tr, cell, part, tick, key, key_rank)
        return
    s = stage_of(t, part)
    m[cell + E_NODE] = entry
    if m[cell + E_META] & 7 in (EVENT, CURRENT) and m[cell + E_OFFSET] >= 0:
        fetch(d.rows, 4 * (entry + m[cell + E_OFFSET]))
    m[cell + E_READY] = tick
    m[cell + E_NEXT] = NONE
    if tr is not None:
        m[cell + E_KEY], m[cell + E_KEY_RANK] = key, key_rank
    # One list: the FIFO, and behind it what has not landed yet (from S_COMING on).
    if m[s + S_TAIL_CELL] < 0:
        m[s + S_FIFO] = cell
    else:
        m[m[s + S_TAIL_CELL] + E_NEXT] = cell
    m[s + S_TAIL_CELL] = cell
    if m[s + S_COMING] < 0:
        m[s + S_COMING] = cell
    at = edge(tick, m[s + S_PHASE], m[s + S_PERIOD])
    if part >= t.first_host:
        wake(m, t, part, at)
        return
    if m[s + S_POLICY] != STALL:
        land_deliveries(m, t, tr, s, m[H_NOW])
    if m[s + S_JOB] < 0:
        wake(m, t, part, at + m[s + S_READY])


@inline
def land_deliveries(m: Any, t: Tables, tr: Any, s: int, now: int) -> None:
    """Copies that reached a core by ``now`` are in its FIFO; full: one is dropped."""
    while m[s + S_COMING] >= 0:
        cell = m[s + S_COMING]
        tick = m[cell + E_READY]
        if tick > now:
            break
        m[s + S_COMING] = m[cell + E_NEXT]
        if m[s + S_FIFO_COUNT] >= m[s + S_DEPTH] and not make_room(m, t, tr, s, cell, tick):
            continue
        if tr is not None:
            record(m, t, tr, tick * t.grid, rank(LAND, m[s + S_PART], DELIVER, 0), cell,
                   m[cell + E_META] >> 3, m[cell + E_META] & 7, m[cell + E_KEY],
                   m[cell + E_KEY_RANK])
        m[s + S_LANDED_CELL] = cell
        m[s + S_FIFO_COUNT] += 1
        m[s + S_FIFO_MAX] = max(m[s + S_FIFO_MAX], m[s + S_FIFO_COUNT])
        happened(m, tick * t.grid)


@inline
def ready_tick(m: Any, s: int, cell: int) -> int:
    """When a copy that lands at the tick in E_READY can first be received."""
    return edge(m[cell + E_READY], m[s + S_PHASE], m[s + S_PERIOD]) + m[s + S_READY]


@inline
def pop_fifo(m: Any, s: int) -> int:
    cell = m[s + S_FIFO]
    m[s + S_FIFO] = m[cell + E_NEXT]
    if m[cell + E_NEXT] < 0:
        m[s + S_TAIL_CELL] = NONE
    m[s + S_FIFO_COUNT] -= 1
    return cell


@inline
def make_room(m: Any, t: Tables, tr: Any, s: int, cell: int, tick: int) -> bool:
    """A full FIFO: overwrite the oldest, or drop the copy that comes (then False)."""
    dropped = m[s + S_POLICY] == DROP
    lost = cell
    if dropped:
        # The FIFO is not empty, so something landed stands before the copy.
        m[m[s + S_LANDED_CELL] + E_NEXT] = m[cell + E_NEXT]
        if m[cell + E_NEXT] < 0:
            m[s + S_TAIL_CELL] = m[s + S_LANDED_CELL]
    else:
        lost = pop_fifo(m, s)
    kind = m[lost + E_META] & 7
    if tr is not None:
        record(m, t, tr, tick * t.grid, rank(LAND, m[s + S_PART], DROPPED, 0), lost,
               m[lost + E_META] >> 3, kind, m[cell + E_KEY], m[cell + E_KEY_RANK])
    m[H_DROPPED + kind] += 1
    m[s + S_DROPPED] += 1
    m[s + S_BALANCE] -= 1
    if kind == EVENT:
        leave_bundle(m, lost)
    free_cell(m, lost)
    return not dropped
