"""What a core computes: gate sums from events, and new states of units."""

from __future__ import annotations

import math
from typing import Any

from neurosim import rules
from neurosim.engines.compiled.common import (
    free_cell,
    rank,
)
from neurosim.engines.compiled.decoder import insert, offered_score, results_of, send_results
from neurosim.engines.compiled.jit import inline, jit
from neurosim.engines.compiled.layout import (
    B_LIST,
    B_UPDATED,
    E_LAST,
    E_META,
    E_NEXT,
    E_OFFSET,
    E_VALUE,
    H_LAST,
    H_OVERFLOW,
    S_ACK_TREE,
    S_BANK,
    S_BEGUN,
    S_END_UNIT,
    S_FETCHED,
    S_JOB_END,
    S_MARKER_TREE,
    S_PART,
    S_RESULT_TREE,
    S_ROW,
    S_ROWS,
    S_SYNAPTIC,
    S_UNIT,
    Tables,
)
from neurosim.engines.compiled.memory import data_used
from neurosim.engines.compiled.stage import (
    consumed,
    offer,
)
from neurosim.engines.compiled.words import float_of, single_of
from neurosim.image import (
    ACK,
    EVENT,
    MARKER,
    ROW_CURRENT,
    ROW_DECODER,
    SUM_G_INPUT,
    SUM_G_RECURRENT,
    SUM_R,
    SUM_Z,
    SUMS_PER_UNIT,
    SYNC_DATAFLOW,
    UNIT_LOGIT,
    UNIT_LOOKUP,
    UNIT_REPLAY,
)
from neurosim.trace import END, LAND


@inline
def accumulated(m: Any, t: Tables, d: Any, s: int, cell: int) -> None:
    """Add the fetched row's products to the gate sums, one synapse after the other."""
    row = 4 * m[s + S_ROW]
    first, count = int(d.rows[row]), int(d.rows[row + 1])
    sums = t.sums + t.sum_bank * m[s + S_BANK]
    row_class = d.rows[row + 3]
    if row_class == ROW_CURRENT:
        current = currents_of(m, t, cell)
        for i in range(count):
            add(m, s, sums, d.synapses[first + i], float(d.inputs[current + i]))
    else:
        value = float_of(m[cell + E_VALUE])
        if row_class == ROW_DECODER:
            value = rules.round_event(value, t.decoder_levels)
        for synapse in range(first, first + count):
            add(m, s, sums, d.synapses[synapse], value)
    m[s + S_SYNAPTIC + row_class] += count
    m[s + S_FETCHED] = m[cell + E_NEXT]
    if t.fetching != 0:
        m[s + S_ROWS] -= 1
    if m[cell + E_LAST] != 0:
        consumed(m, s, m[cell + E_META] & 7)
    free_cell(m, cell)


@inline
def add(m: Any, s: int, sums: int, packed: int, value: float) -> None:
    """One product, into the gate sum that the synapse names."""
    target = packed >> 32
    total = m[sums + target] + rules.product(single_of(packed), value)
    if -rules.SUM_LIMIT < total < rules.SUM_LIMIT:
        m[sums + target] = total
    else:
        unit = target // SUMS_PER_UNIT
        m[H_OVERFLOW] = unit if m[H_OVERFLOW] < 0 else min(m[H_OVERFLOW], unit)
        m[H_LAST] = m[s + S_JOB_END]


@inline
def currents_of(m: Any, t: Tables, cell: int) -> int:
    """Index of the first value that a packet of input currents carries."""
    row = m[t.step_row + (m[cell + E_META] >> 3)]
    return row * t.input_columns + m[cell + E_OFFSET] * t.input_width


