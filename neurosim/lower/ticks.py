"""Seconds and cycles to integer ticks, once and for all."""

from __future__ import annotations

import math
from fractions import Fraction

from neurosim.errors import ScenarioError

#: A tick is at most a picosecond long...
FINEST_HZ = 10**12
#: ...and at least this short, so that int64 ticks last for hours of simulated time.
COARSEST_HZ = 10**15


def tick_rate(clocks_hz: dict[str, float]) -> int:
    """Ticks per second: the smallest multiple of all clocks that is 1e12 or more.

    Args:
        clocks_hz: frequency by the dotted key that it comes from.

    Raises:
        ScenarioError: the clocks' common multiple is beyond 1e15 Hz.
    """
    common = Fraction(1)
    for key, hertz in clocks_hz.items():
        f = Fraction(hertz).limit_denominator(1_000_000)
        if f <= 0:
            raise ScenarioError(key, f"a clock of {hertz:g} Hz never ticks", "a value above 0")
        common = Fraction(math.lcm(common.numerator, f.numerator),
                          math.gcd(common.denominator, f.denominator))
        if common > COARSEST_HZ:
            raise ScenarioError(
                key, f"{hertz:g} Hz has no common tick with the other clocks above 1 fs",
                "frequencies with a common multiple up to 1e15 Hz")
    rate = common * -(-FINEST_HZ // common)
    assert rate.denominator == 1
    return int(rate)


def period(tick_hz: int, clock_hz: float) -> int:
    """Ticks of one clock period; exact by the choice of ``tick_hz``."""
    ticks = Fraction(tick_hz) / Fraction(clock_hz).limit_denominator(1_000_000)
    assert ticks.denominator == 1
    return int(ticks)


def from_seconds(tick_hz: int, seconds: float) -> int:
    """Nearest whole number of ticks."""
    return round(Fraction(seconds) * tick_hz)


def duration(key: str, cycles: int, clock_period: int) -> int:
    """Ticks of a job; a job without duration would make a zero-time cycle.

    Raises:
        ScenarioError: zero cycles.
    """
    if cycles <= 0:
        raise ScenarioError(key, "a job of 0 cycles makes a zero-time cycle", "1 cycle or more")
    return cycles * clock_period
