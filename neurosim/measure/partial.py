"""A run that was interrupted, cut to the steps that were certainly over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurosim.image import DECODE_NONE, Counters, Image
from neurosim.network.model import Workload


def finished_steps(image: Image, counters: Counters) -> int:
    """Steps that nothing was left to do for.

    No core is further ahead of another than there are sets of gate sums, and what a step sent the
    host arrives while the next one is worked on; so of the steps that the last layer updated, the
    last ``n_sums + 1`` may not be over.  (Under a tick that cores overrun nothing is certain.)
    """
    done = counters.step_layer[:, -1:] if image.decode == DECODE_NONE else counters.step_decided
    updated = done.ravel() >= 0
    begun = len(updated) if updated.all() else int(updated.argmin())
    return max(0, begun - image.n_sums - 1)


def cut(workload: Workload, image: Image, counters: Counters,
        steps: int) -> tuple[Workload, Image, Counters]:
    """The same run as if only the first ``steps`` had been asked for.

    Work and energy already spent on later steps stay counted.
    """
    def first(array: np.ndarray | None) -> np.ndarray | None:
        return None if array is None else array[:steps]

    inputs = workload.inputs[:steps] if workload.rows is None else workload.inputs
    workload = replace(workload, inputs=inputs, tokens=first(workload.tokens),
                       targets=first(workload.targets), rows=first(workload.rows))
    image = replace(image, steps=steps, input_row=image.input_row[:steps])
    counters = replace(
        counters, step_offer=counters.step_offer[:steps],
        step_deliver=counters.step_deliver[:steps], step_layer=counters.step_layer[:steps],
        outputs=counters.outputs[:steps], host_values=counters.host_values[:steps],
        chosen=counters.chosen[:steps], step_decided=counters.step_decided[:steps],
        logits=counters.logits[:steps])
    return workload, image, counters
