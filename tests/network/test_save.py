"""Saved networks come back as they were; sidecars are checked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurosim.errors import ModelError
from neurosim.network import Network, load_model, prune, save_model, with_fire
from neurosim.network.synthetic import random_egru


def assert_same(a: Network, b: Network) -> None:
    assert len(a.layers) == len(b.layers)
    for one, other in zip(a.layers, b.layers, strict=True):
        for name in ("kernel", "recurrent"):
            x, y = getattr(one, name), getattr(other, name)
            np.testing.assert_array_equal(x.toarray(), y.toarray())
            assert x.dtype == y.dtype == np.float32
        for name in ("bias", "recurrent_bias", "threshold"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert (one.fire, one.zoneout, one.kind) == (other.fire, other.zoneout, other.kind)
    for name in ("embedding", "decoder_weight", "decoder_bias"):
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None) == (y is None)
        if x is not None:
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("tied", [True, False])
def test_saved_networks_come_back(tmp_path: Path, sparse: bool, tied: bool) -> None:
    network = prune.prune(random_egru([20, 16 if tied else 15], 16, vocabulary=9, seed=2), 0.85)
    network = replace(network, layers=tuple(replace(layer, zoneout=z) for layer, z in
                                            zip(network.layers, (0.1, 0.2), strict=True)))
    path = tmp_path / "m.safetensors"
    sidecar = {"tokenisation": "char", "vocabulary": list("abcdefghi"), "window": 70,
               "training": {"epochs": 3}}
    sha256 = save_model(network, path, sidecar, sparse=sparse)
    loaded = load_model(path)
    assert_same(network, loaded)
    assert loaded.sha256 == sha256 == loaded.sidecar["sha256"]
    assert (loaded.decoder_weight is loaded.embedding) == tied
    assert loaded.sidecar["vocabulary"] == list("abcdefghi")
    assert loaded.sidecar["training"] == {"epochs": 3}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.json", "m.safetensors"]
    save_model(loaded, tmp_path / "again.safetensors")  # with the loaded sidecar
    assert_same(network, load_model(tmp_path / "again.safetensors"))


def test_sparse_storage_is_smaller(tmp_path: Path) -> None:
    network = random_egru([64], 64, weight_sparsity=0.9)
    save_model(network, tmp_path / "sparse.safetensors", sparse=True)
    save_model(network, tmp_path / "dense.safetensors", sparse=False)
    size = {p.stem: p.stat().st_size for p in tmp_path.glob("*.safetensors")}
    # Per stored weight 4 + 2 bytes instead of 4 bytes a position: 0.15 of the kernels, and rest.
    assert size["sparse"] < 0.25 * size["dense"]


def test_always_firing_networks_come_back(tmp_path: Path) -> None:
    network = with_fire(random_egru([4], 4), "always")
    save_model(network, tmp_path / "m.safetensors")
    assert_same(network, load_model(tmp_path / "m.safetensors"))


BAD_SIDECARS = {
    "not json": ("{", "is not JSON"),
    "list": ("[]", "is not a JSON object"),
    "bomb": ("[" * 100_000, "is not JSON"),
    "no format": ({}, "format is missing"),
    "format": ({"format": 2}, "format is 2"),
    "true format": ({"format": True}, "format is True"),
    "unknown": ({"format": 1, "zoneot": 0.1}, "unknown key 'zoneot'"),
    "kind": ({"format": 1, "kind": "lstm"}, "kind is 'lstm'"),
    "zoneout": ({"format": 1, "zoneout": 1.5}, "zoneout is 1.5"),
    "zoneout text": ({"format": 1, "zoneout": "0.1"}, "zoneout is '0.1'"),
    "zoneout layers": ({"format": 1, "zoneout": [0.1, 0.1]}, "zoneout of 2 layers for 1"),
    "window": ({"format": 1, "window": -1}, "window is -1"),
    "vocabulary size": ({"format": 1, "vocabulary": ["a"]}, "vocabulary of 1 tokens for 5"),
    "vocabulary twice": ({"format": 1, "vocabulary": list("abcda")}, "'a' twice"),
    "vocabulary long": ({"format": 1, "tokenisation": "char", "vocabulary": ["ab"]},
                        r"vocabulary\[0\] is 'ab'"),
    "tied": ({"format": 1, "tied": True}, "tied, but"),
    "sha256": ({"format": 1, "sha256": "0" * 64}, "belongs to other weights"),
}


@pytest.mark.parametrize("name", BAD_SIDECARS)
def test_wrong_sidecars(tmp_path: Path, name: str) -> None:
    content, message = BAD_SIDECARS[name]
    path = tmp_path / "m.safetensors"
    save_model(random_egru([2], 3, vocabulary=5), path)
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(path)
    assert caught.value.key == "network.model"
    assert "\n" not in str(caught.value)


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    network = random_egru([4], 4)
    layer = network.layers[0]
    with pytest.raises(ModelError, match=r"\.safetensors"):
        save_model(network, tmp_path / "m.npz")
    with pytest.raises(ModelError, match="cannot write"):
        save_model(network, tmp_path / "none" / "m.safetensors")
    with pytest.raises(ModelError, match="offsets"):
        save_model(replace(network, layers=(replace(layer, threshold_offset=0.1),)),
                   tmp_path / "m.safetensors")
    large = replace(layer, bias=np.full(12, 1e6, np.float32))
    with pytest.raises(ModelError, match="float16"):
        save_model(replace(network, layers=(large,)), tmp_path / "m.safetensors",
                   precision="float16")
    assert list(tmp_path.iterdir()) == []
