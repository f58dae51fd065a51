"""What a model file leaves to its surroundings: int8 kernels with scales, a shared embedding.

Both are put together here, before anything else looks at the arrays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neurosim.errors import ModelError
from neurosim.network.tensors import KEY, read_arrays

SHARED = "embeddings.weight"


def with_embedding(
    arrays: dict[str, np.ndarray], sidecar: dict[str, Any], path: Path
) -> dict[str, np.ndarray]:
    """The arrays, with ``embeddings.weight`` out of the file that the sidecar's ``embedding``
    names (relative to the sidecar); its ``embedding_sha256``, if given, must be that file's."""
    name = sidecar.get("embedding")
    if name is None:
        return arrays
    if SHARED in arrays:
        raise ModelError(KEY, f"{path}: has {SHARED} itself, and its sidecar names {name!r}")
    other = path.parent / name
    found, sha256 = read_arrays(other)
    if sidecar.get("embedding_sha256", sha256).lower() != sha256:
        raise ModelError(KEY, f"{path}: its sidecar was written for another {name}: sha256 "
                              f"{sidecar['embedding_sha256'][:12]}..., the file has "
                              f"{sha256[:12]}...")
    if set(found) != {SHARED}:
        raise ModelError(KEY, f"{other}: holds {', '.join(sorted(found)) or 'nothing'}", SHARED)
    return {**arrays, **found}


def dequantised(arrays: dict[str, np.ndarray], where: str) -> dict[str, np.ndarray]:
    """The arrays, every int8 kernel with a ``NAME.scale`` [columns] turned into float32.

    weight[i, j] = value[i, j] * scale[j], one float32 product; dense or CSR.
    """
    out = dict(arrays)
    for key in [k for k in arrays if k.endswith(".scale")]:
        name, scale = key.removesuffix(".scale"), out.pop(key)
        place = name if name in arrays else f"{name}.values"
        values = arrays.get(place)
        if values is None:
            raise ModelError(KEY, f"{where}: {key} belongs to no kernel")
        if values.dtype != np.int8 or scale.ndim != 1 or scale.dtype.kind != "f":
            raise ModelError(KEY, f"{where}: {key} is {scale.dtype} of shape {list(scale.shape)} "
                                  f"for {place} of {values.dtype}",
                             "a vector of floats for int8 values")
        if place == name:
            columns = np.arange(values.shape[-1])
        else:
            columns = np.asarray(arrays.get(f"{name}.indices", np.zeros(0, int)), dtype=np.int64)
        inside = not columns.size or (columns.min() >= 0 and columns.max() < scale.size)
        if not inside or values.shape[-1:] != columns.shape:
            raise ModelError(KEY, f"{where}: {key} has {scale.size} entries, which are not the "
                                  f"columns of {name}")
        out[place] = values.astype(np.float32) * scale.astype(np.float32)[columns]
    return out
