"""What the run says about its task: perplexities of the functional model and of the machine, or the
text that it generated."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim import network as net
from neurosim.image import Counters
from neurosim.network.machine import LanguagePlan, machine_network, machine_workload
from neurosim.network.model import Network, Workload
from neurosim.network.task import task_from_logits
from neurosim.pipeline.base import Prepared, Progress, Share
from neurosim.pipeline.generation import generation
from neurosim.pipeline.preparation import make_workload
from neurosim.scenario import Scenario


def task_block(
    prepared: Prepared, counters: Counters, progress: Progress | None, share: Share
) -> dict | None:
    """Task results: of the functional model over ``evaluate_tokens``, and of what the machine gave
    on the simulated steps, with the largest difference from the functional model.

    That is the last layer's outputs as the host received them, or the logits where the decoder is
    on the chip.  A run that generated has its text instead.
    """
    workload, network, scenario = prepared.workload, prepared.network, prepared.scenario
    if workload is None or network is None:
        return None
    if prepared.plan.mode == "generate":
        return generation(network, workload, counters.chosen)
    if workload.targets is None:
        return None
    wanted = max(scenario.workload.evaluate_tokens or 0, workload.steps)
    if progress is not None:
        progress(0, 1, "evaluating the functional model")
    functional = share("task", scenario, lambda: _evaluate(scenario, network, workload, wanted))
    reference = _reference(prepared, network, workload, share)
    expected = net.task_from_outputs(network, reference, workload.targets)
    return {
        **task_facts(functional),
        "simulated": {
            **task_facts(_simulated(prepared, network, workload, counters)),
            "functional_perplexity": expected.perplexity,
            **_difference(prepared, network, reference, counters),
        },
    }


def part_task(
    prepared: Prepared, workload: Workload, counters: Counters
) -> dict[str, Any] | None:
    """The task of an interrupted run: of what the machine gave only."""
    network = prepared.network
    if network is None or prepared.workload is None:
        return None
    if prepared.plan.mode == "generate":
        return generation(network, prepared.workload, counters.chosen)
    if workload.targets is None:
        return None
    return {"simulated": task_facts(_simulated(prepared, network, workload, counters))}


def _simulated(prepared: Prepared, network: Network, workload: Workload,
               counters: Counters) -> Any:
    assert workload.targets is not None
    if prepared.plan.decoder_layer:
        return task_from_logits(counters.logits, workload.targets)
    return net.task_from_outputs(network, counters.host_values, workload.targets)


def _difference(prepared: Prepared, network: Network, reference: np.ndarray,
                counters: Counters) -> dict[str, float]:
    """Largest difference from the functional model, of outputs or of logits."""
    if not prepared.plan.decoder_layer:
        return {"max_output_difference": float(np.abs(counters.host_values - reference).max())}
    largest = 0.0
    for step, y in enumerate(reference):
        expected = net.logits(network, y[None])[0]
        largest = max(largest, float(np.abs(counters.logits[step] - expected).max()))
    return {"max_logit_difference": largest}


def _reference(prepared: Prepared, network: Network, workload: Workload,
               share: Share) -> np.ndarray:
    """Outputs of the functional model's last layer on the simulated steps.

    Currents are rounded where they leave the host, so the functional model takes the same ones.
    """
    def run(of: Network, entering: Workload) -> np.ndarray:
        return net.run_functional(of, entering.inputs, entering.window, entering.streams)[-1]

    if prepared.plan.input == "currents":
        plan = LanguagePlan(input="currents", embedding_precision=prepared.plan.embedding_precision,
                            decoder_precision=prepared.plan.decoder_precision)
        return run(machine_network(network, plan), machine_workload(network, workload, plan))
    found: np.ndarray = share("reference", prepared.scenario, lambda: run(network, workload))
    return found


def _evaluate(scenario: Scenario, network: Network, workload: Workload, tokens: int) -> Any:
    """The functional model's task result over that many tokens."""
    if tokens != workload.steps:
        workload = make_workload(scenario, network, tokens)
    assert workload.tokens is not None and workload.targets is not None
    return net.evaluate(network, workload.tokens, workload.targets, workload.window,
                        workload.streams)


def task_facts(task: Any) -> dict[str, float | int]:
    """A task's result as it stands in ``result.json``."""
    return {"perplexity": task.perplexity, "bits_per_token": task.bits_per_token,
            "nll_mean": task.nll_mean, "nll_se": task.nll_se, "tokens": task.tokens}
