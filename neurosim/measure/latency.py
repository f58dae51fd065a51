"""When each step entered and left, and what lies between."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.image import DECODE_NONE, SYNC_TICK
from neurosim.measure.facts import Facts


def offers(facts: Facts) -> np.ndarray:
    """[T] tick at which each step began; -1: it never did.

    That is the first offer of its input, or, under a global tick, the tick at which it was due:
    cores take up a step then, whether or not the host has sent its input.
    """
    image, counters = facts.image, facts.counters
    if image.sync != SYNC_TICK:
        return counters.step_offer
    due = np.arange(image.steps) * image.superstep_period * image.tick_period
    return np.where(due <= counters.end_tick, due, -1)


def late_inputs(facts: Facts) -> int:
    """Under a global tick: steps whose input the host began to send after the tick that follows
    the one at which they were due, when the first layer may have begun without it."""
    image, offer = facts.image, facts.counters.step_offer
    if image.sync != SYNC_TICK:
        return 0
    due = offers(facts)
    late = (offer < 0) | (offer >= due + image.tick_period)
    return int((late & (due >= 0)).sum())


def completions(facts: Facts) -> np.ndarray:
    """[T] tick at which each step was complete; -1: never.

    That is the host's last delivery of the step, or, where the step sent the host nothing, the
    last update of the last layer; where the machine chooses a token, that decision; but not before
    the step began, where nothing that leads to the last layer waits for the input.
    """
    deliver, layer = facts.counters.step_deliver, facts.counters.step_layer
    last = deliver if layer.shape[1] == 0 else np.where(deliver >= 0, deliver, layer[:, -1])
    if facts.image.decode != DECODE_NONE:
        last = facts.counters.step_decided
    return np.where(last >= 0, np.maximum(last, offers(facts)), -1)


def finished(facts: Facts) -> np.ndarray:
    """[T] bool: steps that began and completed."""
    return (offers(facts) >= 0) & (completions(facts) >= 0)


def stage_ticks(facts: Facts) -> np.ndarray:
    """[T, stages] ticks of each step's latency by what it was waiting for, summing to it exactly.

    Columns are those of :func:`stage_names`: until the last update of each layer (input's way
    included in the first), until the host's last delivery, and, where tokens are decided, until the
    decision.  A milestone that comes later than the completion (units that update last and do not
    fire) counts until the completion only.  Rows of unfinished steps are 0.
    """
    first, last = offers(facts), completions(facts)
    done = finished(facts)
    marks = [first, facts.counters.step_layer, last]
    if facts.image.decode != DECODE_NONE:
        marks.insert(2, facts.counters.step_deliver)
    milestones = np.column_stack(marks)
    milestones = np.maximum.accumulate(milestones, axis=1)
    milestones = np.minimum(milestones, last[:, None])
    return np.where(done[:, None], np.diff(milestones, axis=1), 0)


def stage_names(facts: Facts) -> list[str]:
    """What a step's latency is split into: the layers that ran, the way out, the decision."""
    count = facts.counters.step_layer.shape[1]
    layers = [] if facts.ran is None else list(facts.ran.layers)
    inner = 0
    names = []
    for n in range(count):
        if n < len(layers) and layers[n].kind in ("lookup", "decoder"):
            names.append(layers[n].name)
        else:
            names.append(f"layer{inner}")
            inner += 1
    decided = facts.image.decode != DECODE_NONE
    return [*names, "output", *(["decision"] if decided else [])]


def per_stream(facts: Facts) -> list[float | None]:
    """Mean latency of a step of each stream, seconds."""
    streams, done = facts.image.streams, finished(facts)
    per_step = facts.seconds(completions(facts) - offers(facts))
    found = []
    for stream in range(streams):
        own = per_step[stream::streams][done[stream::streams]]
        found.append(float(own.mean()) if len(own) else None)
    return found


def latency(facts: Facts) -> dict[str, Any]:
    """``latency_s`` of the contract; None where there is nothing to average."""
    done = finished(facts)
    first, last = offers(facts)[done], completions(facts)[done]
    per_step = facts.seconds(last - first)
    interval = facts.seconds(np.diff(np.sort(last)))
    some = len(per_step) > 0
    stages = facts.seconds(stage_ticks(facts)[done])
    return {
        "total": facts.total_s,
        "per_step_mean": float(per_step.mean()) if some else None,
        "per_step_p50": float(np.percentile(per_step, 50)) if some else None,
        "per_step_p99": float(np.percentile(per_step, 99)) if some else None,
        "per_step_min": float(per_step.min()) if some else None,
        "per_step_max": float(per_step.max()) if some else None,
        "interval_mean": float(interval.mean()) if len(interval) else None,
        "stages": stage_names(facts),
        "stages_mean": [float(s) for s in stages.mean(axis=0)] if some else None,
        "steps_finished": len(per_step),
        "per_stream_mean": per_stream(facts),
    }


def throughput(facts: Facts) -> float | None:
    """Finished steps over the whole simulated time, the pipeline's filling included."""
    done = int(finished(facts).sum())
    return done / facts.total_s if done and facts.total_s > 0 else None
