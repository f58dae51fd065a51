"""Networks without a model: stated sizes, sparsities and activity.

Synaptic weights are random at an exact number of stored weights; what the units fire is not
computed from them but replayed, so that the activity is what was asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from neurosim.errors import ModelError
from neurosim.network.model import Layer, Network
from neurosim.network.rates import draw_events, draw_values, unit_rates
from neurosim.network.tensors import read_bytes

KEY = "network.synthetic"
#: Most units and inputs of a layer: indices of 3 units a column must fit in 31 bits.
MAX_UNITS = (2**31 - 1) // 3
#: Streams of random numbers, so that a change to one part leaves the others as they were.
_WEIGHTS, _RATES, _EVENTS, _EMBEDDING = 1, 2, 3, 4


def make(
    layers: Sequence[int],
    inputs: int,
    weight_sparsity: float = 0.0,
    activity: float = 0.1,
    events: str = "skewed",
    draw: str = "systematic",
    replay: str | Path | None = None,
    locality: int | None = None,
    fan_in: int | None = None,
    steps: int = 10,
    seed: int = 0,
) -> Network:
    """A network of ``replay`` layers.

    Args:
        layers: units of each layer.
        inputs: width of the input.
        weight_sparsity: fraction of each kernel's positions that is not stored; the number
            stored is round((1 - weight_sparsity) * positions), exactly.
        activity: mean fraction of the units that fire on a step.
        events: distribution of the units' rates, ``skewed`` or ``uniform``
            (:func:`neurosim.network.rates.unit_rates`).
        draw: ``systematic`` or ``bernoulli`` (:func:`neurosim.network.rates.draw_events`).
        replay: an ``activity.npz`` of an earlier run (arrays ``layer0``, ``layer1``, ... of
            shape [steps, units]) that gives the events instead of ``activity``.
        locality: a unit has synapses only from sources at most this index distance from its own
            position (sources and units laid along one line; at the ends the range is moved
            inwards).
        fan_in: stored weights that each unit receives from each kernel; with it
            ``weight_sparsity`` must be 0.
        steps: rows of replay drawn; later steps repeat them.
        seed: of everything drawn.

    With ``fan_in`` or ``locality`` nothing dense is ever built, so a million units are no
    trouble: 8 bytes a stored weight stay, about twice as much is used while building.

    Raises:
        ModelError: keys under ``network.synthetic``.
    """
    _check(layers, inputs, weight_sparsity, steps, locality, fan_in)
    recorded = None if replay is None else read_replay(replay, layers)
    made, width = [], int(inputs)
    for index, units in enumerate(map(int, layers)):
        rng = np.random.default_rng([seed, _WEIGHTS, index])
        kernel = random_kernel(width, units, weight_sparsity, locality, fan_in, rng)
        recurrent = random_kernel(units, units, weight_sparsity, locality, fan_in, rng)
        if recorded is not None:
            outputs = recorded[index]
        else:
            rng = np.random.default_rng([seed, _RATES, index])
            rates = unit_rates(units, activity, events, rng)
            rng = np.random.default_rng([seed, _EVENTS, index])
            outputs = draw_values(draw_events(rates, steps, rng, draw), rng)
        made.append(_layer(index, "replay", kernel, recurrent, replay=outputs))
        width = units
    parameters = {
        "layers": [int(n) for n in layers], "inputs": int(inputs), "seed": seed, "steps": steps,
        "weight_sparsity": weight_sparsity, "activity": activity, "events": events, "draw": draw,
        "locality": locality, "fan_in": fan_in,
        "replay": None if recorded is None else [_digest(y.tobytes()) for y in recorded],
    }
    return Network(tuple(made), sha256=_digest(json.dumps(parameters, sort_keys=True).encode()),
                   source="synthetic")


def random_egru(
    layers: Sequence[int],
    inputs: int,
    weight_sparsity: float = 0.0,
    threshold: float = 0.1,
    vocabulary: int | None = None,
    seed: int = 0,
) -> Network:
    """An untrained network of ``egru`` layers that computes, for tests and exploration.

    Weights are uniform with standard deviation 1 / sqrt(stored weights per unit and gate), biases
    small, thresholds uniform in [0, 2 ``threshold``].  With ``vocabulary`` the network has
    embedding and decoder of that many tokens (tied if the last layer has ``inputs`` units).
    """
    _check(layers, inputs, weight_sparsity, 1, None, None)
    made, width = [], int(inputs)
    for index, units in enumerate(map(int, layers)):
        rng = np.random.default_rng([seed, _WEIGHTS, index])
        kernel = random_kernel(width, units, weight_sparsity, None, None, rng)
        recurrent = random_kernel(units, units, weight_sparsity, None, None, rng)
        bias, recurrent_bias = rng.normal(0.0, 0.2, (2, 3 * units)).astype(np.float32)
        thr = rng.uniform(0.0, 2.0 * threshold, units).clip(0.0, 1.0).astype(np.float32)
        made.append(_layer(index, "egru", kernel, recurrent, bias, recurrent_bias, thr))
        width = units
    embedding = decoder = decoder_bias = None
    if vocabulary is not None:
        rng = np.random.default_rng([seed, _EMBEDDING])
        embedding = rng.normal(0.0, 1.0, (vocabulary, inputs)).astype(np.float32)
        decoder = embedding if width == inputs else rng.normal(
            0.0, 1.0, (vocabulary, width)).astype(np.float32)
        decoder_bias = rng.normal(0.0, 0.1, vocabulary).astype(np.float32)
    parameters = [list(map(int, layers)), int(inputs), weight_sparsity, threshold, vocabulary, seed]
    return Network(tuple(made), embedding, decoder, decoder_bias,
                   sha256=_digest(json.dumps(parameters).encode()), source="random")


def random_kernel(
    sources: int,
    units: int,
    weight_sparsity: float,
    locality: int | None,
    fan_in: int | None,
    rng: np.random.Generator,
) -> sp.csr_array:
    """[sources, 3 units] CSR float32 with an exact number of stored, non-zero weights."""
    if locality is None and fan_in is None:
        size = sources * 3 * units
        count = round((1.0 - weight_sparsity) * size)
        flat = np.sort(rng.choice(size, count, replace=False, shuffle=False)) \
            if count < size else np.arange(size)
        rows, columns = np.divmod(flat, 3 * units)
        shape = (sources, 3 * units)
        return sp.coo_array((_values(count, shape, rng), (rows, columns)), shape=shape).tocsr()
    reach = sources if locality is None else min(sources, 2 * locality + 1)
    if 3 * reach >= 2**31:
        raise ModelError(f"{KEY}.locality", f"a range of {reach} sources", f"below {2**31 // 3}")
    if fan_in is None:
        fan_in = round((1.0 - weight_sparsity) * 3 * reach)
    if fan_in > 3 * reach:
        raise ModelError(f"{KEY}.fan_in", f"{fan_in} weights a unit, but it has only {reach} "
                                          "sources of three gates", f"at most {3 * reach}")
    return _local_kernel(sources, units, reach, fan_in, rng)


def _local_kernel(
    sources: int, units: int, reach: int, fan_in: int, rng: np.random.Generator
) -> sp.csr_array:
    """``fan_in`` weights a unit out of the 3 * reach (source, gate) pairs in its range.

    The pairs are cut into ``fan_in`` stretches and one is drawn of each: distinct without any
    search.  Weights are generated by ascending column, so that CSR rows come out
    sorted.
    """
    centre = (np.arange(units) * sources + sources // 2) // units
    first = np.clip(centre - reach // 2, 0, sources - reach).astype(np.int32)
    bounds = (np.arange(fan_in + 1) * (3 * reach) // max(fan_in, 1)).astype(np.int32)
    width = np.diff(bounds)
    rows = np.empty(units * fan_in, dtype=np.int32)
    columns = np.empty(units * fan_in, dtype=np.int32)
    draws = rng.random((units, fan_in), dtype=np.float32)
    draws *= width
    # A float32 product may round up to the stretch's end; the minimum keeps the pair inside.
    pairs = np.minimum(draws.astype(np.int32), width - 1)
    pairs += bounds[:-1]
    del draws
    start = 0
    for gate in range(3):
        where = np.flatnonzero(pairs % 3 == gate)
        unit = (where // max(fan_in, 1)).astype(np.int32)
        part = slice(start, start + where.size)
        rows[part] = first[unit] + pairs.ravel()[where] // 3
        columns[part] = gate * units + unit
        start += where.size
    shape = (sources, 3 * units)
    values = _values(columns.size, shape, rng)
    return sp.coo_array((values, (rows, columns)), shape=shape).tocsr()


def _values(count: int, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Uniform weights, none zero, of standard deviation 1 / sqrt(stored weights a column)."""
    limit = np.float32(np.sqrt(3.0 * shape[1] / max(count, 1)))
    values = rng.random(count, dtype=np.float32)
    values -= np.float32(0.5)
    values[values == 0.0] = np.float32(0.5)
    values *= 2.0 * limit
    return values


