"""Synthetic networks have exactly what was asked for; rates are as skewed as trained EGRUs'."""

from __future__ import annotations

import math
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.errors import ModelError
from neurosim.network.rates import draw_events, unit_rates
from neurosim.network.synthetic import make, random_kernel


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(units=st.integers(1, 400), mean=st.floats(0.0, 1.0), kind=st.sampled_from(
    ["skewed", "uniform"]))
def test_rates_are_probabilities_with_the_exact_mean(units: int, mean: float, kind: str) -> None:
    rates = unit_rates(units, mean, kind, rng())
    assert rates.shape == (units,)
    assert rates.min() >= 0.0 and rates.max() <= 1.0
    assert rates.mean() == pytest.approx(mean, abs=1e-12)


def test_rates_at_a_fifth_are_skewed_as_counted_in_trained_networks() -> None:
    rates = np.sort(unit_rates(1350, 0.2))
    assert 0.28 <= np.mean(rates < 0.01) <= 0.32
    assert 0.02 <= np.mean(rates > 0.90) <= 0.03
    assert 0.34 <= rates[-270:].sum() / rates.sum() <= 0.50


def test_the_documented_table_of_skew(project: Path) -> None:
    rows = re.findall(r"^\| (0\.\d+) \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) % \|$",
                      (project / "docs/reference/network.md").read_text(), re.MULTILINE)
    assert len(rows) == 5
    for mean, quiet, loud, top in (map(float, row) for row in rows):
        rates = np.sort(unit_rates(2000, mean))
        got = np.mean(rates < 0.01), np.mean(rates > 0.9), rates[-400:].sum() / rates.sum()
        assert 100 * np.array(got) == pytest.approx([quiet, loud, top], abs=0.5)


@pytest.mark.parametrize("mean", [0.02, 0.05, 0.1, 0.3, 0.5])
def test_loud_units_carry_an_eighth_of_the_events_at_other_means(mean: float) -> None:
    rates = unit_rates(4000, mean)
    assert 0.09 <= rates[rates > 0.9].sum() / rates.sum() <= 0.15


def test_rates_are_shuffled_by_the_seed() -> None:
    one, other = unit_rates(100, 0.2, "skewed", rng(1)), unit_rates(100, 0.2, "skewed", rng(2))
    assert (one != other).any()
    np.testing.assert_array_equal(np.sort(one), np.sort(other))


@given(units=st.integers(1, 300), mean=st.floats(0.0, 1.0), seed=st.integers(0, 1000))
def test_systematic_sampling_fires_the_mean_to_within_one_event(
    units: int, mean: float, seed: int
) -> None:
    rates = unit_rates(units, mean, "skewed", rng(seed))
    events = draw_events(rates, 8, rng(seed)).sum(axis=1)
    expected = rates.sum()
    assert (np.abs(events - expected) < 1.0 + 1e-6).all()
    if abs(expected - round(expected)) < 1e-9:
        assert (events == round(expected)).all()


@pytest.mark.parametrize("draw", ["systematic", "bernoulli"])
def test_every_unit_fires_at_its_rate(draw: str) -> None:
    rates = unit_rates(200, 0.2, "skewed", rng(3))
    steps = 20_000
    got = draw_events(rates, steps, rng(4), draw).mean(axis=0)
    # Steps are independent: a binomial's standard error, 5 of them for the worst of 200 units.
    error = np.sqrt(rates * (1 - rates) / steps)
    assert (np.abs(got - rates) <= 5 * error + 1e-12).all()


@given(sources=st.integers(1, 30), units=st.integers(1, 12), sparsity=st.floats(0.0, 1.0),
       seed=st.integers(0, 1000))
def test_stored_weights_are_exactly_as_many(
    sources: int, units: int, sparsity: float, seed: int
) -> None:
    matrix = random_kernel(sources, units, sparsity, None, None, rng(seed))
    assert matrix.shape == (sources, 3 * units)
    assert matrix.nnz == round((1 - sparsity) * sources * 3 * units)
    assert (matrix.data != 0).all() and matrix.has_canonical_format
    assert np.count_nonzero(matrix.toarray()) == matrix.nnz


@given(sources=st.integers(1, 30), units=st.integers(1, 30), reach=st.none() | st.integers(0, 9),
       share=st.floats(0.0, 1.0), seed=st.integers(0, 1000))
def test_local_kernels(
    sources: int, units: int, reach: int | None, share: float, seed: int
) -> None:
    possible = 3 * (sources if reach is None else min(sources, 2 * reach + 1))
    fan_in = round(share * possible)
    matrix = random_kernel(sources, units, 0.0, reach, fan_in, rng(seed))
    dense = matrix.toarray() != 0
    assert matrix.nnz == dense.sum() == fan_in * units and matrix.has_canonical_format
    per_unit = dense.reshape(sources, 3, units).sum(axis=(0, 1))
    assert (per_unit == fan_in).all()
    if reach is not None:
        row, column = np.nonzero(dense)
        centre = np.floor((column % units + 0.5) * sources / units)
        # At the ends the range is moved inwards.
        inner = (centre >= reach) & (centre < sources - reach)
        assert (np.abs(row - centre)[inner] <= reach).all()
        assert (np.abs(row - centre) <= 2 * reach).all()


