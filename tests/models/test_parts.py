"""Model files in parts: a shared embedding, int8 kernels with scales; and their refusals."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from models.int8 import quantised
from neurosim.errors import ModelError
from neurosim.network.load import load_model
from neurosim.network.save import save_model

UNITS = 6


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    kernel = draw(4, 3 * UNITS)
    kernel[rng.random(kernel.shape) < 0.9] = 0.0
    return {"rnns.0.kernel": kernel, "rnns.0.recurrent_kernel": draw(UNITS, 3 * UNITS),
            "rnns.0.bias": draw(3 * UNITS), "rnns.0.recurrent_bias": draw(3 * UNITS),
            "rnns.0.thr": np.full(UNITS, 0.1, np.float32)}


def write(folder: Path, weights: dict[str, np.ndarray], **sidecar: object) -> Path:
    path = folder / "weights.safetensors"
    save_file(weights, path)
    path.with_suffix(".json").write_text(json.dumps({"format": 1, "tied": False, **sidecar}))
    return path


def write_table(folder: Path) -> str:
    save_file({"embeddings.weight": np.ones((9, 4), np.float16)}, folder / "table.safetensors")
    return hashlib.sha256((folder / "table.safetensors").read_bytes()).hexdigest()


def test_a_shared_embedding_is_read_and_saved_as_one_file(tmp_path: Path) -> None:
    digest = write_table(tmp_path)
    path = write(tmp_path, arrays(), embedding="table.safetensors", embedding_sha256=digest)
    network = load_model(path)
    assert network.embedding is not None and network.embedding.shape == (9, 4)
    save_model(network, tmp_path / "one.safetensors")
    again = load_model(tmp_path / "one.safetensors")
    assert np.array_equal(again.embedding, network.embedding)


@pytest.mark.parametrize(("change", "why"), [
    ({"embedding": "absent.safetensors"}, "no such file"),
    ({"embedding_sha256": "0" * 64}, "another table.safetensors"),
    ({"embedding": "../table.safetensors"}, "embedding is"),
    ({"embedding": "weights.safetensors", "embedding_sha256": None}, "embeddings.weight")])
def test_a_wrong_embedding_is_refused(tmp_path: Path, change: dict, why: str) -> None:
    sidecar = {"embedding": "table.safetensors", "embedding_sha256": write_table(tmp_path)}
    path = write(tmp_path, arrays(), **{k: v for k, v in (sidecar | change).items() if v})
    with pytest.raises(ModelError, match=why):
        load_model(path)


def test_int8_kernels_come_back_within_half_a_step(tmp_path: Path) -> None:
    exact = load_model(write(tmp_path, arrays())).layers[0]
    coarse = quantised(arrays())
    assert "rnns.0.kernel.values" in coarse and coarse["rnns.0.recurrent_kernel"].dtype == np.int8
    layer = load_model(write(tmp_path, coarse)).layers[0]
    for a, b in ((exact.kernel, layer.kernel), (exact.recurrent, layer.recurrent)):
        step = np.abs(a.toarray()).max(0) / 127
        assert (np.abs(a.toarray() - b.toarray()) <= step / 2 * 1.0001).all()


@pytest.mark.parametrize(("name", "value", "why"), [
    ("rnns.0.recurrent_kernel.scale", np.ones(5, np.float32), "not the columns"),
    ("rnns.0.kernel.scale", np.ones(5, np.float32), "not the columns"),
    ("rnns.0.kernel.scale", np.ones(3 * UNITS, np.int32), "a vector of floats"),
    ("rnns.7.kernel.scale", np.ones(3 * UNITS, np.float32), "belongs to no kernel"),
    ("rnns.0.bias.scale", np.ones(3 * UNITS, np.float32), "for int8 values")])
def test_wrong_scales_are_refused(tmp_path: Path, name: str, value: np.ndarray, why: str) -> None:
    path = write(tmp_path, quantised(arrays()) | {name: value})
    with pytest.raises(ModelError, match=why):
        load_model(path)
