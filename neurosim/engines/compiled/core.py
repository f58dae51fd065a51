"""Core: one job at a time, first possible first (reference: ``core.py``)."""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.common import (
    edge,
    free_cell,
    later,
    rank,
    return_credit,
    wake,
)
from neurosim.engines.compiled.decoder import owes_results, take_result
from neurosim.engines.compiled.fifo import land_deliveries, pop_fifo, ready_tick, stage_of
from neurosim.engines.compiled.jit import inline
from neurosim.engines.compiled.layout import (
    DATUM,
    E_INCOMING,
    E_KEY,
    E_KEY_RANK,
    E_LAST,
    E_META,
    E_NODE,
    E_OFFSET,
    E_READY,
    H_LATE_CORES,
    H_LATE_EVENTS,
    NONE,
    S_ASK_UNIT,
    S_ASLEEP,
    S_BANK,
    S_BEGUN,
    S_COMING,
    S_DATA,
    S_DATA_FIRST,
    S_DELIVERS,
    S_END_UNIT,
    S_FETCHED,
    S_FETCHES,
    S_FIFO,
    S_FIFO_COUNT,
    S_FIRST_UNIT,
    S_HEAD,
    S_IDLE,
    S_JOB,
    S_JOB_CELL,
    S_JOB_COUNT,
    S_JOB_END,
    S_JOB_TICKS,
    S_LAST,
    S_LAST_RANK,
    S_LATCHED,
    S_N_MARKERS,
    S_ON_DATA,
    S_PART,
    S_PERIOD,
    S_PHASE,
    S_PLAIN,
    S_POLICY,
    S_PORT,
    S_RECEIVE,
    S_REPORTED,
    S_ROW,
    S_ROWS,
    S_SEND,
    S_STALLED,
    S_STALLED_TICKS,
    S_START,
    S_START_RANK,
    S_STEP_AT,
    S_STEP_KEY,
    S_STEP_RANK,
    S_TICKED,
    S_UNIT,
    S_UPDATE,
    S_WAITING,
    S_WAITING_TICKS,
    S_WAKE,
    S_WAKES,
    STAGE,
    Tables,
)
from neurosim.engines.compiled.memory import (
    data_here,
    request_rows,
    request_units,
    row_here,
)
from neurosim.engines.compiled.packing import holds
from neurosim.engines.compiled.rows import (
    find_row,
    local_events,
    next_row,
    only_row,
    rows_of,
    unpack,
)
from neurosim.engines.compiled.stage import (
    acknowledged,
    acks_done,
    await_credit,
    begin_token,
    can_send,
    clear_acks,
    consumed,
    end_job,
    next_superstep,
    report,
    start_job,
    start_send,
    wake_at_end,
)
from neurosim.engines.compiled.units import accumulated, updated
from neurosim.engines.compiled.words import fetch
from neurosim.image import (
    ACCUMULATE,
    ACK,
    CURRENT,
    EVENT,
    MARKER,
    RECEIVE,
    RESULT,
    ROW_RECURRENT,
    SEND,
    STALL,
    SYNC_DATAFLOW,
    SYNC_TICK,
    UPDATE,
)
from neurosim.trace import DELIVER, END, LAND

# d: the image's arrays of units and synapses (state.Data).


@inline
def decide_core(m: Any, t: Tables, d: Any, tr: Any, part: int, now: int) -> None:
    s = stage_of(t, part)
    land_deliveries(m, t, tr, s, now)
    if m[s + S_JOB] >= 0 and m[s + S_JOB_END] <= now:
        finish_job(m, t, d, tr, s)
    if t.careful != 0:
        following = edge(now, m[s + S_PHASE], m[s + S_PERIOD])
        if following != now:
            wake(m, t, part, following)
            return
        if m[s + S_TICKED] != 0:
            m[s + S_TICKED] = 0
            m[H_LATE_CORES] += working(m, s)
    if m[s + S_JOB] >= 0:
        wake_at_end(m, t, s)
        return
    begin(m, t, d, tr, s, now)
    for turn in range(2):
        if turn == t.finish_first:
            if receive(m, t, d, tr, s, now):
                return
            if row_here(m, t, s, now):
                next_row(m, t, d, s)
                accumulate(m, t, d, tr, s, now)
                wake_at_end(m, t, s)
                return
        elif not holds(m, t, s) and can_send(m, t, tr, s, now):
            waking = leave_rest(m, t, s, SEND, now)
            ticks = start_send(m, t, d, tr, s, m[s + S_SEND], waking, now)
            m[s + S_JOB_TICKS + SEND] += ticks
            wake_at_end(m, t, s)
            return
        elif m[s + S_UNIT] < m[s + S_END_UNIT] and data_here(m, t, d, s, now):
            update(m, t, d, tr, s, now)
            wake_at_end(m, t, s)
            return
    rest(m, t, tr, s, now)


