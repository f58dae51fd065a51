"""Both engines give the same trace, the same counters and the same end, bit for bit.

``pytest tests/engines/test_equality.py`` runs 2,000 seeded machines and lets hypothesis look for
more; ``NEUROSIM_EQUALITY_CASES=100000`` makes it a long run (about 40 machines a second).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurosim.engines import compiled, reference
from neurosim.image import Image, first_counter_difference
from neurosim.trace import first_difference
from tests.engines import generated

T = TypeVar("T")
CASES = int(os.environ.get("NEUROSIM_EQUALITY_CASES", "2000"))
BATCH = 100


def difference(image: Image) -> str | None:
    """What differs between the engines, or None.  The compiled engine runs with and without a
    trace, which are two programs."""
    ours = reference.run(image, want_trace=True)
    traced, bare = compiled.run(image, want_trace=True), compiled.run(image)
    assert ours.trace is not None and traced.trace is not None
    found = first_difference(ours.trace, traced.trace)
    for name, other in (("traced", traced), ("bare", bare)):
        found = found or first_counter_difference(ours.counters, other.counters)
        ends = [(o.status, sorted(set(o.waiting)), o.overflow_unit) for o in (ours, other)]
        if found is None and ends[0] != ends[1]:
            found = f"{name}: ends as {ends[0]} and {ends[1]}"
    return found


@pytest.mark.parametrize("first", range(0, CASES, BATCH))
def test_seeded_machines(first: int) -> None:
    for seed in range(first, min(first + BATCH, CASES)):
        found = difference(generated.machine(generated.Seeded(seed)))
        assert found is None, f"machine(Seeded({seed})): {found}"


class Drawn:
    """Choices from hypothesis, so that a failing machine shrinks."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def integer(self, low: int, high: int) -> int:
        return self.data.draw(st.integers(low, high))

    def choice(self, options: Sequence[T]) -> T:
        return options[self.integer(0, len(options) - 1)]


@given(st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_drawn_machines(data: st.DataObject) -> None:
    assert difference(generated.machine(Drawn(data))) is None
