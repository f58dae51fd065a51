"""PyTorch checkpoints become model files; what they pickle besides is not run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim.errors import ModelError
from neurosim.network import import_checkpoint, load_model
from neurosim.network.checkpoint import official_names
from neurosim.network.synthetic import random_egru

torch = pytest.importorskip("torch", reason="torch is an extra")


def state_dict(prefix: str = "") -> dict[str, Any]:
    network = random_egru([5, 4], 4, vocabulary=6, seed=7)
    state = {"embeddings.weight": network.embedding, "decoder.decoder.weight": network.embedding,
             "decoder.decoder.bias": network.decoder_bias}
    for index, layer in enumerate(network.layers):
        state |= {
            f"rnns.{index}.kernel": layer.kernel.toarray(),
            f"rnns.{index}.recurrent_kernel": layer.recurrent.toarray(),
            f"rnns.{index}.bias": layer.bias, f"rnns.{index}.recurrent_bias": layer.recurrent_bias,
            f"rnns.{index}.thr": layer.threshold,
            f"rnns.{index}.dampening_factor": np.ones(1, np.float32),
        }
    return {prefix + name: torch.tensor(array) for name, array in state.items()}


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model."])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_import(tmp_path: Path, prefix: str, wrapper: str | None) -> None:
    state = state_dict(prefix)
    content = {wrapper: state, "epoch": 3} if wrapper else state
    torch.save(content, tmp_path / "c.pt")
    out = tmp_path / "m.safetensors"
    import_checkpoint(tmp_path / "c.pt", out, {"zoneout": 0.1, "window": 70})
    network = load_model(out)
    expected = random_egru([5, 4], 4, vocabulary=6, seed=7)
    for layer, original in zip(network.layers, expected.layers, strict=True):
        np.testing.assert_array_equal(layer.kernel.toarray(), original.kernel.toarray())
        np.testing.assert_array_equal(layer.recurrent.toarray(), original.recurrent.toarray())
        np.testing.assert_array_equal(layer.threshold, original.threshold)
        assert layer.zoneout == 0.1
    assert network.decoder_weight is network.embedding
    notes = json.loads((tmp_path / "m.json").read_text())
    assert notes["window"] == 70 and notes["tied"] is True and notes["sha256"] == network.sha256


def test_bfloat16_is_widened(tmp_path: Path) -> None:
    torch.save({k: v.bfloat16() for k, v in state_dict().items()}, tmp_path / "c.pt")
    network = import_checkpoint(tmp_path / "c.pt", tmp_path / "m.safetensors")
    expected = state_dict()["rnns.0.thr"].bfloat16().float().numpy()
    np.testing.assert_array_equal(network.layers[0].threshold, expected)


class Trap:
    """Runs something when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize(("content", "message"), [
    ({"rnns.0.unknown": torch.ones(1)}, "unknown parameter 'rnns.0.unknown'"),
    ({"a.rnns.0.thr": torch.ones(1), "b.rnns.0.thr": torch.ones(1)}, "two parameters end in"),
    ([1, 2], "holds a list"),
    ({"rnns.0.thr": 3}, "is a int"),
    ({"rnns.0.thr": torch.ones(2)}, r"import: .*rnns\.0\.recurrent_kernel is missing"),
])
def test_wrong_checkpoints(tmp_path: Path, content: Any, message: str) -> None:
    torch.save(content, tmp_path / "c.pt")
    with pytest.raises(ModelError, match=message):
        import_checkpoint(tmp_path / "c.pt", tmp_path / "m.safetensors")
    assert not (tmp_path / "m.safetensors").exists()


def test_wrong_notes_and_outputs(tmp_path: Path) -> None:
    torch.save(state_dict(), tmp_path / "c.pt")
    with pytest.raises(ModelError, match="sidecar: the given notes: unknown key 'zoneot'"):
        import_checkpoint(tmp_path / "c.pt", tmp_path / "m.safetensors", {"zoneot": 0.1})
    with pytest.raises(ModelError, match="import: cannot write"):
        import_checkpoint(tmp_path / "c.pt", tmp_path / "none" / "m.safetensors")


def test_unreadable_checkpoints(tmp_path: Path) -> None:
    torch.save(Trap(tmp_path / "ran"), tmp_path / "trap.pt")
    (tmp_path / "noise.pt").write_bytes(b"noise")
    for name, message in (("trap.pt", "weights only"), ("noise.pt", "weights only"),
                          ("none.pt", "no such file"), (".", "is a directory")):
        with pytest.raises(ModelError, match=message) as caught:
            import_checkpoint(tmp_path / name, tmp_path / "m.safetensors")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_wrapped_recurrent_modules() -> None:
    names = official_names({"rnns.0.module.kernel": np.ones((2, 3))}, "here")
    assert list(names) == ["rnns.0.kernel"]
