"""Named arrays out of model files: safetensors and npz, never pickle.

A model file comes from anywhere, so whatever is wrong with it ends in one :class:`ModelError`.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

from neurosim.errors import ModelError

#: The key that every complaint about a model is filed under.
KEY = "network.model"
FORMATS = "a .safetensors or .npz file"
_PICKLES = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".cpt", ".bin"}
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
    "I8": "<i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "?",
}


def read_bytes(path: Path, key: str = KEY, what: str = FORMATS) -> bytes:
    """The file's bytes; a missing file, a directory or an unreadable file is a ModelError."""
    if path.is_dir():
        raise ModelError(key, f"{path} is a directory", what)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(key, f"no such file: {path}", what) from None
    except OSError as error:
        raise ModelError(key, f"cannot read {path}: {error.strerror or error}", what) from None


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """All arrays of a model file by name, and the file's SHA-256 in hex.

    bfloat16 arrives as float32; other types as stored.
    """
    data = read_bytes(path)
    _refuse_pickle(path, data)
    if path.suffix not in (".safetensors", ".npz"):
        raise ModelError(KEY, f"{path}: unknown kind of model file", FORMATS)
    parse = _from_npz if path.suffix == ".npz" else _from_safetensors
    try:
        arrays = parse(data)
    except Exception as error:  # whatever the parsers of a damaged file raise
        raise ModelError(
            KEY, f"{path} is damaged or no {path.suffix} file: {_short(error)}", FORMATS
        ) from None
    return arrays, hashlib.sha256(data).hexdigest()


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text[:160] if text else type(error).__name__


def _refuse_pickle(path: Path, data: bytes) -> None:
    """PyTorch checkpoints are pickles, bare or inside a zip as ``.../data.pkl``."""
    pickled = data[:1] == b"\x80" and data[1:2] in b"\x01\x02\x03\x04\x05"
    if pickled and path.suffix == ".safetensors":
        # A safetensors header of 0x80 + 256 n bytes starts alike, but goes on with its JSON.
        pickled = data[8:9] != b"{"
    if data[:2] == b"PK":
        try:
            names = zipfile.ZipFile(io.BytesIO(data)).namelist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError):
            names = []
        pickled = any(name.endswith("data.pkl") for name in names)
    if pickled or path.suffix in _PICKLES:
        raise ModelError(
            KEY, f"{path} is a pickle, which is never loaded as a model", 
            f"{FORMATS}; convert a PyTorch checkpoint with 'neurosim import'")


def _from_safetensors(data: bytes) -> dict[str, np.ndarray]:
    from safetensors import deserialize

    arrays = {}
    for name, tensor in deserialize(data):
        raw, dtype = bytes(tensor["data"]), tensor["dtype"]
        if dtype == "BF16":
            # bfloat16 is the upper half of a float32.
            values = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        elif dtype in _DTYPES:
            values = np.frombuffer(raw, _DTYPES[dtype])
        else:
            raise ValueError(f"{name} has the unsupported type {dtype}")
        arrays[name] = values.reshape(tensor["shape"])
    return arrays


def _from_npz(data: bytes) -> dict[str, np.ndarray]:
    archive = np.load(io.BytesIO(data), allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError("one bare array, not an archive of named arrays")
    with archive:
        return {name: np.asarray(archive[name]) for name in archive.files}
