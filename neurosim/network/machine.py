"""The network that a machine runs: the model's layers, and embedding and decoder where it has them.

The model's network keeps its meaning for functional runs; mapping, lowering and measuring take the
machine's network, which has a ``lookup`` layer in front where the embedding is on the chip, and a
``decoder`` layer at the end where the decoder is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import scipy.sparse as sp

from neurosim.network.model import EVENT_LEVELS, Layer, Network, Workload

Place = Literal["host", "chip", "dram"]
Precision = Literal["fp32", "int8"]
LOOKUP, DECODER = "embedding", "decoder"


@dataclass(frozen=True)
class Choice:
    """How a token is chosen from the logits (rules.py: score, better).

    ``greedy``: the largest logit.  ``sample``: a draw from softmax(logits / temperature).
    ``top_k``: such a draw among the ``k`` largest logits.
    """

    kind: Literal["greedy", "sample", "top_k"] = "greedy"
    k: int = 1
    temperature: float = 1.0
    seed: int = 0

    @property
    def candidates(self) -> int:
        """Words that a part of the vocabulary has to offer."""
        return self.k if self.kind == "top_k" else 1


@dataclass(frozen=True)
class LanguagePlan:
    """Where the ends of a language model are computed, and what is done with them.

    ``decoder_on`` None: outside the machine and free, as in a run that only records the last
    layer's outputs.  ``reduction``: children of a node of the tree that reduces candidates.
    ``prompt_lengths``: tokens given to each stream before it generates.
    """

    decoder_on: Place | None = None
    gated: bool = True
    decoder_precision: Precision = "fp32"
    decoder_cores: int | None = None
    reduction: int = 4
    embedding_on: Place = "host"
    embedding_precision: Precision = "fp32"
    embedding_cores: int | None = None
    input: Literal["packets", "currents"] = "packets"
    mode: Literal["score", "generate"] = "score"
    streams: int = 1
    choice: Choice = Choice()
    prompt_lengths: tuple[int, ...] = ()

    @property
    def decoder_layer(self) -> bool:
        """Whether the machine's network ends in a ``decoder`` layer."""
        return self.decoder_on in ("chip", "dram")

    @property
    def lookup_layer(self) -> bool:
        """Whether the machine's network begins with a ``lookup`` layer."""
        return self.embedding_on in ("chip", "dram")


def machine_network(network: Network, plan: LanguagePlan) -> Network:
    """The model's network with the layers that the plan puts around it."""
    network = at_precisions(network, plan)
    layers = list(network.layers)
    if plan.input == "currents":
        layers[0] = _driven_by_currents(layers[0])
    if plan.lookup_layer:
        layers.insert(0, lookup_layer(network, plan))
    if plan.decoder_layer:
        layers.append(decoder_layer(network, plan))
    return replace(network, layers=tuple(layers))


def at_precisions(network: Network, plan: LanguagePlan) -> Network:
    """The model with embedding and decoder as rounded as the plan has them."""
    if network.embedding is not None and network.embedding_precision != plan.embedding_precision:
        network = replace(network, embedding=embedding_values(network, plan),
                          embedding_precision=plan.embedding_precision)
    if network.decoder_weight is not None and network.decoder_precision != plan.decoder_precision:
        network = replace(network, decoder_precision=plan.decoder_precision,
                          decoder_weight=decoder_values(network, plan.decoder_precision))
    return network


def decoder_layer(network: Network, plan: LanguagePlan) -> Layer:
    """The decoder as a layer whose units are words; every position of its kernel is stored."""
    weight = decoder_values(network, plan.decoder_precision)
    vocabulary, inputs = weight.shape
    bias = network.decoder_bias
    return _end_layer(
        DECODER, "decoder", dense_csr(np.ascontiguousarray(weight.T)), vocabulary, inputs,
        np.zeros(vocabulary, np.float32) if bias is None else bias, plan.decoder_precision,
        input_levels=input_levels(plan.decoder_precision), gated=plan.gated)


def lookup_layer(network: Network, plan: LanguagePlan) -> Layer:
    """The embedding as a layer that the token's packet reaches with one synapse a unit."""
    table = embedding_values(network, plan)
    width = table.shape[1]
    return _end_layer(LOOKUP, "lookup", dense_csr(np.ones((1, width), np.float32)), width, 1,
                      np.zeros(width, np.float32), plan.embedding_precision, table=table)