# --- beginning a token


@inline
def working(m: Any, s: int) -> int:
    return int(m[s + S_UNIT] < m[s + S_END_UNIT] or m[s + S_HEAD] >= 0 or m[s + S_JOB] == SEND
               or m[s + S_JOB] == UPDATE)


@inline
def can_begin(m: Any, t: Tables, s: int) -> bool:
    if m[s + S_UNIT] < m[s + S_END_UNIT] or m[s + S_HEAD] >= 0:
        return False
    if t.sync != SYNC_DATAFLOW:
        return bool(m[s + S_LATCHED] > 0)
    step = m[s + S_BEGUN]
    if step >= t.steps:
        return False
    number = (s - t.stage) // STAGE
    if m[t.markers + number * t.n_sums + step % t.n_sums] < m[s + S_N_MARKERS]:
        return False
    if m[s + S_FETCHED] >= 0 and rows_of(m, s, step % t.n_sums):
        return False
    return acks_done(m, t, s, step)


@inline
def begin(m: Any, t: Tables, d: Any, tr: Any, s: int, now: int) -> None:
    """Begin the next token, or an empty superstep, if all that it waits for has come."""
    if not can_begin(m, t, s):
        return
    if t.sync == SYNC_DATAFLOW:
        token = m[s + S_BEGUN]
        number = (s - t.stage) // STAGE
        m[t.markers + number * t.n_sums + token % t.n_sums] = 0
        clear_acks(m, t, s, token)
    else:
        token = next_superstep(m, t, s)
    if token >= 0:
        begin_token(m, t, tr, s, token, now)
        m[s + S_UNIT] = m[s + S_FIRST_UNIT]
        if t.fetching != 0 and m[s + S_PORT] >= 0:
            m[s + S_ASK_UNIT] = m[s + S_FIRST_UNIT]
            request_units(m, t, d, tr, s, now * t.grid, m[s + S_STEP_RANK])
    if can_begin(m, t, s):
        wake(m, t, m[s + S_PART], edge(now + 1, m[s + S_PHASE], m[s + S_PERIOD]))


# --- the jobs


@inline
def leave_rest(m: Any, t: Tables, s: int, kind: int, now: int) -> int:
    """Ends a stall or a wait; the first job after sleep also pays for waking: returns the ticks."""
    m[s + S_JOB_COUNT + kind] += 1
    if m[s + S_STALLED] >= 0:
        m[s + S_STALLED_TICKS] += now - m[s + S_STALLED]
        m[s + S_STALLED] = NONE
    if t.fetching != 0 and m[s + S_WAITING] >= 0:
        m[s + S_WAITING_TICKS] += now - m[s + S_WAITING]
        m[s + S_WAITING] = NONE
    if m[s + S_ASLEEP] == 0:
        return 0
    m[s + S_ASLEEP] = 0
    m[s + S_WAKES] += 1
    return m[s + S_WAKE]


