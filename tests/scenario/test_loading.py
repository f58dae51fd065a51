"""Scenario files: defaults, short forms, overrides, and where refusals point."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from neurosim.errors import ScenarioError
from neurosim.scenario import Scenario, json_schema, load_scenario, scenario_from_data

Write = Callable[[str, str], Path]
SYNTHETIC = "network:\n  synthetic: {layers: [10, 20], inputs: 4}\n"


def test_defaults(write: Write):
    path = write("tiny.yaml", SYNTHETIC)
    scenario = load_scenario(path)
    assert scenario.name == "tiny"
    assert scenario.workload.steps == 10
    assert scenario.chip.use == scenario.chip_source == "spinnaker2"
    assert (scenario.sync.kind, scenario.sync.order) == ("barrier", "skewed")
    assert (scenario.path, scenario.base_dir) == (path, path.parent)
    assert scenario.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_short_forms_equal_long_forms(write: Write):
    short = write("a.yaml", "name: x\nchip: mesh\nsync: dataflow\n" + SYNTHETIC)
    long = write("b.yaml", "name: x\nchip: {use: mesh}\nsync: {kind: dataflow}\n" + SYNTHETIC)
    assert load_scenario(short).resolved() == load_scenario(long).resolved()


def test_quantities_are_si(write: Write):
    path = write("a.yaml", SYNTHETIC + "  prune: 80 %\nsync: {kind: tick, period: 16.7 us}\n")
    scenario = load_scenario(path)
    assert scenario.sync.period == 16.7e-6
    assert scenario.network is not None and scenario.network.prune == 0.8


def test_resolved_is_json_and_loads_again(write: Write):
    scenario = load_scenario(write("a.yaml", SYNTHETIC + "sync: {kind: tick, period: 1 ms}\n"))
    text = json.dumps(scenario.resolved())
    assert scenario_from_data(json.loads(text)).resolved() == scenario.resolved()


def test_chip_set_takes_dotted_and_nested_keys(write: Write):
    nested = "chip: {use: mesh, set: {core: {lanes: 4}, noc.link_cycles: 2}}\n"
    scenario = load_scenario(write("a.yaml", SYNTHETIC + nested))
    assert scenario.chip.set == {"core.lanes": 4, "noc.link_cycles": 2}
    assert scenario.locate("chip.set.core.lanes").line == 3
    twice = "chip:\n  set: {core: {lanes: 4}, core.lanes: 2}\n"
    with pytest.raises(ScenarioError, match=r"b.yaml:4:\d+: chip.set.core.lanes: given twice"):
        load_scenario(write("b.yaml", SYNTHETIC + twice))


def test_overrides_replace_and_create(write: Write):
    path = write("a.yaml", SYNTHETIC + "chip: mesh\n")
    changes = ["chip.cores=8", "sync=tick", "sync.period=1 ms", "network.synthetic.layers.1=7",
               "chip.set.core.update_cycles=3", "record=[activity]",
               "workload.steps=3"]  # fmt: skip
    scenario = load_scenario(path, changes)
    assert (scenario.chip.use, scenario.chip.cores) == ("mesh", 8)
    assert scenario.chip.set == {"core.update_cycles": 3}
    assert (scenario.sync.kind, scenario.sync.period) == ("tick", 1e-3)
    assert scenario.network is not None and scenario.network.synthetic is not None
    assert scenario.network.synthetic.layers == [10, 7]
    assert scenario.workload.steps == 3
    assert str(scenario.locate("chip.cores")) == "--set:1:12"
    assert scenario.locate("chip.use").file == str(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("seed", "--set:1:1: set: cannot read 'seed' (allowed: dotted.key=value)"),
        ("=3", "--set:1:1: set: cannot read '=3' (allowed: dotted.key=value)"),
        ("seed=x", "--set:1:6: seed: must be a whole number, not 'x' (allowed: a whole number)"),
        ("sed=1", "--set:1:5: sed: unknown key, did you mean 'seed'?"),
        ("seed=[1", "--set:1:6: seed: bad YAML syntax"),
        ("name.x=1", "--set:1:8: name.x: name holds no further keys (allowed: name=value)"),
        ("network.synthetic.layers.2=1", "network.synthetic.layers.2: no item '2' (allowed: 0 to"),
        ("sync=tick", "--set:1:6: sync.period: a tick needs its period"),
    ],
)
def test_refused_overrides(change: str, message: str, write: Write):
    path = write("a.yaml", "name: a\n" + SYNTHETIC)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, [change])
    assert message in str(caught.value)


def test_all_refusals_are_told_in_the_order_of_the_file(write: Write):
    path = write("a.yaml", "seed: -1\nengine: fast\n" + SYNTHETIC + "recrod: []\n")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    lines = [str(caught.value), *caught.value.__notes__]
    assert [line.split(": ")[1] for line in lines] == ["seed", "engine", "recrod"]
    assert "(allowed: at least 0)" in lines[0]
    assert "(allowed: auto, simpy, compiled)" in lines[1]
    assert "did you mean 'record'?" in lines[2]


WORKLOADS = {
    "text for a synthetic network": (SYNTHETIC + "workload: {text: a.txt}\n", "workload.text"),
    "two sources": (SYNTHETIC + "workload: {inputs: a, text: b}\n", "workload.inputs"),
    "two networks": ("network: {model: a, synthetic: {layers: [1], inputs: 1}}\n",
                     "network.synthetic"),
    "no network": ("workload: {steps: 3}\n", "network"),
    "model without input": ("network: {model: m.safetensors}\n", "workload"),
    "traffic with a network": (
        SYNTHETIC + "workload: {traffic: {pattern: uniform, rate: 0.1, cycles: 10}}\n",
        "workload.traffic"),
}  # fmt: skip


@pytest.mark.parametrize("name", WORKLOADS)
def test_what_does_not_go_together(name: str, write: Write):
    text, key = WORKLOADS[name]
    with pytest.raises(ScenarioError) as caught:
        load_scenario(write("a.yaml", text))
    assert caught.value.key == key
    assert caught.value.allowed


def test_traffic_needs_no_network(write: Write):
    text = "workload: {traffic: {pattern: uniform, rate: 0.1, cycles: 10}}\n"
    assert load_scenario(write("a.yaml", text)).network is None


def test_parameters_of_another_discipline_are_refused(write: Write):
    with pytest.raises(ScenarioError, match="1:31: sync.period: belongs to tick, not to barrier"):
        load_scenario(write("a.yaml", "sync: {kind: barrier, period: 1 ms}\n" + SYNTHETIC))


def test_paths_are_relative_to_the_scenario(write: Write):
    write("data/in.npy", "")
    scenario = load_scenario(write("data/a.yaml", SYNTHETIC + "workload: {inputs: in.npy}\n"))
    assert scenario.workload.inputs is not None
    assert scenario.resolve(scenario.workload.inputs).is_file()
    chip = write("data/my.yaml", "")
    scenario = load_scenario(write("data/b.yaml", SYNTHETIC + "chip: my.yaml\n"))
    assert scenario.chip_source == chip


def test_schema_knows_every_key():
    schema = json_schema()
    assert set(schema["properties"]) == set(Scenario.model_fields)
    assert schema["additionalProperties"] is False
    for definition in schema["$defs"].values():
        assert definition["additionalProperties"] is False
        for name, prop in definition["properties"].items():
            assert prop.get("description"), name
