"""Heads that do not wait for ever: their patience, drops, and the re-injection queue.

What :mod:`neurosim.engines.reference.router_blocked` says.
"""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.common import (
    edge,
    free_cell,
    happened,
    leave_bundle,
    rank,
    return_credit,
    size_of,
    wake,
)
from neurosim.engines.compiled.jit import jit
from neurosim.engines.compiled.layout import (
    BRANCH_NEXT,
    C_QUEUE,
    CHANNEL,
    COUNTS,
    E_ARRIVED,
    E_COUNTED,
    E_INCOMING,
    E_META,
    E_NEXT,
    E_NODE,
    E_OUT,
    E_READY,
    E_SAVED,
    E_SINCE,
    H_DROPPED,
    N_DROPPED,
    N_QUEUED,
    N_REINJECTED,
    N_SERVED,
    N_WAITS,
    NONE,
    Q_CHANNEL,
    Q_FREE,
    Q_FREED,
    Q_HEAD,
    Q_KEY,
    Q_KEY_RANK,
    Q_LEFT,
    Q_READ,
    Q_READER,
    Q_TAIL,
    QUEUE,
    R_ACTIVE,
    R_OUT,
    R_PERIOD,
    R_PHASE,
    R_QUEUE,
    R_SLOTS,
    REPORT,
    Y_COUNT,
    Y_FIRST,
    Tables,
)
from neurosim.engines.compiled.router import port_free
from neurosim.engines.compiled.router_records import record_drop
from neurosim.engines.compiled.words import lowest_bit
from neurosim.image import EVENT, SYNC_BARRIER, TRAFFIC
from neurosim.trace import DECIDE, DROPPED


@jit
def queue_of(m: Any, t: Tables, r: int, number: int, slot: int) -> int:
    """The queue of an input's slot; the last slot is the re-injection queue's, if there is one."""
    if t.blocked != 0 and slot == m[r + R_SLOTS] - 1:
        return int(t.queue + QUEUE * (t.n_queues + number))
    return int(t.queue + QUEUE * (m[r + R_QUEUE] + slot))


@jit
def note_wait(m: Any, t: Tables, number: int, q: int, slot: int, slots: int, cell: int,
              now: int) -> None:
    """A head waits from when it is ready and its port may be read for it."""
    if slot == slots - 1:
        return
    if m[cell + E_SINCE] < 0:
        if m[cell + E_READY] <= now and port_free(m, t, q, slot) <= now:
            m[cell + E_SINCE] = now
    elif m[cell + E_COUNTED] == 0 and now >= m[cell + E_SINCE] + t.blocked:
        m[cell + E_COUNTED] = 1
        m[t.router_counts + COUNTS * number + N_WAITS] += 1


@jit
def drop_overdue(m: Any, t: Tables, tr: Any, r: int, number: int, now: int) -> None:
    """Heads that waited for both times go; the synchroniser learns of copies that are lost."""
    lost, why_rank = 0, 0
    heads = m[r + R_ACTIVE]
    while heads != 0:
        slot = lowest_bit(heads)
        heads &= heads - 1
        if slot == m[r + R_SLOTS] - 1:
            break
        q = t.queue + QUEUE * (m[r + R_QUEUE] + slot)
        cell = m[q + Q_HEAD]
        if m[cell + E_SINCE] >= 0 and now >= m[cell + E_SINCE] + t.blocked + t.detour:
            copies = drop(m, t, tr, r, number, q, slot, cell, now)
            lost += copies
            if copies > 0:
                why_rank = rank(DECIDE, number, DROPPED, slot)
    if lost == 0 or t.sync != SYNC_BARRIER:
        return
    entry = t.report + REPORT * ((m[Y_FIRST] + m[Y_COUNT]) % t.reports)
    m[Y_COUNT] += 1
    m[entry] = now * t.grid + t.report_delay
    m[entry + 1], m[entry + 2], m[entry + 3] = number, -2, -lost
    m[entry + 4], m[entry + 5] = now * t.grid, why_rank


