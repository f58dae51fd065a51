"""The ends of a language model: decoder, choice of tokens, and what cannot work together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim import image as im
from neurosim.chip import Chip
from neurosim.chip.schema import Core
from neurosim.errors import ScenarioError
from neurosim.mapping import decoder_cost
from neurosim.network.machine import LanguagePlan, decoder_values, input_levels
from neurosim.network.model import Layer, Network, Workload

if TYPE_CHECKING:
    from neurosim.lower.whole import Clocks

_CHOICES = {"greedy": im.CHOOSE_GREEDY, "sample": im.CHOOSE_SAMPLE, "top_k": im.CHOOSE_TOP_K}


def check_language(network: Network, workload: Workload, chip: Chip, sync: str,
                   language: LanguagePlan) -> None:
    """Refuse what could never finish, or has no meaning.

    Raises:
        ScenarioError: no stream; tokens to be chosen without a decoder, or under a tick; a
            reduction over FIFOs that lose packets, or under a tick; currents into an embedding
            on the chip; more candidates than words.
    """
    if workload.streams < 1:
        raise ScenarioError("workload.streams", f"is {workload.streams}", "1 or more")
    chosen = workload.rows is not None and bool((workload.rows < 0).any())
    if chosen and language.decoder_on is None:
        raise ScenarioError("decoder.on", "nothing chooses the tokens that are to be generated",
                            "host, chip, dram")
    if chosen and sync == "tick":
        raise ScenarioError("sync", "under a tick the next token would enter before it is chosen",
                            "barrier, dataflow")
    if language.decoder_on == "host" and network.decoder_weight is None:
        raise ScenarioError("decoder.on", "the model has no decoder", "a model with decoder.weight")
    if network.layers[0].currents and network.layers[0].inputs % 3:
        raise ScenarioError("input", "currents are three gate sums a unit", "packets")
    if any(layer.currents for layer in network.layers[1:]):
        raise ScenarioError("input", "the host multiplies currents out, but the embedding is on "
                            "the chip", "input: packets, or embedding.on host")
    if network.layers[-1].kind != "decoder":
        return
    if chip.core.fifo_policy != "stall":
        raise ScenarioError(
            "decoder.on", f"the decoder's cores would wait forever for results that a FIFO set to "
            f"{chip.core.fifo_policy} lost", "chip.core.fifo_policy stall, or decoder.on host")
    if sync == "tick":
        raise ScenarioError(
            "decoder.on", "under a tick the results of a step that is late would meet the next's",
            "sync barrier or dataflow, or decoder.on host")
    if language.choice.candidates > network.layers[-1].units:
        raise ScenarioError(
            "decoder.choice.k", f"is {language.choice.candidates} of a vocabulary of "
            f"{network.layers[-1].units}", f"1 to {network.layers[-1].units}")


def lower_language(network: Network, chip: Chip, clocks: Clocks, language: LanguagePlan,
                   host_results: int, record_logits: bool) -> dict[str, Any]:
    """Decoder and choice; durations of the host's job in whole cycles of its clock."""
    choice = language.choice
    fields: dict[str, Any] = {
        "choice": _CHOICES[choice.kind], "candidates": choice.candidates,
        "temperature": float(choice.temperature), "choice_seed": int(choice.seed),
    }
    if network.layers[-1].kind == "decoder":
        layer = network.layers[-1]
        fields.update(
            decode=im.DECODE_CHIP, vocabulary=layer.units, decoder_levels=layer.input_levels,
            decode_base_ticks=clocks.host * _cycles(
                chip, decoder_cost.choose_s(chip, host_results)),
            record_logits=record_logits)
    elif language.decoder_on == "host":
        weight = decoder_values(network, language.decoder_precision)
        vocabulary, inputs = weight.shape
        bias = np.zeros(vocabulary) if network.decoder_bias is None else network.decoder_bias
        base, event = decoder_cost.host_decode_s(chip, vocabulary, inputs, language.gated)
        fields.update(
            decode=im.DECODE_HOST, vocabulary=vocabulary, decoder_weight=weight,
            decoder_bias=np.asarray(bias, np.float64),
            decoder_levels=input_levels(language.decoder_precision),
            decode_base_ticks=_cycles(chip, base) * clocks.host,
            decode_event_ticks=_cycles(chip, event) * clocks.host if event else 0,
            record_logits=record_logits)
    return {**without_decoder(), **fields}


def _cycles(chip: Chip, seconds: float) -> int:
    """Whole cycles of the host's clock, rounded up, but for the error of the product."""
    return max(1, math.ceil(seconds * float(chip.host.clock_hz) - 1e-6))


def without_decoder() -> dict[str, Any]:
    """Fields of an Image in which no token is chosen."""
    return {
        "decode": im.DECODE_NONE, "decoder_weight": np.zeros((0, 0), np.float32),
        "decoder_bias": np.zeros(0), "decoder_levels": 0, "vocabulary": 0,
        "decode_base_ticks": 0, "decode_event_ticks": 0, "choice": im.CHOOSE_GREEDY,
        "candidates": 1, "temperature": 1.0, "choice_seed": 0, "record_logits": False,
    }


def update_cycles(layer: Layer, core: Core, units: int) -> int:
    """Update job of one word, or of one value of the embedding."""
    if layer.kind == "decoder":
        return decoder_cost.decoder_update_cycles(layer, core, units)
    return decoder_cost.lookup_update_cycles(core)


def end_row_cycles(network: Network, core: Core, classes: np.ndarray,
                   entries: np.ndarray) -> np.ndarray:
    """[rows] cycles of accumulate jobs at decoder, look-up and current rows; others are 0."""
    cycles = np.zeros(len(classes), np.int64)
    decoder = network.layers[-1]
    for row_class, cost in (
        (im.ROW_DECODER, lambda n: decoder_cost.row_cycles(decoder, core, n)),
        (im.ROW_LOOKUP, lambda n: decoder_cost.lookup_row_cycles(core)),
        (im.ROW_CURRENT, lambda n: decoder_cost.current_row_cycles(core, n)),
    ):
        of_class = classes == row_class
        for count in np.unique(entries[of_class]).tolist():
            cycles[of_class & (entries == count)] = cost(count)
    return cycles
