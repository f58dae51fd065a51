"""Sorting and reading of trace records."""

from __future__ import annotations

import numpy as np
import pytest

from neurosim import trace


def records(rng: np.random.Generator, n: int, ticks: int, ports: int) -> np.ndarray:
    """Records with unique keys in random order; ``info`` numbers them."""
    made = np.zeros(n, trace.RECORD)
    made["tick"] = rng.integers(0, ticks, n)
    made["rank"] = [trace.pack(int(rng.integers(2)), int(rng.integers(1 << 12)),
                               int(rng.integers(14)), int(rng.integers(ports))) for _ in range(n)]
    made["info"] = np.arange(n)
    return made


@pytest.mark.parametrize(("ticks", "ports"), [(3, 4), (1 << 30, 1 << 10), (1 << 50, 1 << 32)])
def test_in_order_is_by_tick_then_rank(ticks: int, ports: int) -> None:
    """Keys of any size: packed into one integer where they fit, compared as two where not."""
    some = records(np.random.default_rng(1), 500, ticks, ports)
    expected = sorted(some.tolist(), key=lambda record: (record[0], record[1]))
    assert trace.in_order(some).tolist() == expected
    assert trace.in_order(some[::2]).tolist() == trace.in_order(some[::2].copy()).tolist()


def test_in_order_of_little() -> None:
    assert len(trace.in_order(np.zeros(0, trace.RECORD))) == 0
    one = np.zeros(1, trace.RECORD)
    one["tick"] = 7
    assert trace.in_order(one)["tick"].tolist() == [7]


def test_columns_of_ranks() -> None:
    rng = np.random.default_rng(2)
    some = records(rng, 50, 10, 1 << 32)
    columns = trace.unpack_columns(some["rank"])
    assert [tuple(map(int, row)) for row in zip(*columns, strict=True)] == [
        trace.unpack(int(rank)) for rank in some["rank"]]