@jit
def drop(m: Any, t: Tables, tr: Any, r: int, number: int, q: int, slot: int, cell: int,
         now: int) -> int:
    """Take a head out of the network; returns the endpoint copies that are lost."""
    counts = t.router_counts + COUNTS * number
    p, over, left = m[q + Q_READ], now + m[r + R_PERIOD], m[q + Q_LEFT]
    if tr is not None:
        record_drop(m, t, tr, q, cell, number, now)
    m[q + Q_HEAD] = m[cell + E_NEXT]
    if m[cell + E_NEXT] < 0:
        m[r + R_ACTIVE] ^= 1 << slot
    freed = max(m[q + Q_FREED], over)
    m[q + Q_FREED], m[q + Q_LEFT] = 0, 0
    m[p + Q_READER] = NONE
    key_rank = rank(DECIDE, number, DROPPED, slot)
    if over >= m[p + Q_FREE]:
        m[p + Q_FREE] = over
        if tr is not None:
            m[p + Q_KEY], m[p + Q_KEY_RANK] = now * t.grid, key_rank
    return_credit(m, t, tr, m[q + Q_CHANNEL], slot % t.n_vcs, freed,
                  m[t.flits + size_of(m, t, cell)], now * t.grid, key_rank)
    m[counts + N_DROPPED] += 1
    happened(m, now * t.grid)
    if m[counts + N_QUEUED] < t.reinject_places:
        reinject(m, t, tr, r, number, slot, cell, left, now)
        return 0
    kind = m[cell + E_META] & 7
    copies = copies_left(m, t, r, cell, left)
    m[H_DROPPED + kind] += copies
    if kind == EVENT:
        for _ in range(copies):
            leave_bundle(m, cell)
    free_cell(m, cell)
    return copies


@jit
def copies_left(m: Any, t: Tables, r: int, cell: int, left: int) -> int:
    """Endpoint copies behind the branches that a copy has left."""
    if m[cell + E_META] & 7 == TRAFFIC:
        return 1
    if m[cell + E_OUT] >= 0:
        on_link = m[t.channel + CHANNEL * (m[r + R_OUT] + m[cell + E_OUT]) + C_QUEUE] >= 0
        return int(m[t.below + m[cell + E_NODE]]) if on_link else 1
    copies = 0
    while left != 0:
        packed = m[t.branch + m[cell + E_NODE] + lowest_bit(left)]
        left &= left - 1
        on_link = m[t.channel + CHANNEL * (m[r + R_OUT] + (packed & 63)) + C_QUEUE] >= 0
        copies += m[t.below + (packed >> BRANCH_NEXT)] if on_link else 1
    return int(copies)


@jit
def reinject(m: Any, t: Tables, tr: Any, r: int, number: int, slot: int, cell: int, left: int,
             now: int) -> None:
    """Software sends it again, from here, where it has not been."""
    counts = t.router_counts + COUNTS * number
    m[counts + N_REINJECTED] += 1
    m[counts + N_SERVED] = max(m[counts + N_SERVED], now) + t.reinject
    ready = edge(m[counts + N_SERVED], m[r + R_PHASE], m[r + R_PERIOD])
    m[cell + E_NEXT], m[cell + E_READY], m[cell + E_INCOMING] = NONE, ready, 0
    m[cell + E_SAVED], m[cell + E_COUNTED], m[cell + E_SINCE] = left, 0, slot
    if tr is not None:
        m[cell + E_ARRIVED] = now
    q = t.queue + QUEUE * (t.n_queues + number)
    if m[q + Q_HEAD] < 0:
        m[q + Q_HEAD] = cell
        m[q + Q_LEFT] = left
        m[r + R_ACTIVE] |= 1 << (m[r + R_SLOTS] - 1)
    else:
        m[m[q + Q_TAIL] + E_NEXT] = cell
    m[q + Q_TAIL] = cell
    m[counts + N_QUEUED] += 1
    wake(m, t, number, ready)


@jit
def take_saved(m: Any, t: Tables, number: int, q: int) -> None:
    """The re-injection queue's head has left: the next one knows its branches."""
    m[t.router_counts + COUNTS * number + N_QUEUED] -= 1
    m[q + Q_LEFT] = m[m[q + Q_HEAD] + E_SAVED] if m[q + Q_HEAD] >= 0 else 0
