"""Partition: optimality and balance against brute force and bounds."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.chip import load_chip
from neurosim.mapping import partition
from tests.mapping.networks import layer, local_network, network

WEIGHTS = st.lists(st.floats(0.1, 10.0), min_size=1, max_size=40).map(np.array)


def loads(weight, slices, n):
    return np.bincount(slices, weight, n)


@given(st.lists(st.tuples(st.floats(1, 100), st.integers(1, 6)), min_size=1, max_size=3),
       st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_sharing_cores_minimises_the_largest_share(layers, spare):
    work, most = zip(*layers, strict=True)
    cores = len(layers) + spare
    counts = partition.share_cores(work, [1] * len(layers), most, cores)
    choices = [c for c in product(*(range(1, m + 1) for m in most)) if sum(c) <= cores]
    best = min(max(w / c for w, c in zip(work, choice, strict=True)) for choice in choices)
    assert max(w / c for w, c in zip(work, counts, strict=True)) == pytest.approx(best)
    assert sum(counts) == min(cores, sum(most))
    assert all(1 <= c <= m for c, m in zip(counts, most, strict=True))


def test_sharing_cores_is_in_proportion_and_keeps_the_floor():
    assert partition.share_cores([10, 20, 70], [1, 1, 1], [99] * 3, 10) == [1, 2, 7]
    assert partition.share_cores([10, 20, 70], [4, 1, 1], [99] * 3, 10) == [4, 2, 4]


@given(WEIGHTS, st.data())
@settings(max_examples=100, deadline=None)
def test_contiguous_slices(weight, data):
    n = data.draw(st.integers(1, len(weight)))
    slices = partition.contiguous_slices(weight, n)
    assert (np.diff(slices) >= 0).all() and set(slices) == set(range(n))
    # A run is an equal share give or take half a unit at each end, unless it is a lone unit.
    load, size = loads(weight, slices, n), np.bincount(slices)
    limit = weight.sum() / n + weight.max()
    assert (load[size > 1] <= limit * (1 + 1e-9)).all() or len(weight) < 2 * n


@given(st.lists(st.floats(0.1, 10.0), min_size=2, max_size=7).map(np.array), st.data())
@settings(max_examples=60, deadline=None)
def test_scattering_is_within_four_thirds_of_the_best(weight, data):
    n = data.draw(st.integers(1, min(3, len(weight))))
    slices = partition.scattered_slices(weight, n)
    assert set(slices) == set(range(n))
    best = min(loads(weight, np.array(choice), n).max()
               for choice in product(range(n), repeat=len(weight)))
    assert loads(weight, slices, n).max() <= best * (4 / 3 - 1 / (3 * n)) * (1 + 1e-9)


@given(st.integers(1, 50), st.data())
def test_even_slices_differ_by_one_unit_at_most(units, data):
    n = data.draw(st.integers(1, units))
    sizes = np.bincount(partition.even_slices(units, n), minlength=n)
    assert sizes.sum() == units and sizes.max() - sizes.min() <= 1 and sizes.min() >= 1


def test_expected_work_by_hand():
    rng = np.random.default_rng(1)
    one = layer("l", 5, 4, 0.6, rng)
    core = load_chip("spinnaker2", overrides={"core.lanes": 2}).core
    input_rate, own_rate = rng.random(5), rng.random(4)
    events = input_rate @ (one.kernel.toarray() != 0) + own_rate @ (one.recurrent.toarray() != 0)
    expected = (events[:4] + events[4:8] + events[8:]) * 15 / 2 + 300
    assert partition.expected_work(one, input_rate, own_rate, core) == pytest.approx(expected)


def test_rates_of_sources():
    net = network([4, 3], inputs=2)
    assert [r.tolist() for r in partition.source_rates(net, None)] == [
        [1.0] * 2, [partition.DEFAULT_RATE] * 4, [partition.DEFAULT_RATE] * 3]
    own = [np.full(4, 0.5), np.full(3, 0.25)]
    assert [len(r) for r in partition.source_rates(net, own)] == [2, 4, 3]
    assert partition.source_rates(net, [np.zeros(2), *own])[0].tolist() == [0, 0]
    with pytest.raises(ValueError, match="rates have"):
        partition.source_rates(net, [np.zeros(3)])


def test_recorded_and_constant_events_give_their_own_rate():
    rng = np.random.default_rng(0)
    replay = np.array([[0, 1.5], [0, 0], [2, 1], [0, 0]], np.float32)
    played = layer("p", 3, 2, 0.5, rng, replay=replay)
    always = layer("a", 3, 2, 0.5, rng, fire="always")
    assert partition._own_rate(played).tolist() == [0.25, 0.5]
    assert partition._own_rate(always).tolist() == [1.0, 1.0]


def test_neighbours_stay_together_where_sources_are_local():
    local = local_network(400, window=5).layers[0]
    weight = np.random.default_rng(0).random(400) + 0.5
    slices = partition.balanced_slices(local, weight, 10)
    assert (np.diff(slices) >= 0).all()


def test_units_are_scattered_where_sources_are_global():
    rng = np.random.default_rng(0)
    dense = layer("d", 50, 60, 0.9, rng)
    weight = rng.random(60) + 0.5
    slices = partition.balanced_slices(dense, weight, 10)
    load = loads(weight, slices, 10)
    assert load.max() / load.mean() < 1.05
