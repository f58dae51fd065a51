"""The host: sends what enters, receives what leaves, decodes and chooses tokens."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import simpy

from neurosim import image as im
from neurosim import rules
from neurosim.engines.outcome import Wait
from neurosim.engines.reference.decoder import (
    Candidate,
    choose,
    host_logits,
    insert,
    offered_score,
)
from neurosim.engines.reference.machine import Key, Machine, Packet
from neurosim.engines.reference.stage import Stage
from neurosim.trace import DECIDE, DELIVER, LAND, NO_CAUSE


class Host(Stage):
    """Stage 0: sends the inputs of a token in ascending order, then a marker; receives the last
    layer's events or the decoder's results, and decides the token.  It takes in whatever its link
    brings.  Where it decodes under a barrier, it is the stage behind the last layer as well."""

    def __init__(self, machine: Machine, number: int) -> None:
        image = machine.image
        super().__init__(machine, number, 0, (image.host_n_acks, 0))
        self.markers = [0] * image.steps
        self.events = [0] * image.steps
        self.results: list[list[Candidate]] = [[] for _ in range(image.steps)]
        # When all that a step sends the host was in, and the record of it.
        self.complete_at: list[tuple[int, Key]] = [(0, NO_CAUSE)] * image.steps
        self.decided = 0  # steps decided so far
        self.arrived = 0  # barrier and tick: steps whose superstep at the last layer is over
        self.deferred = -1  # a token whose superstep has begun, but not the token it needs

    def run(self) -> Generator[simpy.Event, Any, None]:
        while True:
            yield self.doorbell
            if self.job is None:
                self.begin()
                if self.decode():
                    continue
                if self.can_send():
                    self.start_send(self.image.host_send_ticks)
                elif not self.queue:
                    self.report()

    def working(self) -> bool:
        return (bool(self.queue) or self.job is not None or self.deferred >= 0
                or self.arrived > self.decided)

    # --- what enters

    def begin(self) -> None:
        if self.deferred < 0:
            super().begin()
        elif self.may_enter(self.deferred):
            token, self.deferred = self.deferred, -1
            self.begin_token(token)
            if self.can_begin():
                self.ask(self.now + 1)

    def open_superstep(self, token: int) -> None:
        image = self.image
        if image.decode == im.DECODE_HOST:
            out = rules.token_at(self.superstep, image.n_layers + 1, image.superstep_period,
                                 image.steps)
            if out >= 0:
                self.arrived = out + 1
                self.complete_at[out] = (self.sync_at, self.sync_key)
        if token >= 0 and not self.may_enter(token):
            self.deferred = token
        else:
            super().open_superstep(token)

    def may_enter(self, token: int) -> bool:
        """A token that was chosen, or in a closed loop, waits for the step before of its stream."""
        image = self.image
        before = token - image.streams
        waits = image.input_row[token] < 0 or (image.closed_loop and image.decode)
        return before < 0 or not waits or self.decided > before

    def complete(self, step: int) -> bool:
        """Closed loop: the token before of the stream must be out of the machine."""
        image, before = self.image, step - self.image.streams
        if image.closed_loop and before >= 0 and self.markers[before] < image.host_n_markers:
            return False
        return self.may_enter(step) and super().complete(step)

    def work_on(self, token: int, cause: Key) -> None:
        """Offer the token's non-zero inputs."""
        image = self.image
        self.counters.step_offer[token] = self.now
        row = int(image.input_row[token])
        if row < 0:
            row = int(self.counters.chosen[token - image.streams])
        self.machine.step_row[token] = row
        kind = im.CURRENT if image.input_width else im.EVENT
        values = image.inputs[row].reshape(-1, max(1, image.input_width))
        for i in np.flatnonzero(values.any(axis=1) & (image.input_tree >= 0)).tolist():
            self.offer(DECIDE, i, kind, int(image.input_tree[i]), token, float(values[i, 0]),
                       int(image.input_offset[i]), cause)
        if image.sync == im.SYNC_DATAFLOW and image.host_marker_tree >= 0:
            self.offer(DECIDE, len(values), im.MARKER, image.host_marker_tree, token, 0.0, 0, cause)

    def offer_one(self, phase: int, port: int, kind: int, tree: int, step: int, value: float,
                  offset: int, cause: Key) -> None:
        self.counters.host_sent += 1
        super().offer_one(phase, port, kind, tree, step, value, offset, cause)

    def pack(self, packet: Packet) -> int:
        packed = super().pack(packet)
        self.counters.host_sent -= packed
        return packed

    # --- what leaves

    def deliver(self, packet: Packet, entry: int, cause: Key) -> None:
        """A packet left the machine."""
        key = self.record(LAND, DELIVER, 0, packet, packet.step, packet.kind, cause)
        self.idle_since, self.last_end = self.now, max(self.last_end, key)
        if packet.kind == im.ACK:
            self.acknowledged(packet, entry)
        else:
            last = self.counters.step_deliver
            last[packet.step] = max(int(last[packet.step]), self.now)
            self.took(packet, entry, key)
        self.consumed(packet.kind)
        self.reported = False
        self.machine.happened()
        self.ask(self.now)

    def took(self, packet: Packet, entry: int, key: Key) -> None:
        image, step = self.image, packet.step
        if packet.kind == im.MARKER:
            self.markers[step] += 1
            if self.markers[step] == image.host_n_markers:
                self.complete_at[step] = (self.now, key)
        elif packet.kind == im.RESULT:
            self.results[step].append((packet.value, packet.offset))
            if len(self.results[step]) == image.host_n_results:
                self.complete_at[step] = (self.now, key)
        else:
            self.events[step] += len(packet.events())
            if image.record_host:
                first = image.output_columns - image.output_units
                for offset, value in packet.events():
                    column = int(image.unit_column[entry + offset]) - first
                    self.counters.host_values[step, column] = value

    # --- the decision

    def job_step(self) -> int:
        return self.decided

    def decode(self) -> bool:
        """The job that ends in the choice of a token, steps in order."""
        image, step = self.image, self.decided
        if step >= image.steps or not self.can_decode(step):
            return False
        ticks = image.decode_base_ticks + self.events[step] * image.decode_event_ticks
        self.counters.host_decode_ticks += ticks
        cause = max(self.job_end, self.complete_at[step])[1]
        self.start_job(im.DECODE, ticks, None, cause, lambda _: self.decode_done(step))
        return True

    def can_decode(self, step: int) -> bool:
        image = self.image
        if image.decode == im.DECODE_CHIP:
            return len(self.results[step]) >= image.host_n_results
        if image.decode == im.DECODE_HOST and image.sync == im.SYNC_DATAFLOW:
            return self.markers[step] >= image.host_n_markers
        return step < self.arrived

    def decode_done(self, step: int) -> None:
        token = self.decide(step)
        self.counters.chosen[step] = token
        self.counters.step_decided[step] = self.now
        self.decided += 1
        self.machine.decided(step, token)

    def decide(self, step: int) -> int:
        image = self.image
        if image.decode == im.DECODE_CHIP:
            return choose(image, self.results[step], step)
        logits, overflown = host_logits(image, self.counters.host_values[step])
        for word in overflown.tolist():
            self.machine.overflow(len(image.unit_kind) + word)
        if image.record_logits:
            self.counters.logits[step] = logits
        best: list[Candidate] = []
        for word, logit in enumerate(logits.tolist()):
            insert(best, (offered_score(image, logit, word, step), word), image.candidates)
        return choose(image, best, step)

    # --- the end

    def finished(self) -> bool:
        decided = self.image.decode == im.DECODE_NONE or self.decided >= self.image.steps
        return super().finished() and decided

    def waits_for(self) -> Iterator[Wait]:
        yield from self.waits_for_room()
