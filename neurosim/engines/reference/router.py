"""Router: input queues with credits, multicast forks, round-robin arbitration per output."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from typing import Any

import simpy

from neurosim import rules, trace
from neurosim.engines.reference.machine import Key, Machine, Packet, Part
from neurosim.image import PACKET_KINDS
from neurosim.trace import ARRIVE, CREDIT, DECIDE, GRANT, LAND, NO_CAUSE


class Copy:
    """A copy of a packet in an input queue, with the branches it still has to take."""

    __slots__ = ("packet", "ready", "ready_whole", "transfer", "arrival", "branches", "freed")

    def __init__(self, packet: Packet, ready: int, ready_whole: int, transfer: int, arrival: Key,
                 branches: list[tuple[int, int, int]]) -> None:
        self.packet = packet
        self.ready, self.ready_whole = ready, ready_whole  # head usable; tail usable
        self.transfer = transfer  # ticks that it took on the incoming channel
        self.arrival = arrival
        self.branches = branches  # (channel, vc, next) not yet granted
        self.freed = 0  # when the last branch's tail leaves

    def ready_for(self, transfer: int) -> int:
        """Cut through, but wait for the tail where the outgoing channel is the faster one."""
        return self.ready_whole if transfer < self.transfer else self.ready


class InputPort:
    """One physical input: one queue per virtual channel, one read at a time."""

    def __init__(self, number: int, n_vcs: int) -> None:
        self.number = number
        self.queues: list[deque[Copy]] = [deque() for _ in range(n_vcs)]
        self.reader: Copy | None = None  # whose read occupies, or last occupied, the port
        self.free_at = 0
        self.free_key: Key = NO_CAUSE

    def may_read(self, copy: Copy, now: int) -> bool:
        return self.reader is copy or self.free_at <= now


class Output:
    """One output channel: busy until, credits per virtual channel, arbitration pointer."""

    def __init__(self, channel: int, credits: int, n_vcs: int) -> None:
        self.channel = channel
        self.credits = [credits] * n_vcs
        self.credit_at = [0] * n_vcs
        self.credit_key: list[Key] = [NO_CAUSE] * n_vcs
        self.busy_until = 0
        self.busy_key: Key = NO_CAUSE
        self.pointer = 0


class Router(Part):
    """Grants copies at its inputs the outputs that their routes name."""

    def __init__(self, machine: Machine, number: int) -> None:
        super().__init__(machine, number)
        image = self.image
        first, last = int(image.in_ptr[number]), int(image.in_ptr[number + 1])
        self.ports = [InputPort(i, image.n_vcs) for i in range(first, last)]
        self.first_port = first
        self.outputs = [
            Output(c, int(image.ch_credits[c]), image.n_vcs)
            for c in range(int(image.out_ptr[number]), int(image.out_ptr[number + 1]))
        ]
        self.first_channel = int(image.out_ptr[number])

    # --- landings

    def arrive(self, packet: Packet, port: int, vc: int, node: int, transfer: int, tail_after: int,
               cause: Key) -> None:
        """The head of a copy reached an input queue."""
        key = self.record(LAND, ARRIVE, port, packet, packet.step, vc, cause)
        ready = self.ready_tick(self.now)
        whole = self.ready_tick(self.now + tail_after)
        copy = Copy(packet, ready, whole, transfer, key, list(self.branches(packet, node)))
        self.ports[port - self.first_port].queues[vc].append(copy)
        self.ask(ready)

    def credit(self, channel: int, vc: int, amount: int, cause: Key) -> None:
        """Room at the far end of an output came back."""
        output = self.outputs[channel - self.first_channel]
        if output.credits[vc] < self.largest_need(channel):
            output.credit_at[vc], output.credit_key[vc] = self.now, cause
        output.credits[vc] += amount
        self.ask(self.now)

    def largest_need(self, channel: int) -> int:
        """Credits of the largest packet: with fewer than these a credit is worth waiting for."""
        return max(self.need(channel, kind) for kind in range(PACKET_KINDS))

    # --- decision

    def run(self) -> Generator[simpy.Event, Any, None]:
        while True:
            yield self.doorbell
            heads = self.heads()
            for output in self.outputs:
                self.grant_first(output, heads)
            self.ask_for_next_edges()

    def heads(self) -> list[tuple[InputPort, int, Copy]]:
        """Snapshot: (port, vc, copy) of every non-empty queue, in arbitration order."""
        return [(port, vc, queue[0]) for port in self.ports
                for vc, queue in enumerate(port.queues) if queue]

    def grant_first(self, output: Output, heads: list[tuple[InputPort, int, Copy]]) -> None:
        """Grant the first requesting head from the pointer on; nothing if busy or no credit."""
        if output.busy_until > self.now:
            return
        slots = len(self.ports) * self.image.n_vcs

        def distance(head: tuple[InputPort, int, Copy]) -> int:
            return (self.slot(head[0], head[1]) - output.pointer) % slots

        for port, vc, copy in sorted(heads, key=distance):
            branch = next((b for b in copy.branches if b[0] == output.channel), None)
            if branch is not None and self.may_go(output, port, copy, branch[1]):
                output.pointer = (self.slot(port, vc) + 1) % slots
                self.grant(output, port, vc, copy, branch)
                return

    def may_go(self, output: Output, port: InputPort, copy: Copy, vc: int) -> bool:
        kind = copy.packet.kind
        return (
            copy.ready_for(self.transfer(output.channel, kind)) <= self.now
            and port.may_read(copy, self.now)
            and (output.credits[vc] < 0 or output.credits[vc] >= self.need(output.channel, kind))
        )

    def grant(self, output: Output, port: InputPort, vc: int, copy: Copy,
              branch: tuple[int, int, int]) -> None:
        channel, out_vc, following = branch
        now, packet = self.now, copy.packet
        transfer = self.transfer(channel, packet.kind)
        conditions = [(copy.ready_for(transfer), copy.arrival),
                      (output.busy_until, output.busy_key)]
        if port.reader is not copy:
            conditions.append((port.free_at, port.free_key))
        if output.credits[out_vc] >= 0:
            conditions.append((output.credit_at[out_vc], output.credit_key[out_vc]))
            output.credits[out_vc] -= self.need(channel, packet.kind)
        key = self.record(DECIDE, GRANT, channel, packet, packet.step, out_vc, max(conditions)[1])
        output.busy_until, output.busy_key = now + transfer, key
        port.reader = copy
        if now + transfer >= port.free_at:
            port.free_at, port.free_key = now + transfer, key
        self.count(channel, packet.kind, transfer)
        self.forward(packet, channel, out_vc, following, transfer, key)
        copy.branches.remove(branch)
        copy.freed = max(copy.freed, now + transfer)
        if not copy.branches:
            port.queues[vc].popleft()
            self.return_credit(port, vc, copy, key)

    def forward(self, packet: Packet, channel: int, vc: int, following: int, transfer: int,
                key: Key) -> None:
        """Send the copy along its channel; the far end sees the head, an endpoint the tail."""
        image, far = self.image, self.machine.parts[int(self.image.ch_part[channel])]
        head = self.now + int(image.ch_latency[channel])
        tail_after = transfer - int(image.ch_cycle[channel])
        port = int(image.ch_port[channel])
        if port >= 0:
            self.machine.land(head, far.number, ARRIVE, port, lambda: far.arrive(
                packet, port, vc, following, transfer, tail_after, key))
        else:
            self.machine.land(head + tail_after, far.number, trace.DELIVER, 0,
                              lambda: far.deliver(packet, following, key))

    def return_credit(self, port: InputPort, vc: int, copy: Copy, key: Key) -> None:
        """The slot frees when the last tail leaves; the credit travels back after that."""
        image = self.image
        channel = int(image.in_channel[port.number])
        amount = rules.flits(int(image.packet_bits[copy.packet.kind]), image.flit_bits)
        owner = self.machine.parts[int(image.ch_owner[channel])]
        self.machine.land(
            copy.freed + int(image.ch_credit_delay[channel]), owner.number, CREDIT,
            channel * image.n_vcs + vc, lambda: owner.credit(channel, vc, amount, key))

    def ask_for_next_edges(self) -> None:
        """Ask for the edges at which time alone lets a head go; credits ring by themselves."""
        for port, _, copy in self.heads():
            for channel, _, _ in copy.branches:
                output = self.outputs[channel - self.first_channel]
                ready = copy.ready_for(self.transfer(channel, copy.packet.kind))
                free = port.free_at if port.reader is not copy else 0
                when = max(ready, output.busy_until, free)
                if when > self.now:
                    self.ask(when)

    # --- small facts

    def slot(self, port: InputPort, vc: int) -> int:
        return (port.number - self.first_port) * self.image.n_vcs + vc

    def branches(self, packet: Packet, node: int) -> Iterator[tuple[int, int, int]]:
        """(channel, vc, next) of a copy here: from its tree, or from the table of destinations."""
        image = self.image
        if packet.tree < 0:
            yield (int(image.route_channel[self.number, packet.dest]),
                   int(image.route_vc[self.number, packet.dest]), packet.dest)
            return
        for b in range(int(image.node_ptr[node]), int(image.node_ptr[node + 1])):
            yield int(image.br_channel[b]), int(image.br_vc[b]), int(image.br_next[b])

    def transfer(self, channel: int, kind: int) -> int:
        image = self.image
        return rules.serialisation(int(image.packet_bits[kind]), int(image.ch_width[channel]),
                                   int(image.ch_cycle[channel]))

    def need(self, channel: int, kind: int) -> int:
        """Credits that a packet takes: its flits in a router's buffer, one place at an endpoint."""
        if self.image.ch_port[channel] < 0:
            return 1
        return rules.flits(int(self.image.packet_bits[kind]), self.image.flit_bits)

    def count(self, channel: int, kind: int, transfer: int) -> None:
        self.counters.ch_packets[channel] += 1
        self.counters.ch_bits[channel] += int(self.image.packet_bits[kind])
        self.counters.ch_busy[channel] += transfer

    def finished(self) -> bool:
        return True

    def waits_for(self) -> Iterator[tuple[int, int]]:
        """(self, part behind an output that a head cannot take)."""
        for _, _, copy in self.heads():
            for channel, _, _ in copy.branches:
                yield self.number, int(self.image.ch_part[channel])
