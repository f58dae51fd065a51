"""Records in blocks: the same trace as at once, in order, however small the blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from neurosim import trace
from neurosim.engines import compiled, reference
from neurosim.engines.compiled import recording, records
from neurosim.engines.outcome import Outcome
from neurosim.image import Image, first_counter_difference
from neurosim.lower import lower_traffic
from tests.engines.generated import Seeded, machine
from tests.engines.machines import mesh, small_image

MACHINES = 200
BATCH = 50


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few records: every part is found at work when one leaves."""
    monkeypatch.setattr(recording, "BLOCK", 8)
    monkeypatch.setattr(reference.machine, "_BLOCK", 32)


def in_blocks(engine: Callable[..., Outcome], image: Image) -> tuple[Outcome, list[np.ndarray]]:
    blocks: list[np.ndarray] = []
    outcome = engine(image, sink=lambda block: blocks.append(block.copy()))
    assert outcome.trace is None
    return outcome, blocks


def whole(blocks: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, trace.RECORD), *blocks])


@pytest.mark.parametrize("first", range(0, MACHINES, BATCH))
def test_blocks_are_the_trace(first: int) -> None:
    most = 0
    for seed in range(first, first + BATCH):
        image = machine(Seeded(seed))
        ours = reference.run(image, want_trace=True)
        assert ours.trace is not None
        for engine in (reference.run, compiled.run):
            outcome, blocks = in_blocks(engine, image)
            assert np.array_equal(whole(blocks), ours.trace), seed
            assert first_counter_difference(ours.counters, outcome.counters) is None, seed
            most = max(most, len(blocks))
        kept = compiled.run(image, want_trace=True).trace
        assert np.array_equal(kept, ours.trace), seed
    assert most > 20


def test_offers_above_saturation_come_in_time() -> None:
    """Sources hold thousands of packets back; their offers stand where they belong."""
    image = lower_traffic(mesh(4, 4, 1), "uniform", 0.9, 1, 2000, 0)
    _, blocks = in_blocks(compiled.run, image)
    assert max(len(block) for block in blocks) < 4000
    assert trace.first_difference(whole(blocks), compiled.run(image, want_trace=True).trace) is None


def test_keys_that_are_too_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    image = small_image()
    expected = compiled.run(image, want_trace=True).trace

    def too_wide(*arguments: Any) -> int:
        return records.WIDE

    monkeypatch.setattr(records, "emit", too_wide)
    _, blocks = in_blocks(compiled.run, image)
    assert len(blocks) > 3
    assert np.array_equal(whole(blocks), expected)


def test_sorting_of_any_keys() -> None:
    """Random ticks and ranks, many equal in tick, against numpy's order."""
    rng = np.random.default_rng(0)
    for size in (1, 2, 63, 5000):
        rows = np.zeros((size, 8), np.int64)
        rows[:, 0] = 7 * rng.integers(0, size, size)
        places = rng.permutation(size)
        rows[:, 1] = [trace.pack(int(p % 2), int(p // 2) % 997, int(p % 14), int(p))
                      for p in places]
        rows[:, 5] = np.arange(size)
        before = 7 * (size // 2)
        buffer, out = rows.copy().reshape(-1), np.zeros(8 * size, np.int64)
        n = records.emit(buffer, size, 0, before, 7, np.zeros(size, np.int64),
                         np.zeros(size, np.int64), np.zeros(2048, np.int64), out, 0)
        gone = rows[rows[:, 0] < before]
        expected = gone[np.lexsort((gone[:, 1], gone[:, 0]))]
        assert n == len(expected) and np.array_equal(out[: 8 * n].reshape(-1, 8), expected)
        assert np.array_equal(buffer[: 8 * (size - n)].reshape(-1, 8), rows[rows[:, 0] >= before])


def test_a_late_record_is_noticed() -> None:
    buffer, nothing = np.zeros(8, np.int64), np.zeros(8, np.int64)
    assert records.emit(buffer, 1, 5, 9, 1, nothing, nothing, np.zeros(2048, np.int64), nothing,
                        0) == records.LATE