def read_replay(path: str | Path, layers: Sequence[int]) -> list[np.ndarray]:
    """Recorded outputs of each layer from an ``activity.npz``, [steps, units] float32."""
    key, what = f"{KEY}.replay", "an activity.npz of an earlier run"
    path = Path(path)
    read_bytes(path, key, what)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: np.asarray(archive[name]) for name in archive.files}
    except Exception as error:  # whatever the parser of a damaged file raises
        raise ModelError(key, f"{path} cannot be read: {error}", what) from None
    outputs = []
    for index, units in enumerate(layers):
        array = arrays.get(f"layer{index}")
        if array is None:
            raise ModelError(key, f"{path} has no array layer{index}", what)
        if (array.ndim != 2 or array.shape[1] != units or array.shape[0] == 0
                or array.dtype.kind != "f"):
            raise ModelError(key, f"{path}: layer{index} is {array.dtype} of shape "
                                  f"{list(array.shape)}", f"float32 of shape [steps, {units}]")
        if not np.isfinite(array).all():
            raise ModelError(key, f"{path}: layer{index} has values that are not finite")
        outputs.append(array.astype(np.float32))
    if len({y.shape[0] for y in outputs}) != 1:
        raise ModelError(key, f"{path}: layers of different numbers of steps")
    return outputs


