"""Router: input queues with credits, multicast forks, round-robin arbitration per output."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from typing import Any

import simpy

from neurosim import rules, trace
from neurosim.engines.outcome import Place, Wait
from neurosim.engines.reference.machine import Key, Machine, Packet, Part
from neurosim.image import QUEUE_OUTPUT, Image
from neurosim.trace import ARRIVE, CREDIT, DECIDE, GRANT, LAND, NO_CAUSE

#: A way on for a copy: channel, virtual channel, and what the far end finds.
Branch = tuple[int, int, int]


def router_kind(image: Image) -> type[Router]:
    """Which of the routers a machine has."""
    from neurosim.engines.reference.router_blocked import BlockedRouter
    from neurosim.engines.reference.router_output import OutputRouter

    if image.queueing == QUEUE_OUTPUT:
        return OutputRouter
    return BlockedRouter if image.blocked_ticks > 0 else Router


class Copy:
    """A copy of a packet in an input queue, with the branches it still has to take; of an adaptive
    route's copy (``any_of``) one of them."""

    __slots__ = ("packet", "ready", "ready_whole", "transfer", "arrival", "branches", "any_of",
                 "freed", "since", "counted")

    def __init__(self, packet: Packet, ready: int, ready_whole: int, transfer: int, arrival: Key,
                 branches: list[Branch], any_of: bool) -> None:
        self.packet = packet
        self.ready, self.ready_whole = ready, ready_whole  # head usable; tail usable
        self.transfer = transfer  # ticks that it took on the incoming channel
        self.arrival = arrival
        self.branches = branches  # not yet granted
        self.any_of = any_of
        self.freed = 0  # when the last branch's tail leaves
        self.since, self.counted = -1, False  # see BlockedRouter

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


