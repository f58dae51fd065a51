"""What a scenario says of the ends of its language model, as a plan; what its model cannot do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurosim.chip import Chip
from neurosim.errors import ModelError, ScenarioError
from neurosim.network.functional import continue_greedily
from neurosim.network.machine import Choice, LanguagePlan
from neurosim.network.model import Network, Workload
from neurosim.scenario import Scenario


def plan_of(scenario: Scenario) -> LanguagePlan:
    """Decoder, embedding, input, mode, streams and choice of a scenario."""
    decoder, embedding, generate = scenario.decoder, scenario.embedding, scenario.generate
    choice = Choice() if generate is None else Choice(
        generate.choice, generate.k or 1, generate.temperature or 1.0, scenario.seed)
    plan = LanguagePlan(
        embedding_on=embedding.on, embedding_precision=embedding.precision,
        embedding_cores=embedding.cores, input=scenario.host.input, mode=scenario.mode,
        streams=scenario.streams or 1, choice=choice)
    if decoder is None:
        return plan
    return replace(
        plan, decoder_on=decoder.on, gated=decoder.gated, decoder_precision=decoder.precision,
        decoder_cores=decoder.cores, reduction=decoder.reduction)


def check_plan(plan: LanguagePlan, network: Network, chip: Chip) -> None:
    """Refuse what the model or the chip cannot do.

    Raises:
        ModelError: no decoder or embedding where one is asked for; unsigned values of units that
            always fire.
        ScenarioError: more candidates than words; a chip without DRAM.
    """
    if plan.decoder_on is not None and network.decoder_weight is None:
        raise ModelError("decoder.on", "the model has no decoder", "a language model")
    if plan.embedding_on != "host" and network.embedding is None:
        raise ModelError("embedding.on", "the model has no embedding", "a language model")
    signed = any(layer.fire == "always" for layer in network.layers)
    if signed and plan.decoder_precision == "int8":
        raise ModelError("decoder.precision", "int8 values are unsigned, but the model's units "
                         "always fire, also negative values", "fp32")
    if plan.choice.kind == "top_k" and network.decoder_weight is not None:
        words = len(network.decoder_weight)
        if plan.choice.k > words:
            raise ScenarioError("generate.k", f"is {plan.choice.k}, above the {words} words of the "
                                "vocabulary", f"1 to {words}")
    for key, place in (("decoder.on", plan.decoder_on), ("embedding.on", plan.embedding_on)):
        if place == "dram" and chip.dram is None:
            raise ScenarioError(key, f"chip {chip.name} has no DRAM",
                                "host or chip, or a chip file with a dram section")


def calibration_inputs(network: Network, workload: Workload, steps: int) -> np.ndarray:
    """[steps, inputs] what enters stream 0 first: a generating stream is continued by the
    functional model, taking the largest logit."""
    if workload.rows is None:
        return workload.inputs[:: workload.streams][:steps]
    rows = workload.rows[:: workload.streams]
    given = rows[: int(np.argmin(rows))] if (rows < 0).any() else rows
    tokens = continue_greedily(network, given, min(steps, len(rows)), workload.window)
    assert network.embedding is not None
    return network.embedding[tokens]
