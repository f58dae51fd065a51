"""What the project promises, through whole runs: published figures and exact equalities."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import neurosim

STEPS = 12
SIZES = (14, 11)
INPUTS = 9


def official_checkpoint(seed: int) -> dict[str, np.ndarray]:
    """Random weights in the official parameter layout (gate order z, r, g)."""
    rng = np.random.default_rng(seed)
    parameters, inputs = {}, INPUTS
    for layer, units in enumerate(SIZES):
        prefix = f"rnns.{layer}."
        mask = rng.random((inputs, 3 * units)) < 0.6
        parameters[prefix + "kernel"] = rng.normal(0, 0.8, (inputs, 3 * units)) * mask
        parameters[prefix + "recurrent_kernel"] = rng.normal(0, 0.8, (units, 3 * units))
        parameters[prefix + "bias"] = rng.normal(0, 0.3, 3 * units)
        parameters[prefix + "recurrent_bias"] = rng.normal(0, 0.3, 3 * units)
        parameters[prefix + "thr"] = rng.beta(0.5, 3, units)
        inputs = units
    return {name: value.astype(np.float32) for name, value in parameters.items()}


def official_equations(p: dict[str, np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """The official code's step, gate by gate, in float32 (written without the project)."""
    outputs = []
    for layer, n in enumerate(SIZES):
        w, r = p[f"rnns.{layer}.kernel"], p[f"rnns.{layer}.recurrent_kernel"]
        bw, br = p[f"rnns.{layer}.bias"], p[f"rnns.{layer}.recurrent_bias"]
        thr = np.clip(p[f"rnns.{layer}.thr"], 0, 1)
        h, y, ys = np.zeros(n, np.float32), np.zeros(n, np.float32), []
        for xt in x:
            a, q = xt @ w + bw, y @ r + br
            keep = 1 / (1 + np.exp(-(a[:n] + q[:n])))
            reset = 1 / (1 + np.exp(-(a[n: 2 * n] + q[n: 2 * n])))
            c = keep * h + (1 - keep) * np.tanh(a[2 * n:] + reset * q[2 * n:])
            e = c > thr
            y, h = np.where(e, c, 0), c - e * thr
            ys.append(y)
        x = np.array(ys)
        outputs.append(x)
    return outputs


@pytest.fixture
def small_run(tmp_path: Path) -> Callable[..., Path]:
    """Runs a scenario over the official checkpoint; returns the results folder."""
    save_file(official_checkpoint(3), tmp_path / "model.safetensors")
    x = np.random.default_rng(4).normal(0, 1, (STEPS, INPUTS)).astype(np.float32)
    x[np.random.default_rng(5).random(x.shape) < 0.3] = 0
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "s.yaml").write_text(
        "name: s\nnetwork: {model: model.safetensors}\nworkload: {inputs: x.npy}\n"
        "chip: {use: mesh, cores: 8}\nrecord: [activity]\n")

    def run(*overrides: str, engine: str | None = None, name: str = "out") -> Path:
        result = neurosim.run(
            neurosim.load_scenario(tmp_path / "s.yaml", overrides), engine=engine)
        return result.write(tmp_path / name, figures=False)

    return run


def outputs_of(folder: Path) -> list[np.ndarray]:
    with np.load(folder / "activity.npz") as arrays:
        return [arrays[f"layer{i}"] for i in range(len(SIZES))]


def test_activity_equals_the_official_step_equations(small_run: Callable[..., Path]) -> None:
    folder = small_run()
    x = np.load(folder.parent / "x.npy")
    for ours, theirs in zip(outputs_of(folder), official_equations(official_checkpoint(3), x),
                            strict=True):
        assert (theirs != 0).any() and (theirs == 0).any()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("overrides", [
    ("sync=dataflow",), ("sync={kind: barrier, order: per_layer}",), ("chip.cores=2",),
    ("mapping.placement=random", "seed=9"), ("mapping.partition=even", "mapping.keys=core"),
    ("chip.set.core.fifo_packets=1", "sync=dataflow"), ("host.closed_loop=true",),
])
def test_outputs_are_bit_identical_on_any_machine(small_run: Callable[..., Path],
                                                  overrides: tuple[str, ...]) -> None:
    first = outputs_of(small_run(name="first"))
    other = outputs_of(small_run(*overrides, name="other"))
    assert [a.tobytes() for a in first] == [b.tobytes() for b in other]


def test_operations_equal_a_count_from_activity_inputs_and_weights(
    small_run: Callable[..., Path],
) -> None:
    """Each non-zero source value meets every stored weight of its row, once."""
    folder = small_run()
    p = official_checkpoint(3)
    x = np.load(folder.parent / "x.npy")
    outputs = outputs_of(folder)
    by_input = by_forward = by_recurrent = 0
    for layer, y in enumerate(outputs):
        source = x if layer == 0 else outputs[layer - 1]
        fan = (p[f"rnns.{layer}.kernel"] != 0).sum(axis=1)
        products = int(((source != 0) * fan).sum())
        by_input += products if layer == 0 else 0
        by_forward += products if layer else 0
        by_recurrent += int(((y != 0) * (p[f"rnns.{layer}.recurrent_kernel"] != 0).sum(1)).sum())
    counted = json.loads((folder / "result.json").read_text())["operations"]
    assert counted["synaptic_ops"] == by_input + by_forward + by_recurrent
    assert counted["macs_effective"] == by_input + by_forward + by_recurrent
    assert counted["input_macs"] == by_input
    kernels = sum(int((p[f"rnns.{i}.kernel"] != 0).sum()) for i in range(2))
    assert counted["macs_effective_recurrent"] == STEPS * kernels + by_recurrent
    assert counted["macs_dense"] == STEPS * (9 * 42 + 14 * 42 + 14 * 33 + 11 * 33)
    assert counted["events"] == sum(int((y != 0).sum()) for y in outputs)
    assert counted["neuron_updates"] == STEPS * sum(SIZES)


def test_the_same_scenario_gives_the_same_bytes(small_run: Callable[..., Path]) -> None:
    texts = []
    for name in ("first", "second"):
        data = json.loads((small_run("sync=dataflow", name=name) / "result.json").read_text())
        del data["wall"]
        texts.append(json.dumps(data))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("name,recurrent,effective", [
    ("dvs_512", 4.19, 3.53), ("dvs_1024", 10.54, 7.94)])
def test_dvs_shapes_have_the_published_operations(project: Path, name: str, recurrent: float,
                                                  effective: float) -> None:
    """arXiv 2206.06178: millions of effective MACs a step at the published activity sparsity, by
    the paper's count (dense inputs of both layers) and event-driven throughout."""
    result = neurosim.run(neurosim.load_scenario(project / "scenarios" / f"{name}.yaml"))
    per_step = result["operations_per_step"]
    assert round(per_step["macs_effective_recurrent"] / 1e6, 2) == recurrent
    assert round(per_step["macs_effective"] / 1e6, 2) == effective


@pytest.mark.parametrize("name,level,published_w", [
    ("asleep", "150MHz", 0.2354), ("asleep", "300MHz", 0.5647),
    ("busy", "150MHz", 0.4246), ("busy", "300MHz", 1.2479)])
def test_chip_power_is_the_measured_one(project: Path, name: str, level: str,
                                        published_w: float) -> None:
    """A calibration: the chip file's constants come from these figures (arXiv 2607.24396)."""
    file = project / "scenarios" / f"calibration_{name}.yaml"
    result: Any = neurosim.run(neurosim.load_scenario(file, [f"chip.level={level}"]))
    assert result["power_w"] == pytest.approx(published_w, rel=0.005)
