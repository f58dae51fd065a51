"""Memory ports: what cores fetch from DRAM, first come, first served."""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import simpy

from neurosim import rules
from neurosim.engines.outcome import Wait
from neurosim.engines.reference.machine import Key, Machine, Packet, Part
from neurosim.trace import DATA, DECIDE, LAND, NO_CAUSE, REQUEST, SERVE

if TYPE_CHECKING:
    from neurosim.engines.reference.core import Core

class Fetch:
    """Data that a core needs from memory: ``ready`` (-1: not known) says from when it can be used,
    ``key`` by which record."""

    __slots__ = ("packet", "step", "bytes", "ready", "key", "requested")

    def __init__(self, packet: Packet | None, step: int, bytes_: int, ready: int = -1,
                 key: Key = NO_CAUSE) -> None:
        self.packet, self.step, self.bytes = packet, step, bytes_
        self.ready = -1 if bytes_ else ready
        self.key, self.requested = key, False


class Row(Fetch):
    """A row of a received event; ``last`` of its packet, which is consumed with it."""

    __slots__ = ("number", "value", "bank", "delay", "last")

    packet: Packet

    def __init__(self, packet: Packet, delay: int, bytes_: int, ready: int, key: Key,
                 number: int, value: float, bank: int) -> None:
        super().__init__(packet, packet.step, bytes_, ready, key)
        self.number, self.value, self.bank = number, value, bank
        self.delay, self.last = delay, False


class MemoryPort(Part):
    """Reads whole bursts for one request at a time, in the order of arrival; of those of one tick
    the lowest core's first."""

    def __init__(self, machine: Machine, number: int) -> None:
        super().__init__(machine, number)
        self.index = m = number - self.image.first_port
        self.burst_bytes = int(self.image.port_burst_bytes[m])
        self.burst_ticks = int(self.image.port_burst_ticks[m])
        #: Arrival, core, its number of the request; fetch, core, key of the arrival, slot.
        self.queue: list[tuple[int, int, int, Fetch, Core, Key, int]] = []
        self.busy_until, self.busy_key = 0, NO_CAUSE

    def run(self) -> Generator[simpy.Event, Any, None]:
        while True:
            yield self.doorbell
            if self.queue and self.busy_until <= self.now:
                self.serve()
            if self.queue:
                self.ask(self.busy_until)

    def requested(self, core: Core, fetch: Fetch, number: int, slot: int, cause: Key) -> None:
        """A core's request arrives."""
        key = self.record(LAND, REQUEST, slot, fetch.packet, fetch.step, fetch.bytes, cause)
        self.counters.port_requests[self.index] += 1
        heapq.heappush(self.queue, (self.now, core.index, number, fetch, core, key, slot))
        self.ask(self.now)

    def serve(self) -> None:
        """Transfer for the first request: the data is at its core some time after the end."""
        arrived, index, _, fetch, core, request, slot = heapq.heappop(self.queue)
        ticks = rules.bursts(fetch.bytes, self.burst_bytes) * self.burst_ticks
        cause = max((arrived, request), (self.busy_until, self.busy_key))[1]
        key = self.record(DECIDE, SERVE, slot, fetch.packet, fetch.step, fetch.bytes, cause)
        self.busy_until, self.busy_key = self.now + ticks, key
        counters, m = self.counters, self.index
        counters.fetched_bytes[index] += fetch.bytes
        counters.port_busy[m] += ticks
        counters.port_wait[m] += self.now - arrived
        latency = int(self.image.port_latency_ticks[index])
        self.machine.land(self.busy_until + latency, core.number, DATA, 0,
                          lambda: core.answered(fetch, key))

    def finished(self) -> bool:
        return True

    def waits_for(self) -> Iterator[Wait]:
        yield from ()
