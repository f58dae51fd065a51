"""Model files to networks, by the official code's parameter names.

    rnns.{l}.kernel            [inputs, 3 units]     gate columns z, r, g
    rnns.{l}.recurrent_kernel  [units, 3 units]
    rnns.{l}.bias, rnns.{l}.recurrent_bias  [3 units]
    rnns.{l}.thr               [units]
    embeddings.weight          [vocabulary, inputs of layer 0]           optional
    decoder.decoder.weight     [vocabulary, units of the last layer]     optional: tied if absent
    decoder.decoder.bias       [vocabulary]                              optional

A kernel may instead be stored as ``NAME.values``, ``NAME.indices``, ``NAME.row_pointers`` and
``NAME.shape`` (CSR), and as int8 with ``NAME.scale``.  Frozen scalars of the surrogate gradient are
ignored.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from neurosim.errors import ModelError
from neurosim.network.model import EVENT_LEVELS, Layer, Network
from neurosim.network.parts import dequantised, with_embedding
from neurosim.network.sidecar import EVENTS_8_BITS, read_sidecar
from neurosim.network.tensors import KEY, read_arrays

#: Parameters of training only, by the last part of their name.
IGNORED = ("dampening_factor", "pseudo_derivative_support", "pseudo_derivative_support_max_norm",
           "max_norm", "_max_norm")
LAYER_PARAMETERS = ("kernel", "recurrent_kernel", "bias", "recurrent_bias", "thr")
_CSR_PARTS = ("values", "indices", "row_pointers", "shape")


def load_model(path: str | Path) -> Network:
    """The network in a .safetensors or .npz file, with its sidecar if there is one.

    Weights are widened or narrowed to float32, stored zeros are dropped, thresholds clamped to
    [0, 1].  The network's ``sha256`` is the file's.

    Raises:
        ModelError: key ``network.model``, for everything that can be wrong with the file.
    """
    path = Path(path)
    arrays, sha256 = read_arrays(path)
    sidecar = read_sidecar(path, sha256)
    arrays = dequantised(with_embedding(arrays, sidecar, path), str(path))
    return build_network(arrays, sidecar, sha256=sha256, source=str(path))


def build_network(
    arrays: dict[str, np.ndarray], sidecar: dict[str, Any], sha256: str = "", source: str = ""
) -> Network:
    """A network from arrays by official names; checks as :func:`load_model`."""
    where = source or "model"
    count = _layer_count(arrays, where)
    layers = tuple(_layer(arrays, sidecar, index, count, where) for index in range(count))
    for before, after in zip(layers, layers[1:], strict=False):
        if before.units != after.inputs:
            raise ModelError(KEY, f"{where}: shapes do not chain: {before.name} has "
                                  f"{before.units} units, {after.name} takes {after.inputs} inputs")
    embedding, weight, bias = _ends(arrays, sidecar, layers, where)
    return Network(layers, embedding, weight, bias, sha256, source, sidecar)


def _layer_count(arrays: dict[str, np.ndarray], where: str) -> int:
    """Number of layers; every name in the file must be known."""
    numbers = set()
    for name in arrays:
        parts = name.split(".")
        if parts[-1] in IGNORED:
            continue
        found = re.fullmatch(rf"rnns\.(\d{{1,6}})\.({'|'.join(LAYER_PARAMETERS)})"
                             rf"(\.({'|'.join(_CSR_PARTS)}))?", name)
        if found:
            numbers.add(int(found[1]))
        elif name.startswith("decoder.projection."):
            raise ModelError(KEY, f"{where}: {name}: a decoder with a projection is not supported",
                             "a decoder directly on the last layer's outputs")
        elif name not in ("embeddings.weight", "decoder.decoder.weight", "decoder.decoder.bias"):
            raise ModelError(KEY, f"{where}: unknown parameter {name!r}",
                             "the names in docs/reference/network.md")
    if not numbers:
        raise ModelError(KEY, f"{where}: no parameter rnns.0.kernel: not an EGRU model")
    for index in range(max(numbers) + 1):
        if index not in numbers:
            raise ModelError(KEY, f"{where}: layers up to rnns.{max(numbers)} but no rnns.{index}")
    return len(numbers)


def _layer(
    arrays: dict[str, np.ndarray], sidecar: dict[str, Any], index: int, count: int, where: str
) -> Layer:
    name = f"rnns.{index}"
    recurrent = _kernel(arrays, f"{name}.recurrent_kernel", where)
    units = recurrent.shape[0]
    _expect(f"{name}.recurrent_kernel", recurrent.shape, (units, 3 * units), where)
    kernel = _kernel(arrays, f"{name}.kernel", where)
    _expect(f"{name}.kernel", kernel.shape, (kernel.shape[0], 3 * units), where)
    bias = _vector(arrays, f"{name}.bias", 3 * units, where)
    recurrent_bias = _vector(arrays, f"{name}.recurrent_bias", 3 * units, where)
    gru = sidecar.get("kind") == "gru"
    if gru:
        # "Always fire, threshold 0" is the GRU exactly: y = c = h.
        threshold = np.zeros(units, dtype=np.float32)
    else:
        threshold = np.clip(_vector(arrays, f"{name}.thr", units, where), 0.0, 1.0)
    zoneout = sidecar.get("zoneout", 0.0)
    if isinstance(zoneout, list):
        if len(zoneout) != count:
            raise ModelError(KEY, f"{where}: zoneout of {len(zoneout)} layers for {count} layers")
        zoneout = zoneout[index]
    fire: Any = "always" if gru else sidecar.get("fire", "threshold")
    return Layer(f"layer{index}", "egru", kernel.shape[0], units, kernel, recurrent, bias,
                 recurrent_bias, threshold, fire, float(zoneout),
                 event_levels=_event_levels(sidecar, fire, where))


def _event_levels(sidecar: dict[str, Any], fire: str, where: str) -> int:
    """Levels of 8-bit events where the sidecar's ``precision`` has them, else 0: float32."""
    if EVENTS_8_BITS not in str(sidecar.get("precision", "")):
        return 0
    if fire == "always":
        raise ModelError(KEY, f"{where}: {EVENTS_8_BITS}, but units that always fire also send "
                              "negative values", "fire: threshold")
    return EVENT_LEVELS