@jit
def updated(m: Any, t: Tables, d: Any, tr: Any, s: int, tick: int) -> None:
    """The update job of a unit is over: new state, and an event if it fired."""
    token, unit = m[s + S_BEGUN] - 1, m[s + S_UNIT]
    key, key_rank = tick * t.grid, 0
    if tr is not None:
        key_rank = rank(LAND, m[s + S_PART], END, 0)
    m[s + S_UNIT] += 1
    data_used(m, t, d, tr, s, unit, key, key_rank)
    layer = d.unit_layer[unit]
    y = new_output(m, t, d, s, token, unit)
    m[t.layer_updates + layer] += 1
    if t.record_outputs != 0 and d.unit_kind[unit] <= UNIT_REPLAY:
        d.outputs[token * t.columns + d.unit_column[unit]] = y
    if y != 0.0:
        m[t.layer_events + layer] += 1
        if d.unit_tree[unit] >= 0:
            offer(m, t, tr, s, LAND, 0, EVENT, d.unit_tree[unit], token, y, d.unit_offset[unit],
                  tick, key, key_rank)
    if m[s + S_UNIT] < m[s + S_END_UNIT]:
        return
    done = t.step_layer + token * t.n_layers + layer
    m[done] = max(m[done], key)
    if t.sync == SYNC_DATAFLOW and m[s + S_MARKER_TREE] >= 0:
        offer(m, t, tr, s, LAND, 1, MARKER, m[s + S_MARKER_TREE], token, 0.0, 0, tick, key,
              key_rank)
    if m[s + S_RESULT_TREE] >= 0:
        m[results_of(t, s, token % t.n_sums) + B_UPDATED] = 1
        send_results(m, t, tr, s, token, tick, key, key_rank)
    elif t.sync == SYNC_DATAFLOW and m[s + S_ACK_TREE] >= 0:
        offer(m, t, tr, s, LAND, 2, ACK, m[s + S_ACK_TREE], token, 0.0, 0, tick, key, key_rank)


@jit
def new_output(m: Any, t: Tables, d: Any, s: int, token: int, unit: int) -> float:
    """Equations of the layer kind; the unit's gate sums of this step are read and cleared."""
    base = t.sums + t.sum_bank * (token % t.n_sums) + SUMS_PER_UNIT * unit
    bias = SUMS_PER_UNIT * unit
    z = m[base + SUM_Z] / rules.SUM_SCALE + d.unit_bias[bias + SUM_Z]
    r = m[base + SUM_R] / rules.SUM_SCALE + d.unit_bias[bias + SUM_R]
    g = m[base + SUM_G_INPUT] / rules.SUM_SCALE + d.unit_bias[bias + SUM_G_INPUT]
    q = m[base + SUM_G_RECURRENT] / rules.SUM_SCALE + d.unit_bias[bias + SUM_G_RECURRENT]
    for k in range(SUMS_PER_UNIT):
        m[base + k] = 0
    kind, column = d.unit_kind[unit], d.unit_column[unit]
    stream, own = token % t.streams, token // t.streams
    if kind == UNIT_REPLAY:
        return float(d.replay[token % t.replay_rows * t.columns + column])
    if kind == UNIT_LOOKUP:  # its sum is the token's row, plus 1
        table_row = int(math.floor(z)) - 1
        if 0 <= table_row < t.lookup_rows:
            return float(d.lookup[table_row * t.lookup_columns + column])
        return 0.0
    if kind == UNIT_LOGIT:
        if t.record_logits != 0:
            d.logits[token * t.vocabulary + column] = z
        insert(m, results_of(t, s, token % t.n_sums) + B_LIST, t.candidates,
               offered_score(t, z, column, token), column)
        return 0.0
    h = d.h[unit * t.streams + stream]
    if t.window > 0 and own % t.window == 0:
        h = 0.0
    c = rules.egru_candidate(z, r, g, q, h, d.unit_zoneout[unit])
    fires = d.unit_always[unit] != 0 or c > d.unit_threshold[unit]
    d.h[unit * t.streams + stream] = c - d.unit_reset[unit] if fires else c
    return rules.round_event(c, d.unit_levels[unit]) if fires else 0.0



