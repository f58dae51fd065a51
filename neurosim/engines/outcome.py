"""What an engine returns, and how a run that cannot finish is reported by both engines alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
#: A place where something waits: (part, input port, virtual channel); -1, -1: the part itself.
Place = tuple[int, int, int]
#: A place and those of which one at least must get free before it can go on.
Wait = tuple[Place, tuple[Place, ...]]


@dataclass(frozen=True)
class Outcome:
    """Counters, the trace (None: not asked for, or handed to a sink) and how the run ended.

    ``waiting``, of a run that is stuck: what every place waits for, one entry a branch of a packet.
    """

    counters: Counters
    trace: np.ndarray | None
    status: int
    waiting: tuple[Wait, ...] = ()
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
    """One clause: who waits for whom, the cycle if there is one."""
    head = f"deadlock at tick {outcome.counters.end_tick}, {outcome.counters.in_flight} in flight"
    cycle = waiting_cycle(outcome.waiting)
    if cycle:
        names = [place_name(image, place) for place in (*cycle, cycle[0])]
        return f"{head}: " + " waits for ".join(names)
    chain = [f"{place_name(image, place)} waits for {place_name(image, awaited[0])}"
             for place, awaited in outcome.waiting[:4]]
    return f"{head}: " + ("; ".join(chain) if chain else "a step was never completed")


def place_name(image: Image, place: Place) -> str:
    """A place for a person: ``router 3 port 2 channel 0``, ports counted within the router."""
    part, port, vc = place
    if port < 0:
        return part_name(image, part)
    return f"{part_name(image, part)} port {port - int(image.in_ptr[part])} channel {vc}"


def stuck(waiting: Iterable[Wait]) -> set[Place]:
    """Places that can never go on: some branch of theirs waits for such places alone.

    A place that waits for nothing goes on, so what is left after all of these are taken away
    waits in circles.
    """
    waits: dict[Place, list[tuple[Place, ...]]] = {}
    for place, awaited in waiting:
        waits.setdefault(place, []).append(awaited)
    left = set(waits)
    while True:
        free = {place for place in left
                if not any(left.issuperset(awaited) for awaited in waits[place])}
        if not free:
            return left
        left -= free


def waiting_cycle(waiting: Iterable[Wait]) -> list[Place]:
    """Places of which each waits for the next, and the last for the first; [] if there is none."""
    waiting = tuple(waiting)
    left = stuck(waiting)
    following = {place: min(awaited) for place, awaited in sorted(waiting, reverse=True)
                 if place in left and left.issuperset(awaited)}
    if not following:
        return []
    path = [min(following)]
    while following[path[-1]] not in path:
        path.append(following[path[-1]])
    return path[path.index(following[path[-1]]):]
