"""What cores and hosts have in common: steps, a send queue and the three disciplines.

A stage is a part of the pipeline over tokens: the host is stage 0, a core of layer l is stage
l + 1.  It begins a token when the discipline lets it, offers packets, and sends them one by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from neurosim import rules, trace
from neurosim.engines.outcome import Wait
from neurosim.engines.reference.machine import Key, Machine, Packet, Part
from neurosim.image import EVENT, SEND, SYNC_BARRIER, SYNC_DATAFLOW, SYNC_NONE
from neurosim.trace import ARRIVE, DECIDE, END, INJECT, LAND, NO_CAUSE, OFFER, START, STEP, SYNC


class Stage(Part):
    """Steps and sends; :class:`Core` and :class:`Host` add what they do with a token."""

    def __init__(self, machine: Machine, number: int, stage: int, acks: tuple[int, int]) -> None:
        super().__init__(machine, number)
        image = self.image
        self.stage = stage
        self.begun = 0  # tokens begun so far; also the number of the next token
        self.superstep = -1
        self.latched = 0  # supersteps released or ticks landed, not begun yet
        self.tick_landed = False
        self.sync_at, self.sync_key = 0, NO_CAUSE
        self.job: int | None = None
        self.idle_since, self.last_end = 0, NO_CAUSE
        self.job_end: tuple[int, Key] = (0, NO_CAUSE)
        self.queue: deque[Packet] = deque()
        self.sequence = 0
        self.channel = image.injection_channel(number)
        self.credits = int(image.ch_credits[self.channel])
        self.credit_at, self.credit_key = 0, NO_CAUSE
        # Receivers' acknowledgements by delay and step; two turns of the banks are ever open.
        self.n_acks = acks
        self.acks = [[0] * (2 * image.n_sums) for _ in range(2)]
        self.reported = False
        self.balance = 0  # copies sent minus copies consumed since the last report

    # --- beginning a token

    def begin(self) -> None:
        """Begin the next token, or an empty superstep, if all that it waits for has come.

        One an edge: where it leaves nothing to do and the next can begin as well, that waits for
        the next edge, and nothing else needs to happen before.
        """
        if not self.can_begin():
            return
        if self.image.sync == SYNC_DATAFLOW:
            self.clear(self.begun)
            self.begin_token(self.begun)
        else:
            self.latched -= 1
            self.superstep += 1
            self.reported = False
            token = rules.token_at(self.superstep, self.stage, self.image.superstep_period,
                                   self.image.steps)
            self.open_superstep(token)
        if self.can_begin():
            self.ask(self.now + 1)

    def open_superstep(self, token: int) -> None:
        """A superstep has begun, in which the stage works on ``token`` (-1: nothing)."""
        if token >= 0:
            self.begin_token(token)

    def can_begin(self) -> bool:
        if self.working():
            return False
        if self.image.sync == SYNC_DATAFLOW:
            return self.begun < self.image.steps and self.complete(self.begun)
        return self.latched > 0

    def begin_token(self, token: int) -> None:
        cause = max((self.sync_at, self.sync_key), (self.idle_since, self.last_end))[1]
        key = self.record(DECIDE, STEP, 0, None, token, self.superstep, cause)
        self.begun = token + 1
        self.work_on(token, key)

    def complete(self, step: int) -> bool:
        """Dataflow: every receiver has finished step + delay - banks; the delay of a recurrent
        receiver is the number of streams."""
        for delay in (0, 1):
            freed = step + delay * self.image.streams - self.image.n_sums
            if freed >= 0 and self.acks[delay][freed % len(self.acks[0])] < self.n_acks[delay]:
                return False
        return True

    def clear(self, step: int) -> None:
        """The acknowledgements that let ``step`` begin are used up."""
        for delay in (0, 1):
            freed = step + delay * self.image.streams - self.image.n_sums
            if freed >= 0:
                self.acks[delay][freed % len(self.acks[0])] = 0

    def acknowledged(self, packet: Packet, delay: int) -> None:
        self.acks[delay][packet.step % len(self.acks[0])] += 1

    def working(self) -> bool:
        """Busy with a token: updates or sends outstanding."""
        raise NotImplementedError

    def work_on(self, token: int, cause: Key) -> None:
        raise NotImplementedError

    # --- barrier and tick

    def released(self, cause: Key) -> None:
        """The synchroniser released a superstep (barrier)."""
        self.sync_key = self.record(LAND, SYNC, 0, None, -1, self.superstep + 1, cause)
        self.sync_at = self.now
        self.latched += 1
        self.machine.happened()
        self.ask(self.now)

    def schedule_timers(self) -> None:
        """Tick: one timer an edge of the global tick, each scheduling the next."""
        self.machine.land(0, self.number, trace.TIMER, 0, lambda: self.timer(0))

    def timer(self, k: int) -> None:
        self.sync_key = self.record(LAND, SYNC, 0, None, -1, k, NO_CAUSE)
        self.sync_at = self.now
        self.latched += 1
        self.tick_landed = True
        self.machine.happened()
        self.ask(self.now)
        if k + 1 < self.image.supersteps:
            self.machine.land(self.now + self.image.tick_period, self.number, trace.TIMER, 0,
                              lambda: self.timer(k + 1))

    def notice_tick(self) -> bool:
        """On the first edge after a tick: did it find the stage still working?"""
        late = self.tick_landed and self.working()
        self.tick_landed = False
        return late

    def report(self) -> None:
        """Barrier: tell the synchroniser that this superstep's work is done so far."""
        if self.image.sync != SYNC_BARRIER or self.reported or self.superstep < 0:
            return
        self.reported = True
        balance, self.balance = self.balance, 0
        synchroniser = self.machine.parts[self.image.sync_part]
        superstep, number, cause = self.superstep, self.number, self.last_end
        if (self.sync_at, self.sync_key) > (self.idle_since, self.last_end):
            cause = self.sync_key
        self.machine.land(
            self.now + self.image.report_ticks, synchroniser.number, SYNC, number,
            lambda: synchroniser.reported(number, superstep, balance, cause))

    # --- sending

    def offer(self, phase: int, port: int, kind: int, tree: int, step: int, value: float,
              offset: int, cause: Key) -> None:
        """Put a packet at the end of the send queue; unicast: one for each destination."""
        copy = 0
        while tree >= 0:
            self.offer_one(phase, port | copy << 24, kind, tree, step, value, offset, cause)
            tree, copy = int(self.image.tree_next[tree]), copy + 1

    def offer_one(self, phase: int, port: int, kind: int, tree: int, step: int, value: float,
                  offset: int, cause: Key) -> None:
        packet = Packet(self.number, self.sequence, kind, step, value, offset, tree, -1, self.now)
        self.sequence += 1
        packet.offer_key = self.record(phase, OFFER, port, packet, step, kind, cause)
        copies = int(self.image.tree_copies[tree])
        self.counters.offered[kind] += 1
        self.counters.copies[kind] += copies
        self.balance += copies
        self.queue.append(packet)

    def consumed(self, kind: int) -> None:
        self.counters.delivered[kind] += 1
        self.balance -= 1

    def need(self, packet: Packet) -> int:
        return packet.flits(self.image)

    def can_send(self) -> bool:
        return bool(self.queue) and self.credits >= self.need(self.queue[0])

    def start_send(self, ticks: int) -> None:
        """Send the head of the queue: its room in the router's buffer is taken at the start."""
        packet = self.queue.popleft()
        conditions = [(self.idle_since, self.last_end), (packet.offered, packet.offer_key),
                      (self.credit_at, self.credit_key)]
        self.credits -= self.need(packet)
        self.pack(packet)
        transfer = packet.transfer(self.image, self.channel)
        self.start_job(SEND, max(ticks, transfer), packet, max(conditions)[1],
                       lambda key: self.inject(packet, transfer, key))

    def pack(self, packet: Packet) -> int:
        """The events behind it in the queue, of its step and for its receivers, travel in an event
        packet as far as it has room; returns how many."""
        for _ in range(self.run_length(self.image.packet_events - 1, packet)):
            following = self.queue.popleft()
            packet.packed.append((following.offset, following.value))
            copies = int(self.image.tree_copies[packet.tree])
            self.counters.offered[EVENT] -= 1
            self.counters.copies[EVENT] -= copies
            self.balance -= copies
        self.counters.packed_events += len(packet.packed)
        return len(packet.packed)

    def run_length(self, most: int, like: Packet | None = None) -> int:
        """Events at the queue's head of one step and for the same receivers (those of ``like``), up
        to ``most``."""
        root = self.image.tree_root

        def what(packet: Packet) -> tuple[int, int, int]:
            return packet.kind, packet.step, int(root[packet.tree])

        if not self.queue or self.queue[0].kind != EVENT:
            return 0
        wanted, length = what(like or self.queue[0]), 0
        while length < min(most, len(self.queue)) and what(self.queue[length]) == wanted:
            length += 1
        return length

    def inject(self, packet: Packet, transfer: int, cause: Key) -> None:
        """The send job is over: the packet leaves for the router."""
        image, channel = self.image, self.channel
        key = self.record(LAND, INJECT, 0, packet, packet.step, packet.kind, cause)
        router = self.machine.parts[int(image.ch_part[channel])]
        port, node = int(image.ch_port[channel]), int(image.tree_root[packet.tree])
        tail_after = transfer - int(image.ch_cycle[channel])
        self.machine.land(
            self.now + int(image.ch_latency[channel]), router.number, ARRIVE, port,
            lambda: router.arrive(packet, port, 0, node, transfer, tail_after, key))

    def credit(self, channel: int, vc: int, amount: int, cause: Key) -> None:
        """Room in the router's input buffer came back."""
        widest = max(int(b) for b in self.image.packet_bits)
        if self.credits < rules.flits(widest, self.image.flit_bits):
            self.credit_at, self.credit_key = self.now, cause
        self.credits += amount
        self.machine.returning[channel * self.image.n_vcs + vc] -= amount
        self.ask(self.now)

    def waits_for_room(self) -> Iterator[Wait]:
        """The head of the send queue finds no room in the router, nor will."""
        if self.queue and not self.machine.room_for_ever(
                self.channel, 0, self.credits, self.need(self.queue[0])):
            image = self.image
            awaited = (int(image.ch_part[self.channel]), int(image.ch_port[self.channel]), 0)
            yield (self.number, -1, -1), (awaited,)

    # --- jobs

    def start_job(self, kind: int, ticks: int, packet: Packet | None, cause: Key,
                  effect: Callable[[Key], None], fetched: int = 0) -> Key:
        """Occupy the part for ``ticks``; ``effect(key of END)`` happens when the job ends.
        ``fetched``: 1 for a job on data from DRAM."""
        self.job = kind
        step = packet.step if packet else self.job_step()
        key = self.record(DECIDE, START, fetched, packet, step, kind, cause)
        self.machine.due(self.now + ticks, LAND, self.number, END, 0,
                         lambda _: self.end_job(kind, packet, step, key, effect))
        return key

    def job_step(self) -> int:
        """The step of a job that is about no packet."""
        return self.begun - 1

    def end_job(self, kind: int, packet: Packet | None, step: int, cause: Key,
                effect: Callable[[Key], None]) -> None:
        self.job = None
        self.idle_since = self.now
        key = self.record(LAND, END, 0, packet, step, kind, cause)
        self.last_end, self.job_end = max(self.last_end, key), (self.now, key)
        effect(key)
        self.machine.happened()
        self.ask(self.now)

    def finished(self) -> bool:
        done = self.begun >= self.image.steps and not self.working()
        return done or self.image.sync == SYNC_NONE
