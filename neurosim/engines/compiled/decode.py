"""The host's job that ends in the choice of a token (reference: ``host.py``)."""

from __future__ import annotations

import math
from typing import Any

from neurosim import rules
from neurosim.engines.compiled.common import later, rank
from neurosim.engines.compiled.decoder import choose, insert, offered_score
from neurosim.engines.compiled.jit import inline, jit
from neurosim.engines.compiled.layout import (
    H_ARRIVED,
    H_DECIDED,
    H_DECODE_TICKS,
    H_LAST,
    H_OVERFLOW,
    NONE,
    S_JOB_END,
    S_PART,
    S_SYNC_AT,
    S_SYNC_KEY,
    S_SYNC_RANK,
    Tables,
)
from neurosim.engines.compiled.stage import start_job
from neurosim.engines.compiled.words import bits_of, float_of, words_at
from neurosim.image import DECODE, DECODE_CHIP, DECODE_HOST, SYNC_DATAFLOW
from neurosim.trace import DELIVER, END, LAND


@inline
def may_enter(m: Any, t: Tables, d: Any, token: int) -> bool:
    """A token that was chosen, or in a closed loop, waits for the step before of its stream."""
    before = token - t.streams
    waits = d.input_row[token] < 0 or (t.closed_loop != 0 and t.decode != 0)
    return before < 0 or not waits or m[H_DECIDED] > before


@inline
def complete_by_sync(m: Any, t: Tables, s: int, step: int) -> None:
    """Barrier and tick: all events of a step have come when its superstep is over."""
    m[H_ARRIVED] = step + 1
    at = t.host_done + 3 * step
    m[at], m[at + 1], m[at + 2] = m[s + S_SYNC_AT], m[s + S_SYNC_KEY], m[s + S_SYNC_RANK]


@inline
def complete_by_delivery(m: Any, t: Tables, s: int, step: int, exact: int) -> None:
    """All markers or results of a step have come."""
    at = t.host_done + 3 * step
    m[at], m[at + 1] = exact, exact
    m[at + 2] = rank(LAND, m[s + S_PART], DELIVER, 0)


@inline
def can_decode(m: Any, t: Tables, step: int) -> bool:
    if t.decode == DECODE_CHIP:
        return bool(m[t.host_count + step] >= t.host_results)
    if t.decode == DECODE_HOST and t.sync == SYNC_DATAFLOW:
        return bool(m[t.host_received + step] >= t.host_markers)
    return bool(step < m[H_ARRIVED])


@jit
def decode(m: Any, t: Tables, tr: Any, s: int, now: int) -> bool:
    """Start the job for the next step, if all of it is in; the caller has the host woken."""
    step = m[H_DECIDED]
    if step >= t.steps or not can_decode(m, t, step):
        return False
    ticks = t.decode_base + m[t.host_events + step] * t.decode_event
    m[H_DECODE_TICKS] += ticks
    why, why_rank = NONE, 0
    if tr is not None:
        at = m[s + S_JOB_END] * t.grid
        if at > 0:
            why, why_rank = at, rank(LAND, m[s + S_PART], END, 0)
        done = t.host_done + 3 * step
        if later(at, why, why_rank, m[done], m[done + 1], m[done + 2]):
            why, why_rank = m[done + 1], m[done + 2]
    start_job(m, t, tr, s, DECODE, ticks, NONE, why, why_rank, now)
    return True


@jit
def decoded(m: Any, t: Tables, d: Any, tick: int) -> None:
    """The job is over at ``tick``: the step's token is decided."""
    step = m[H_DECIDED]
    if t.decode == DECODE_CHIP:
        pairs = words_at(d.host_results, 2 * t.host_results * step)
        token = choose(t, pairs, m[t.host_count + step], step)
    else:
        token = decide(m, t, d, step, tick)
    d.chosen[step] = token
    d.step_decided[step] = tick * t.grid
    m[H_DECIDED] = step + 1


@jit
def decide(m: Any, t: Tables, d: Any, step: int, tick: int) -> int:
    """Logits of all words from the step's events, and the choice among them."""
    count = entering_values(m, t, d, step)
    best = t.host_best
    m[best] = 0
    limit = float(rules.SUM_LIMIT)
    for word in range(t.vocabulary):
        total, size, wrong = 0, 0.0, False
        for i in range(count):
            at = t.entering + 2 * i
            weight = float(d.decoder_weight[word * t.output_units + m[at]])
            scaled = weight * float_of(m[at + 1]) * rules.SUM_SCALE
            if scaled >= limit or scaled <= -limit:
                wrong = True
                continue
            rounded = math.floor(scaled + 0.5)
            size += rounded
            total += int(rounded)
        if wrong or size >= limit or size <= -limit:
            number = t.n_units + word
            m[H_OVERFLOW] = number if m[H_OVERFLOW] < 0 else min(m[H_OVERFLOW], number)
            m[H_LAST] = tick
            total = 0
        logit = total / rules.SUM_SCALE + d.decoder_bias[word]
        if t.record_logits != 0:
            d.logits[step * t.vocabulary + word] = logit
        insert(m, best, t.candidates, offered_score(t, logit, word, step), word)
    return choose(t, words_at(m, best + 1), m[best], step)


@inline
def entering_values(m: Any, t: Tables, d: Any, step: int) -> int:
    """Columns and values of the step's events, rounded as the decoder does; returns how many."""
    count = 0
    for column in range(t.output_units):
        value = float(d.host_values[step * t.output_units + column])
        if value != 0.0:
            if t.decoder_levels != 0:
                value = rules.round_event(value, t.decoder_levels)
            m[t.entering + 2 * count] = column
            m[t.entering + 2 * count + 1] = bits_of(value)
            count += 1
    return count
