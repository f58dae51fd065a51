"""What was trained, in memory: layers with their weights, and the workload that drives them.

Nothing here knows of chips or scenarios.  All weights are held by presynaptic unit (CSR rows), the
order in which events use them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import scipy.sparse as sp

#: Gate order of the official EGRU parameter layout: columns [0,H) z, [H,2H) r, [2H,3H) g.
GATES = ("z", "r", "g")


@dataclass(frozen=True)
class Layer:
    """One event-based layer.

    ``kind`` is ``egru`` (computes) or ``replay`` (its events are given by ``replay``; its synapses
    still cost what they cost).  Explicit zeros are never stored in the kernels.

    Shapes:
        kernel: [inputs, 3 * units] CSR float32.
        recurrent: [units, 3 * units] CSR float32.
        bias, recurrent_bias: [3 * units] float32.
        threshold: [units] float32, already clamped to [0, 1].
        replay: [rows, units] float32; step t plays row t mod rows (``replay`` layers only).
    """

    name: str
    kind: Literal["egru", "replay"]
    inputs: int
    units: int
    kernel: sp.csr_array
    recurrent: sp.csr_array
    bias: np.ndarray
    recurrent_bias: np.ndarray
    threshold: np.ndarray
    fire: Literal["threshold", "always"] = "threshold"
    zoneout: float = 0.0
    threshold_offset: float = 0.0
    reset_offset: float = 0.0
    replay: np.ndarray | None = None


@dataclass(frozen=True)
class Network:
    """Layers in order, and the ends on the host.

    ``embedding`` [vocabulary, inputs of layer 0] and ``decoder_weight`` [vocabulary, units of the
    last layer] are the same array when tied.  ``sha256`` is the model file's, or of the generating
    parameters for a synthetic network.  ``sidecar`` is the JSON beside the weights.
    """

    layers: tuple[Layer, ...]
    embedding: np.ndarray | None = None
    decoder_weight: np.ndarray | None = None
    decoder_bias: np.ndarray | None = None
    sha256: str = ""
    source: str = ""
    sidecar: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Workload:
    """What enters: one row of ``inputs`` a step.

    Shapes:
        inputs: [steps, inputs of layer 0] float32 (embedded tokens for a language model).
        tokens, targets: [steps] int64, or None when there is no task.
    ``window``: h restarts at 0 on every step t with t % window == 0; 0 means never.
    """

    inputs: np.ndarray
    tokens: np.ndarray | None = None
    targets: np.ndarray | None = None
    window: int = 0

    @property
    def steps(self) -> int:
        return int(self.inputs.shape[0])
