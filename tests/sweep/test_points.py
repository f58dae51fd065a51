"""From the block to the points: which ones, in which order, with which identity."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.sweep import ranges
from neurosim.sweep.points import load_sweep
from neurosim.sweep.schema import Axis, Sample

Write = Callable[..., Path]


def values(plan) -> list[tuple]:
    return [tuple(point.values.values()) for point in plan.points]


def test_axes_make_all_combinations_the_last_the_fastest(sweep_file: Write):
    plan = load_sweep(sweep_file("  axes: {chip.cores: [1, 2], network.prune: [0, 0.5, 0.7]}\n"))
    assert values(plan) == list(itertools.product([1, 2], [0, 0.5, 0.7]))
    assert plan.axes == ("chip.cores", "network.prune")
    assert [point.number for point in plan.points] == list(range(6))
    assert len({point.key for point in plan.points}) == 6


def test_everything_multiplies(sweep_file: Write):
    block = """\
  axes: {chip.cores: [1, 2]}
  zip: [{sync: [barrier, dataflow], mapping.placement: [linear, random]}]
  points: [{network.prune: 0.5}, {network.prune: 0.6, chip.level: slow}]
  repeat: 2
""".replace(", chip.level: slow", "")
    plan = load_sweep(sweep_file(block))
    assert values(plan) == [
        (cores, *pair, prune, seed)
        for cores, pair, prune, seed in itertools.product(
            [1, 2], [("barrier", "linear"), ("dataflow", "random")], [0.5, 0.6], [0, 1])]


def test_structured_values_lists_and_chip_constants(sweep_file: Write):
    block = """\
  axes:
    network.synthetic.layers: [[6], [4, 3]]
    sync: [{kind: tick, period: 1 ms}, {kind: dataflow, buffers: 4}]
    chip.set.core.update_cycles: [100, 300]
"""
    plan = load_sweep(sweep_file(block))
    scenarios = [plan.scenario(point) for point in plan.points]
    assert [s.network.synthetic.layers for s in scenarios[::4]] == [[6], [4, 3]]
    assert [(s.sync.kind, s.sync.period, s.sync.buffers) for s in scenarios[::2]] == [
        ("tick", 1e-3, None), ("dataflow", None, 4)] * 2
    assert [s.chip.set["core.update_cycles"] for s in scenarios] == [100, 300] * 4


def test_templates_fill_a_key_from_variables(sweep_file: Write):
    block = """\
  variables: {period: [1, 2], n: {low: 1, high: 3, count: 3}}
  set: {chip.cores: "{n}", sync: tick, sync.period: "{period} ms"}
""".replace("sync: tick, ", "")
    base = "network: {synthetic: {layers: [6], inputs: 3}}\nchip: mesh\nsync: {kind: tick}\n"
    plan = load_sweep(sweep_file(block, base))
    assert plan.axes == ("period", "n")
    found = [(s.sync.period, s.chip.cores) for s in map(plan.scenario, plan.points)]
    assert found == list(itertools.product([1e-3, 2e-3], [1, 2, 3]))


def test_where_leaves_points_out_by_resolved_values(sweep_file: Write):
    block = """\
  axes: {chip.cores: [1, 2, 3], sync: [{kind: tick, period: 1 ms}, {kind: tick, period: 4 ms}]}
  where: ["chip.cores >= 2 and not sync.period * chip.cores > 8e-3"]
"""
    plan = load_sweep(sweep_file(block))
    cores_and_periods = [(s.chip.cores, s.sync.period) for s in map(plan.scenario, plan.points)]
    assert cores_and_periods == [(2, 1e-3), (2, 4e-3), (3, 1e-3)]
    assert plan.excluded == 3


def test_twins_are_run_once_and_points_that_are_dense_are_their_own(sweep_file: Write):
    block = """\
  axes: {chip.cores: [1, 2], network.synthetic.activity: [0.2, 1.0]}
  realisation: {dense: {network.synthetic.activity: 1.0}}