@inline
def receive(m: Any, t: Tables, d: Any, tr: Any, s: int, now: int) -> bool:
    """Take the FIFO's head; its slot frees, and its credit leaves, now."""
    if m[s + S_FETCHED] >= 0 and (t.fetching == 0 or m[s + S_ROWS] >= m[s + S_FETCHES]):
        return False
    if m[s + S_FIFO_COUNT] == 0:
        return False
    cell = m[s + S_FIFO]
    ready = ready_tick(m, s, cell)
    if ready > now:
        wake(m, t, m[s + S_PART], ready)
        return False
    pop_fifo(m, s)
    m[s + S_REPORTED] = 0
    kind = m[cell + E_META] & 7
    m[s + S_BANK] = bank_for(m, t, d, s, cell, kind)
    ticks = m[s + S_RECEIVE + kind] + leave_rest(m, t, s, RECEIVE, now)
    m[s + S_JOB_TICKS + RECEIVE] += ticks
    why, why_rank = 0, 0
    if tr is not None:
        why, why_rank = m[cell + E_READY] * t.grid, rank(LAND, m[s + S_PART], DELIVER, 0)
        if later(ready, why, why_rank, m[s + S_IDLE], m[s + S_LAST], m[s + S_LAST_RANK]):
            why, why_rank = m[s + S_LAST], m[s + S_LAST_RANK]
    start_job(m, t, tr, s, RECEIVE, ticks, cell, why, why_rank, now)
    if m[s + S_POLICY] == STALL:
        channel = m[s + S_DELIVERS]
        return_credit(m, t, tr, channel, 0, now, 1, m[s + S_START], m[s + S_START_RANK])
    if (t.careful == 0 and kind in (EVENT, CURRENT) and (t.fetching == 0 or m[s + S_PLAIN] != 0)
            and m[cell + E_OFFSET] >= 0 and d.rows[4 * m[s + S_ROW] + 1] > 0
            and (t.finish_first == 0 or working(m, s) == 0)):
        # The next job can only be to accumulate, and nothing begins before: take both as one.
        end_job(m, t, tr, s)
        at = edge(now + ticks, m[s + S_PHASE], m[s + S_PERIOD])
        only_row(m, t, s, cell)
        fetch(d.synapses, int(d.rows[4 * m[s + S_ROW]]))
        accumulate(m, t, d, tr, s, at)
    wake_at_end(m, t, s)
    return True


@inline
def bank_for(m: Any, t: Tables, d: Any, s: int, cell: int, kind: int) -> int:
    """The bank of gate sums (or marker count) that a packet goes to: that of the step that
    consumes it; under ``tick`` whatever is open now (for a row in DRAM: when its accumulation
    starts), and late if that is another step."""
    if kind == ACK:
        return 0
    delay = m[cell + E_NODE]
    if kind in (EVENT, CURRENT):
        offset = m[cell + E_OFFSET]
        row = m[cell + E_NODE] + (offset if offset >= 0 else m[-2 - offset + E_OFFSET])
        m[s + S_ROW] = row
        delay = 1 if d.rows[4 * row + 3] == ROW_RECURRENT else 0
    step = (m[cell + E_META] >> 3) + delay * t.streams
    if t.sync == SYNC_TICK:
        expected = m[s + S_BEGUN] + delay * (t.streams - 1)
        if step != expected:
            m[H_LATE_EVENTS] += local_events(m, d, s, cell) if kind in (EVENT, CURRENT) else 1
        step = expected
    return step % t.n_sums


@inline
def accumulate(m: Any, t: Tables, d: Any, tr: Any, s: int, now: int) -> None:
    ticks = d.rows[4 * m[s + S_ROW] + 2] + leave_rest(m, t, s, ACCUMULATE, now)
    m[s + S_JOB_TICKS + ACCUMULATE] += ticks
    why, why_rank = m[s + S_LAST], m[s + S_LAST_RANK]
    if tr is not None:
        cell = m[s + S_FETCHED]
        if later(m[s + S_IDLE], why, why_rank, m[cell + E_READY], m[cell + E_KEY],
                 m[cell + E_KEY_RANK]):
            why, why_rank = m[cell + E_KEY], m[cell + E_KEY_RANK]
        if t.fetching != 0 and m[s + S_PORT] >= 0:
            m[s + S_ON_DATA] = int(d.row_bytes[m[s + S_ROW]] > 0)
    start_job(m, t, tr, s, ACCUMULATE, ticks, m[s + S_FETCHED], why, why_rank, now)


