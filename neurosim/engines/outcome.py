"""What an engine returns, and how a run that cannot finish is reported by both engines alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neurosim.errors import SimulationError
from neurosim.image import Counters, Image

# How a run ended.
FINISHED, STOPPED, STUCK, OVERFLOW, INTERRUPTED = 0, 1, 2, 3, 4
#: Called by an engine now and then with (steps that the last layer finished, tick, events processed
#: so far); True ends the run as it is, INTERRUPTED.
Watcher = Callable[[int, int, int], object]
#: Called by a traced run with blocks of records (:data:`neurosim.trace.RECORD`), which follow one
#: another in order of their keys; a block is the engine's again when the call is over.
Sink = Callable[[np.ndarray], object]
#: Called by an engine with (step, token) of every token that the machine chooses, steps in order.
Chosen = Callable[[int, int], None]


@dataclass(frozen=True)
class Outcome:
    """Counters, the trace (None: not asked for, or handed to a sink) and how the run ended.

    ``waiting`` lists (part, awaited part) pairs of everything that could not move at the end.
    """

    counters: Counters
    trace: np.ndarray | None
    status: int
    waiting: tuple[tuple[int, int], ...] = ()
    overflow_unit: int = -1


def part_name(image: Image, part: int) -> str:
    """A part for a person: ``router 3``, ``core 7``, ``host 0``..."""
    for first, name in ((image.sync_part, "synchroniser"), (image.first_host, "host"),
                        (image.first_source, "source"), (image.first_port, "memory port"),
                        (image.first_core, "core"), (0, "router")):
        if part >= first:
            return f"{name} {part - first}"
    raise ValueError(part)


def raise_unless_finished(image: Image, outcome: Outcome) -> None:
    """Turn a run that could not finish into a SimulationError that names the reason.

    Raises:
        SimulationError: deadlock (with the cycle of waiting parts if there is one), a step that
            never completes, or an overflow of a gate sum.
    """
    if outcome.status == OVERFLOW:
        unit, units = outcome.overflow_unit, len(image.unit_kind)
        name = f"a gate sum of unit {unit}" if unit < units else f"the logit of word {unit - units}"
        raise SimulationError(
            "network", f"{name} left the range of +-2^22",
            "weights and inputs whose sums stay below 4,194,304",
        )
    if outcome.status == STUCK:
        raise SimulationError("sync", stuck_reason(image, outcome))


def stuck_reason(image: Image, outcome: Outcome) -> str:
    """One clause: who waits for whom."""
    head = f"deadlock at tick {outcome.counters.end_tick}, {outcome.counters.in_flight} in flight"
    cycle = _first_cycle(outcome.waiting)
    if cycle:
        return f"{head}: " + " waits for ".join(part_name(image, p) for p in cycle + cycle[:1])
    chain = [f"{part_name(image, a)} waits for {part_name(image, b)}"
             for a, b in outcome.waiting[:4]]
    return f"{head}: " + ("; ".join(chain) if chain else "a step was never completed")


def _first_cycle(waiting: tuple[tuple[int, int], ...]) -> list[int]:
    import networkx as nx

    try:
        return [int(a) for a, *_ in nx.find_cycle(nx.DiGraph(waiting))]
    except nx.NetworkXNoCycle:
        return []
