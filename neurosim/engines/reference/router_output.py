"""A router with a queue at every output: no packet blocks another that goes elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from neurosim.engines.outcome import Wait
from neurosim.engines.reference.machine import Key
from neurosim.engines.reference.router import Branch, Copy, InputPort, Output, Router

#: A branch in an output's queue: since when it is ready, its input's slot; port, vc, copy, branch.
Waiting = tuple[int, int, InputPort, int, Copy, Branch]


class OutputRouter(Router):
    """First come, first served at every output and virtual channel; inputs are read for any number
    of packets at a time.  A packet holds its place in its input's buffer until it has left."""

    def decide(self) -> None:
        for output in self.outputs:
            if output.busy_until <= self.now:
                self.serve(output)
        self.ask_for_next_edges()

    def serve(self, output: Output) -> None:
        """Of the first of every virtual channel, grant the one that came first and has room."""
        firsts: dict[int, Waiting] = {}
        for waiting in self.queue(output):
            vc = waiting[5][1]
            if waiting[0] <= self.now and (vc not in firsts or waiting[:2] < firsts[vc][:2]):
                firsts[vc] = waiting
        for _, _, port, vc, copy, branch in sorted(
                firsts.values(), key=lambda w: (*w[:2], w[5][1])):
            if self.could_go(copy, branch):
                self.grant(output, port, vc, copy, branch)
                return

    def queue(self, output: Output) -> list[Waiting]:
        """All branches here that go through an output, those of one input in order."""
        found = []
        for port in self.ports:
            for vc, queue in enumerate(port.queues):
                for copy in queue:
                    ready = copy.ready_for(copy.packet.transfer(self.image, output.channel))
                    found += [(ready, self.slot(port, vc), port, vc, copy, branch)
                              for branch in copy.branches if branch[0] == output.channel]
        return found

    def heads(self) -> list[tuple[InputPort, int, Copy]]:
        """All copies: every one may go when its output lets it."""
        return [(port, vc, copy) for port in self.ports
                for vc, queue in enumerate(port.queues) for copy in queue]

    def read_condition(self, port: InputPort, copy: Copy) -> list[tuple[int, Key]]:
        return []

    def earliest(self, port: InputPort, copy: Copy, channel: int) -> int:
        ready = copy.ready_for(copy.packet.transfer(self.image, channel))
        return max(ready, self.outputs[channel - self.first_channel].busy_until)

    def waits_for(self) -> Iterator[Wait]:
        """A buffer is stuck where none of the packets in it can leave."""
        for port in self.ports:
            for vc, queue in enumerate(port.queues):
                awaited = [[self.awaited(copy, branch) for branch in copy.branches]
                           for copy in queue]
                if awaited and all(any(of_copy) for of_copy in awaited):
                    places = {p for of_copy in awaited for branch in of_copy for p in branch}
                    yield (self.number, port.number, vc), tuple(sorted(places))
