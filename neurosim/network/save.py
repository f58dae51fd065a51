"""Networks to model files: safetensors by the official names, with a sidecar."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from neurosim.errors import ModelError
from neurosim.network.model import Network
from neurosim.network.sidecar import FORMAT, check_sidecar, sidecar_path


def save_model(
    network: Network,
    path: str | Path,
    sidecar: Mapping[str, Any] | None = None,
    sparse: bool = True,
    precision: str = "float32",
) -> str:
    """Write a network so that :func:`neurosim.network.load.load_model` gives it back.

    Args:
        network: ``egru`` layers only.
        path: ``.safetensors``; the sidecar goes beside it as ``.json``.
        sidecar: keys of :data:`neurosim.network.sidecar.KEYS`; None keeps the network's own.
            ``format``, ``sha256``, ``zoneout``, ``fire`` and ``tied`` are set from the network.
        sparse: store a kernel as CSR where that takes fewer bytes than the dense matrix.
        precision: ``float32``, or ``float16`` (rounds the weights).

    Returns:
        SHA-256 of the weights file in hex.

    Raises:
        ModelError: wrong suffix, ``replay`` layers, differing fire rules, a file that cannot be
            written, or float16 that overflows.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ModelError("path", f"{path} does not end in .safetensors", "a .safetensors path")
    notes = _notes(network, network.sidecar if sidecar is None else sidecar, path)
    arrays = _arrays(network, sparse, np.dtype(precision))
    return write_model(arrays, path, notes)


def write_model(arrays: Mapping[str, np.ndarray], path: Path, sidecar: dict[str, Any]) -> str:
    """Write arrays and sidecar, each by rename so that nothing half-written is ever seen."""
    from safetensors.numpy import save

    data = save({name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())})
    sha256 = hashlib.sha256(data).hexdigest()
    notes = json.dumps({**sidecar, "sha256": sha256}, indent=1, ensure_ascii=False) + "\n"
    try:
        _replace(path, data)
        _replace(sidecar_path(path), notes.encode("utf-8"))
    except OSError as error:
        raise ModelError("path", f"cannot write {path}: {error.strerror or error}",
                         "a folder that can be written to") from None
    return sha256


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _notes(network: Network, sidecar: Mapping[str, Any], path: Path) -> dict[str, Any]:
    fires = {layer.fire for layer in network.layers}
    if any(layer.kind != "egru" for layer in network.layers) or len(fires) != 1:
        raise ModelError("network", "only egru layers with one fire rule can be saved")
    if any(layer.threshold_offset or layer.reset_offset for layer in network.layers):
        raise ModelError("network", "threshold and reset offsets are not part of a model file")
    notes = {"format": FORMAT, "kind": "egru", **sidecar}
    if notes["kind"] == "egru":
        notes["fire"] = fires.pop()
    zoneouts = [float(layer.zoneout) for layer in network.layers]
    notes["zoneout"] = zoneouts[0] if len(set(zoneouts)) == 1 else zoneouts
    if network.embedding is not None or network.decoder_weight is not None:
        notes["tied"] = network.embedding is network.decoder_weight
    for key in ("sha256", "embedding", "embedding_sha256"):  # all arrays go into the one file
        notes.pop(key, None)
    check_sidecar(notes, str(sidecar_path(path)))
    return notes


def _arrays(network: Network, sparse: bool, dtype: np.dtype) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for index, layer in enumerate(network.layers):
        for name, matrix in (("kernel", layer.kernel), ("recurrent_kernel", layer.recurrent)):
            arrays.update(_kernel(f"rnns.{index}.{name}", matrix, sparse, dtype))
        for name, vector in (("bias", layer.bias), ("recurrent_bias", layer.recurrent_bias),
                             ("thr", layer.threshold)):
            arrays[f"rnns.{index}.{name}"] = _cast(vector, dtype)
    if network.embedding is not None:
        arrays["embeddings.weight"] = _cast(network.embedding, dtype)
    if network.decoder_weight is not None and network.decoder_weight is not network.embedding:
        arrays["decoder.decoder.weight"] = _cast(network.decoder_weight, dtype)
    if network.decoder_bias is not None:
        arrays["decoder.decoder.bias"] = _cast(network.decoder_bias, dtype)
    return arrays


def _kernel(
    name: str, matrix: sp.csr_array, sparse: bool, dtype: np.dtype
) -> dict[str, np.ndarray]:
    """CSR parts, column indices in 16 bits where they fit; or the dense matrix."""
    index_type = np.dtype(np.uint16 if matrix.shape[1] <= 2**16 else np.uint32)
    stored = matrix.nnz * (dtype.itemsize + index_type.itemsize) + 4 * (matrix.shape[0] + 1)
    if not sparse or stored >= matrix.shape[0] * matrix.shape[1] * dtype.itemsize:
        return {name: _cast(matrix.toarray(), dtype)}
    matrix = matrix.sorted_indices()
    return {
        f"{name}.values": _cast(matrix.data, dtype),
        f"{name}.indices": matrix.indices.astype(index_type),
        f"{name}.row_pointers": matrix.indptr.astype(np.uint32 if matrix.nnz < 2**32
                                                     else np.uint64),
        f"{name}.shape": np.array(matrix.shape, dtype=np.uint32),
    }


def _cast(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore"):
        cast = np.asarray(values).astype(dtype)
    if not np.isfinite(cast).all():
        raise ModelError("network", f"weights do not fit {dtype}", "float32")
    return cast
