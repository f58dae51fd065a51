"""A router that does not wait for ever: detours round blocked links, drops, re-injection."""

from __future__ import annotations

from collections.abc import Iterator

from neurosim import rules, trace
from neurosim.engines.outcome import Wait
from neurosim.engines.reference.machine import Key, Machine
from neurosim.engines.reference.router import Branch, Copy, Head, InputPort, Output, Router
from neurosim.image import SYNC_BARRIER
from neurosim.trace import DECIDE, SYNC


class BlockedRouter(Router):
    """A head that waited ``blocked_ticks`` may go round a blocked link, over two others of a
    triangle; after ``detour_ticks`` more it is dropped: it goes into the re-injection queue, which
    software serves one at a time and which is one more input here, or is lost if that is full."""

    def __init__(self, machine: Machine, number: int) -> None:
        super().__init__(machine, number)
        self.again = InputPort(self.first_port + len(self.ports), 1)
        self.slots += 1
        self.served_until = 0

    def decide(self) -> None:
        for port, _, copy in super().heads():
            self.note_wait(port, copy)
        wanted = [(head, head[2].branches) for head in self.heads()]
        for output in self.outputs:
            self.grant_first(output, wanted)
            self.grant_detour(output, wanted)
        lost = [self.drop(port, vc, copy) for port, vc, copy in super().heads()
                if self.overdue(copy)]
        self.report_lost(lost)
        self.ask_for_next_edges()

    def heads(self) -> list[Head]:
        queue = self.again.queues[0]
        return super().heads() + ([(self.again, 0, queue[0])] if queue else [])

    # --- waiting

    def note_wait(self, port: InputPort, copy: Copy) -> None:
        """A head waits from when it is ready and its port may be read for it."""
        if copy.since < 0:
            if copy.ready <= self.now and port.may_read(copy, self.now):
                copy.since = self.now
        elif not copy.counted and self.now >= copy.since + self.image.blocked_ticks:
            copy.counted = True
            self.counters.router_waits[self.number] += 1

    def overdue(self, copy: Copy) -> bool:
        limit = self.image.blocked_ticks + self.image.detour_ticks
        return copy.since >= 0 and self.now >= copy.since + limit

    def grant_detour(self, output: Output, wanted: list[tuple[Head, list[Branch]]]) -> None:
        """What no head took directly may be the first leg of the way round a blocked link."""
        image = self.image
        for (port, vc, copy), _ in self.in_turn(output, wanted):
            for channel, way, following in copy.branches if copy.counted else ():
                first = (output.channel, way, following)
                if (image.ch_detour[channel] == output.channel
                        and self.may_go(port, copy, first)):
                    output.pointer = (self.slot(port, vc) + 1) % self.slots
                    on = (int(image.ch_detour_on[channel]), way, following)
                    self.counters.router_detours[self.number] += 1
                    patience = (copy.since + image.blocked_ticks, copy.arrival)
                    self.grant(output, port, vc, copy, (channel, way, following), (patience,), on)
                    return

    # --- dropping

    def drop(self, port: InputPort, vc: int, copy: Copy) -> tuple[int, Key]:
        """Take a head out of the network; returns the endpoint copies lost, and the record."""
        image, packet, now = self.image, copy.packet, self.now
        key = self.record(DECIDE, trace.DROPPED, self.slot(port, vc), packet, packet.step,
                          packet.kind, copy.arrival)
        port.queues[vc].remove(copy)
        over = now + self.period
        copy.freed = max(copy.freed, over)
        port.reader = None
        if over >= port.free_at:
            port.free_at, port.free_key = over, key
        self.return_credit(port, vc, copy, key)
        self.counters.router_dropped[self.number] += 1
        self.machine.happened()
        if len(self.again.queues[0]) < image.reinject_packets:
            self.reinject(copy, key)
            return 0, key
        lost = sum(1 if packet.tree < 0 else self.owed(branch) for branch in copy.branches)
        self.counters.dropped[packet.kind] += lost
        return lost, key

    def reinject(self, copy: Copy, key: Key) -> None:
        """Software sends it again, from here, where it has not been."""
        self.counters.router_reinjected[self.number] += 1
        self.served_until = max(self.served_until, self.now) + self.image.reinject_ticks
        ready = rules.edge(self.served_until, self.phase, self.period)
        again = Copy(copy.packet, ready, ready, 0, key, copy.branches, False)
        self.again.queues[0].append(again)
        self.ask(ready)

    def report_lost(self, lost: list[tuple[int, Key]]) -> None:
        """The synchroniser learns of copies that nobody will consume."""
        image, copies = self.image, sum(count for count, _ in lost)
        if image.sync == SYNC_BARRIER and copies:
            synchroniser, number = self.machine.parts[image.sync_part], self.number
            cause = max(key for count, key in lost if count)
            self.machine.land(self.now + image.report_ticks, synchroniser.number, SYNC, number,
                              lambda: synchroniser.reported(number, -2, -copies, cause))

    def owed(self, branch: Branch) -> int:
        """Endpoint copies behind a branch of a tree."""
        channel, _, following = branch
        return 1 if self.image.ch_port[channel] < 0 else self.machine.owed[following]

    def return_credit(self, port: InputPort, vc: int, copy: Copy, key: Key) -> None:
        if port is not self.again:
            super().return_credit(port, vc, copy, key)

    # --- time

    def ask_for_next_edges(self) -> None:
        super().ask_for_next_edges()
        for port, _, copy in super().heads():
            if copy.since < 0:
                self.ask(max(copy.ready, port.free_at if port.reader is not copy else 0,
                             self.now + 1))
                continue
            for wait in (self.image.blocked_ticks,
                         self.image.blocked_ticks + self.image.detour_ticks):
                if copy.since + wait > self.now:
                    self.ask(copy.since + wait)
            self._ask_for_detours(port, copy)

    def _ask_for_detours(self, port: InputPort, copy: Copy) -> None:
        for channel, _, _ in copy.branches if copy.counted else ():
            detour = int(self.image.ch_detour[channel])
            if detour >= 0 and self.earliest(port, copy, detour) > self.now:
                self.ask(self.earliest(port, copy, detour))

    def waits_for(self) -> Iterator[Wait]:
        """What waits too long is dropped: nothing waits for ever."""
        return iter(())