def _end_layer(name: str, kind: Literal["lookup", "decoder"], kernel: sp.csr_array, units: int,
               inputs: int, bias: np.ndarray, precision: Precision, input_levels: int = 0,
               gated: bool = True, table: np.ndarray | None = None) -> Layer:
    zeros = np.zeros(units, np.float32)
    return Layer(name, kind, inputs, units, kernel, sp.csr_array((units, units), dtype=np.float32),
                 bias, zeros, zeros, input_levels=input_levels, gated=gated, table=table,
                 weight_bits=8 if precision == "int8" else 32)


def input_levels(precision: Precision) -> int:
    """Levels to which a decoder of that precision rounds the values that enter it."""
    return EVENT_LEVELS if precision == "int8" else 0


def decoder_values(network: Network, precision: Precision) -> np.ndarray:
    """[vocabulary, units] float32 weights of the decoder, at that precision."""
    assert network.decoder_weight is not None
    if network.decoder_precision == precision:
        return network.decoder_weight
    return _rounded_rows(network.decoder_weight, precision)


def embedding_values(network: Network, plan: LanguagePlan) -> np.ndarray:
    """[vocabulary, inputs] float32 vectors that enter the first recurrent layer."""
    assert network.embedding is not None
    if network.embedding_precision == plan.embedding_precision:
        return network.embedding
    return _rounded_rows(network.embedding, plan.embedding_precision)


def _rounded_rows(weight: np.ndarray, precision: Precision) -> np.ndarray:
    """int8: one scale a word, max |row| / 127, as the shipped int8 kernels have one a column."""
    weight = np.asarray(weight, np.float32)
    scale = np.abs(weight).max(axis=1, keepdims=True) / np.float32(127)
    scale[scale == 0] = 1.0
    return np.rint(weight / scale).astype(np.float32) * scale


def dense_csr(matrix: np.ndarray) -> sp.csr_array:
    """All positions stored, zeros as well."""
    rows, columns = matrix.shape
    indices = np.tile(np.arange(columns, dtype=np.int32), rows)
    pointers = np.arange(rows + 1, dtype=np.int64) * columns
    return sp.csr_array((matrix.ravel().astype(np.float32), indices, pointers), shape=matrix.shape)


def _driven_by_currents(layer: Layer) -> Layer:
    """The layer with its input products made outside: one input a gate sum, of weight 1."""
    sums = layer.gates * layer.units
    identity = sp.csr_array(sp.eye_array(sums, dtype=np.float32, format="csr"))
    return replace(layer, inputs=sums, kernel=identity, currents=True)


def currents(layer: Layer, inputs: np.ndarray) -> np.ndarray:
    """Input products x W of a layer as the host sends them, [rows, gates * units] float32.

    Made in float64 and rounded once; every row is computed on its own, so that it does not depend
    on what else is in ``inputs``.
    """
    kernel = layer.kernel.astype(np.float64).T.tocsr()
    rows = np.asarray(inputs, np.float64)
    return np.stack([(kernel @ row) for row in rows]).astype(np.float32) if len(rows) else \
        np.zeros((0, kernel.shape[0]), np.float32)


def machine_workload(network: Network, workload: Workload, plan: LanguagePlan) -> Workload:
    """The workload as it enters the machine's network (``network`` is the model's).

    With the embedding on the chip a row is the token + 1 (``[rows, 1]``: a value of 0 would not be
    sent); with currents a row is the products that the host has made.
    """
    if plan.lookup_layer:
        assert workload.tokens is not None and network.embedding is not None
        table = np.arange(1, len(network.embedding) + 1, dtype=np.float32)[:, None]
        return replace(workload, inputs=table, rows=workload.tokens)
    inputs = workload.inputs
    if network.embedding_precision != plan.embedding_precision and workload.tokens is not None:
        inputs = embedding_values(network, plan)
        workload = replace(workload, rows=workload.tokens)
    if plan.input == "currents":
        inputs = currents(network.layers[0], inputs)
    return replace(workload, inputs=inputs)
