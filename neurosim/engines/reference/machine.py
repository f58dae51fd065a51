"""Time and parts: two phases a tick, one process and one doorbell a part.

``Due`` is the only thing that is ever scheduled.  At every tick all landings come first, then every
part that was touched, or asked for this edge, decides once.  Landings change their own part only;
whatever a decision does to another part lands at a later tick.  Hence no result depends on the
order of parts within a phase, which ``shuffle`` lets a test check.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from functools import cached_property
from typing import Any

import numpy as np
import simpy

from neurosim import rules, trace
from neurosim.engines.outcome import (
    FINISHED,
    INTERRUPTED,
    OVERFLOW,
    STOPPED,
    STUCK,
    Chosen,
    Outcome,
    Sink,
    Wait,
    Watcher,
    stuck,
)
from neurosim.image import SYNC_BARRIER, SYNC_TICK, Counters, Image, node_copies

#: A record's key: (tick, rank).
Key = tuple[int, int]
#: Ranks 0 and 1 are SimPy's own (process start, doorbells).
_FIRST_RANK = 2
#: Events between two times that a sink gets records.
_BLOCK = 1 << 14


class Due(simpy.Event):
    """An event processed at ``tick``, after everything of lower rank in that tick."""

    def __init__(
        self, env: simpy.Environment, tick: int, rank: int, action: Callable[[simpy.Event], None]
    ) -> None:
        super().__init__(env)
        self._ok = True
        self._value = None
        assert self.callbacks is not None
        self.callbacks.append(action)
        env.schedule(self, priority=_FIRST_RANK + rank, delay=tick - env.now)  # type: ignore[arg-type]


class Packet:
    """A packet as its sender made it; copies in the network share it.

    ``packed``: offset and value of the further events that it carries.
    """

    __slots__ = ("source", "sequence", "kind", "step", "value", "offset", "tree", "dest",
                 "offered", "offer_key", "packed", "length")

    def __init__(self, source: int, sequence: int, kind: int, step: int, value: float, offset: int,
                 tree: int, dest: int, offered: int) -> None:
        self.source, self.sequence, self.kind, self.step = source, sequence, kind, step
        self.value, self.offset, self.tree, self.dest = value, offset, tree, dest
        self.offered = offered
        self.offer_key: Key = trace.NO_CAUSE
        self.packed: list[tuple[int, float]] = []
        self.length = 0  # length class of a listed packet

    def events(self) -> list[tuple[int, float]]:
        """Offset and value of every event in it."""
        return [(self.offset, self.value), *self.packed]

    def bits(self, image: Image) -> int:
        return int(image.length_bits[self.length - 1] if self.length
                   else image.packet_bits[self.kind])

    def flits(self, image: Image) -> int:
        return rules.flits(self.bits(image), image.flit_bits)

    def transfer(self, image: Image, channel: int) -> int:
        """Ticks that it occupies a channel."""
        return rules.serialisation(self.bits(image), int(image.ch_width[channel]),
                                   int(image.ch_cycle[channel]))


class Part:
    """One clocked part: it is touched by landings, and decides on its own edges."""

    def __init__(self, machine: Machine, number: int) -> None:
        self.machine, self.image, self.number = machine, machine.image, number
        self.env, self.counters = machine.env, machine.counters
        self.period = int(self.image.clock_period[number])
        self.phase = int(self.image.clock_phase[number])
        self.doorbell = self.env.event()
        self._asked: set[int] = set()

    def start(self) -> None:
        self.env.process(self.run())

    def run(self) -> Generator[simpy.Event, Any, None]:
        raise NotImplementedError

    @property
    def now(self) -> int:
        return int(self.env.now)

    def ask(self, tick: int) -> None:
        """Decide on the first edge at or after ``tick``."""
        edge = rules.edge(tick, self.phase, self.period)
        if edge not in self._asked:
            self._asked.add(edge)
            self.machine.due(edge, trace.DECIDE, self.number, 0, 0, self._ring)

    def ready_tick(self, arrival: int) -> int:
        """When something that arrived can first be used: an edge plus the part's latency."""
        cycles = int(self.image.ready_cycles[self.number])
        return rules.edge(arrival, self.phase, self.period) + cycles * self.period

    def _ring(self, _: simpy.Event) -> None:
        self._asked.discard(self.now)
        rung, self.doorbell = self.doorbell, self.env.event()
        rung.succeed()

    def record(self, phase: int, kind: int, port: int, packet: Packet | None, step: int, info: int,
               cause: Key) -> Key:
        return self.machine.record(phase, self.number, kind, port, packet, step, info, cause)


