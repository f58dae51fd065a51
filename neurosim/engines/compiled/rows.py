"""Rows of received events, from the end of the reception to that of the accumulation.

A row is a cell: the packet's own, or one for each event of a packet of several.
"""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.common import free_cell, leave_bundle, new_cell, rank
from neurosim.engines.compiled.jit import inline, jit
from neurosim.engines.compiled.layout import (
    E_INCOMING,
    E_KEY,
    E_KEY_RANK,
    E_LAST,
    E_META,
    E_NEXT,
    E_NODE,
    E_OFFSET,
    E_READY,
    E_SEQUENCE,
    E_SOURCE,
    E_VALUE,
    E_VC,
    H_LATE_EVENTS,
    NEVER,
    NONE,
    S_BANK,
    S_BEGUN,
    S_FETCHED,
    S_LAST_ROW,
    S_PART,
    S_PORT,
    S_ROW,
    S_ROWS,
    Tables,
)
from neurosim.engines.compiled.memory import request_rows
from neurosim.image import ROW_RECURRENT, SYNC_TICK
from neurosim.trace import END, LAND


@inline
def only_row(m: Any, t: Tables, s: int, cell: int) -> None:
    """The row of the only event of a packet, where none waits: to be accumulated at once."""
    m[cell + E_NEXT] = NONE
    m[cell + E_READY] = 0
    m[cell + E_LAST] = 1
    m[s + S_FETCHED] = cell
    if t.fetching != 0:
        m[s + S_ROWS] += 1


@inline
def queue_row(m: Any, t: Tables, s: int, cell: int) -> None:
    """A row joins those to accumulate."""
    m[cell + E_NEXT] = NONE
    m[cell + E_READY] = 0
    m[cell + E_INCOMING] = 0
    if m[s + S_FETCHED] < 0:
        m[s + S_FETCHED] = cell
    else:
        m[m[s + S_LAST_ROW] + E_NEXT] = cell
    m[s + S_LAST_ROW] = cell
    if t.fetching != 0:
        m[s + S_ROWS] += 1


@inline
def find_row(m: Any, t: Tables, d: Any, tr: Any, s: int, cell: int, row: int, tick: int) -> None:
    """The row of a received event; one in DRAM is to be asked for."""
    queue_row(m, t, s, cell)
    m[cell + E_NODE], m[cell + E_VC] = row, m[s + S_BANK]
    if tr is not None:
        m[cell + E_KEY], m[cell + E_KEY_RANK] = tick * t.grid, rank(LAND, m[s + S_PART], END, 0)
    if m[s + S_PORT] >= 0 and d.row_bytes[row] > 0:
        m[cell + E_READY], m[cell + E_INCOMING] = NEVER, 1


@jit
def unpack(m: Any, t: Tables, d: Any, tr: Any, s: int, cell: int, tick: int) -> bool:
    """The rows of a packet of several events; False if none of them holds synapses."""
    event, last = -2 - m[cell + E_OFFSET], NONE
    while event >= 0:
        row = m[cell + E_NODE] + m[event + E_OFFSET]
        if d.rows[4 * row + 1] > 0:
            last = new_cell(m, t)
            m[last + E_META], m[last + E_OFFSET] = m[cell + E_META], 0
            m[last + E_VALUE], m[last + E_LAST] = m[event + E_VALUE], 0
            if tr is not None:
                m[last + E_SOURCE], m[last + E_SEQUENCE] = m[cell + E_SOURCE], m[cell + E_SEQUENCE]
            find_row(m, t, d, tr, s, last, row, tick)
        event = m[event + E_NEXT]
    leave_bundle(m, cell)
    if last < 0:
        return False
    m[last + E_LAST] = 1
    free_cell(m, cell)
    if m[s + S_PORT] >= 0:
        request_rows(m, t, d, tr, s, tick * t.grid, rank(LAND, m[s + S_PART], END, 0))
    return True


@inline
def next_row(m: Any, t: Tables, d: Any, s: int) -> None:
    """Turn to the first row."""
    cell = m[s + S_FETCHED]
    row = m[cell + E_NODE]
    m[s + S_ROW], m[s + S_BANK] = row, m[cell + E_VC]
    if t.sync == SYNC_TICK and m[s + S_PORT] >= 0 and d.row_bytes[row] > 0:
        delay = 1 if d.rows[4 * row + 3] == ROW_RECURRENT else 0
        step = m[s + S_BEGUN] + delay * (t.streams - 1)
        if (m[cell + E_META] >> 3) + delay * t.streams != step:
            m[H_LATE_EVENTS] += 1
        m[s + S_BANK] = step % t.n_sums


@jit
def rows_of(m: Any, s: int, bank: int) -> bool:
    """Is a row still to be added to a bank of gate sums?"""
    cell = m[s + S_FETCHED]
    while cell >= 0:
        if m[cell + E_VC] == bank:
            return True
        cell = m[cell + E_NEXT]
    return False


@jit
def local_events(m: Any, d: Any, s: int, cell: int) -> int:
    """Events of a packet without a row in DRAM."""
    event = cell if m[cell + E_OFFSET] >= 0 else -2 - m[cell + E_OFFSET]
    number = 0
    while True:
        row = m[cell + E_NODE] + m[event + E_OFFSET]
        if m[s + S_PORT] < 0 or d.row_bytes[row] == 0 or d.rows[4 * row + 1] == 0:
            number += 1
        if event == cell:
            return number
        event = m[event + E_NEXT]
        if event < 0:
            return number
