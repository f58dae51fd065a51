"""Host: stage 0 sends the inputs and takes in what its link brings (reference: ``ends.py``)."""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.common import edge, free_cell, happened, rank, record, wake
from neurosim.engines.compiled.fifo import stage_of
from neurosim.engines.compiled.jit import inline, jit
from neurosim.engines.compiled.layout import (
    E_KEY,
    E_KEY_RANK,
    E_META,
    E_NEXT,
    E_NODE,
    E_OFFSET,
    E_READY,
    E_VALUE,
    H_HOST_SENT,
    NONE,
    S_BEGUN,
    S_COMING,
    S_HEAD,
    S_IDLE,
    S_JOB,
    S_JOB_END,
    S_LATCHED,
    S_PART,
    S_PERIOD,
    S_PHASE,
    S_REPORTED,
    S_SEND,
    S_STEP_KEY,
    S_STEP_RANK,
    S_TAIL_CELL,
    S_TICKED,
    Tables,
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
    offer,
    report,
    set_last,
    start_send,
    wake_at_end,
)
from neurosim.engines.compiled.words import float_of
from neurosim.image import ACK, EVENT, MARKER, SYNC_DATAFLOW
from neurosim.trace import DECIDE, DELIVER, LAND


@jit
def decide_host(m: Any, t: Tables, d: Any, tr: Any, part: int, now: int) -> None:
    s = stage_of(t, part)
    host_deliveries(m, t, d, tr, s, now)
    if m[s + S_JOB] >= 0 and m[s + S_JOB_END] <= now:
        end_job(m, t, tr, s)
    m[s + S_TICKED] = 0
    if t.careful != 0:
        following = edge(now, m[s + S_PHASE], m[s + S_PERIOD])
        if following != now:
            wake(m, t, part, following)
            return
    if m[s + S_JOB] >= 0:
        wake_at_end(m, t, s)
        return
    begin_host(m, t, d, tr, s, now)
    if can_send(m, t, tr, s, now):
        start_send(m, t, d.routes, tr, s, m[s + S_SEND], 0, now)
        wake_at_end(m, t, s)
    elif m[s + S_HEAD] >= 0:
        await_credit(m, t, s)
    else:
        report(m, t, tr, s, now)
    if m[s + S_COMING] >= 0:
        wake(m, t, part, edge(m[m[s + S_COMING] + E_READY], m[s + S_PHASE], m[s + S_PERIOD]))


@inline
def host_can_begin(m: Any, t: Tables, s: int) -> bool:
    if m[s + S_HEAD] >= 0 or m[s + S_JOB] >= 0:
        return False
    if t.sync != SYNC_DATAFLOW:
        return bool(m[s + S_LATCHED] > 0)
    step = m[s + S_BEGUN]
    if step >= t.steps:
        return False
    # Closed loop: the token before must be out of the machine.
    if t.closed_loop != 0 and step > 0 and m[t.host_received + step - 1] < t.host_markers:
        return False
    return acks_done(m, t, s, step)


@jit
def begin_host(m: Any, t: Tables, d: Any, tr: Any, s: int, now: int) -> None:
    """Begin the next token, and offer its non-zero inputs in ascending order, then a marker."""
    if not host_can_begin(m, t, s):
        return
    if t.sync == SYNC_DATAFLOW:
        token = m[s + S_BEGUN]
        clear_acks(m, t, s, token)
    else:
        token = next_superstep(m, t, s)
    if token >= 0:
        begin_token(m, t, tr, s, token, now)
        key, key_rank = m[s + S_STEP_KEY], m[s + S_STEP_RANK]
        m[t.step_offer + token] = now * t.grid
        inputs = t.n_inputs
        for i in range(inputs):
            if d.inputs[token * inputs + i] != 0.0 and d.input_tree[i] >= 0:
                m[H_HOST_SENT] += 1
                offer(m, t, tr, s, DECIDE, i, EVENT, d.input_tree[i], token,
                      float(d.inputs[token * inputs + i]), d.input_offset[i], now, key, key_rank)
        if t.sync == SYNC_DATAFLOW and t.host_marker_tree >= 0:
            m[H_HOST_SENT] += 1
            offer(m, t, tr, s, DECIDE, inputs, MARKER, t.host_marker_tree, token, 0.0, 0, now,
                  key, key_rank)
    if host_can_begin(m, t, s):
        wake(m, t, m[s + S_PART], edge(now + 1, m[s + S_PHASE], m[s + S_PERIOD]))


@jit
def host_deliveries(m: Any, t: Tables, d: Any, tr: Any, s: int, now: int) -> None:
    """Copies that left the machine by ``now``."""
    while m[s + S_COMING] >= 0:
        cell = m[s + S_COMING]
        tick = m[cell + E_READY]
        if tick > now:
            break
        m[s + S_COMING] = m[cell + E_NEXT]
        if m[cell + E_NEXT] < 0:
            m[s + S_TAIL_CELL] = NONE
        kind, step, entry = m[cell + E_META] & 7, m[cell + E_META] >> 3, m[cell + E_NODE]
        exact = tick * t.grid
        if tr is not None:
            key_rank = rank(LAND, m[s + S_PART], DELIVER, 0)
            record(m, t, tr, exact, key_rank, cell, step, kind, m[cell + E_KEY],
                   m[cell + E_KEY_RANK])
            set_last(m, t, s, exact, key_rank)
        m[s + S_IDLE] = max(m[s + S_IDLE], tick)
        if kind == ACK:
            acknowledged(m, t, s, step, entry)
        else:
            m[t.step_deliver + step] = max(m[t.step_deliver + step], exact)
            if kind == MARKER:
                m[t.host_received + step] += 1
            elif t.record_host != 0:
                column = d.unit_column[entry + m[cell + E_OFFSET]]
                column -= t.columns - t.output_units
                d.host_values[step * t.output_units + column] = float_of(m[cell + E_VALUE])
        consumed(m, s, kind)
        free_cell(m, cell)
        m[s + S_REPORTED] = 0
        happened(m, exact)



