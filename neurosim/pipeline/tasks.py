"""What the run says about its task: perplexities of the functional model and of the machine."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim import network as net
from neurosim.network.model import Network, Workload
from neurosim.pipeline.base import Prepared, Progress, Share
from neurosim.pipeline.preparation import make_workload
from neurosim.scenario import Scenario


def task_block(
    prepared: Prepared, received: np.ndarray, progress: Progress | None, share: Share
) -> dict | None:
    """Task results: of the functional model over ``evaluate_tokens``, and of what the host
    received on the simulated steps, with the largest difference between the two's outputs."""
    workload, network, scenario = prepared.workload, prepared.network, prepared.scenario
    if workload is None or network is None or workload.targets is None:
        return None
    wanted = max(scenario.workload.evaluate_tokens or 0, workload.steps)
    if progress is not None:
        progress(0, 1, "evaluating the functional model")
    functional = share("task", scenario, lambda: _evaluate(scenario, network, workload, wanted))
    simulated = net.task_from_outputs(network, received, workload.targets)
    reference = share("reference", scenario, lambda: net.run_functional(
        network, workload.inputs, workload.window)[-1])
    expected = net.task_from_outputs(network, reference, workload.targets)
    return {
        **task_facts(functional),
        "simulated": {
            **task_facts(simulated),
            "functional_perplexity": expected.perplexity,
            "max_output_difference": float(np.abs(received - reference).max()),
        },
    }


def _evaluate(scenario: Scenario, network: Network, workload: Workload, tokens: int) -> Any:
    """The functional model's task result over that many tokens."""
    if tokens != workload.steps:
        workload = make_workload(scenario, network, tokens)
    assert workload.tokens is not None and workload.targets is not None
    return net.evaluate(network, workload.tokens, workload.targets, workload.window)


def part_task(
    network: Network | None, workload: Workload, received: np.ndarray
) -> dict[str, Any] | None:
    """The task of an interrupted run: of the machine's outputs only."""
    if workload.targets is None or network is None:
        return None
    return {"simulated": task_facts(net.task_from_outputs(network, received, workload.targets))}


def task_facts(task: Any) -> dict[str, float | int]:
    """A task's result as it stands in ``result.json``."""
    return {"perplexity": task.perplexity, "bits_per_token": task.bits_per_token,
            "nll_mean": task.nll_mean, "nll_se": task.nll_se, "tokens": task.tokens}
