"""The clockwork: a wheel of slots, one a grid tick, each with a bit for every part to wake.

What a part does never shows elsewhere in the same tick, so parts of a slot come in any order, and
what has landed is looked at by the part itself when it decides.
"""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.common import edge, wake
from neurosim.engines.compiled.core import decide_core
from neurosim.engines.compiled.data import Data
from neurosim.engines.compiled.fifo import land_deliveries, stage_of
from neurosim.engines.compiled.host import decide_host, host_deliveries
from neurosim.engines.compiled.jit import entry, inline, jit
from neurosim.engines.compiled.layout import (
    AGAIN,
    DONE,
    H_BEFORE,
    H_FREE_CELLS,
    H_LAST,
    H_NEXT,
    H_NOW,
    H_OVERFLOW,
    H_RECORDS,
    MORE_CELLS,
    MORE_RECORDS,
    MORE_REPORTS,
    NEVER,
    OUTPUT_QUEUES,
    PORT,
    S_JOB,
    S_JOB_END,
    SOURCE,
    X_OFFERED,
    Y_COUNT,
    Tables,
)
from neurosim.engines.compiled.memory import decide_port, serve
from neurosim.engines.compiled.router import decide_router, fetch_router
from neurosim.engines.compiled.router_general import decide_general
from neurosim.engines.compiled.router_output import decide_outputs
from neurosim.engines.compiled.sources import decide_source, next_offer, record_offers
from neurosim.engines.compiled.synchroniser import next_sync, synchronise
from neurosim.engines.compiled.words import lowest_bit, words_of


@entry
def advance(words: Any, t: Tables, d: Any, trace: Any, budget: int) -> int:
    """Run :func:`go_on` on the addresses of all arrays."""
    if trace is not None:
        return go_on(words_of(words), t, addresses(d), d.rare, words_of(trace), budget)
    return go_on(words_of(words), t, addresses(d), d.rare, None, budget)


@inline
def addresses(d: Data) -> Any:
    return Data(
        d.rare, words_of(d.routes), words_of(d.other), words_of(d.offer_tick),
        words_of(d.offer_dest), words_of(d.offer_length), words_of(d.rows),
        words_of(d.synapses), words_of(d.row_bytes), words_of(d.unit_bytes), words_of(d.h),
        words_of(d.unit_layer), words_of(d.unit_column), words_of(d.unit_kind),
        words_of(d.unit_tree), words_of(d.unit_offset), words_of(d.unit_bias),
        words_of(d.unit_threshold), words_of(d.unit_reset), words_of(d.unit_zoneout),
        words_of(d.unit_always), words_of(d.unit_levels), words_of(d.replay), words_of(d.lookup),
        words_of(d.inputs), words_of(d.input_row), words_of(d.input_tree),
        words_of(d.input_offset), words_of(d.outputs), words_of(d.host_values),
        words_of(d.decoder_weight), words_of(d.decoder_bias), words_of(d.host_results),
        words_of(d.chosen), words_of(d.step_decided), words_of(d.logits))


