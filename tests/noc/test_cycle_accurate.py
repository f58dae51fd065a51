"""Latency against load, beside a simulator of another kind (``cycle_simulator``).

Below 80 % of saturation the latency above that of an empty network agrees within 10 % or half a
cycle; and both saturate at the same rate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurosim.chip import load_chip
from neurosim.engines import compiled
from neurosim.lower import lower_traffic
from neurosim.lower.traffic import HOT_FRACTION
from neurosim.measure.traffic import zero_load_cycles
from tests.noc import cycle_simulator as other

CREDIT = 3
CASES = [(pattern, length, depth) for pattern in ("uniform", "transpose", "neighbour", "hotspot")
         for length in (1, 2, 4) for depth in (4, 8)] + [("uniform", 3, 8)]


def ours(k: int, pattern: Any, rate: float, length: int, depth: int, cycles: int) -> Any:
    chip = load_chip("mesh", overrides={
        "topology.width": k, "topology.height": k, "noc.buffer_flits": depth,
        "noc.credit_cycles": CREDIT})
    image = lower_traffic(chip, pattern, rate, length, cycles, cycles // 5, seed=5)
    counters = compiled.run(image).counters
    period = int(image.clock_period[0])
    count = max(1, int(counters.latency_count.sum()))
    taken = counters.sink_delivered.sum() * length / (image.n_sources * cycles)
    return (float(counters.latency_sum.sum()) / count / period, float(taken),
            zero_load_cycles(image))


def destination(pattern: str, k: int) -> Any:
    n = k * k

    def uniform(node: int, rng: np.random.Generator) -> int:
        to = int(rng.integers(n - 1))
        return to + 1 if to >= node else to

    def hotspot(node: int, rng: np.random.Generator) -> int:
        hot = n // 2
        return hot if node != hot and rng.random() < HOT_FRACTION else uniform(node, rng)

    return {
        "uniform": uniform, "hotspot": hotspot,
        "transpose": lambda node, _: node % k * k + node // k,
        "neighbour": lambda node, _: node // k * k + (node + 1) % k,
    }[pattern]


def theirs(k: int, pattern: str, rate: float, length: int, depth: int, cycles: int
           ) -> tuple[float, float, float]:
    mesh = other.Mesh(k, length, depth, pipeline=1, link=1, credit=CREDIT)
    return other.run(mesh, rate, destination(pattern, k), cycles, cycles // 5, seed=11)


@pytest.mark.parametrize(("pattern", "length", "depth"), CASES)
def test_latencies_and_saturation_agree(pattern: Any, length: int, depth: int) -> None:
    """Beside the tolerance the other simulator, which is slow, has three standard errors."""
    k = 4
    _, full, zero = ours(k, pattern, 1.0 / length, length, depth, 20_000)
    *_, their_full = theirs(k, pattern, 1.0 / length, length, depth, 1500)
    assert their_full == pytest.approx(full, rel=0.03)
    for share in (0.4, 0.7):
        rate = share * full / length
        above = ours(k, pattern, rate, length, depth, 100_000)[0] - zero
        mean, error, _ = theirs(k, pattern, rate, length, depth, 8000)
        their_above = mean - zero
        assert abs(above - their_above) <= max(0.5, 0.1 * their_above) + 3 * error, share
        assert error < max(0.5, 0.2 * their_above)


def test_an_empty_network_takes_the_same_time() -> None:
    for length in (1, 3):
        mean, *_ = theirs(4, "uniform", 1e-3, length, 8, 20_000)
        _, _, zero = ours(4, "uniform", 1e-3, length, 8, 100)
        assert mean == pytest.approx(zero, abs=0.15)


def test_an_eight_by_eight_mesh_saturates_alike() -> None:
    """The case of which figures are published: single FIFOs of 8 flits, credit delay 3: 0.373."""
    _, full, _ = ours(8, "uniform", 1.0, 1, 8, 10_000)
    *_, their_full = theirs(8, "uniform", 1.0, 1, 8, 700)
    assert full == pytest.approx(0.373, abs=0.01)
    assert their_full == pytest.approx(full, rel=0.025)
