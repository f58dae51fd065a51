"""Latency where steps overlap under dataflow, and slices move: a model of the layers as stages.

Timing a run anew keeps the order of all jobs.  But with another division of work, other stages wait
for each other, and as many steps are under way as the banks of gate sums allow in front of the
slowest stage: two more for each stage before it with two banks.  A recorded order cannot foresee
that.  Here a layer is one stage: it begins the updates of step u when its inputs are complete, its
own step u - S is out and the layer behind it has finished step u - banks; and it finishes no sooner
than its fullest core's work after step u - 1.
"""

from __future__ import annotations

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain.graph import Graph
from neurosim.explain.records import Records
from neurosim.image import Image


def applies(image: Image) -> bool:
    """Whether steps follow one another as the banks allow, not one after the other."""
    free = not image.closed_loop and not (image.input_row < 0).any()
    return image.sync == im.SYNC_DATAFLOW and free and image.n_layers > 0


def latency(graph: Graph, job: np.ndarray) -> float:
    """Mean ticks from the first offer of a step to its completion, in the model.

    Args:
        job: [N] at every END, the duration of its job.
    """
    r = graph.records
    work, output, host = _stages(r, job)
    steps, banks = r.image.steps, r.image.n_sums
    layers = len(work)
    offered = np.zeros(steps)
    out = np.zeros((layers, steps))
    sent = 0.0

    def at(layer: int, step: int) -> float:
        return float(out[layer, step]) if step >= 0 and layer < layers else 0.0

    for u in range(steps):
        offered[u] = max(sent, at(0, u - banks))
        sent = complete = offered[u] + host
        for layer in range(layers):
            begin = max(complete, at(layer, u - r.image.streams), at(layer + 1, u - banks))
            out[layer, u] = complete = max(begin + output[layer], at(layer, u - 1) + work[layer])
    return float((out[-1] - offered).mean())


def _stages(r: Records, job: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Ticks a step: by layer the work of the fullest core, and what lies between the beginning of
    the updates and the last packet sent (updates, sends, and the layer's own events and markers,
    which come meanwhile); and of the host's sends."""
    image = r.image
    ends = np.flatnonzero(r.kind == trace.END)
    core = r.part[ends] - image.first_core
    inside = (core >= 0) & (core < image.n_cores)
    begun = np.maximum(1, np.bincount(r.part[r.kind == trace.STEP], minlength=image.sync_part))
    host = float(job[ends[~inside]].sum()) / int(begun[image.first_host])
    ends, core = ends[inside], core[inside]
    sender = r.source[ends] - image.first_core
    at_core = (sender >= 0) & (sender < image.n_cores)
    own = at_core & (image.core_stage[np.where(at_core, sender, 0)] == image.core_stage[core])
    own |= np.isin(r.info[ends], (im.UPDATE, im.SEND))
    work, output = (np.bincount(core[some], weights=job[ends[some]], minlength=image.n_cores)
                    / begun[image.first_core: image.first_source]
                    for some in (np.ones(len(ends), bool), own))
    layers = [image.core_stage == stage + 1 for stage in range(image.n_layers)]
    return (np.array([work[mine].max() for mine in layers]),
            np.array([output[mine].mean() for mine in layers]), host)
