"""Model files: what goes out comes back, and every damaged file is one ModelError."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from neurosim.errors import ModelError
from neurosim.network import load_model, save_model, synthetic, with_fire
from neurosim.network.workload import language_workload

Arrays = dict[str, np.ndarray]


def arrays(inputs: int = 3, units: int = 2, vocabulary: int = 5) -> Arrays:
    """A complete one-layer model by official names (not tied: units != inputs)."""
    rng = np.random.default_rng(0)
    shapes = {
        "rnns.0.kernel": (inputs, 3 * units), "rnns.0.recurrent_kernel": (units, 3 * units),
        "rnns.0.bias": (3 * units,), "rnns.0.recurrent_bias": (3 * units,), "rnns.0.thr": (units,),
        "embeddings.weight": (vocabulary, inputs), "decoder.decoder.weight": (vocabulary, units),
        "decoder.decoder.bias": (vocabulary,),
    }
    return {name: rng.random(shape, dtype=np.float32) for name, shape in shapes.items()}


def write(path: Path, content: Arrays) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **content)
    else:
        path.write_bytes(save(content))
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_official_names(tmp_path: Path, suffix: str) -> None:
    content = arrays()
    content["rnns.0.thr"][:] = [-0.5, 1.5]
    content["rnns.0.dampening_factor"] = np.ones(1, np.float32)
    content["rnns.0.pseudo_derivative_support"] = np.ones(1, np.float32)
    content["rnns.0.kernel"][1, 2] = 0.0
    network = load_model(write(tmp_path / f"m{suffix}", content))
    layer = network.layers[0]
    assert (layer.inputs, layer.units) == (3, 2)
    np.testing.assert_array_equal(layer.kernel.toarray(), content["rnns.0.kernel"])
    np.testing.assert_array_equal(layer.recurrent.toarray(), content["rnns.0.recurrent_kernel"])
    assert layer.kernel.nnz == 3 * 6 - 1  # stored zeros are dropped
    np.testing.assert_array_equal(layer.threshold, [0.0, 1.0])
    np.testing.assert_array_equal(network.embedding, content["embeddings.weight"])
    np.testing.assert_array_equal(network.decoder_weight, content["decoder.decoder.weight"])


def test_no_decoder_means_tied_and_no_embedding_means_no_ends(tmp_path: Path) -> None:
    content = arrays(inputs=2)
    del content["decoder.decoder.weight"]
    network = load_model(write(tmp_path / "m.npz", content))
    assert network.decoder_weight is network.embedding
    content["decoder.decoder.weight"] = content["embeddings.weight"].copy()
    network = load_model(write(tmp_path / "m.npz", content))
    assert network.decoder_weight is network.embedding
    bare = {name: array for name, array in content.items() if name.startswith("rnns")}
    network = load_model(write(tmp_path / "m.npz", bare))
    assert network.embedding is None and network.decoder_weight is None


def test_untied_without_a_decoder_has_no_task(tmp_path: Path) -> None:
    content = arrays()
    del content["decoder.decoder.weight"]
    path = write(tmp_path / "m.safetensors", content)
    (tmp_path / "m.json").write_text(json.dumps({"format": 1, "tied": False}))
    network = load_model(path)
    assert network.embedding is not None
    assert network.decoder_weight is None and network.decoder_bias is None
    assert language_workload(np.array([0, 1, 2]), network).targets is None


def test_half_precision_is_widened(tmp_path: Path) -> None:
    content = arrays()
    half = {name: array.astype(np.float16) for name, array in content.items()}
    network = load_model(write(tmp_path / "m.safetensors", half))
    np.testing.assert_array_equal(network.layers[0].kernel.toarray(), half["rnns.0.kernel"])
    double = {name: array.astype(np.float64) for name, array in content.items()}
    network = load_model(write(tmp_path / "d.npz", double))
    np.testing.assert_array_equal(network.layers[0].bias, content["rnns.0.bias"])


def test_bfloat16_is_the_upper_half_of_float32(tmp_path: Path) -> None:
    content = arrays()
    data, header = b"", {}
    for name, array in content.items():
        upper = (array.view(np.uint32) >> 16).astype("<u2").tobytes()
        header[name] = {"dtype": "BF16", "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(upper)]}
        data += upper
    text = json.dumps(header).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    expected = (content["rnns.0.kernel"].view(np.uint32) & 0xFFFF0000).view(np.float32)
    np.testing.assert_array_equal(load_model(path).layers[0].kernel.toarray(), expected)


def test_gru_sidecar_needs_no_thresholds(tmp_path: Path) -> None:
    content = arrays()
    del content["rnns.0.thr"]
    path = write(tmp_path / "m.safetensors", content)
    (tmp_path / "m.json").write_text(json.dumps({"format": 1, "kind": "gru"}))
    layer = load_model(path).layers[0]
    assert layer.fire == "always"
    np.testing.assert_array_equal(layer.threshold, np.zeros(2))


def changed(change: Callable[[Arrays], object]) -> Arrays:
    content = arrays()
    change(content)
    return content


def sparse_kernel(**parts: object) -> Arrays:
    """The model with its kernel [3, 6] as CSR, parts replaced (None: left out)."""
    content = arrays()
    del content["rnns.0.kernel"]
    csr: dict[str, object] = {"values": np.ones(2, np.float32), "indices": np.array([0, 5]),
                              "row_pointers": np.array([0, 1, 1, 2]), "shape": np.array([3, 6])}
    csr.update(parts)
    content.update({f"rnns.0.kernel.{k}": v for k, v in csr.items() if v is not None})
    return content


BAD_ARRAYS = {
    "missing": (changed(lambda a: a.pop("rnns.0.bias")), r"rnns\.0\.bias is missing"),
    "missing kernel": (changed(lambda a: a.pop("rnns.0.kernel")), r"rnns\.0\.kernel is missing"),
    "missing thr": (changed(lambda a: a.pop("rnns.0.thr")), r"rnns\.0\.thr is missing"),
    "no layers": ({"embeddings.weight": np.ones((2, 2), np.float32)}, "not an EGRU model"),
    "layer gap": (changed(lambda a: a.update({"rnns.2.thr": a["rnns.0.thr"]})), r"no rnns\.1"),
    "unknown": (changed(lambda a: a.update(extra=a["rnns.0.thr"])), "unknown parameter 'extra'"),
    "projection": (changed(lambda a: a.update({"decoder.projection.weight": a["rnns.0.thr"]})),
                   "projection is not supported"),
    "nan": (changed(lambda a: a["rnns.0.kernel"].__setitem__((1, 2), np.nan)),
            r"rnns\.0\.kernel is not finite at \[1, 2\]: nan"),
    "inf": (changed(lambda a: a["decoder.decoder.bias"].__setitem__(3, -np.inf)),
            r"decoder\.decoder\.bias is not finite at \[3\]: -inf"),
    "too large for float32": (changed(lambda a: a.update({"rnns.0.thr": np.array([0.0, 1e40])})),
                              r"rnns\.0\.thr is not finite at \[1\]"),
    "integers": (changed(lambda a: a.update({"rnns.0.thr": np.ones(2, np.int64)})),
                 r"rnns\.0\.thr has type int64"),
    "one dimension": (changed(lambda a: a.update({"rnns.0.kernel": np.ones(18, np.float32)})),
                      r"rnns\.0\.kernel has shape \[18\]"),
    "columns": (changed(lambda a: a.update({"rnns.0.kernel": np.ones((3, 5), np.float32)})),
                r"rnns\.0\.kernel has shape \[3, 5\] \(allowed: \[3, 6\]\)"),
    "recurrent": (changed(lambda a: a.update(
        {"rnns.0.recurrent_kernel": np.ones((3, 6), np.float32)})),
        r"recurrent_kernel has shape \[3, 6\] \(allowed: \[3, 9\]\)"),
    "bias": (changed(lambda a: a.update({"rnns.0.bias": np.ones(7, np.float32)})),
             r"rnns\.0\.bias has shape \[7\]"),
    "empty": (changed(lambda a: a.update({"rnns.0.kernel": np.ones((0, 6), np.float32)})),
              r"rnns\.0\.kernel has shape \[0, 6\]"),
    "embedding": (changed(lambda a: a.update({"embeddings.weight": np.ones((5, 4), np.float32)})),
                  r"embeddings\.weight has shape \[5, 4\]"),
    "decoder": (changed(lambda a: a.update(
        {"decoder.decoder.weight": np.ones((5, 3), np.float32)})), r"decoder\.decoder\.weight"),
    "decoder rows": (changed(lambda a: a.update(
        {"decoder.decoder.weight": np.ones((4, 2), np.float32)})),
        "5 embeddings but a decoder of 4 tokens"),
    "tied shapes": (changed(lambda a: a.pop("decoder.decoder.weight")),
                    r"embeddings\.weight, tied as decoder, has shape \[5, 3\]"),
    "both storages": ({**sparse_kernel(), **arrays()}, "both densely and as CSR"),
    "csr part missing": (sparse_kernel(indices=None), r"rnns\.0\.kernel\.indices is missing"),
    "csr negative size": (sparse_kernel(shape=np.array([-3, 6])), r"kernel\.shape is \[-3, 6\]"),
    "csr huge size": (sparse_kernel(shape=np.array([2**40, 6])), r"kernel\.shape"),
    "csr float indices": (sparse_kernel(indices=np.ones(2, np.float32)), "no vector of integers"),
    "csr column": (sparse_kernel(indices=np.array([0, 6])), "ascending columns below 6"),
    "csr negative column": (sparse_kernel(indices=np.array([0, -1])), "ascending columns below 6"),
    "csr twice": (sparse_kernel(indices=np.array([5, 5]), row_pointers=np.array([0, 2, 2, 2])),
                  "ascending columns"),
    "csr pointers": (sparse_kernel(row_pointers=np.array([0, 2, 1, 2])), "row_pointers do not"),
    "csr pointer count": (sparse_kernel(row_pointers=np.array([0, 2])), r"row_pointers has shape"),
    "csr end": (sparse_kernel(row_pointers=np.array([0, 1, 1, 3])), "row_pointers do not"),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_wrong_arrays(tmp_path: Path, name: str, suffix: str) -> None:
    content, message = BAD_ARRAYS[name]
    path = write(tmp_path / f"m{suffix}", content)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(path)
    assert caught.value.key == "network.model"
    assert "\n" not in str(caught.value)


def test_shapes_of_layers_must_chain(tmp_path: Path) -> None:
    content = {k: v for k, v in arrays().items() if k.startswith("rnns")}
    content |= {k.replace("rnns.0", "rnns.1"): v for k, v in content.items()}
    path = write(tmp_path / "m.npz", content)
    with pytest.raises(ModelError, match="layer0 has 2 units, layer1 takes 3 inputs"):
        load_model(path)


def bad_files(tmp_path: Path) -> dict[str, tuple[Path, str]]:
    good = save(arrays())
    buffer = io.BytesIO()
    np.savez(buffer, **arrays())
    archive = buffer.getvalue()
    objects = io.BytesIO()
    np.savez(objects, **{"rnns.0.kernel": np.array([{}], dtype=object)})
    bare = io.BytesIO()
    np.save(bare, np.ones(3))
    pickled = pickle.dumps({"a": 1})
    header = b'{"rnns.0.thr":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}'
    contents = {
        "truncated.safetensors": (good[:-5], "is damaged"),
        "short.safetensors": (good[:4], "is damaged"),
        "empty.safetensors": (b"", "is damaged"),
        "noise.safetensors": (b"\xff" * 100, "is damaged"),
        "negative.safetensors": (len(header).to_bytes(8, "little") + header + bytes(8),
                                 "is damaged"),
        "truncated.npz": (archive[: len(archive) // 2], "is damaged"),
        "empty.npz": (b"", "is damaged"),
        "objects.npz": (objects.getvalue(), "is damaged.*allow_pickle"),
        "bare.npz": (bare.getvalue(), "one bare array"),
        "renamed.safetensors": (pickled, "is a pickle.*neurosim import"),
        "renamed.npz": (pickled, "is a pickle"),
        "model.pt": (b"anything", "is a pickle.*neurosim import"),
        "model.pkl": (pickled, "is a pickle"),
        "model.onnx": (b"anything", "unknown kind of model file"),
    }
    files = {}
    for name, (data, message) in contents.items():
        (tmp_path / name).write_bytes(data)
        files[name] = (tmp_path / name, message)
    (tmp_path / "folder.safetensors").mkdir()
    files["folder"] = (tmp_path / "folder.safetensors", "is a directory")
    files["missing"] = (tmp_path / "none.safetensors", "no such file")
    return files


def test_unusable_files(tmp_path: Path) -> None:
    for path, message in bad_files(tmp_path).values():
        with pytest.raises(ModelError, match=message) as caught:
            load_model(path)
        assert caught.value.key == "network.model"
        assert "\n" not in str(caught.value)


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (open, (str(tmp_path / "ran"), "w"))  # type: ignore[return-value]

    for name in ("m.safetensors", "m.npz", "m.pt"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap()))
        with pytest.raises(ModelError):
            load_model(tmp_path / name)
    assert not (tmp_path / "ran").exists()


@settings(max_examples=150)
@given(data=st.data(), npz=st.booleans())
def test_random_damage_is_found_or_harmless(
    data: st.DataObject, npz: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays())
    content = bytearray(buffer.getvalue() if npz else save(arrays()))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[len(content) - data.draw(st.sampled_from([0, 0, 1, 50])):]
    path = tmp_path_factory.mktemp("damage") / ("m.npz" if npz else "m.safetensors")
    path.write_bytes(content)
    try:
        network = load_model(path)
    except ModelError as error:
        assert error.key == "network.model" and "\n" not in str(error)
    else:
        assert np.isfinite(network.layers[0].kernel.data).all()


@pytest.mark.parametrize(("precision", "levels"), [
    ("float16", 0), ("int8 weights, one scale per output column; events unsigned 8 bits", 255)])
def test_8_bit_events_come_from_the_sidecars_precision(
    tmp_path: Path, precision: str, levels: int
) -> None:
    network = synthetic.random_egru([4], 3)
    path = tmp_path / "m.safetensors"
    save_model(network, path, {**network.sidecar, "format": 1, "precision": precision})
    loaded = load_model(path)
    assert [layer.event_levels for layer in loaded.layers] == [levels]
    if levels:
        with pytest.raises(ModelError, match="network.fire: the model's 8-bit events are unsigned"):
            with_fire(loaded, "always")


def test_8_bit_events_are_unsigned(tmp_path: Path) -> None:
    network = with_fire(synthetic.random_egru([4], 3), "always")
    path = tmp_path / "m.safetensors"
    save_model(network, path, {"format": 1, "precision": "events unsigned 8 bits"})
    with pytest.raises(ModelError, match="always fire also send negative values"):
        load_model(path)