def _ends(
    arrays: dict[str, np.ndarray], sidecar: dict[str, Any], layers: tuple[Layer, ...], where: str
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Embedding, decoder weight and decoder bias; tied ends are one array."""
    embedding = _optional(arrays, "embeddings.weight", where)
    weight = _optional(arrays, "decoder.decoder.weight", where)
    bias = _optional(arrays, "decoder.decoder.bias", where, dimensions=1)
    same = embedding is not None and weight is not None and np.array_equal(embedding, weight)
    if sidecar.get("tied") and weight is not None and not same:
        raise ModelError(KEY, f"{where}: tied, but embeddings.weight and decoder.decoder.weight "
                              "differ")
    tied = same or (weight is None and sidecar.get("tied") is not False)
    if tied:
        weight = embedding
    if weight is None:
        bias = None
    if embedding is not None:
        _expect("embeddings.weight", embedding.shape, (len(embedding), layers[0].inputs), where)
    if weight is not None:
        name = "embeddings.weight, tied as decoder," if tied else "decoder.decoder.weight"
        _expect(name, weight.shape, (len(weight), layers[-1].units), where)
        if embedding is not None and len(embedding) != len(weight):
            raise ModelError(KEY, f"{where}: {len(embedding)} embeddings but a decoder of "
                                  f"{len(weight)} tokens")
        if bias is not None:
            _expect("decoder.decoder.bias", bias.shape, (len(weight),), where)
    vocabulary = sidecar.get("vocabulary")
    if vocabulary is not None and embedding is not None and len(vocabulary) != len(embedding):
        raise ModelError(KEY, f"{where}: vocabulary of {len(vocabulary)} tokens for "
                              f"{len(embedding)} embeddings")
    return embedding, weight, bias


def _optional(
    arrays: dict[str, np.ndarray], name: str, where: str, dimensions: int = 2
) -> np.ndarray | None:
    if name not in arrays:
        return None
    return _floats(arrays[name], name, where, dimensions)


def _vector(arrays: dict[str, np.ndarray], name: str, size: int, where: str) -> np.ndarray:
    if name not in arrays:
        raise ModelError(KEY, f"{where}: parameter {name} is missing")
    values = _floats(arrays[name], name, where, dimensions=1)
    _expect(name, values.shape, (size,), where)
    return values


def _kernel(arrays: dict[str, np.ndarray], name: str, where: str) -> sp.csr_array:
    """A kernel, stored densely or as CSR, without stored zeros and with ascending columns."""
    if name in arrays:
        if any(f"{name}.{part}" in arrays for part in _CSR_PARTS):
            raise ModelError(KEY, f"{where}: {name} is stored both densely and as CSR")
        matrix = sp.csr_array(_floats(arrays[name], name, where, dimensions=2))
    elif f"{name}.values" in arrays:
        matrix = _csr(arrays, name, where)
        matrix.eliminate_zeros()
    else:
        raise ModelError(KEY, f"{where}: parameter {name} is missing")
    if 0 in matrix.shape:
        raise ModelError(KEY, f"{where}: {name} has shape {list(matrix.shape)}",
                         "at least one row and one column")
    return matrix


def _csr(arrays: dict[str, np.ndarray], name: str, where: str) -> sp.csr_array:
    parts = {}
    for part in _CSR_PARTS[1:]:
        array = arrays.get(f"{name}.{part}")
        if array is None:
            raise ModelError(KEY, f"{where}: parameter {name}.{part} is missing")
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ModelError(KEY, f"{where}: {name}.{part} is no vector of integers")
        parts[part] = array.astype(np.int64)
    values = _floats(arrays[f"{name}.values"], f"{name}.values", where, dimensions=1)
    indices, pointers, shape = parts["indices"], parts["row_pointers"], parts["shape"]
    if shape.size != 2 or shape.min() < 0 or shape.max() >= 2**31:
        raise ModelError(KEY, f"{where}: {name}.shape is {shape.tolist()[:8]}", "two sizes >= 0")
    rows, columns = map(int, shape)
    _expect(f"{name}.row_pointers", pointers.shape, (rows + 1,), where)
    _expect(f"{name}.indices", indices.shape, values.shape, where)
    counts = np.diff(pointers)
    if pointers[0] != 0 or pointers[-1] != values.size or (counts < 0).any():
        raise ModelError(KEY, f"{where}: {name}.row_pointers do not ascend from 0 to "
                              f"{values.size}")
    flat = np.repeat(np.arange(rows, dtype=np.int64), counts) * columns + indices
    if values.size and (indices.min() < 0 or indices.max() >= columns
                        or (np.diff(flat) <= 0).any()):
        raise ModelError(KEY, f"{where}: {name}.indices are not ascending columns below "
                              f"{columns} in each row")
    return sp.csr_array((values, indices.astype(np.int32), pointers), shape=(rows, columns))


def _floats(array: np.ndarray, name: str, where: str, dimensions: int) -> np.ndarray:
    """Finite float32 of so many dimensions; float64, float16 and bfloat16 are converted."""
    if array.dtype.kind != "f":
        raise ModelError(KEY, f"{where}: {name} has type {array.dtype}",
                         "float32, float64, float16 or bfloat16")
    if array.ndim != dimensions:
        raise ModelError(KEY, f"{where}: {name} has shape {list(array.shape)}",
                         f"{dimensions} dimensions")
    with np.errstate(over="ignore"):
        values = np.array(array, dtype=np.float32)
    if not np.isfinite(values).all():
        position = np.argwhere(~np.isfinite(values))[0].tolist()
        raise ModelError(KEY, f"{where}: {name} is not finite at {position}: "
                              f"{array[tuple(position)]}", "finite float32 numbers")
    return values


def _expect(name: str, shape: tuple[int, ...], expected: tuple[int, ...], where: str) -> None:
    if tuple(shape) != expected:
        raise ModelError(KEY, f"{where}: {name} has shape {list(shape)}", f"{list(expected)}")
