"""Whole mappings: completeness, limits, errors, placement."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.chip import load_chip
from neurosim.errors import MappingError
from neurosim.mapping import placement
from neurosim.mapping.fit import LayerPlan
from neurosim.mapping.map import map_network, slice_traffic
from neurosim.mapping.memory import Held
from neurosim.mapping.partition import source_rates
from tests.mapping.networks import network

CHIP = load_chip("mesh")


def chip_with(**core):
    return load_chip("mesh", overrides={f"core.{key}": value for key, value in core.items()})


@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.data())
@settings(max_examples=60, deadline=None)
def test_every_unit_is_on_one_core_and_every_core_has_one_slice(sizes, data):
    net = network(sizes, density=0.3)
    cores = data.draw(st.none() | st.integers(len(sizes), 16))
    mapping = map_network(
        net, CHIP, cores=cores, seed=data.draw(st.integers(0, 5)),
        partition=data.draw(st.sampled_from(["balanced", "even"])),
        placement=data.draw(st.sampled_from(["compact", "linear", "random"])))
    for n, units in enumerate(sizes):
        of_layer = [s.units for s in mapping.slices if s.layer == n]
        assert sorted(np.concatenate(of_layer)) == list(range(units))
        assert all(len(u) and (np.diff(u) > 0).all() for u in of_layer)
    assert [s.layer for s in mapping.slices] == sorted(s.layer for s in mapping.slices)
    used = [s.core for s in mapping.slices]
    assert len(set(used)) == len(used) == min(cores or 16, sum(sizes))
    assert all(0 <= core < 16 for core in used)
    assert len(mapping.memory) == len(mapping.slices)
    assert all(use.total <= mapping.capacity_bytes for use in mapping.memory)


def test_the_same_arguments_give_the_same_mapping():
    net = network([20, 12])
    for kind in placement.PLACEMENTS:
        a, b = (map_network(net, CHIP, placement=kind, seed=3) for _ in range(2))
        assert [(s.core, s.units.tolist()) for s in a.slices] == [
            (s.core, s.units.tolist()) for s in b.slices]
    cores = [[s.core for s in map_network(net, CHIP, placement="random", seed=n).slices]
             for n in (1, 2)]
    assert cores[0] != cores[1]


def test_reserved_cores_stay_free():
    chip = load_chip("mesh", overrides={"usable_cores": 10})
    for kind in placement.PLACEMENTS:
        mapping = map_network(network([40]), chip, placement=kind)
        assert sorted(s.core for s in mapping.slices) == list(range(10))


def test_cores_per_layer_are_taken_as_given():
    mapping = map_network(network([8, 9]), CHIP, cores_per_layer=[5, 2])
    assert [s.layer for s in mapping.slices] == [0] * 5 + [1] * 2


@pytest.mark.parametrize(
    ("arguments", "key", "why"),
    [
        ({"cores": 17}, "chip.cores", "16 usable"),
        ({"cores": 0}, "chip.cores", "16 usable"),
        ({"cores": 1}, "chip.cores", "2 layers"),
        ({"cores_per_layer": [1]}, "mapping.cores_per_layer", "1 entries for 2 layers"),
        ({"cores_per_layer": [0, 3]}, "mapping.cores_per_layer", "0 cores"),
        ({"cores_per_layer": [9, 1]}, "mapping.cores_per_layer", "9 cores"),
        ({"cores_per_layer": [8, 9]}, "mapping.cores_per_layer", "17 cores of 16"),
        ({"partition": "best"}, "mapping.partition", "best"),
        ({"placement": "best"}, "mapping.placement", "best"),
        ({"keys": "best"}, "mapping.keys", "best"),
    ],
)
def test_refusals_name_their_key(arguments, key, why):
    with pytest.raises(MappingError, match=why) as caught:
        map_network(network([8, 9]), CHIP, **arguments)
    assert caught.value.key == key


def test_a_layer_that_does_not_fit_says_what_would_do():
    net = network([60], density=1.0)
    chip = chip_with(data_bytes=4096)
    with pytest.raises(MappingError) as caught:
        map_network(net, chip, cores=4)
    text = str(caught.value)
    plan = LayerPlan(net.layers[0], np.ones(60), chip.core, Held(), "balanced")
    over = plan.fullest(4).total - 4096
    assert f"{over} too many" in text and caught.value.key == "chip.cores"
    # Each remedy holds what it promises.
    words = caught.value.allowed.split()
    assert map_network(net, chip_with(data_bytes=int(words[-1])), cores=4)
    needed = int(words[0])
    assert plan.fits(needed) and not plan.fits(4)


def test_a_unit_that_fits_nowhere_is_refused_without_promising_cores():
    with pytest.raises(MappingError, match="does not fit") as caught:
        map_network(network([30], density=1.0), chip_with(data_bytes=600))
    assert "cores" not in caught.value.allowed


def test_layers_get_the_cores_they_need_even_if_work_says_otherwise():
    """Rates of zero make layer 0 workless; its weights still need their memory."""
    net = network([60, 6], density=1.0)
    rates = [np.zeros(6), np.zeros(60), np.ones(6)]
    chip = load_chip("mesh", overrides={"core.data_bytes": 11000, "core.update_cycles": 0})
    mapping = map_network(net, chip, rates=rates)
    assert max(use.total for use in mapping.memory) <= 11000
    assert sum(s.layer == 0 for s in mapping.slices) > 6


def test_balance_beats_equal_counts_on_uneven_units():
    net = network([48], density=0.3)
    heavy = net.layers[0]
    mask = np.tile(np.arange(48) < 12, 3)
    heavy.kernel.data[~mask[heavy.kernel.indices]] = 0
    heavy.kernel.eliminate_zeros()
    weights = {}
    for kind in ("balanced", "even"):
        mapping = map_network(net, CHIP, cores=6, partition=kind, rates=[np.ones(48)])
        weights[kind] = [use.weights for use in mapping.memory]
    assert max(weights["balanced"]) < max(weights["even"])
    assert max(weights["balanced"]) <= 1.1 * np.mean(weights["balanced"])


def length(chip, cores, traffic, host):
    xy = chip.noc_arrays.router_xy[chip.noc_arrays.core_router[cores]]
    hops = np.abs(xy[:, None] - xy[None]).sum(axis=-1)
    at_host = np.abs(xy - chip.noc_arrays.router_xy[chip.noc_arrays.host_router]).sum(axis=1)
    return (traffic * hops).sum() + (host * at_host).sum()


@pytest.mark.parametrize("name", ["mesh", "spinnaker2"])
def test_compact_placement_is_shorter_than_the_others(name):
    chip = load_chip(name)
    rng = np.random.default_rng(0)
    n = chip.usable - 3
    traffic = rng.random((n, n)) * (rng.random((n, n)) < 4 / n)
    host = rng.random(n)
    lengths = {kind: length(chip, placement.place(kind, n, chip, 0, traffic, host), traffic, host)
               for kind in placement.PLACEMENTS}
    assert lengths["compact"] < 0.9 * lengths["linear"]
    assert lengths["compact"] < 0.9 * lengths["random"]


def test_swap_gains_equal_the_change_in_length():
    rng = np.random.default_rng(5)
    n = 9
    traffic = rng.random((n, n))
    both = traffic + traffic.T
    np.fill_diagonal(both, 0)
    host = rng.random(n)
    chip = CHIP
    cores = rng.permutation(16)[:n]
    xy = chip.noc_arrays.router_xy[cores]
    hops = np.abs(xy[:, None] - xy[None]).sum(axis=-1).astype(float)
    host_hops = np.abs(xy - chip.noc_arrays.router_xy[0]).sum(axis=1).astype(float)
    before = length(chip, cores, both / 2, host)
    for i in range(n):
        gains = placement._swap_gains(i, both, host, hops, host_hops)
        for j in range(n):
            swapped = cores.copy()
            swapped[[i, j]] = swapped[[j, i]]
            assert gains[j] == pytest.approx(before - length(chip, swapped, both / 2, host))


def test_few_slices_gather_around_the_host():
    chip = load_chip("spinnaker2")
    cores = placement.place("compact", 8, chip)
    xy = chip.noc_arrays.router_xy
    distance = np.abs(xy[chip.noc_arrays.core_router[cores]]
                      - xy[chip.noc_arrays.host_router]).sum(axis=1)
    assert distance.max() <= 2


def test_traffic_between_slices_by_hand():
    net = network([7, 5], inputs=3, density=0.4)
    rng = np.random.default_rng(1)
    rates = source_rates(net, [rng.random(3), rng.random(7), rng.random(5)])
    cuts = [rng.permutation([0, 0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 0, 1])]
    traffic, host = slice_traffic(net, rates, cuts, [3, 2])
    expected, at_host = np.zeros((5, 5)), np.zeros(5)
    first = [0, 3]
    for n, layer in enumerate(net.layers):
        for kernel, rate, source in ((layer.kernel.toarray(), rates[n], n - 1),
                                     (layer.recurrent.toarray(), rates[n + 1], n)):
            for i, row in enumerate(kernel):
                hit = {cuts[n][c % layer.units] for c in np.flatnonzero(row)}
                for s in hit:
                    if source < 0:
                        at_host[first[n] + s] += rate[i]
                    else:
                        expected[first[source] + cuts[source][i], first[n] + s] += rate[i]
    for u in range(5):
        at_host[3 + cuts[1][u]] += rates[2][u]
    assert traffic == pytest.approx(expected)
    assert host == pytest.approx(at_host)