def test_locality_with_weight_sparsity() -> None:
    matrix = random_kernel(100, 100, 0.5, 4, None, rng())
    assert matrix.nnz == 100 * round(0.5 * 27)


def test_too_large_a_fan_in() -> None:
    with pytest.raises(ModelError, match=r"fan_in: 28 weights.*at most 27"):
        make([100], 100, locality=4, fan_in=28)


def test_networks_are_what_was_asked_for() -> None:
    network = make([40, 30], 20, weight_sparsity=0.9, activity=0.2, steps=50, seed=1)
    one, two = network.layers
    assert (one.kind, one.inputs, one.units, two.inputs, two.units) == ("replay", 20, 40, 40, 30)
    assert one.kernel.nnz == round(0.1 * 20 * 120) and two.recurrent.nnz == round(0.1 * 30 * 90)
    assert one.replay is not None and two.replay is not None
    assert one.replay.dtype == np.float32 and one.replay.shape == (50, 40)
    assert (np.count_nonzero(one.replay, axis=1) == 8).all()
    assert (np.count_nonzero(two.replay, axis=1) == 6).all()
    assert (one.replay[one.replay != 0] > 0).all()


def test_same_seed_same_network() -> None:
    one, same, other = (make([30], 10, activity=0.3, seed=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(one.layers[0].kernel.toarray(), same.layers[0].kernel.toarray())
    np.testing.assert_array_equal(one.layers[0].replay, same.layers[0].replay)
    assert one.sha256 == same.sha256 != other.sha256
    assert (one.layers[0].kernel.toarray() != other.layers[0].kernel.toarray()).any()


def test_replay_of_recorded_activity(tmp_path: Path) -> None:
    rows = rng().random((7, 12)).astype(np.float32)
    np.savez(tmp_path / "activity.npz", layer0=rows, layer1=rows[:, :5])
    network = make([12, 5], 4, replay=tmp_path / "activity.npz")
    np.testing.assert_array_equal(network.layers[0].replay, rows)
    np.testing.assert_array_equal(network.layers[1].replay, rows[:, :5])
    for layers, message in (([12, 6], "layer1 is float32 of shape"),
                            ([12, 5, 5], "no array layer2")):
        with pytest.raises(ModelError, match=message):
            make(layers, 4, replay=tmp_path / "activity.npz")
    np.savez(tmp_path / "nan.npz", layer0=rows * np.float32(np.nan))
    (tmp_path / "noise.npz").write_bytes(b"PK\x03\x04 noise")
    for name, message in (("nan.npz", "not finite"), ("noise.npz", "cannot be read"),
                          ("none.npz", "no such file"), (".", "is a directory")):
        with pytest.raises(ModelError, match=message) as caught:
            make([12], 4, replay=tmp_path / name)
        assert caught.value.key == "network.synthetic.replay"


@pytest.mark.parametrize(("options", "key"), [
    ({"layers": []}, "layers"), ({"layers": [0]}, "layers"), ({"layers": [-3]}, "layers"),
    ({"layers": [2**31]}, "layers"), ({"inputs": 0}, "inputs"),
    ({"weight_sparsity": 1.5}, "weight_sparsity"),
    ({"weight_sparsity": math.nan}, "weight_sparsity"),
    ({"activity": -0.1}, "activity"), ({"activity": math.nan}, "activity"),
    ({"events": "odd"}, "events"), ({"draw": "odd"}, "draw"), ({"locality": -1}, "locality"),
    ({"fan_in": -1}, "fan_in"), ({"fan_in": 2, "weight_sparsity": 0.5}, "fan_in"),
])
def test_refused(options: dict[str, object], key: str) -> None:
    with pytest.raises(ModelError) as caught:
        make(**{"layers": [4], "inputs": 4, **options})  # type: ignore[arg-type]
    assert caught.value.key == f"network.synthetic.{key}"


def test_a_million_units_never_become_dense() -> None:
    # VmHWM is this program's own peak; ru_maxrss would be no less than the tests' at the fork.
    script = ("from neurosim.network.synthetic import make; "
              "n = make([1_000_000], 1000, fan_in=8, locality=100, steps=2); "
              "assert n.layers[0].recurrent.nnz == 8_000_000; "
              "print(*(x.split()[1] for x in open('/proc/self/status') if x[:5] == 'VmHWM'))")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          check=True, preexec_fn=_limit_memory)
    # 16 M stored weights of 8 bytes, twice that while building, and Python itself.
    assert int(done.stdout) * 1024 < 16e6 * 8 * 4


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
