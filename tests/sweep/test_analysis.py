"""Knees, fronts and effects against cases whose answer is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.sweep import analysis, table


def test_no_knee_in_ideal_scaling_and_an_early_one_in_none():
    cores = [2, 4, 8, 16]
    assert analysis.knee(cores, [1 / n for n in cores]) is None
    assert analysis.knee(cores, [1.0] * 4) == 0
    assert analysis.knee([2, 4], [1.0, 1.0]) is None


@pytest.mark.parametrize("serial", [0.01, 0.05, 0.2])
def test_the_knee_of_amdahls_law(serial: float):
    """t(n) = s + (1 - s)/n has the local exponent 1/2 where s n = 1 - s."""
    cores = [2.0**k for k in range(0, 12)]
    found = analysis.knee(cores, [serial + (1 - serial) / n for n in cores])
    knee = (1 - serial) / serial
    assert found is not None
    assert cores[found] / 2 <= knee <= cores[found + 1] * 2


def test_the_knee_lies_on_the_right_side_of_the_threshold():
    """Halving by the square root of two a doubling is the threshold itself."""
    for exponent, found in ((0.51, None), (0.49, 0)):
        cores = [1, 2, 4, 8]
        assert analysis.knee(cores, [n**-exponent for n in cores]) == found


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=30))
def test_the_front_dominates_everything_and_itself_nowhere(points: list[tuple[int, int]]):
    flags = analysis.on_front(points)
    front = [p for p, flag in zip(points, flags, strict=True) if flag]
    assert front
    for p, flag in zip(points, flags, strict=True):
        dominated = any(f != p and f[0] <= p[0] and f[1] <= p[1] for f in front)
        assert dominated is not flag


def grid(make) -> list[dict]:
    axes = {"a": [1, 2, 4], "b": ["x", "y"], "c": [0.1, 0.2]}
    return [{**dict(zip(axes, point, strict=True)), "y": make(*point), "status": "done"}
            for point in itertools.product(*axes.values())]


def test_effects_of_a_product_are_its_factors():
    """y = a^2 * (3 at x, 1 at y) * 1: ratios 16, 3 and 1."""
    rows = grid(lambda a, b, c: a**2 * (3.0 if b == "x" else 1.0))
    found = analysis.effects(rows, ["a", "b", "c"], "y")
    assert [(e.axis, e.least_at, e.most_at) for e in found[:2]] == [("a", 1, 4), ("b", "y", "x")]
    assert [e.ratio for e in found] == pytest.approx([16.0, 3.0, 1.0])


def test_effects_with_missing_points_are_still_the_factors():
    rows = grid(lambda a, b, c: a * (5.0 if b == "x" else 1.0) * 10**c)
    del rows[3], rows[7]
    found = {e.axis: e.ratio for e in analysis.effects(rows, ["a", "b", "c"], "y")}
    assert found == pytest.approx({"a": 4.0, "b": 5.0, "c": 10**0.1})


def test_effects_of_many_numbers_are_slopes():
    rows = [{"a": n, "y": math.exp(0.3 * n), "status": "done"} for n in range(30)]
    (effect,) = analysis.effects(rows, ["a"], "y")
    assert (effect.least_at, effect.most_at) == (0, 29)
    assert effect.ratio == pytest.approx(math.exp(0.3 * 29))


def test_the_axes_of_weights_and_activity_are_found_by_what_they_move():
    rows = [{"model": m, "prune": p, "chip.cores": c, "status": "done",
             "sparsity.weight": p + 0.01 * i, "sparsity.activity": 0.3 * i + 0.05 * p}
            for i, m in enumerate("abc") for p in (0.0, 0.5, 0.9) for c in (4, 8)]
    assert analysis.sparsity_axes(rows, ["chip.cores", "model", "prune"]) == ("prune", "model")
    assert analysis.sparsity_axes(rows[:2], ["chip.cores", "model", "prune"]) == (None, None)


def test_repeats_become_their_mean():
    rows = [{"a": a, "seed": s, "y": 10.0 * a + s, "n": 3, "w": "x", "status": "done"}
            for a in (1, 2) for s in (0, 1, 2)]
    merged = analysis.over_seeds(rows, ["a", "seed"])
    assert [(row["a"], row["y"], row["n"], row["w"]) for row in merged] == [
        (1, 11.0, 3, "x"), (2, 21.0, 3, "x")]


def test_the_realisation_factor():
    """Ten times fewer operations that make latency 4 and energy 2 times less realise 0.4, 0.2."""
    def result(macs: float, latency: float, energy: float) -> dict:
        return {"operations_per_step": {"macs_effective": macs}, "energy_per_step_j": energy,
                "latency_s": {"per_step_mean": latency, "interval_mean": latency / 2}}

    found = table.realisation(result(100, 1e-3, 2e-6), result(1000, 4e-3, 4e-6))
    assert found["mac_reduction"] == 10.0
    assert found["realisation.latency"] == pytest.approx(0.4)
    assert found["realisation.interval"] == pytest.approx(0.4)
    assert found["realisation.energy"] == pytest.approx(0.2)
    dense = table.realisation(result(1000, 4e-3, 4e-6), result(1000, 4e-3, 4e-6))
    assert (dense["latency_reduction"], dense["realisation.latency"]) == (1.0, None)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5),
       st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1, max_size=20))
def test_a_table_reads_back_exactly(numbers: list[float], words: str):
    import tempfile
    from pathlib import Path

    rows = [{"n": n, "text": "t" + words, "none": None, "count": i}
            for i, n in enumerate(numbers)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        table.write_text(path, table.csv_text(["n", "text", "none", "count"], rows))
        names, back = table.read_csv(path)
    assert names == ["n", "text", "none", "count"]
    assert back == rows


def test_structured_values_become_one_cell():
    assert table.label({"kind": "tick", "period": "1 ms"}) == "kind=tick period=1 ms"
    assert table.label([320, 192]) == "[320 192]"


def test_explained_variance_is_a_fraction():
    rng = np.random.default_rng(0)
    rows = [{"a": n % 3, "y": float(n % 3) + 0.1 * rng.standard_normal()} for n in range(60)]
    assert 0.95 < analysis.explained(rows, "a", "y") <= 1.0
    assert analysis.explained([{"a": n, "y": 2.0} for n in range(5)], "a", "y") == 0.0
