"""What cores and hosts share: steps, the send queue and jobs (reference: ``stage.py``).

``s`` is the first word of the stage's entry, ``now`` one of its edges.
"""

from __future__ import annotations

from typing import Any

from neurosim import rules
from neurosim.engines.compiled.common import (
    edge,
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
from neurosim.engines.compiled.jit import inline
from neurosim.engines.compiled.layout import (
    C_COST,
    C_LATENCY,
    CHANNEL,
    COST_NEED,
    COST_TICKS,
    CREDIT,
    E_KEY,
    E_KEY_RANK,
    E_META,
    E_NEXT,
    E_NODE,
    E_OFFSET,
    E_OUT,
    E_QUEUED,
    E_SEQUENCE,
    E_SOURCE,
    E_VALUE,
    H_COPIES,
    H_DECIDED,
    H_DELIVERED,
    H_HOST_SENT,
    H_OFFERED,
    K_AT,
    K_HAVE,
    K_KEY,
    K_KEY_RANK,
    NEVER,
    NONE,
    REPORT,
    S_BALANCE,
    S_BANK,
    S_BEGUN,
    S_CHANNEL,
    S_HEAD,
    S_IDLE,
    S_JOB,
    S_JOB_CELL,
    S_JOB_END,
    S_LAST,
    S_LAST_RANK,
    S_LATCHED,
    S_N_ACKS,
    S_ON_DATA,
    S_PART,
    S_PERIOD,
    S_PHASE,
    S_REPORTED,
    S_SEQUENCE,
    S_STAGE,
    S_START,
    S_START_RANK,
    S_STEP_AT,
    S_STEP_KEY,
    S_STEP_RANK,
    S_SUPERSTEP,
    S_SYNC_AT,
    S_SYNC_KEY,
    S_SYNC_RANK,
    S_TAIL,
    STAGE,
    Y_COUNT,
    Y_FIRST,
    Tables,
)
from neurosim.engines.compiled.packing import pack
from neurosim.engines.compiled.words import bits_of
from neurosim.image import DECODE, EVENT, SEND, SYNC_BARRIER
from neurosim.trace import DECIDE, END, INJECT, LAND, OFFER, START, STEP

# --- beginning a token


@inline
def acks_done(m: Any, t: Tables, s: int, step: int) -> bool:
    """Dataflow: every receiver has finished step + delay - banks."""
    turns = 2 * t.n_sums
    number = (s - t.stage) // STAGE
    for delay in range(2):
        freed = step + delay * t.streams - t.n_sums
        if freed >= 0:
            have = m[t.acks + (2 * number + delay) * turns + freed % turns]
            if have < m[s + S_N_ACKS + delay]:
                return False
    return True


@inline
def clear_acks(m: Any, t: Tables, s: int, step: int) -> None:
    turns = 2 * t.n_sums
    number = (s - t.stage) // STAGE
    for delay in range(2):
        freed = step + delay * t.streams - t.n_sums
        if freed >= 0:
            m[t.acks + (2 * number + delay) * turns + freed % turns] = 0


@inline
def acknowledged(m: Any, t: Tables, s: int, step: int, delay: int) -> None:
    turns = 2 * t.n_sums
    number = (s - t.stage) // STAGE
    m[t.acks + (2 * number + delay) * turns + step % turns] += 1


@inline
def next_superstep(m: Any, t: Tables, s: int) -> int:
    """Barrier and tick: take a latched superstep; returns its token or -1."""
    m[s + S_LATCHED] -= 1
    m[s + S_SUPERSTEP] += 1
    m[s + S_REPORTED] = 0
    return rules.token_at(m[s + S_SUPERSTEP], m[s + S_STAGE], t.superstep_period, t.steps)


@inline
def begin_token(m: Any, t: Tables, tr: Any, s: int, token: int, now: int) -> None:
    m[s + S_BEGUN] = token + 1
    m[s + S_STEP_AT] = now
    if tr is not None:
        why, why_rank = sync_or_last(m, t, s)
        key, key_rank = now * t.grid, rank(DECIDE, m[s + S_PART], STEP, 0)
        record(m, t, tr, key, key_rank, NONE, token, m[s + S_SUPERSTEP], why, why_rank)
        m[s + S_STEP_KEY], m[s + S_STEP_RANK] = key, key_rank


@inline
def sync_or_last(m: Any, t: Tables, s: int) -> tuple[int, int]:
    """The later of the last synchronisation and the last job's end."""
    idle = m[s + S_IDLE] * t.grid
    if later(m[s + S_SYNC_AT], m[s + S_SYNC_KEY], m[s + S_SYNC_RANK], idle, m[s + S_LAST],
             m[s + S_LAST_RANK]):
        return m[s + S_LAST], m[s + S_LAST_RANK]
    return m[s + S_SYNC_KEY], m[s + S_SYNC_RANK]


@inline
def report(m: Any, t: Tables, tr: Any, s: int, now: int) -> None:
    """Barrier: tell the synchroniser that this superstep's work is done so far."""
    if t.sync != SYNC_BARRIER or m[s + S_REPORTED] != 0 or m[s + S_SUPERSTEP] < 0:
        return
    m[s + S_REPORTED] = 1
    entry = t.report + REPORT * ((m[Y_FIRST] + m[Y_COUNT]) % t.reports)
    m[Y_COUNT] += 1
    m[entry] = now * t.grid + t.report_delay
    m[entry + 1] = m[s + S_PART]
    m[entry + 2] = m[s + S_SUPERSTEP]
    m[entry + 3] = m[s + S_BALANCE]
    if tr is not None:
        m[entry + 4], m[entry + 5] = sync_or_last(m, t, s)
    m[s + S_BALANCE] = 0


# --- sending


@inline
def offer(m: Any, t: Tables, tr: Any, s: int, phase: int, port: int, kind: int, tree: int,
          step: int, value: float, offset: int, tick: int, cause: int, cause_rank: int) -> None:
    """Put a packet at the end of the send queue; unicast: one for each destination."""
    offer_one(m, t, tr, s, phase, port, kind, tree, step, value, offset, tick, cause, cause_rank)
    if t.unicast != 0:
        copy = 1
        tree = m[t.tree_next + tree]
        while tree >= 0:
            offer_one(m, t, tr, s, phase, port | copy << 24, kind, tree, step, value, offset,
                      tick, cause, cause_rank)
            if m[s + S_PART] >= t.first_host:
                m[H_HOST_SENT] += 1
            tree, copy = m[t.tree_next + tree], copy + 1


@inline
def offer_one(m: Any, t: Tables, tr: Any, s: int, phase: int, port: int, kind: int, tree: int,
              step: int, value: float, offset: int, tick: int, cause: int,
              cause_rank: int) -> None:
    cell = new_cell(m, t)
    m[cell + E_NEXT] = NONE
    m[cell + E_META] = step * 8 + kind
    m[cell + E_NODE] = m[t.root + tree]
    m[cell + E_OFFSET] = offset
    m[cell + E_VALUE] = bits_of(value)
    copies = m[t.copies + tree]
    m[cell + E_OUT] = copies
    m[H_OFFERED + kind] += 1
    m[H_COPIES + kind] += copies
    m[s + S_BALANCE] += copies
    if tr is not None:
        m[cell + E_QUEUED] = tick
        m[cell + E_SOURCE] = m[s + S_PART]
        m[cell + E_SEQUENCE] = m[s + S_SEQUENCE]
        key, key_rank = tick * t.grid, rank(phase, m[s + S_PART], OFFER, port)
        record(m, t, tr, key, key_rank, cell, step, kind, cause, cause_rank)
        m[cell + E_KEY], m[cell + E_KEY_RANK] = key, key_rank
    m[s + S_SEQUENCE] += 1
    if m[s + S_HEAD] < 0:
        m[s + S_HEAD] = cell
    else:
        m[m[s + S_TAIL] + E_NEXT] = cell
    m[s + S_TAIL] = cell


@inline
def consumed(m: Any, s: int, kind: int) -> None:
    m[H_DELIVERED + kind] += 1
    m[s + S_BALANCE] -= 1


@inline
def can_send(m: Any, t: Tables, tr: Any, s: int, now: int) -> bool:
    if m[s + S_HEAD] < 0:
        return False
    c = t.channel + CHANNEL * m[s + S_CHANNEL]
    need = m[c + C_COST + (m[m[s + S_HEAD] + E_META] & 7)] & COST_NEED
    room = m[s + S_CHANNEL] * t.n_vcs
    have = t.credit + CREDIT * room + K_HAVE
    if tr is not None or m[have] < need:
        land_credits(m, t, tr, room, now)
    return bool(m[have] >= need)


@inline
def await_credit(m: Any, t: Tables, s: int) -> None:
    """Be woken when the next credit lands."""
    when = next_credit(m, t, m[s + S_CHANNEL] * t.n_vcs)
    if when < NEVER:
        wake(m, t, m[s + S_PART], edge(when, m[s + S_PHASE], m[s + S_PERIOD]))


@inline
def start_send(m: Any, t: Tables, d: Any, tr: Any, s: int, ticks: int, waking: int,
               now: int) -> int:
    """Send the head of the queue; returns the job's ticks.  The copy joins the router's queue at
    once, with its time of arrival."""
    cell = m[s + S_HEAD]
    m[s + S_HEAD] = m[cell + E_NEXT]
    kind = m[cell + E_META] & 7
    if t.packet_events > 1 and kind == EVENT:
        pack(m, t, s, cell)
    channel = m[s + S_CHANNEL]
    c = t.channel + CHANNEL * channel
    k = t.credit + CREDIT * channel * t.n_vcs
    transfer = m[c + C_COST + kind] >> COST_TICKS
    ticks = max(ticks, transfer) + waking
    end = now + ticks
    key, key_rank = 0, 0
    why, why_rank = 0, 0
    if tr is not None:
        at, why, why_rank = m[s + S_IDLE], m[s + S_LAST], m[s + S_LAST_RANK]
        if later(at, why, why_rank, m[cell + E_QUEUED], m[cell + E_KEY], m[cell + E_KEY_RANK]):
            at, why, why_rank = m[cell + E_QUEUED], m[cell + E_KEY], m[cell + E_KEY_RANK]
        if later(at, why, why_rank, m[k + K_AT], m[k + K_KEY], m[k + K_KEY_RANK]):
            why, why_rank = m[k + K_KEY], m[k + K_KEY_RANK]
    m[k + K_HAVE] -= m[c + C_COST + kind] & COST_NEED
    start_job(m, t, tr, s, SEND, ticks, cell, why, why_rank, now)
    if tr is not None:
        key, key_rank = end * t.grid, rank(LAND, m[s + S_PART], INJECT, 0)
        record(m, t, tr, key, key_rank, cell, m[cell + E_META] >> 3, kind, end * t.grid,
               rank(LAND, m[s + S_PART], END, 0))
        # The job's END record is due later, when the copy may have changed hands.
        m[s + S_BANK] = m[cell + E_SEQUENCE]
        m[s + S_JOB_CELL] = -2 - m[cell + E_META]
    arrive(m, t, d, tr, cell, channel, 0, m[cell + E_NODE], end + m[c + C_LATENCY], transfer,
           key, key_rank)
    return ticks


# --- jobs


@inline
def job_step(m: Any, s: int, kind: int) -> int:
    """The step of a job that is about no packet."""
    return m[H_DECIDED] if kind == DECODE else m[s + S_BEGUN] - 1


@inline
def start_job(m: Any, t: Tables, tr: Any, s: int, kind: int, ticks: int, cell: int, why: int,
              why_rank: int, now: int) -> None:
    """Occupy the stage for ``ticks``; the caller has it woken at the end."""
    m[s + S_JOB] = kind
    m[s + S_JOB_CELL] = cell
    m[s + S_JOB_END] = now + ticks
    if tr is not None:
        step = m[cell + E_META] >> 3 if cell >= 0 else job_step(m, s, kind)
        key, key_rank = now * t.grid, rank(DECIDE, m[s + S_PART], START, m[s + S_ON_DATA])
        m[s + S_ON_DATA] = 0
        record(m, t, tr, key, key_rank, cell, step, kind, why, why_rank)
        m[s + S_START], m[s + S_START_RANK] = key, key_rank


@inline
def wake_at_end(m: Any, t: Tables, s: int) -> None:
    """Effects of a job's end matter at the next edge; a careful run takes them at their tick."""
    end = m[s + S_JOB_END]
    if t.careful == 0:
        end = edge(end, m[s + S_PHASE], m[s + S_PERIOD])
    wake(m, t, m[s + S_PART], end)


@inline
def end_job(m: Any, t: Tables, tr: Any, s: int) -> None:
    """The job is over: its END record; what it does then is the caller's business."""
    tick, cell = m[s + S_JOB_END], m[s + S_JOB_CELL]
    if tr is not None:
        part = m[s + S_PART]
        key, key_rank = tick * t.grid, rank(LAND, part, END, 0)
        step = job_step(m, s, m[s + S_JOB])
        if cell >= 0:
            step = m[cell + E_META] >> 3
        elif cell < -1:  # a sent packet: its name was kept
            step = (-2 - cell) >> 3
            cell = t.scratch
            m[cell + E_SOURCE], m[cell + E_SEQUENCE] = part, m[s + S_BANK]
        record(m, t, tr, key, key_rank, cell, step, m[s + S_JOB], m[s + S_START],
               m[s + S_START_RANK])
        set_last(m, t, s, key, key_rank)
    m[s + S_JOB] = NONE
    m[s + S_IDLE] = max(m[s + S_IDLE], tick)
    happened(m, tick * t.grid)


@inline
def set_last(m: Any, t: Tables, s: int, key: int, key_rank: int) -> None:
    """Remember the last record that ended something (the later of two in one tick)."""
    if key > m[s + S_LAST] or (key == m[s + S_LAST] and key_rank > m[s + S_LAST_RANK]):
        m[s + S_LAST], m[s + S_LAST_RANK] = key, key_rank
