"""The barrier: releases a superstep when all have reported and no copy is on its way."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

import simpy

from neurosim.engines.outcome import Wait
from neurosim.engines.reference.machine import Key, Machine, Part
from neurosim.image import SYNC_BARRIER
from neurosim.trace import LAND, NO_CAUSE, SYNC


class Synchroniser(Part):
    """Counts reports.  A report says for which superstep it is, and how many copies its sender has
    sent less those it has consumed (or lost) since its last report; all sums being zero, nothing
    is in flight or queued.  Sends end before a stage's first report of a superstep, so the balance
    can only fall towards zero afterwards: a stale report never releases too early."""

    def __init__(self, machine: Machine, number: int) -> None:
        super().__init__(machine, number)
        self.superstep = -1
        image = self.image
        self.members = [*range(image.first_core, image.first_port),
                        *range(image.first_host, image.sync_part)]
        self.have: set[int] = set()
        self.balance = 0
        self.last_report: Key = NO_CAUSE

    def run(self) -> Generator[simpy.Event, Any, None]:
        while True:
            yield self.doorbell
            if len(self.have) == len(self.members) and self.balance == 0:
                following = self.superstep + 1
                if following < self.image.supersteps:
                    self.have.clear()
                    self.release(following, self.now + self.image.barrier_ticks, self.last_report)

    def reported(self, member: int, superstep: int, balance: int, cause: Key) -> None:
        key = self.record(LAND, SYNC, member, None, -1, superstep, cause)
        self.last_report = max(self.last_report, key)
        self.balance += balance
        if superstep == self.superstep:
            self.have.add(member)
        self.machine.happened()
        self.ask(self.now)

    def release(self, superstep: int, tick: int, cause: Key) -> None:
        self.superstep = superstep
        for member in self.members:
            released = partial(self.machine.parts[member].released, cause)
            self.machine.land(tick, member, SYNC, 0, released)

    def finished(self) -> bool:
        return self.image.sync != SYNC_BARRIER or self.superstep == self.image.supersteps - 1

    def waits_for(self) -> Iterator[Wait]:
        if self.image.sync == SYNC_BARRIER:
            for member in self.members:
                if member not in self.have:
                    yield (self.number, -1, -1), ((member, -1, -1),)
