"""The GRANT records of routers with choices."""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.common import later, rank, record
from neurosim.engines.compiled.jit import jit
from neurosim.engines.compiled.layout import (
    C_BUSY,
    CHANNEL,
    CREDIT,
    E_ARRIVED,
    E_META,
    E_SINCE,
    K_AT,
    K_HAVE,
    K_KEY,
    K_KEY_RANK,
    Q_CHANNEL,
    Q_FREE,
    Q_KEY,
    Q_KEY_RANK,
    Q_PORT,
    Q_READER,
    Q_ROUTER,
    Q_SLOT,
    Tables,
)
from neurosim.trace import ARRIVE, DECIDE, DROPPED, LAND


@jit
def arrival_rank(m: Any, t: Tables, q: int) -> int:
    """Rank of the record of an arrival at a queue."""
    return rank(LAND, m[q + Q_ROUTER], ARRIVE, m[q + Q_PORT])


@jit
def record_general(m: Any, t: Tables, tr: Any, q: int, p: int, channel: int, slot: int, cell: int,
                   vc: int, ready: int, detour: bool, key: int, key_rank: int) -> None:
    """As :func:`.router.record_grant`; a detour also waited for its time."""
    c = t.channel + CHANNEL * channel
    k = t.credit + CREDIT * (channel * t.n_vcs + vc)
    came, came_rank = m[cell + E_ARRIVED] * t.grid, arrival_rank(m, t, q)
    if m[q + Q_CHANNEL] < 0:  # re-injected: dropped from the slot that E_SINCE keeps
        came_rank = rank(DECIDE, m[q + Q_ROUTER], DROPPED, m[cell + E_SINCE])
    at, why, why_rank = ready, came, came_rank
    busy_key, busy_rank = m[t.grant_key + channel], key_rank
    if busy_key < 0:
        busy_rank = 0
    if later(at, why, why_rank, m[c + C_BUSY], busy_key, busy_rank):
        at, why, why_rank = m[c + C_BUSY], busy_key, busy_rank
    if detour and later(at, why, why_rank, m[cell + E_SINCE] + t.blocked, came, came_rank):
        at, why, why_rank = m[cell + E_SINCE] + t.blocked, came, came_rank
    if m[p + Q_READER] != slot and later(at, why, why_rank, m[p + Q_FREE], m[p + Q_KEY],
                                         m[p + Q_KEY_RANK]):
        at, why, why_rank = m[p + Q_FREE], m[p + Q_KEY], m[p + Q_KEY_RANK]
    if m[k + K_HAVE] >= 0 and later(at, why, why_rank, m[k + K_AT], m[k + K_KEY],
                                    m[k + K_KEY_RANK]):
        why, why_rank = m[k + K_KEY], m[k + K_KEY_RANK]
    record(m, t, tr, key, key_rank, cell, m[cell + E_META] >> 3, vc, why, why_rank)
    m[t.grant_key + channel] = key


@jit
def record_drop(m: Any, t: Tables, tr: Any, q: int, cell: int, number: int, now: int) -> None:
    key_rank = rank(DECIDE, number, DROPPED, m[q + Q_SLOT])
    record(m, t, tr, now * t.grid, key_rank, cell, m[cell + E_META] >> 3, m[cell + E_META] & 7,
           m[cell + E_ARRIVED] * t.grid, arrival_rank(m, t, q))
