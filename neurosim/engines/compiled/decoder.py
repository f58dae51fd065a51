"""Logits and the choice of a token (reference: ``decoder.py``).

A list of candidates is a word with their number, then pairs of score (its bits) and word, best
first.
"""

from __future__ import annotations

from typing import Any

from neurosim import rules
from neurosim.engines.compiled.jit import inline, jit
from neurosim.engines.compiled.layout import (
    B_LIST,
    B_RECEIVED,
    B_UPDATED,
    E_META,
    E_OFFSET,
    E_VALUE,
    S_ACK_TREE,
    S_BANK,
    S_BEGUN,
    S_CHILDREN,
    S_RESULT_TREE,
    S_SENT,
    STAGE,
    Tables,
)
from neurosim.engines.compiled.stage import offer
from neurosim.engines.compiled.words import bits_of, float_of
from neurosim.image import ACK, CHOOSE_SAMPLE, CHOOSE_TOP_K, RESULT, SYNC_DATAFLOW
from neurosim.trace import LAND


@inline
def drawn_score(t: Tables, logit: float, word: int, step: int) -> float:
    return rules.score(logit, t.temperature, t.choice_seed, word, step)


@inline
def offered_score(t: Tables, logit: float, word: int, step: int) -> float:
    """What a word is compared by on its way to the host."""
    if t.choice == CHOOSE_SAMPLE:
        return drawn_score(t, logit, word, step)
    return logit


@inline
def insert(m: Any, first: int, most: int, value: float, word: int) -> None:
    """Keep the ``most`` best candidates of a list."""
    count = m[first]
    at = count
    while at > 0 and rules.better(value, word, float_of(m[first + 2 * at - 1]),
                                  m[first + 2 * at]):
        at -= 1
    if at >= most:
        return
    last = min(count, most - 1)
    for i in range(last, at, -1):
        m[first + 2 * i + 1] = m[first + 2 * i - 1]
        m[first + 2 * i + 2] = m[first + 2 * i]
    m[first + 2 * at + 1] = bits_of(value)
    m[first + 2 * at + 2] = word
    m[first] = last + 1


@jit
def choose(t: Tables, pairs: Any, count: int, step: int) -> int:
    """The host's choice among candidates, pairs of score (its bits) and word."""
    best, best_word = 0.0, -1
    for i in range(count):
        value, word = float_of(pairs[2 * i]), pairs[2 * i + 1]
        if t.choice == CHOOSE_TOP_K:
            value = drawn_score(t, value, word, step)
        if best_word < 0 or rules.better(value, word, best, best_word):
            best, best_word = value, word
    return best_word


# --- decoder cores


@inline
def results_of(t: Tables, s: int, bank: int) -> int:
    """First word of a decoder core's candidates of a bank."""
    return t.best + ((s - t.stage) // STAGE * t.n_sums + bank) * t.best_entry


@inline
def owes_results(m: Any, s: int) -> bool:
    return bool(m[s + S_RESULT_TREE] >= 0 and m[s + S_SENT] < m[s + S_BEGUN])


@jit
def take_result(m: Any, t: Tables, tr: Any, s: int, cell: int, tick: int, cause: int,
                cause_rank: int) -> None:
    """A candidate of a child was received."""
    entry = results_of(t, s, m[s + S_BANK])
    m[entry + B_RECEIVED] += 1
    insert(m, entry + B_LIST, t.candidates, float_of(m[cell + E_VALUE]), m[cell + E_OFFSET])
    send_results(m, t, tr, s, m[cell + E_META] >> 3, tick, cause, cause_rank)


@jit
def send_results(m: Any, t: Tables, tr: Any, s: int, step: int, tick: int, cause: int,
                 cause_rank: int) -> None:
    """A decoder core sends its best words of a step, and has finished it, when its own words are
    updated and its children's results are in."""
    entry = results_of(t, s, step % t.n_sums)
    if m[entry + B_UPDATED] == 0 or m[entry + B_RECEIVED] < m[s + S_CHILDREN]:
        return
    count = m[entry + B_LIST]
    m[entry + B_UPDATED], m[entry + B_RECEIVED], m[entry + B_LIST] = 0, 0, 0
    m[s + S_SENT] += 1
    for i in range(count):
        at = entry + B_LIST + 1 + 2 * i
        offer(m, t, tr, s, LAND, 3 + i, RESULT, m[s + S_RESULT_TREE], step, float_of(m[at]),
              m[at + 1], tick, cause, cause_rank)
    if t.sync == SYNC_DATAFLOW and m[s + S_ACK_TREE] >= 0:
        offer(m, t, tr, s, LAND, 2, ACK, m[s + S_ACK_TREE], step, 0.0, 0, tick, cause, cause_rank)