@jit
def go_on(m: Any, t: Tables, d: Any, rare: Any, tr: Any, budget: int) -> int:
    """Simulate until the end, for about ``budget`` decisions, or until a table must grow.

    Returns:
        DONE, AGAIN, or which table must grow before the next call.
    """
    while budget > 0:
        if m[H_OVERFLOW] >= 0:
            return DONE
        if m[H_FREE_CELLS] < t.cell_margin:
            return MORE_CELLS
        if tr is not None and m[H_RECORDS] + t.record_margin > t.records:
            return MORE_RECORDS
        if m[Y_COUNT] + t.report_margin > t.reports:
            return MORE_REPORTS
        tick = next_slot(m, t)
        sync = next_sync(m, t)
        if sync < NEVER and sync <= t.end_tick and (tick == NEVER or sync <= tick * t.grid):
            # No slot before this one is occupied: time passes to just before it.
            m[H_NEXT] = max(m[H_NEXT], -(-sync // t.grid))
            m[H_NOW] = m[H_NEXT] - 1
            synchronise(m, t, tr, sync)
            budget -= 1
            continue
        if tick == NEVER or tick > m[H_LAST]:
            return DONE
        m[H_NOW] = tick
        m[H_NEXT] = tick + 1
        budget -= decide_all(m, t, d, rare, tr, tick)
    return AGAIN


@inline
def next_slot(m: Any, t: Tables) -> int:
    """Next tick at which somebody is to be woken, or NEVER."""
    start = m[H_NEXT]
    slot = start & t.wheel_mask
    words = (t.wheel_mask + 1) >> 6
    word = slot >> 6
    bits = (m[t.occupied + word] >> (slot & 63)) << (slot & 63)
    for _ in range(words + 1):
        if bits != 0:
            found = (word << 6) + lowest_bit(bits)
            return start + ((found - slot) & t.wheel_mask)
        word = word + 1 if word + 1 < words else 0
        bits = m[t.occupied + word]
    return NEVER


@inline
def decide_all(m: Any, t: Tables, d: Any, rare: Any, tr: Any, now: int) -> int:
    """Everybody whom the slot names decides once.  Returns how many."""
    slot = now & t.wheel_mask
    m[t.occupied + (slot >> 6)] &= ~(1 << (slot & 63))
    first = t.wheel + slot * t.words
    decisions = 1
    for word in range(t.words):
        bits = m[first + word]
        if bits == 0:
            continue
        m[first + word] = 0
        while bits != 0:
            part = (word << 6) + lowest_bit(bits)
            bits &= bits - 1
            decisions += 1
            if part < t.n_routers:
                if rare is not None:
                    decide_other(m, t, d, tr, part, now)
                    continue
                if t.far != 0 and bits != 0:
                    following = (word << 6) + lowest_bit(bits)
                    if following < t.n_routers:
                        fetch_router(m, t, following)
                decide_router(m, t, d, tr, part, now)
            elif part < t.first_port:
                decide_core(m, t, d, tr, part, now)
            elif part < t.first_source:
                decide_port(m, t, tr, part, now)
            elif part < t.first_host:
                decide_source(m, t, d, tr, part, now)
            else:
                decide_host(m, t, d, tr, part, now)
    return decisions


@jit
def decide_other(m: Any, t: Tables, d: Any, tr: Any, part: int, now: int) -> None:
    """The routers that few machines have."""
    if t.program == OUTPUT_QUEUES:
        decide_outputs(m, t, d, tr, part, now)
    else:
        decide_general(m, t, d, tr, part, now)


@entry
def first_wakes(words: Any, t: Tables, d: Any) -> None:
    """Stages look at the world at their first edge, sources at their first offer."""
    wake_all(words_of(words), t, addresses(d))


@jit
def wake_all(m: Any, t: Tables, d: Any) -> None:
    for part in range(t.n_routers, t.sync_part):
        if t.first_port <= part < t.first_source:
            continue
        clock = t.clock + 2 * part
        first = 0
        if t.first_source <= part < t.first_host:
            next_offer(m, t, d, part - t.first_source)
            first = m[t.source + SOURCE * (part - t.first_source) + X_OFFERED]
        if first < NEVER:
            wake(m, t, part, edge(first, m[clock + 1], m[clock]))


@entry
def settle(words: Any, t: Tables, d: Any, trace: Any, until: int) -> bool:
    """Run :func:`settle_all` on the addresses of all arrays."""
    if trace is not None:
        return settle_all(words_of(words), t, addresses(d), words_of(trace), until)
    return settle_all(words_of(words), t, addresses(d), None, until)


@inline
def last_tick(t: Tables, until: int) -> int:
    """Exact tick up to which all is settled at a grid tick: at the run's last one, its very end."""
    exact = until * t.grid
    return t.end_tick if exact <= t.end_tick < exact + t.grid else exact


@jit
def settle_all(m: Any, t: Tables, d: Any, tr: Any, until: int) -> bool:
    """Take in what landed by the tick ``until``, when all that was due by then has decided.  With a
    trace, also write the offers until then, and note before which tick no more records come.

    Returns:
        False if there was no room for all offers: to be called again.
    """
    before = until * t.grid + 1
    for part in range(t.n_routers, t.sync_part):
        if t.first_source <= part < t.first_host:
            if tr is not None and not record_offers(m, t, d, tr, part - t.first_source, until):
                return False
            continue
        if t.first_port <= part < t.first_source:
            serve(m, t, tr, t.port + PORT * (part - t.first_port), last_tick(t, until))
            continue
        s = stage_of(t, part)
        if part < t.first_port:
            land_deliveries(m, t, tr, s, until)
        else:
            host_deliveries(m, t, d, tr, s, until)
        if m[s + S_JOB] >= 0:  # ended between two edges of its clock, or still at work
            before = min(before, m[s + S_JOB_END] * t.grid)
    m[H_BEFORE] = before
    return True


@entry
def count_offers(words: Any, t: Tables, d: Any) -> None:
    """After the end: offers that were never injected."""
    count_all(words_of(words), t, addresses(d))


@jit
def count_all(m: Any, t: Tables, d: Any) -> None:
    for number in range(t.n_sources):
        while m[t.source + SOURCE * number + X_OFFERED] < NEVER:
            next_offer(m, t, d, number)
