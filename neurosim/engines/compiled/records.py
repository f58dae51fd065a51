"""Takes records out of the engine's buffer in order of their keys, a block at a time.

Parts write records when they decide, some ahead of their time (arrivals, ends of sends) and some
behind (deliveries to a busy core).  `settle` writes what is behind and says before which tick
nothing can come any more; everything before that is sorted here and leaves, the rest stays.
A block fits into the caches: its records are read and written once, and sorted as single integers.
"""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.jit import entry, inline
from neurosim.engines.compiled.words import words_of

#: Words of a record (trace.RECORD): tick and rank come first.
RECORD = 8
#: What :func:`emit` returns instead of a number of records.
LATE, WIDE = -1, -2
#: Bits of a digit of the radix sort.
_DIGIT = 11
_PORT = (1 << 32) - 1
#: Part and kind of a rank, once the port is shifted out (trace.pack); the phase lies above.
_PLACE_BITS = 30


@entry
def emit(buffer: Any, count: int, after: int, before: int, unit: int, keys: Any, others: Any,
         counts: Any, out: Any, first: int) -> int:
    """Move the records with ``after`` <= tick < ``before``, sorted, to ``out``; the others stay in
    the buffer.

    Args:
        buffer: [8 N] words of N >= ``count`` records.
        unit: divisor of all ticks.
        keys, others: [N] scratch; ``counts``: [2048].
        out: [8 M] words, written from record ``first`` on.

    Returns:
        Their number; LATE: some have tick < ``after``; WIDE: keys are too wide to be sorted here
        (then nothing was moved).
    """
    m, a, b, c, o = (words_of(buffer), words_of(keys), words_of(others), words_of(counts),
                     words_of(out))
    if count == 0:
        return 0
    low, high, every = m[0], after, 0
    for i in range(count):
        tick = m[RECORD * i]
        low = min(low, tick)
        if tick < before:
            high = max(high, tick)
        every |= m[RECORD * i + 1]
    if low < after:
        return LATE
    high = max(high, low)
    places = bits((every >> 32) & ((1 << _PLACE_BITS) - 1))
    ports, own = bits(every & _PORT), bits(count - 1)
    width = own + ports + places + 1 + bits((high - low) // unit)
    if width > 63:
        return WIDE
    n = pack_keys(m, count, low, before, 1.0 / unit, places, ports, own, a)
    sort_keys(a, b, c, n, own, width)
    mask = (1 << own) - 1
    at = RECORD * first
    for i in range(n):
        row = RECORD * (a[i] & mask)
        for word in range(RECORD):
            o[at + word] = m[row + word]
        at += RECORD
    keep(m, count, before)
    return n


@inline
def bits(value: int) -> int:
    """Bits of a number that is not negative."""
    n = 0
    while value >> n != 0:
        n += 1
    return n


@inline
def pack_keys(m: Any, count: int, low: int, before: int, per_unit: float, places: int, ports: int,
              own: int, a: Any) -> int:
    """Keys of the records before ``before``: tick, phase, part and kind, port, place in the buffer.
    """
    n = 0
    for i in range(count):
        tick, rank = m[RECORD * i], m[RECORD * i + 1]
        a[n] = i
        rest = rank >> 32
        # Ticks are multiples of the unit, so that rounding mends what the product loses.
        key = int((tick - low) * per_unit + 0.5)
        key = (key << 1) | (rest >> _PLACE_BITS)
        key = (key << places) | (rest & ((1 << _PLACE_BITS) - 1))
        a[n] |= ((key << ports) | (rank & _PORT)) << own
        n += int(tick < before)
    return n


@inline
def sort_keys(a: Any, b: Any, counts: Any, n: int, low: int, high: int) -> None:
    """Radix sort of ``a`` by its bits ``low`` .. ``high``, which leaves equal ones as they are."""
    passes = (high - low + _DIGIT - 1) // _DIGIT
    width = (high - low + passes - 1) // passes
    size = 1 << width
    for number in range(passes):
        shift = low + number * width
        for i in range(size):
            counts[i] = 0
        for i in range(n):
            counts[(a[i] >> shift) & (size - 1)] += 1
        total = 0
        for i in range(size):
            digit = counts[i]
            counts[i] = total
            total += digit
        for i in range(n):
            digit = (a[i] >> shift) & (size - 1)
            b[counts[digit]] = a[i]
            counts[digit] += 1
        a, b = b, a
    if passes & 1:
        for i in range(n):
            b[i] = a[i]


@inline
def keep(m: Any, count: int, before: int) -> None:
    """Move the records that stay to the beginning of the buffer."""
    at = 0
    for i in range(count):
        if m[RECORD * i] >= before:
            for word in range(RECORD):
                m[at + word] = m[RECORD * i + word]
            at += RECORD