def _layer(
    index: int,
    kind: str,
    kernel: sp.csr_array,
    recurrent: sp.csr_array,
    bias: np.ndarray | None = None,
    recurrent_bias: np.ndarray | None = None,
    threshold: np.ndarray | None = None,
    replay: np.ndarray | None = None,
) -> Layer:
    inputs, units = kernel.shape[0], recurrent.shape[0]
    zeros = np.zeros(3 * units, dtype=np.float32)
    return Layer(
        f"layer{index}", "replay" if kind == "replay" else "egru", inputs, units, kernel, recurrent,
        zeros if bias is None else bias, zeros if recurrent_bias is None else recurrent_bias,
        zeros[:units] if threshold is None else threshold, replay=replay)


def _check(
    layers: Sequence[int], inputs: int, weight_sparsity: float, steps: int,
    locality: int | None, fan_in: int | None,
) -> None:
    if not layers:
        raise ModelError(f"{KEY}.layers", "no layers", "a list of numbers of units")
    for units in layers:
        if not 1 <= units <= MAX_UNITS:
            raise ModelError(f"{KEY}.layers", f"a layer of {units} units", f"1 to {MAX_UNITS}")
    if not 1 <= inputs <= MAX_UNITS:
        raise ModelError(f"{KEY}.inputs", f"{inputs} inputs", f"1 to {MAX_UNITS}")
    if not 0.0 <= weight_sparsity <= 1.0:
        raise ModelError(f"{KEY}.weight_sparsity", f"{weight_sparsity} is no fraction", "[0, 1]")
    if steps < 1:
        raise ModelError("workload.steps", f"{steps} steps", "at least 1")
    if locality is not None and locality < 0:
        raise ModelError(f"{KEY}.locality", f"distance {locality}", "0 or more, or null")
    if fan_in is not None and fan_in < 0:
        raise ModelError(f"{KEY}.fan_in", f"{fan_in} weights a unit", "0 or more, or null")
    if fan_in is not None and weight_sparsity:
        raise ModelError(f"{KEY}.fan_in", "both fan_in and weight_sparsity are given",
                         "one of them")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
