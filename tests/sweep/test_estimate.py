"""The guess of a point's time: sizes from files, and more for more work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from neurosim.sweep.estimate import _trained
from neurosim.sweep.identity import Hashes, _asset
from neurosim.sweep.points import load_sweep

Write = Callable[..., Path]


def test_sizes_of_a_model_are_read_from_its_head(tmp_path: Path):
    arrays = {
        "rnns.0.kernel": np.zeros((5, 12), np.float32),
        "rnns.0.recurrent_kernel.values": np.zeros(7, np.float32),
        "rnns.0.recurrent_kernel.indices": np.zeros(7, np.uint16),
        "rnns.0.recurrent_kernel.row_pointers": np.zeros(5, np.int32),
        "rnns.0.recurrent_bias": np.zeros(12, np.float32),
    }
    save_file(arrays, tmp_path / "m.safetensors")
    size = _trained((_asset("network.model", [tmp_path / "m.safetensors"], Hashes()),))
    assert (size.weights, size.units, size.inputs, size.layers) == (67, 4, 5, 1)


def test_a_file_that_is_no_model_has_some_size(tmp_path: Path):
    (tmp_path / "m.safetensors").write_bytes(b"\xff" * 6000)
    size = _trained((_asset("network.model", [tmp_path / "m.safetensors"], Hashes()),))
    assert size.weights == 1000 and size.layers == 1


def test_more_work_costs_more(sweep_file: Write):
    def costs(block: str) -> list[float]:
        return [point.cost for point in load_sweep(sweep_file(block)).points]

    for block in ("chip.cores: [1, 4]", "workload.steps: [2, 9]", "engine: [compiled, simpy]",
                  "network.synthetic.activity: [0.1, 0.9]", "sync: [barrier, dataflow]",
                  "network.synthetic.layers: [[6], [60]]"):
        low, high = costs(f"  axes: {{{block}}}\n")
        assert low < high, block
