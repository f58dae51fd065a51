"""Behaviour that both engines share: small scalar functions.

The reference engine calls these functions; the compiled engine compiles the same function objects.
Only ``math`` is used, never numpy's transcendental functions, whose last bits differ.  Sections
cited are those of docs/reference/machine-model.md.
"""

from __future__ import annotations

import math

import numpy as np

#: Gate sums are integers in units of 2^-40 (section "Numbers").
SUM_SCALE = float(2**40)
#: A sum beyond +-2^62 is an overflow; products are bounded alike, so int64 never wraps.
SUM_LIMIT = 2**62
_PRODUCT_LIMIT = float(2**62)
_MASK32 = 0xFFFFFFFF


def edge(tick: int, phase: int, period: int) -> int:
    """First clock edge ``phase + n * period`` at or after ``tick``."""
    return tick + (phase - tick) % period


def bursts(n_bytes: int, burst_bytes: int) -> int:
    """Bursts that a memory port transfers for ``n_bytes``."""
    return -(-n_bytes // burst_bytes)


def serialisation(bits: int, width: int, cycle: int) -> int:
    """Ticks that a packet of ``bits`` occupies a channel of ``width`` bits per ``cycle``."""
    return (bits + width - 1) // width * cycle


def flits(bits: int, flit_bits: int) -> int:
    """Buffer slots that a packet of ``bits`` takes."""
    return (bits + flit_bits - 1) // flit_bits


def product(weight: float, value: float) -> int:
    """Weight times event value, rounded to a multiple of 2^-40 (half up), as an integer.

    Returns ``2**62`` for a product beyond the limit; the sum's check then reports the overflow.
    """
    scaled = weight * value * SUM_SCALE
    if scaled >= _PRODUCT_LIMIT or scaled <= -_PRODUCT_LIMIT:
        return SUM_LIMIT
    return int(math.floor(scaled + 0.5))


def sigmoid(x: float) -> float:
    """Logistic function, written so that exp never overflows."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def egru_candidate(
    z_sum: float, r_sum: float, g_input: float, g_recurrent: float, h: float, zoneout: float
) -> float:
    """c of the EGRU step: z = s(a_z + q_z), r = s(a_r + q_r), g = tanh(a_g + r q_g),
    c = z h + (1 - z) g, then zoneout c <- p h + (1 - p) c (official code's form,
    arXiv 2206.06178)."""
    z = sigmoid(z_sum)
    r = sigmoid(r_sum)
    g = math.tanh(g_input + r * g_recurrent)
    c = z * h + (1.0 - z) * g
    if zoneout > 0.0:
        c = zoneout * h + (1.0 - zoneout) * c
    return c


def round_output(y: float) -> float:
    """An output as it leaves the unit: rounded to float32 once."""
    return float(np.float32(y))


def round_event(c: float, levels: int) -> float:
    """An event as it leaves the unit: float32 (``levels`` 0), or the nearest of ``levels`` + 1
    unsigned values (half up), 0 to 1, as float32.  One that rounds to 0 is not sent."""
    if levels == 0:
        return float(np.float32(c))
    level = float(math.floor(c * levels + 0.5))
    level = min(max(level, 0.0), float(levels))
    return float(np.float32(level / levels))


def gumbel(seed: int, word: int, step: int) -> float:
    """A standard Gumbel variable for one word of one step (stream 7 of the counter hash)."""
    return -math.log(-math.log(uniform(seed, 7, word, step)))


def score(logit: float, temperature: float, seed: int, word: int, step: int) -> float:
    """logit / temperature + Gumbel: the word of the largest score is a draw from
    softmax(logits / temperature) (the Gumbel-max trick)."""
    return logit / temperature + gumbel(seed, word, step)


def better(score_a: float, word_a: int, score_b: float, word_b: int) -> bool:
    """Whether word a beats word b: the larger score, ties to the lower word."""
    return score_a > score_b or (score_a == score_b and word_a < word_b)


def token_at(superstep: int, stage: int, period: int, steps: int) -> int:
    """The token that a stage works on in a superstep, or -1 (stage 0: host, l + 1: layer l)."""
    k = superstep - stage
    if k < 0 or k % period != 0 or k // period >= steps:
        return -1
    return k // period


def hash32(seed: int, stream: int, unit: int, step: int) -> int:
    """Counter-based 32-bit hash: the same number for the same four integers, in any order of
    calls.  Four rounds of a multiply-xorshift mixer (constants of the 'lowbias32' family)."""
    x = (seed ^ 0x9E3779B9) & _MASK32
    x = _mix((x + stream * 0x85EBCA6B) & _MASK32)
    x = _mix((x + unit * 0xC2B2AE35) & _MASK32)
    return _mix((x + step * 0x27D4EB2F) & _MASK32)


def _mix(x: int) -> int:
    # Products are split so that a signed 64-bit integer never overflows.
    x ^= x >> 16
    x = _mul32(x, 0x7FEB352D)
    x ^= x >> 15
    x = _mul32(x, 0x846CA68B)
    x ^= x >> 16
    return x


def _mul32(a: int, b: int) -> int:
    low = (a & 0xFFFF) * b
    high = ((a >> 16) * b) & 0xFFFF
    return (low + (high << 16)) & _MASK32


def uniform(seed: int, stream: int, unit: int, step: int) -> float:
    """A number in (0, 1) from :func:`hash32`."""
    return (hash32(seed, stream, unit, step) + 0.5) / 4294967296.0


def traffic_gap(seed: int, source: int, count: int, log_miss: float) -> int:
    """Cycles from one offer of a Bernoulli source to its next, >= 1 (geometric)."""
    return 1 + int(math.floor(math.log(uniform(seed, 1, source, count)) / log_miss))


def traffic_dest(
    seed: int, source: int, count: int, n: int, kind: int, fixed: int, hot_fraction: float
) -> int:
    """Destination of a source's packet number ``count``: never the source itself.

    Kinds: 0 ``fixed``; 1 uniform over the others; 2 ``fixed`` with probability ``hot_fraction``,
    else uniform.  Returns -1 where the pattern maps a node onto itself (no packet).
    """
    if kind == 2 and source != fixed and uniform(seed, 3, source, count) < hot_fraction:
        return fixed
    if kind == 0:
        return fixed if fixed != source else -1
    d = hash32(seed, 2, source, count) % (n - 1)
    return d + 1 if d >= source else d