"""
    plan = load_sweep(sweep_file(block))
    keys = [point.key for point in plan.points]
    assert [point.twin for point in plan.points] == [keys[1], keys[1], keys[3], keys[3]]
    assert plan.twins == ()
    plan = load_sweep(sweep_file(block.replace("[0.2, 1.0]", "[0.2, 0.4]")))
    assert len(plan.twins) == 2 and len(plan.runs()) == 6


# --- ranges and samples


@given(low=st.integers(1, 50), span=st.integers(0, 500), count=st.integers(2, 40))
def test_ranges_keep_their_ends_and_rise(low: int, span: int, count: int):
    for scale in ("linear", "log"):
        found = ranges.values(Axis(low=low, high=low + span, count=count, scale=scale))
        assert found[0] == low and found[-1] == low + span
        assert all(a < b for a, b in itertools.pairwise(found))
        whole = span >= count - 1
        assert all(isinstance(value, int) for value in found) or not whole


def test_log_ranges_have_equal_ratios():
    assert ranges.values(Axis(low=8, high=128, count=5, scale="log")) == [8, 16, 32, 64, 128]
    found = ranges.values(Axis(low=0.001, high=1.0, count=4, scale="log"))
    assert found == pytest.approx([1e-3, 1e-2, 1e-1, 1.0])


def test_steps_and_units():
    assert ranges.values(Axis(low=0.0, high=0.3, step=0.1)) == [0.0, 0.1, 0.2, 0.3]
    assert ranges.values(Axis(low=1, high=2, count=3, unit="ms")) == ["1.0 ms", "1.5 ms", "2.0 ms"]
    assert ranges.values(Axis(low=0, high=1, count=5)) == [0.0, 0.25, 0.5, 0.75, 1.0]


@given(count=st.integers(1, 60), seed=st.integers(0, 99))
def test_a_latin_hypercube_hits_every_part_of_every_range_once(count: int, seed: int):
    over = {"a": Axis(low=0.0, high=1.0), "b": Axis(low=1.0, high=1024.0, scale="log")}
    drawn = ranges.draw(Sample(count=count, seed=seed, over=over))
    import math

    parts = {"a": [p["a"] for p in drawn], "b": [math.log2(p["b"]) / 10 for p in drawn]}
    for places in parts.values():
        assert sorted(int(place * count) for place in places) == list(range(count))
    assert drawn == ranges.draw(Sample(count=count, seed=seed, over=over))


def test_sampled_ranges_of_whole_numbers_stay_whole():
    over = {"cores": Axis(low=10, high=20), "fraction": Axis(low=0, high=1)}
    drawn = ranges.draw(Sample(count=50, over=over))
    assert {type(p["cores"]) for p in drawn} == {int}
    assert {p["cores"] for p in drawn} <= set(range(10, 21))
    assert len({p["fraction"] for p in drawn}) == 50


def test_samples_choose_evenly_from_lists():
    over = {"sync": Axis(values=["barrier", "dataflow", "tick"])}
    drawn = [p["sync"] for p in ranges.draw(Sample(count=30, over=over))]
    assert {name: drawn.count(name) for name in set(drawn)} == {
        "barrier": 10, "dataflow": 10, "tick": 10}


# --- identity


def test_names_do_not_change_a_points_identity_but_contents_do(
    sweep_file: Write, tmp_path: Path
):
    import numpy as np

    base = ("network: {synthetic: {layers: [6], inputs: 3}}\nworkload: {inputs: a.npy}\n"
            "chip: mesh\nengine: simpy\n")
    np.save(tmp_path / "a.npy", np.ones((3, 3)))
    block = "  axes: {chip.cores: [1]}\n"

    def key(text: str = base) -> str:
        return load_sweep(sweep_file(block, text)).points[0].key

    first = key()
    assert key("name: other\ndescription: words\n" + base) == first
    (tmp_path / "a.npy").rename(tmp_path / "b.npy")
    assert key(base.replace("a.npy", "b.npy")) == first
    assert key(base.replace("a.npy", "b.npy") + "seed: 1\n") != first
    np.save(tmp_path / "b.npy", np.zeros((3, 3)))
    assert key(base.replace("a.npy", "b.npy")) != first


def test_a_changed_chip_file_changes_the_identity(sweep_file: Write, tmp_path: Path):
    base = "network: {synthetic: {layers: [6], inputs: 3}}\nchip: ./own.yaml\n"
    keys = []
    for cycles in (100, 200):
        (tmp_path / "own.yaml").write_text(f"include: mesh\ncore: {{update_cycles: {cycles}}}\n")
        keys.append(load_sweep(sweep_file("  axes: {chip.cores: [1]}\n", base)).points[0].key)
    assert keys[0] != keys[1]


def test_overrides_reach_the_scenario_and_the_block(sweep_file: Write):
    path = sweep_file("  axes: {chip.cores: [1, 2]}\n")
    plan = load_sweep(path, ["network.prune=0.5", "sweep.repeat=3"])
    assert len(plan.points) == 6
    assert {plan.scenario(point).network.prune for point in plan.points} == {0.5}
