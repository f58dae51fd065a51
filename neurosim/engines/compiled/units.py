"""What a core computes: gate sums from events, and new states of units."""

from __future__ import annotations

from typing import Any

from neurosim import rules
from neurosim.engines.compiled.common import (
    free_cell,
    rank,
)
from neurosim.engines.compiled.jit import inline, jit
from neurosim.engines.compiled.layout import (
    E_VALUE,
    H_LAST,
    H_OVERFLOW,
    NONE,
    S_ACK_TREE,
    S_BANK,
    S_BEGUN,
    S_END_UNIT,
    S_FETCHED,
    S_JOB_END,
    S_MARKER_TREE,
    S_PART,
    S_ROW,
    S_SYNAPTIC,
    S_UNIT,
    Tables,
)
from neurosim.engines.compiled.stage import (
    consumed,
    offer,
)
from neurosim.engines.compiled.words import float_of, single_of
from neurosim.image import (
    ACK,
    EVENT,
    MARKER,
    SUM_G_INPUT,
    SUM_G_RECURRENT,
    SUM_R,
    SUM_Z,
    SUMS_PER_UNIT,
    SYNC_DATAFLOW,
    UNIT_REPLAY,
)
from neurosim.trace import END, LAND


@inline
def accumulated(m: Any, t: Tables, d: Any, s: int, cell: int) -> None:
    """Add the fetched row's products to the gate sums, one synapse after the other."""
    row = 4 * m[s + S_ROW]
    first, count = int(d.rows[row]), int(d.rows[row + 1])
    sums = t.sums + t.sum_bank * m[s + S_BANK]
    value = float_of(m[cell + E_VALUE])
    for synapse in range(first, first + count):
        packed = d.synapses[synapse]
        target = packed >> 32
        total = m[sums + target] + rules.product(single_of(packed), value)
        if -rules.SUM_LIMIT < total < rules.SUM_LIMIT:
            m[sums + target] = total
        else:
            unit = target // SUMS_PER_UNIT
            m[H_OVERFLOW] = unit if m[H_OVERFLOW] < 0 else min(m[H_OVERFLOW], unit)
            m[H_LAST] = m[s + S_JOB_END]
    m[s + S_SYNAPTIC + d.rows[row + 3]] += count
    m[s + S_FETCHED] = NONE
    consumed(m, s, EVENT)
    free_cell(m, cell)


@jit
def updated(m: Any, t: Tables, d: Any, tr: Any, s: int, tick: int) -> None:
    """The update job of a unit is over: new state, and an event if it fired."""
    token, unit = m[s + S_BEGUN] - 1, m[s + S_UNIT]
    key, key_rank = tick * t.grid, 0
    if tr is not None:
        key_rank = rank(LAND, m[s + S_PART], END, 0)
    m[s + S_UNIT] += 1
    layer = d.unit_layer[unit]
    y = new_output(m, t, d, token, unit)
    m[t.layer_updates + layer] += 1
    if t.record_outputs != 0:
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
    if t.sync == SYNC_DATAFLOW:
        if m[s + S_MARKER_TREE] >= 0:
            offer(m, t, tr, s, LAND, 1, MARKER, m[s + S_MARKER_TREE], token, 0.0, 0, tick, key,
                  key_rank)
        if m[s + S_ACK_TREE] >= 0:
            offer(m, t, tr, s, LAND, 2, ACK, m[s + S_ACK_TREE], token, 0.0, 0, tick, key,
                  key_rank)


@jit
def new_output(m: Any, t: Tables, d: Any, token: int, unit: int) -> float:
    """Equations of the layer kind; the unit's gate sums of this step are read and cleared."""
    base = t.sums + t.sum_bank * (token % t.n_sums) + SUMS_PER_UNIT * unit
    bias = SUMS_PER_UNIT * unit
    z = m[base + SUM_Z] / rules.SUM_SCALE + d.unit_bias[bias + SUM_Z]
    r = m[base + SUM_R] / rules.SUM_SCALE + d.unit_bias[bias + SUM_R]
    g = m[base + SUM_G_INPUT] / rules.SUM_SCALE + d.unit_bias[bias + SUM_G_INPUT]
    q = m[base + SUM_G_RECURRENT] / rules.SUM_SCALE + d.unit_bias[bias + SUM_G_RECURRENT]
    for k in range(SUMS_PER_UNIT):
        m[base + k] = 0
    if d.unit_kind[unit] == UNIT_REPLAY:
        return float(d.replay[token % t.replay_rows * t.columns + d.unit_column[unit]])
    h = d.h[unit]
    if t.window > 0 and token % t.window == 0:
        h = 0.0
    c = rules.egru_candidate(z, r, g, q, h, d.unit_zoneout[unit])
    fires = d.unit_always[unit] != 0 or c > d.unit_threshold[unit]
    d.h[unit] = c - d.unit_reset[unit] if fires else c
    return rules.round_output(c) if fires else 0.0



