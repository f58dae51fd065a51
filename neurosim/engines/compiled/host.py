"""Host: stage 0 sends the inputs and takes in what its link brings (reference: ``ends.py``)."""

from __future__ import annotations

from typing import Any

from neurosim import rules
from neurosim.engines.compiled.common import (
    edge,
    free_cell,
    happened,
    leave_bundle,
    rank,
    record,
    wake,
)
from neurosim.engines.compiled.decode import (
    complete_by_delivery,
    complete_by_sync,
    decode,
    decoded,
    may_enter,
)
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
    H_ARRIVED,
    H_DECIDED,
    H_DEFERRED,
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
    S_SUPERSTEP,
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
from neurosim.image import (
    ACK,
    CURRENT,
    DECODE,
    DECODE_HOST,
    EVENT,
    MARKER,
    RESULT,
    SYNC_DATAFLOW,
)
from neurosim.trace import DECIDE, DELIVER, LAND


@jit
def decide_host(m: Any, t: Tables, d: Any, tr: Any, part: int, now: int) -> None:
    s = stage_of(t, part)
    host_deliveries(m, t, d, tr, s, now)
    if m[s + S_JOB] >= 0 and m[s + S_JOB_END] <= now:
        decodes = m[s + S_JOB] == DECODE
        end_job(m, t, tr, s)
        if decodes:
            decoded(m, t, d, m[s + S_JOB_END])
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
    if t.decode != 0 and decode(m, t, tr, s, now):
        wake_at_end(m, t, s)
    elif can_send(m, t, tr, s, now):
        start_send(m, t, d, tr, s, m[s + S_SEND], 0, now)
        wake_at_end(m, t, s)
    elif m[s + S_HEAD] >= 0:
        await_credit(m, t, s)
    else:
        report(m, t, tr, s, now)
    if m[s + S_COMING] >= 0:
        wake(m, t, part, edge(m[m[s + S_COMING] + E_READY], m[s + S_PHASE], m[s + S_PERIOD]))


@inline
def host_can_begin(m: Any, t: Tables, d: Any, s: int) -> bool:
    if m[s + S_HEAD] >= 0 or m[s + S_JOB] >= 0 or m[H_DEFERRED] >= 0:
        return False
    if m[H_ARRIVED] > m[H_DECIDED]:
        return False
    if t.sync != SYNC_DATAFLOW:
        return bool(m[s + S_LATCHED] > 0)
    step = m[s + S_BEGUN]
    if step >= t.steps:
        return False
    # Closed loop: the token before of the stream must be out of the machine.
    before = step - t.streams
    if t.closed_loop != 0 and before >= 0 and m[t.host_received + before] < t.host_markers:
        return False
    return may_enter(m, t, d, step) and acks_done(m, t, s, step)


@jit
def begin_host(m: Any, t: Tables, d: Any, tr: Any, s: int, now: int) -> None:
    """Begin the next token if all that it waits for has come."""
    token = m[H_DEFERRED]
    if token >= 0:
        if not may_enter(m, t, d, token):
            return
        m[H_DEFERRED] = NONE
    elif not host_can_begin(m, t, d, s):
        return
    elif t.sync == SYNC_DATAFLOW:
        token = m[s + S_BEGUN]
        clear_acks(m, t, s, token)
    else:
        token = open_superstep(m, t, d, s)
    if token >= 0:
        begin_token(m, t, tr, s, token, now)
        offer_inputs(m, t, d, tr, s, token, now)
    if host_can_begin(m, t, d, s):
        wake(m, t, m[s + S_PART], edge(now + 1, m[s + S_PHASE], m[s + S_PERIOD]))


@inline
def open_superstep(m: Any, t: Tables, d: Any, s: int) -> int:
    """Barrier and tick: the superstep's token, or -1; a token that has to wait is deferred."""
    token = next_superstep(m, t, s)
    if t.decode == DECODE_HOST:
        out = rules.token_at(m[s + S_SUPERSTEP], t.n_layers + 1, t.superstep_period, t.steps)
        if out >= 0:
            complete_by_sync(m, t, s, out)
    if token >= 0 and not may_enter(m, t, d, token):
        m[H_DEFERRED] = token
        return NONE
    return token


@inline
def offer_inputs(m: Any, t: Tables, d: Any, tr: Any, s: int, token: int, now: int) -> None:
    """Offer a token's non-zero inputs in ascending order, then a marker."""
    key, key_rank = m[s + S_STEP_KEY], m[s + S_STEP_RANK]
    m[t.step_offer + token] = now * t.grid
    row = d.input_row[token]
    if row < 0:
        row = d.chosen[token - t.streams]
    m[t.step_row + token] = row
    kind, width = (CURRENT, t.input_width) if t.input_width > 0 else (EVENT, 1)
    for i in range(t.n_inputs):
        first = row * t.input_columns + i * width
        some = False
        for j in range(first, first + width):
            some = some or d.inputs[j] != 0.0
        if some and d.input_tree[i] >= 0:
            m[H_HOST_SENT] += 1
            offer(m, t, tr, s, DECIDE, i, kind, d.input_tree[i], token, float(d.inputs[first]),
                  d.input_offset[i], now, key, key_rank)
    if t.sync == SYNC_DATAFLOW and t.host_marker_tree >= 0:
        m[H_HOST_SENT] += 1
        offer(m, t, tr, s, DECIDE, t.n_inputs, MARKER, t.host_marker_tree, token, 0.0, 0, now,
              key, key_rank)


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
            took(m, t, d, s, cell, kind, step, exact)
        consumed(m, s, kind)
        free_cell(m, cell)
        m[s + S_REPORTED] = 0
        happened(m, exact)


@inline
def took(m: Any, t: Tables, d: Any, s: int, cell: int, kind: int, step: int, exact: int) -> None:
    """A marker, a result or an event of a step has reached the host."""
    if kind == MARKER:
        m[t.host_received + step] += 1
        if m[t.host_received + step] == t.host_markers:
            complete_by_delivery(m, t, s, step, exact)
    elif kind == RESULT:
        at = 2 * (step * t.host_results + m[t.host_count + step])
        d.host_results[at] = m[cell + E_VALUE]
        d.host_results[at + 1] = m[cell + E_OFFSET]
        m[t.host_count + step] += 1
        if m[t.host_count + step] == t.host_results:
            complete_by_delivery(m, t, s, step, exact)
    else:
        event = cell if m[cell + E_OFFSET] >= 0 else -2 - m[cell + E_OFFSET]
        first = step * t.output_units - (t.columns - t.output_units)
        while event >= 0:
            m[t.host_events + step] += 1
            if t.record_host != 0:
                column = d.unit_column[m[cell + E_NODE] + m[event + E_OFFSET]]
                d.host_values[first + column] = float_of(m[event + E_VALUE])
            event = m[event + E_NEXT] if event != cell else NONE
        leave_bundle(m, cell)
