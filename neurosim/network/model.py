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
#: Layers that hold the recurrence; the others are a machine's own decoder and embedding.
RECURRENT_KINDS = ("egru", "replay")
#: Largest level of unsigned 8-bit events.
EVENT_LEVELS = 255


@dataclass(frozen=True)
class Layer:
    """One event-based layer.

    ``kind`` is ``egru`` (computes) or ``replay`` (its events are given by ``replay``; its synapses
    still cost what they cost); a machine's network also has ``lookup`` (the embedding: one input,
    the token) and ``decoder`` layers, whose units are words (:mod:`neurosim.network.machine`).
    Explicit zeros are stored in a decoder's kernel only, which is dense.

    Shapes, with gates = 3 (``egru``, ``replay``) or 1 (``lookup``, ``decoder``):
        kernel: [inputs, gates * units] CSR float32.
        recurrent: [units, gates * units] CSR float32; empty for ``lookup`` and ``decoder``.
        bias, recurrent_bias: [gates * units] float32.
        threshold: [units] float32, already clamped to [0, 1].
        replay: [rows, units] float32; step t plays row t mod rows (``replay`` layers only).
        table: [vocabulary, units] float32 (``lookup`` layers only).

    ``event_levels``: 0 for float32 outputs, or the largest level of unsigned events (255: 8 bits;
    :func:`neurosim.rules.round_event`).  ``input_levels``: a decoder rounds so what enters its
    products.  ``gated``: a decoder's products are made event by event, not all of them.
    ``currents``: the kernel is one to one, from gate sums that the host has multiplied out.
    ``weight_bits``: of a decoder's or lookup's entries in memory (0: the chip's weights).
    """

    name: str
    kind: Literal["egru", "replay", "lookup", "decoder"]
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
    event_levels: int = 0
    input_levels: int = 0
    gated: bool = True
    currents: bool = False
    table: np.ndarray | None = None
    weight_bits: int = 0

    @property
    def gates(self) -> int:
        """Kernel columns a unit."""
        return len(GATES) if self.kind in RECURRENT_KINDS else 1


@dataclass(frozen=True)
class Network:
    """Layers in order, and the ends on the host.

    ``embedding`` [vocabulary, inputs of layer 0] and ``decoder_weight`` [vocabulary, units of the
    last layer] are the same array when tied.  Their ``precision`` is ``fp32`` or ``int8`` (rounded
    values, held as float32; what enters an int8 decoder is rounded as well).  ``sha256`` is the
    model file's, or of the generating parameters for a synthetic network.  ``sidecar`` is the JSON
    beside the weights.
    """

    layers: tuple[Layer, ...]
    embedding: np.ndarray | None = None
    decoder_weight: np.ndarray | None = None
    decoder_bias: np.ndarray | None = None
    sha256: str = ""
    source: str = ""
    sidecar: dict = field(default_factory=dict)
    embedding_precision: str = "fp32"
    decoder_precision: str = "fp32"

    @property
    def recurrent(self) -> slice:
        """The ``egru`` and ``replay`` layers, as a slice of ``layers``."""
        at = [n for n, layer in enumerate(self.layers) if layer.kind in RECURRENT_KINDS]
        return slice(at[0], at[-1] + 1) if at else slice(0, 0)


@dataclass(frozen=True)
class Workload:
    """What enters: one row of ``inputs`` a step.

    With ``streams`` S, S independent sequences are interleaved: step u is step u // S of stream
    u % S, and all arrays by step are in this order.

    Shapes:
        inputs: [steps, inputs of layer 0] float32 (embedded tokens for a language model), or
            [rows, inputs of layer 0] with ``rows``.
        tokens, targets: [steps] int64, or None when there is no task; tokens not known before the
            run (``mode: generate``) are -1.
        rows: [steps] int64, the row of ``inputs`` that enters on each step, -1: the row of the
            token chosen on the step before of the same stream.  None: row u on step u.
    ``window``: h restarts at 0 on every step t of a stream with t % window == 0; 0 means never.
    """

    inputs: np.ndarray
    tokens: np.ndarray | None = None
    targets: np.ndarray | None = None
    window: int = 0
    streams: int = 1
    rows: np.ndarray | None = None

    @property
    def steps(self) -> int:
        """Steps of all streams."""
        return int(self.inputs.shape[0] if self.rows is None else self.rows.shape[0])