@inline
def update(m: Any, t: Tables, d: Any, tr: Any, s: int, now: int) -> None:
    """Update the next unit of the step that has begun."""
    ticks = m[s + S_UPDATE] + leave_rest(m, t, s, UPDATE, now)
    m[s + S_JOB_TICKS + UPDATE] += ticks
    why, why_rank = 0, 0
    if tr is not None:
        at, why, why_rank = m[s + S_IDLE], m[s + S_LAST], m[s + S_LAST_RANK]
        if later(at, why, why_rank, m[s + S_STEP_AT], m[s + S_STEP_KEY], m[s + S_STEP_RANK]):
            at, why, why_rank = m[s + S_STEP_AT], m[s + S_STEP_KEY], m[s + S_STEP_RANK]
        if t.fetching != 0 and m[s + S_PORT] >= 0 and d.unit_bytes[m[s + S_UNIT]] > 0:
            m[s + S_ON_DATA] = 1
            datum = m[s + S_DATA] + DATUM * m[s + S_DATA_FIRST]
            if later(at, why, why_rank, m[datum], m[datum + 1], m[datum + 2]):
                why, why_rank = m[datum + 1], m[datum + 2]
    start_job(m, t, tr, s, UPDATE, ticks, NONE, why, why_rank, now)


@inline
def rest(m: Any, t: Tables, tr: Any, s: int, now: int) -> None:
    """Nothing to do: wait for a credit (stalled) or for data, or sleep; report if all work is
    done."""
    if m[s + S_HEAD] >= 0 and not holds(m, t, s):
        if m[s + S_STALLED] < 0:
            m[s + S_STALLED] = now
        await_credit(m, t, s)
    elif m[s + S_FETCHED] >= 0 or m[s + S_UNIT] < m[s + S_END_UNIT]:
        if m[s + S_WAITING] < 0:
            m[s + S_WAITING] = now
    else:
        m[s + S_ASLEEP] = 1
        if m[s + S_FIFO_COUNT] == 0 and not owes_results(m, s):
            report(m, t, tr, s, now)
    # What is on its way found the core busy and did not ring.
    coming = m[s + S_COMING]
    if coming >= 0:
        wake(m, t, m[s + S_PART], ready_tick(m, s, coming))


# --- what the jobs do when they end


@inline
def finish_job(m: Any, t: Tables, d: Any, tr: Any, s: int) -> None:
    kind, cell, tick = m[s + S_JOB], m[s + S_JOB_CELL], m[s + S_JOB_END]
    end_job(m, t, tr, s)
    if kind == RECEIVE:
        received(m, t, d, tr, s, cell, tick)
    elif kind == ACCUMULATE:
        accumulated(m, t, d, s, cell)
        if t.fetching != 0 and m[s + S_PORT] >= 0:
            request_rows(m, t, d, tr, s, tick * t.grid, rank(LAND, m[s + S_PART], END, 0))
    elif kind == UPDATE:
        updated(m, t, d, tr, s, tick)


@inline
def received(m: Any, t: Tables, d: Any, tr: Any, s: int, cell: int, tick: int) -> None:
    kind = m[cell + E_META] & 7
    if kind in (EVENT, CURRENT):
        if m[cell + E_OFFSET] < 0:
            if unpack(m, t, d, tr, s, cell, tick):
                return
        elif d.rows[4 * m[s + S_ROW] + 1] > 0:
            find_row(m, t, d, tr, s, cell, m[s + S_ROW], tick)
            m[cell + E_LAST] = 1
            if m[cell + E_INCOMING] != 0:
                request_rows(m, t, d, tr, s, tick * t.grid, rank(LAND, m[s + S_PART], END, 0))
            return
    elif kind == MARKER:
        m[t.markers + (s - t.stage) // STAGE * t.n_sums + m[s + S_BANK]] += 1
    elif kind == RESULT:
        key_rank = rank(LAND, m[s + S_PART], END, 0) if tr is not None else 0
        take_result(m, t, tr, s, cell, tick, tick * t.grid, key_rank)
    else:
        acknowledged(m, t, s, m[cell + E_META] >> 3, m[cell + E_NODE])
    consumed(m, s, kind)
    free_cell(m, cell)
