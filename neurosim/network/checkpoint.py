"""PyTorch checkpoints to model files, once, so that no run ever unpickles anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.errors import ModelError
from neurosim.network.load import IGNORED, LAYER_PARAMETERS, build_network
from neurosim.network.model import Network
from neurosim.network.save import save_model
from neurosim.network.sidecar import FORMAT, check_sidecar

KEY = "import"
#: Keys under which training scripts put the parameters beside optimiser and epoch.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net")
_NAMES = re.compile(
    r"(?:^|\.)(rnns\.\d+\.(?:module\.)?(?:{})|embeddings\.weight|decoder\.decoder\.(?:weight|bias)"
    r"|decoder\.projection\.(?:weight|bias))$".format("|".join((*LAYER_PARAMETERS, *IGNORED))))


def import_checkpoint(
    path: str | Path,
    out: str | Path,
    sidecar: Mapping[str, Any] | None = None,
    sparse: bool = True,
) -> Network:
    """Convert a checkpoint of the official code to ``out`` (.safetensors) and its sidecar.

    The file is read by ``torch.load(weights_only=True)``: tensors only, no code of the file's.
    Wrappers (``state_dict``, ``model``) and prefixes (``module.``, ``model.``) are taken off;
    parameters under other names are refused, so that nothing is lost unnoticed.

    Args:
        sidecar: what the checkpoint does not say, e.g. ``{"tokenisation": "word", "vocabulary":
            [...], "zoneout": 0.1, "window": 70}``.
        sparse: as in :func:`neurosim.network.save.save_model`.

    Returns:
        The network as written.

    Raises:
        ModelError: key ``sidecar`` for wrong notes; key ``import`` for a missing PyTorch, a file
            that is not such a checkpoint, or an output that cannot be written.
    """
    path = Path(path)
    notes = {"format": FORMAT, **(sidecar or {})}
    check_sidecar(notes, "the given notes", key="sidecar")
    arrays = official_names(_load(path), str(path))
    try:
        network = build_network(arrays, notes, source=str(path))
        save_model(network, out, notes, sparse=sparse)
    except ModelError as error:
        raise ModelError(KEY, error.why, error.allowed) from None
    return network


def official_names(state: Mapping[str, Any], where: str) -> dict[str, np.ndarray]:
    """Arrays by official name from a state dict with wrappers and prefixes.

    bfloat16 tensors are widened to float32; numpy has no such type.
    """
    for _ in _WRAPPERS:
        inner = next((state[k] for k in _WRAPPERS if isinstance(state.get(k), Mapping)), None)
        if inner is None:
            break
        state = inner
    arrays: dict[str, np.ndarray] = {}
    for name, value in state.items():
        found = _NAMES.search(str(name))
        if not found:
            raise ModelError(KEY, f"{where}: unknown parameter {str(name)[:80]!r}",
                             "an EGRU checkpoint of the official code")
        official = found[1].replace(".module.", ".")
        if official in arrays:
            raise ModelError(KEY, f"{where}: two parameters end in {official}")
        arrays[official] = _array(value, f"{where}: {name}")
    return arrays


def _array(value: Any, where: str) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    if not hasattr(value, "detach"):
        raise ModelError(KEY, f"{where} is a {type(value).__name__}", "a tensor")
    tensor = value.detach().to("cpu")
    try:
        return tensor.numpy()
    except TypeError:
        return tensor.float().numpy()


def _load(path: Path) -> Mapping[str, Any]:
    if path.is_dir() or not path.exists():
        raise ModelError(KEY, f"{path} is a directory" if path.is_dir() else
                         f"no such file: {path}", "a PyTorch checkpoint file")
    try:
        import torch
    except ImportError:
        raise ModelError(KEY, "needs PyTorch, which is not installed",
                         "pip install 'neurosim[train]'") from None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds on a damaged or unsafe file
        text = " ".join(str(error).split())[:160]
        raise ModelError(KEY, f"{path} cannot be read as weights only: {text}",
                         "a PyTorch checkpoint of plain tensors") from None
    if not isinstance(state, Mapping):
        raise ModelError(KEY, f"{path} holds a {type(state).__name__}", "a state dict")
    return state
