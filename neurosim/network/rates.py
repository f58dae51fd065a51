"""How often units fire: rate distributions and the drawing of events from them.

Nothing here is a published model.  The skewed distribution is built to agree with what was counted
in trained EGRUs at about 20 % activity (docs/reference/network.md): some 30 % of the units fire in
under 1 % of the steps, 2-3 % in over 90 %, and the most active fifth carries 34-50 % of the events.
"""

from __future__ import annotations

import numpy as np

from neurosim.errors import ModelError

#: Shares of quiet and of loud units at mean rate m: QUIET * (1 - m) and LOUD * m.
QUIET, LOUD = 0.375, 0.125
#: Highest rate of a quiet unit, reached at mean rates of 0.2 and above.
QUIET_BELOW = 0.01
#: Lowest rate of a loud unit (or the mean rate, where that is higher).
LOUD_ABOVE = 0.9
#: a + b of the Beta distribution of the units in between.
CONCENTRATION = 12.0
_GRID = 4096


def unit_rates(
    units: int, mean: float, kind: str = "skewed", rng: np.random.Generator | None = None
) -> np.ndarray:
    """Firing probability per step of each unit, [units] float64 in [0, 1].

    The mean over the units is ``mean`` to rounding, whatever the number of units.  ``uniform``
    gives every unit the mean.  ``skewed`` takes the quantiles at (i + 1/2) / units of
    :func:`skewed_quantiles`, scaled (and cut at 1) to the exact mean, in an order drawn by ``rng``.

    Raises:
        ModelError: ``network.synthetic.activity`` outside [0, 1], or an unknown kind.
    """
    if not 0.0 <= mean <= 1.0:
        raise ModelError("network.synthetic.activity", f"{mean} is no fraction", "[0, 1]")
    if kind == "uniform":
        return np.full(units, float(mean))
    if kind != "skewed":
        raise ModelError("network.synthetic.events", f"unknown distribution {kind!r}",
                         "skewed, uniform")
    rates = _scale_to_mean(skewed_quantiles((np.arange(units) + 0.5) / units, mean), mean)
    return rates if rng is None else rng.permutation(rates)


def skewed_quantiles(p: np.ndarray, mean: float) -> np.ndarray:
    """Quantiles of the skewed distribution of mean ``mean``.

    A share QUIET (1 - m) of units lies uniformly in (0, q), q = 0.01 min(1, m / 0.2); a share
    LOUD m uniformly in (max(0.9, m), 1); the others are Beta(12 mu, 12 (1 - mu)) with the mu that
    makes the whole mean m.  At every mean m, loud units carry 12-13 % of the events.
    """
    if mean in (0.0, 1.0):
        return np.full(np.shape(p), mean)
    quiet, loud = QUIET * (1.0 - mean), LOUD * mean
    quiet_top, loud_bottom = QUIET_BELOW * min(1.0, mean / 0.2), max(LOUD_ABOVE, mean)
    middle = 1.0 - quiet - loud
    centre = (mean - quiet * quiet_top / 2.0 - loud * (1.0 + loud_bottom) / 2.0) / middle
    inside = np.clip((p - quiet) / middle, 0.0, 1.0)
    return np.where(
        p < quiet, quiet_top * p / quiet,
        np.where(p < quiet + middle, _beta_quantiles(inside, centre),
                 loud_bottom + (1.0 - loud_bottom) * (p - quiet - middle) / max(loud, 1e-300)))


def _beta_quantiles(p: np.ndarray, mean: float) -> np.ndarray:
    """Beta(12 mean, 12 (1 - mean)), interpolated from a grid: exact quantiles are slow."""
    from scipy.special import betaincinv

    grid = (np.arange(_GRID) + 0.5) / _GRID
    values = betaincinv(CONCENTRATION * mean, CONCENTRATION * (1.0 - mean), grid)
    return np.interp(p, grid, values)


def _scale_to_mean(rates: np.ndarray, mean: float) -> np.ndarray:
    """min(1, s rates) with the s that makes the mean exact."""
    low, high = 0.0, 2.0
    while np.minimum(1.0, high * rates).mean() < mean and high < 1e9:
        high *= 2.0
    for _ in range(60):
        scale = 0.5 * (low + high)
        if np.minimum(1.0, scale * rates).mean() < mean:
            low = scale
        else:
            high = scale
    return np.minimum(1.0, high * rates)


def draw_events(
    rates: np.ndarray, steps: int, rng: np.random.Generator, draw: str = "systematic"
) -> np.ndarray:
    """Which units fire on which step, [steps, units] bool, independent from step to step.

    ``bernoulli`` draws every unit on its own.  ``systematic`` (Madow 1949, Ann. Math. Stat. 20)
    keeps each unit's probability but makes the number of events of every step the sum of the
    rates, rounded down or up: the units stand in a fixed random order, C_i is the sum of the
    rates up to unit i, and unit i fires if an integer lies in (C_{i-1} - u, C_i - u], with one
    u ~ U[0, 1) a step.
    """
    if draw == "bernoulli":
        return rng.random((steps, rates.size)) < rates
    if draw != "systematic":
        raise ModelError("network.synthetic.draw", f"unknown way {draw!r}",
                         "systematic, bernoulli")
    order = rng.permutation(rates.size)
    sums = np.concatenate([[0.0], np.cumsum(rates[order])])
    whole = np.rint(sums[-1])
    if abs(sums[-1] - whole) < 1e-6:
        # A whole number up to rounding: without this, one step in a million has one event less.
        sums[-1] = whole
    fired = np.empty((steps, rates.size), dtype=bool)
    for t in range(steps):
        fired[t, order] = np.diff(np.floor(sums - rng.random())) > 0
    return fired


def draw_values(fired: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Graded events, float32: uniform in (0, 1] where a unit fired, else 0."""
    values = np.zeros(fired.shape, dtype=np.float32)
    values[fired] = 1.0 - rng.random(int(fired.sum()), dtype=np.float32)
    return values