class Machine:
    """All parts of an Image, the clock, the counters and the trace."""

    def __init__(self, image: Image, want_trace: bool, shuffle: int | None,
                 sink: Sink | None = None, chosen: Chosen | None = None) -> None:
        from neurosim.engines.reference.core import Core
        from neurosim.engines.reference.ends import Source
        from neurosim.engines.reference.host import Host
        from neurosim.engines.reference.memory import MemoryPort
        from neurosim.engines.reference.router import router_kind
        from neurosim.engines.reference.synchroniser import Synchroniser

        self.image, self.env = image, simpy.Environment(initial_time=0)
        self.counters = Counters.empty(image)
        self.records: list[tuple[int, ...]] | None = [] if want_trace or sink else None
        self.sink = sink
        self.chosen = chosen
        self.step_row = [-1] * image.steps  # row of inputs that entered on each step
        self.overflow_unit = -1
        self.interrupted = False
        self.last_tick = image.end_tick  # stop after it; -1: when nothing is left to do
        n_parts = image.sync_part + 1
        order = list(range(n_parts))
        if shuffle is not None:
            random.Random(shuffle).shuffle(order)
        self._place = order
        #: Credits on their way, by channel and virtual channel.
        self.returning = [0] * (len(image.ch_owner) * image.n_vcs)
        kinds = ((image.first_core, router_kind(image)), (image.first_port, Core),
                 (image.first_source, MemoryPort), (image.first_host, Source),
                 (image.sync_part, Host), (n_parts, Synchroniser))
        self.parts: list[Any] = []
        for end, kind in kinds:
            self.parts.extend(kind(self, p) for p in range(len(self.parts), end))
        for number in order:
            self.parts[number].start()

    def stages(self) -> list[Any]:
        """Cores and hosts: all that begins steps."""
        image = self.image
        return [*self.parts[image.first_core: image.first_port],
                *self.parts[image.first_host: image.sync_part]]

    def due(self, tick: int, phase: int, part: int, kind: int, port: int,
            action: Callable[[simpy.Event], None]) -> None:
        """Schedule ``action``; parts of one tick and phase come in the (shuffled) part order."""
        Due(self.env, tick, trace.pack(phase, self._place[part], kind, port), action)

    def land(self, tick: int, part: int, kind: int, port: int,
             action: Callable[[], None]) -> None:
        """An effect on ``part``; it must lie in the future."""
        assert tick > self.env.now or self.env.now == 0, "an effect lands at least one tick later"
        self.due(tick, trace.LAND, part, kind, port, lambda _: action())

    def record(self, phase: int, part: int, kind: int, port: int, packet: Packet | None, step: int,
               info: int, cause: Key) -> Key:
        """Write a trace record if asked to; returns its key."""
        key = (int(self.env.now), trace.pack(phase, part, kind, port))
        if self.records is not None:
            source, sequence = (packet.source, packet.sequence) if packet else (-1, -1)
            self.records.append((*key, source, sequence, step, info, *cause))
        return key

    def hand_over(self, before: int) -> None:
        """Give the sink all records before a tick, in order; what is recorded is recorded now."""
        if self.sink is None or not self.records:
            return
        ready = [record for record in self.records if record[0] < before]
        self.records = [record for record in self.records if record[0] >= before]
        if ready:
            self.sink(trace.in_order(np.array(ready, dtype=trace.RECORD)))

    def happened(self) -> None:
        """Simulated time extends to the last thing that did something."""
        self.counters.end_tick = max(self.counters.end_tick, int(self.env.now))

    def decided(self, step: int, token: int) -> None:
        """The host has chosen the token that follows a step."""
        if self.chosen is not None:
            self.chosen(step, token)

    def overflow(self, unit: int) -> None:
        """A gate sum left its range.  The run ends with this tick, which is simulated in full, so
        that the order of parts does not show; of several units the lowest is named."""
        self.overflow_unit = unit if self.overflow_unit < 0 else min(self.overflow_unit, unit)
        self.last_tick = int(self.env.now)

    def outcome(self) -> Outcome:
        image, counters = self.image, self.counters
        owed = counters.copies - counters.delivered - counters.dropped
        counters.in_flight = int(owed.sum())
        if image.end_tick >= 0:
            counters.end_tick = int(self.env.now) if self.interrupted else image.end_tick
        records = None
        if self.sink is not None:
            self.hand_over(int(self.env.now) + 1)
        elif self.records is not None:
            records = trace.in_order(np.array(self.records, dtype=trace.RECORD))
        waiting: tuple[Wait, ...] = ()
        if self.overflow_unit >= 0:
            status = OVERFLOW
        elif self.interrupted:
            status = INTERRUPTED
        elif image.end_tick >= 0:
            waiting = tuple(wait for part in self.parts for wait in part.waits_for())
            status = STUCK if stuck(waiting) else STOPPED
        elif counters.in_flight or not all(p.finished() for p in self.parts[image.first_core:]):
            status = STUCK
            waiting = tuple(wait for part in self.parts for wait in part.waits_for())
        else:
            status = FINISHED
        return Outcome(counters, records, status, waiting if status == STUCK else (),
                       self.overflow_unit)

    @cached_property
    def owed(self) -> list[int]:
        """Endpoint copies behind every node of the trees."""
        return node_copies(self.image).tolist()

    def room_for_ever(self, channel: int, vc: int, credits: int, need: int) -> bool:
        """Whether a packet that needs ``need`` finds room once all credits have landed."""
        return credits < 0 or credits + self.returning[channel * self.image.n_vcs + vc] >= need


def run(
    image: Image,
    want_trace: bool = False,
    shuffle: int | None = None,
    progress: Watcher | None = None,
    sink: Sink | None = None,
    chosen: Chosen | None = None,
) -> Outcome:
    """Simulate ``image`` to its end.

    Args:
        want_trace: keep all records.
        shuffle: seed that permutes the order of parts and of process creation; changes nothing.
        progress: called now and then; ends the run when it returns True.
        sink: takes the records, in blocks, while the run goes on; then none are kept.
        chosen: called with (step, token) of every token that is chosen, in order.
    """
    machine = Machine(image, want_trace, shuffle, sink, chosen)
    if image.sync == SYNC_TICK:
        for part in machine.stages():
            part.schedule_timers()
    elif image.sync == SYNC_BARRIER:
        machine.parts[image.sync_part].release(0, 0, trace.NO_CAUSE)
    for part in machine.parts[image.first_core: image.sync_part]:
        part.ask(0)
    env, n = machine.env, 0
    while env.peek() != float("inf") and not 0 <= machine.last_tick < env.peek():
        env.step()
        n += 1
        if n % _BLOCK == 0:
            machine.hand_over(int(env.now))
        if progress is not None and n % 4096 == 0:
            done = int((machine.counters.step_layer[:, -1:] >= 0).sum())
            if progress(done, int(env.now), n):
                machine.interrupted = True
                break
    return machine.outcome()