#: A queue's first copy: its port, its virtual channel, itself.
Head = tuple[InputPort, int, Copy]


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
        self.slots = len(self.ports) * image.n_vcs

    # --- landings

    def arrive(self, packet: Packet, port: int, vc: int, node: int, transfer: int, tail_after: int,
               cause: Key, only: Branch | None = None) -> None:
        """The head of a copy reached an input queue; ``only``: the branch that it has to take."""
        key = self.record(LAND, ARRIVE, port, packet, packet.step, vc, cause)
        ready = self.ready_tick(self.now)
        whole = self.ready_tick(self.now + tail_after)
        branches = list(self.branches(packet, node)) if only is None else [only]
        any_of = packet.tree < 0 and len(branches) > 1
        copy = Copy(packet, ready, whole, transfer, key, branches, any_of)
        self.ports[port - self.first_port].queues[vc].append(copy)
        self.ask(ready)

    def credit(self, channel: int, vc: int, amount: int, cause: Key) -> None:
        """Room at the far end of an output came back."""
        output = self.outputs[channel - self.first_channel]
        if output.credits[vc] < self.largest_need(channel):
            output.credit_at[vc], output.credit_key[vc] = self.now, cause
        output.credits[vc] += amount
        self.machine.returning[channel * self.image.n_vcs + vc] -= amount
        self.ask(self.now)

    def largest_need(self, channel: int) -> int:
        """Credits of the largest packet: with fewer than these a credit is worth waiting for."""
        image = self.image
        if image.ch_port[channel] < 0:
            return 1
        widest = max(*image.packet_bits.tolist(), *image.length_bits.tolist())
        return rules.flits(widest, image.flit_bits)

    # --- decision

    def run(self) -> Generator[simpy.Event, Any, None]:
        while True:
            yield self.doorbell
            self.decide()

    def decide(self) -> None:
        wanted = [(head, self.wants(head[2])) for head in self.heads()]
        for output in self.outputs:
            self.grant_first(output, wanted)
        self.ask_for_next_edges()

    def heads(self) -> list[Head]:
        """Snapshot: (port, vc, copy) of every non-empty queue, in arbitration order."""
        return [(port, vc, queue[0]) for port in self.ports
                for vc, queue in enumerate(port.queues) if queue]

    def wants(self, copy: Copy) -> list[Branch]:
        """The branches that a head requests: all that it has left, or, of an adaptive route's, the
        one that could go now and has most room behind it, the lowest channel of several."""
        if not copy.any_of:
            return copy.branches
        possible = [b for b in copy.branches if self.could_go(copy, b)]
        return [max(possible, key=lambda b: (self.room(b), -b[0]))] if possible else []

    def could_go(self, copy: Copy, branch: Branch) -> bool:
        """Whether nothing but its own port and other heads keep a copy from an output."""
        output, packet = self.output(branch), copy.packet
        need = self.need(branch[0], packet)
        return (output.busy_until <= self.now
                and copy.ready_for(packet.transfer(self.image, branch[0])) <= self.now
                and (self.room(branch) < 0 or self.room(branch) >= need))

    def grant_first(self, output: Output, wanted: list[tuple[Head, list[Branch]]]) -> None:
        """Grant the first requesting head from the pointer on; nothing if busy or no credit."""
        for (port, vc, copy), branches in self.in_turn(output, wanted):
            branch = next((b for b in branches if b[0] == output.channel), None)
            if branch is not None and branch in copy.branches and self.may_go(port, copy, branch):
                output.pointer = (self.slot(port, vc) + 1) % self.slots
                self.grant(output, port, vc, copy, branch)
                return

    def in_turn(self, output: Output, wanted: list[tuple[Head, list[Branch]]]
                ) -> list[tuple[Head, list[Branch]]]:
        """Heads from the output's pointer on; none while the output is busy."""
        if output.busy_until > self.now:
            return []
        return sorted(wanted, key=lambda w: (self.slot(w[0][0], w[0][1]) - output.pointer)
                      % self.slots)

    def may_go(self, port: InputPort, copy: Copy, branch: Branch) -> bool:
        return port.may_read(copy, self.now) and self.could_go(copy, branch)

    def grant(self, output: Output, port: InputPort, vc: int, copy: Copy, branch: Branch,
              conditions: tuple[tuple[int, Key], ...] = (), only: Branch | None = None) -> None:
        """``output`` takes ``branch`` of a head; ``only``: what is left of it at the next router,
        and ``conditions`` that were met before, beside the usual ones."""
        _, _, following = branch
        out_vc = self.taken_vc((output.channel, branch[1], following))
        now, packet = self.now, copy.packet
        transfer = packet.transfer(self.image, output.channel)
        met = [(copy.ready_for(transfer), copy.arrival), (output.busy_until, output.busy_key),
               *conditions, *self.read_condition(port, copy)]
        if output.credits[out_vc] >= 0:
            met.append((output.credit_at[out_vc], output.credit_key[out_vc]))
            output.credits[out_vc] -= self.need(output.channel, packet)
        key = self.record(DECIDE, GRANT, output.channel, packet, packet.step, out_vc, max(met)[1])
        output.busy_until, output.busy_key = now + transfer, key
        port.reader = copy
        if now + transfer >= port.free_at:
            port.free_at, port.free_key = now + transfer, key
        self.count(output.channel, packet, transfer)
        self.forward(packet, output.channel, out_vc, following, transfer, key, only)
        copy.freed = max(copy.freed, now + transfer)
        copy.branches = [] if copy.any_of else without(copy.branches, branch)
        if not copy.branches:
            port.queues[vc].remove(copy)
            self.return_credit(port, vc, copy, key)

    def read_condition(self, port: InputPort, copy: Copy) -> list[tuple[int, Key]]:
        """Since when the port could be read, unless it is being read for this very copy."""
        return [] if port.reader is copy else [(port.free_at, port.free_key)]

    def forward(self, packet: Packet, channel: int, vc: int, following: int, transfer: int,
                key: Key, only: Branch | None) -> None:
        """Send the copy along its channel; the far end sees the head, an endpoint the tail."""
        image, far = self.image, self.machine.parts[int(self.image.ch_part[channel])]
        head = self.now + int(image.ch_latency[channel])
        tail_after = transfer - int(image.ch_cycle[channel])
        port = int(image.ch_port[channel])
        if port >= 0:
            self.machine.land(head, far.number, ARRIVE, port, lambda: far.arrive(
                packet, port, vc, following, transfer, tail_after, key, only))
        else:
            self.machine.land(head + tail_after, far.number, trace.DELIVER, 0,
                              lambda: far.deliver(packet, following, key))

    def return_credit(self, port: InputPort, vc: int, copy: Copy, key: Key) -> None:
        """The slot frees when the last tail leaves; the credit travels back after that."""
        image = self.image
        channel = int(image.in_channel[port.number])
        amount = copy.packet.flits(image)
        owner = self.machine.parts[int(image.ch_owner[channel])]
        self.machine.returning[channel * image.n_vcs + vc] += amount
        self.machine.land(
            copy.freed + int(image.ch_credit_delay[channel]), owner.number, CREDIT,
            channel * image.n_vcs + vc, lambda: owner.credit(channel, vc, amount, key))

    def ask_for_next_edges(self) -> None:
        """Ask for the edges at which time alone lets a head go; credits ring by themselves."""
        for port, _, copy in self.heads():
            for branch in copy.branches:
                when = self.earliest(port, copy, branch[0])
                if when > self.now:
                    self.ask(when)
                elif copy.any_of and self.could_go(copy, branch):
                    self.ask(self.now + 1)  # another head was first; it chooses anew

    def earliest(self, port: InputPort, copy: Copy, channel: int) -> int:
        """When a head could take an output if there is room behind it and no other head."""
        ready = copy.ready_for(copy.packet.transfer(self.image, channel))
        busy = self.outputs[channel - self.first_channel].busy_until
        return max(ready, busy, port.free_at if port.reader is not copy else 0)

    # --- small facts

    def slot(self, port: InputPort, vc: int) -> int:
        return (port.number - self.first_port) * self.image.n_vcs + vc

    def output(self, branch: Branch) -> Output:
        return self.outputs[branch[0] - self.first_channel]

    def branches(self, packet: Packet, node: int) -> Iterator[Branch]:
        """(channel, vc, next) of a copy here: from its tree, or from the table of destinations."""
        image, dest = self.image, packet.dest
        if packet.tree < 0:
            vc = int(image.route_vc[self.number, dest])
            yield int(image.route_channel[self.number, dest]), vc, dest
            if image.route_other.size and image.route_other[self.number, dest] >= 0:
                yield int(image.route_other[self.number, dest]), vc, dest
            return
        for b in range(int(image.node_ptr[node]), int(image.node_ptr[node + 1])):
            yield int(image.br_channel[b]), int(image.br_vc[b]), int(image.br_next[b])

    def allowed_vcs(self, branch: Branch) -> range:
        """Virtual channels that a branch may take."""
        step = self.image.vc_step
        if step == 0 or self.image.ch_port[branch[0]] < 0:
            return range(branch[1], branch[1] + 1)
        return range(branch[1] % step, self.image.n_vcs, step)

    def taken_vc(self, branch: Branch) -> int:
        """The virtual channel with most room, the lowest of several."""
        credits = self.output(branch).credits
        return max(self.allowed_vcs(branch), key=lambda vc: (credits[vc], -vc))

    def room(self, branch: Branch) -> int:
        return self.output(branch).credits[self.taken_vc(branch)]

    def need(self, channel: int, packet: Packet) -> int:
        """Credits that a packet takes: its flits in a router's buffer, one place at an endpoint."""
        return 1 if self.image.ch_port[channel] < 0 else packet.flits(self.image)

    def count(self, channel: int, packet: Packet, transfer: int) -> None:
        self.counters.ch_packets[channel] += 1
        self.counters.ch_bits[channel] += packet.bits(self.image)
        self.counters.ch_busy[channel] += transfer

    def finished(self) -> bool:
        return True

    # --- what cannot go on

    def waits_for(self) -> Iterator[Wait]:
        """Branches for which there is no room, nor will be when all credits have landed."""
        for port, vc, copy in self.heads():
            if copy.ready <= self.now:
                awaited = [self.awaited(copy, branch) for branch in copy.branches]
                if copy.any_of:
                    awaited = [tuple(p for a in awaited for p in a)] if all(awaited) else []
                for places in awaited:
                    if places:
                        yield (self.number, port.number, vc), places

    def awaited(self, copy: Copy, branch: Branch) -> tuple[Place, ...]:
        """Places one of which must get free for a branch; () if there is room."""
        image, channel = self.image, branch[0]
        part, port = int(image.ch_part[channel]), int(image.ch_port[channel])
        credits, need = self.output(branch).credits, self.need(channel, copy.packet)
        allowed = self.allowed_vcs(branch)
        if any(self.machine.room_for_ever(channel, vc, credits[vc], need) for vc in allowed):
            return ()
        return tuple((part, port, vc) if port >= 0 else (part, -1, -1) for vc in allowed)


def without(branches: list[Branch], branch: Branch) -> list[Branch]:
    """The branches but one."""
    at = branches.index(branch)
    return branches[:at] + branches[at + 1:]
