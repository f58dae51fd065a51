"""Traffic sources, which are sinks as well."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from typing import Any

import simpy

from neurosim import image as im
from neurosim import rules
from neurosim.engines.outcome import Wait
from neurosim.engines.reference.machine import Key, Machine, Packet, Part
from neurosim.trace import ARRIVE, DECIDE, DELIVER, INJECT, LAND, NO_CAUSE, OFFER


class Source(Part):
    """Offers packets by a Bernoulli process into an unbounded queue, and takes in those for it."""

    def __init__(self, machine: Machine, number: int) -> None:
        super().__init__(machine, number)
        image = self.image
        self.index = number - image.first_source
        self.queue: deque[Packet] = deque()
        self.channel = image.injection_channel(number)
        self.credits = int(image.ch_credits[self.channel])
        self.credit_at, self.credit_key = 0, NO_CAUSE
        self.busy_until, self.busy_key = 0, NO_CAUSE
        self.sequence = 0
        self.draws = 0
        self.last_offer = NO_CAUSE
        self.listed = 0  # of the listed packets, the next
        if image.traffic_log_miss != 0.0:
            self.schedule_offer(0)
        elif len(image.offer_ptr):
            self.listed = int(image.offer_ptr[self.index])
            self.schedule_listed()

    def run(self) -> Generator[simpy.Event, Any, None]:
        while True:
            yield self.doorbell
            if self.queue and self.busy_until > self.now:
                self.ask(self.busy_until)
            elif self.queue and self.credits >= self.need():
                self.inject(self.queue.popleft())

    def schedule_offer(self, since: int) -> None:
        image = self.image
        gap = rules.traffic_gap(image.seed, self.index, self.draws, image.traffic_log_miss)
        self.machine.land(since + gap * self.period, self.number, OFFER, 0, self.offer)

    def offer(self) -> None:
        """The process fires: a packet joins the queue (none if the pattern maps onto itself)."""
        image = self.image
        dest = rules.traffic_dest(
            image.seed, self.index, self.draws, image.n_sources, image.traffic_dest_kind,
            int(image.traffic_dest[self.index]), image.traffic_hot_fraction)
        self.draws += 1
        if dest >= 0:
            self.enqueue(dest, 0, 0)
        self.schedule_offer(self.now)

    def schedule_listed(self) -> None:
        if self.listed < int(self.image.offer_ptr[self.index + 1]):
            tick = int(self.image.offer_tick[self.listed])
            self.machine.land(tick, self.number, OFFER, 0, self.offer_listed)

    def offer_listed(self) -> None:
        """All packets that the list has for this tick join the queue."""
        image, end, port = self.image, int(self.image.offer_ptr[self.index + 1]), 0
        while self.listed < end and image.offer_tick[self.listed] == self.now:
            self.enqueue(int(image.offer_dest[self.listed]), port,
                         int(image.offer_length[self.listed]))
            self.listed, port = self.listed + 1, port + 1
        self.schedule_listed()

    def enqueue(self, dest: int, port: int, length: int) -> None:
        image, counters = self.image, self.counters
        packet = Packet(self.number, self.sequence, im.TRAFFIC, 0, 0.0, 0, -1, dest, self.now)
        packet.length = length
        self.sequence += 1
        packet.offer_key = self.record(LAND, OFFER, port, packet, 0, dest, self.last_offer)
        self.last_offer = packet.offer_key
        counters.offered[im.TRAFFIC] += 1
        counters.copies[im.TRAFFIC] += 1
        counters.source_offered[self.index] += self.now >= image.traffic_warmup_tick
        self.queue.append(packet)
        self.ask(self.now)

    def need(self) -> int:
        """Credits that the first packet takes."""
        return self.queue[0].flits(self.image)

    def inject(self, packet: Packet) -> None:
        image, channel = self.image, self.channel
        transfer = packet.transfer(image, channel)
        conditions = [(packet.offered, packet.offer_key), (self.busy_until, self.busy_key),
                      (self.credit_at, self.credit_key)]
        key = self.record(DECIDE, INJECT, 0, packet, 0, im.TRAFFIC, max(conditions)[1])
        self.credits -= packet.flits(image)
        self.busy_until, self.busy_key = self.now + transfer, key
        router, port = self.machine.parts[int(image.ch_part[channel])], int(image.ch_port[channel])
        tail_after = transfer - int(image.ch_cycle[channel])
        self.machine.land(
            self.now + int(image.ch_latency[channel]), router.number, ARRIVE, port,
            lambda: router.arrive(packet, port, 0, packet.dest, transfer, tail_after, key))
        if self.queue:
            self.ask(self.busy_until)

    def credit(self, channel: int, vc: int, amount: int, cause: Key) -> None:
        image = self.image
        widest = max(int(image.packet_bits[im.TRAFFIC]), *image.length_bits.tolist())
        if self.credits < rules.flits(widest, image.flit_bits):
            self.credit_at, self.credit_key = self.now, cause
        self.credits += amount
        self.machine.returning[channel * self.image.n_vcs + vc] -= amount
        self.ask(self.now)

    def deliver(self, packet: Packet, entry: int, cause: Key) -> None:
        """A packet reached its sink: its latency runs from its offer to its tail's arrival."""
        image, counters = self.image, self.counters
        self.record(LAND, DELIVER, 0, packet, 0, im.TRAFFIC, cause)
        counters.delivered[im.TRAFFIC] += 1
        warm = image.traffic_warmup_tick
        if self.now >= warm:
            counters.sink_delivered[self.index] += 1
        if packet.offered >= warm:
            latency = self.now - packet.offered
            batch = (self.now - warm) * im.BATCHES // max(1, image.end_tick + 1 - warm)
            counters.latency_sum[batch] += latency
            counters.latency_count[batch] += 1
            bin_ = latency // image.histogram_ticks
            counters.latency_histogram[min(bin_, im.HISTOGRAM_BINS - 1)] += 1
        self.machine.happened()

    def finished(self) -> bool:
        return True

    def waits_for(self) -> Iterator[Wait]:
        """Sources offer packets for ever: nothing waits for them."""
        return iter(())
