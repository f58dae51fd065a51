"""Core: one job at a time, in a fixed order of preference, and real gate sums."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Any

import simpy

from neurosim import image as im
from neurosim import rules
from neurosim.engines.outcome import Wait
from neurosim.engines.reference.decoder import Results, offered_score
from neurosim.engines.reference.fetching import Fetching
from neurosim.engines.reference.machine import Key, Machine, Packet
from neurosim.engines.reference.memory import Row
from neurosim.trace import CREDIT, DELIVER, DROPPED, LAND, NO_CAUSE


class Waiting:
    """A packet in the input FIFO."""

    __slots__ = ("packet", "entry", "ready", "key")

    def __init__(self, packet: Packet, entry: int, ready: int, key: Key) -> None:
        self.packet, self.entry, self.ready, self.key = packet, entry, ready, key


class Core(Fetching):
    """Holds one slice: receives, accumulates, sends and updates."""

    def __init__(self, machine: Machine, number: int) -> None:
        image = machine.image
        super().__init__(machine, number)
        c = self.index
        self.policy, self.depth = int(image.core_policy[c]), int(image.core_fifo[c])
        self.fifo: deque[Waiting] = deque()
        self.next_unit = self.end_unit  # nothing to update
        n = self.end_unit - self.first_unit
        self.sums = [[0] * (im.SUMS_PER_UNIT * n) for _ in range(image.n_sums)]
        self.h = [[0.0] * image.streams for _ in range(n)]
        self.markers = [0] * image.n_sums
        for step in range(image.streams):  # nothing recurs into the first step of a stream
            self.markers[step] = int(image.n_markers[c, 1])
        self.results = Results(image, c)
        self.asleep, self.stalled_since, self.waiting_since = True, -1, -1
        self.step_at, self.step_key = 0, NO_CAUSE

    def run(self) -> Generator[simpy.Event, Any, None]:
        while True:
            yield self.doorbell
            self.counters.late_cores += self.notice_tick()
            if self.job is None:
                self.begin()
                take, finish = (self.receive, self.accumulate), (self.send, self.update)
                jobs = finish + take if self.image.finish_first else take + finish
                _ = any(job() for job in jobs) or self.rest()

    # --- the jobs, first possible first

    def receive(self) -> bool:
        """Take the FIFO's head; its slot frees, and its credit leaves, now."""
        if len(self.rows) >= self.fetches or not self.fifo:
            return False
        if self.fifo[0].ready > self.now:
            self.ask(self.fifo[0].ready)
            return False
        head = self.fifo.popleft()
        self.reported = False
        packet, bank = head.packet, self.bank_for(head)
        ticks = int(self.image.receive_ticks[self.index, packet.kind])
        cause = max((head.ready, head.key), (self.idle_since, self.last_end))[1]
        key = self.start_job(im.RECEIVE, ticks, packet, cause,
                             lambda key: self.received(packet, head.entry, bank, key))
        if self.policy == im.STALL:
            self.return_credit(key)
        return True

    def accumulate(self) -> bool:
        """Add the first row's products to the gate sums, one synapse after the other."""
        if not self.rows or not self.has(self.rows[0]):
            return False
        row = self.rows[0]
        if row.bytes and self.image.sync == im.SYNC_TICK:
            meant = row.step + row.delay * self.image.streams
            row.bank = self.open_step(meant, row.delay, 1) % self.image.n_sums
        cause = max((self.idle_since, self.last_end), (row.ready, row.key))[1]
        self.start_job(im.ACCUMULATE, int(self.image.row_ticks[row.number]), row.packet, cause,
                       lambda key: self.accumulated(row, key), int(row.bytes > 0))
        return True

    def send(self) -> bool:
        if not self.can_send() or self.holds():
            return False
        self.start_send(int(self.image.send_ticks[self.index]))
        return True

    def holds(self) -> bool:
        """A packet of events with room waits for those of the units still to be updated."""
        most, queue = self.image.packet_events, self.queue
        if most <= 1 or self.next_unit >= self.end_unit or not queue:
            return False
        return len(queue) < most and self.run_length(most) == len(queue)

    def update(self) -> bool:
        """Update the next unit of the step that has begun."""
        if self.next_unit >= self.end_unit:
            return False
        data = self.data.get(self.next_unit)
        if data is not None and not self.has(data):
            return False
        conditions = [(self.idle_since, self.last_end), (self.step_at, self.step_key)]
        if data is not None:
            conditions.append((data.ready, data.key))
        cause = max(conditions)[1]
        ticks = int(self.image.update_ticks[self.index])
        self.start_job(im.UPDATE, ticks, None, cause, self.updated, int(data is not None))
        return True

    def rest(self) -> bool:
        """Nothing to do: wait for a credit (stalled) or for data, or sleep; report if all work is
        done."""
        if self.queue and not self.holds():
            if self.stalled_since < 0:
                self.stalled_since = self.now
        elif self.rows or self.next_unit < self.end_unit:
            if self.waiting_since < 0:
                self.waiting_since = self.now
        else:
            self.asleep = True
            if not self.fifo and not self.owes_results():
                self.report()
        return True

    # --- what the jobs do when they end

    def received(self, packet: Packet, entry: int, bank: int, cause: Key) -> None:
        if packet.kind in (im.EVENT, im.CURRENT):
            if self.find_rows(packet, entry, bank, cause):
                return
        elif packet.kind == im.MARKER:
            self.markers[bank] += 1
        elif packet.kind == im.RESULT:
            self.results.received[bank] += 1
            self.results.offer(bank, packet.value, packet.offset)
            self.send_results(packet.step, cause)
        else:
            self.acknowledged(packet, entry)
        self.consumed(packet.kind)

    def accumulated(self, done: Row, cause: Key) -> None:
        image, sums, row = self.image, self.sums[done.bank], done.number
        begin, end = int(image.row_ptr[row]), int(image.row_ptr[row + 1])
        base = im.SUMS_PER_UNIT * self.first_unit
        targets, weights = image.syn_target[begin:end], image.syn_weight[begin:end]
        values = self.entering(done, end - begin)
        for target, weight, value in zip(targets.tolist(), weights.tolist(), values, strict=True):
            total = sums[target - base] + rules.product(weight, value)
            if not -rules.SUM_LIMIT < total < rules.SUM_LIMIT:
                self.machine.overflow(target // im.SUMS_PER_UNIT)
                continue
            sums[target - base] = total
        self.counters.synaptic_ops[self.index, image.row_class[row]] += end - begin
        self.rows.popleft()
        self.request_rows(cause)
        if done.last:
            self.consumed(done.packet.kind)

    def entering(self, row: Row, count: int) -> list[float]:
        """The values that a row's synapses multiply: the event's, but of a packet of input
        currents one each; a decoder may round it first."""
        image, packet, value = self.image, row.packet, row.value
        if packet.kind == im.CURRENT:
            first = packet.offset * image.input_width
            values = image.inputs[self.machine.step_row[packet.step]]
            return [float(v) for v in values[first: first + count]]
        if image.row_class[row.number] == im.ROW_DECODER:
            value = rules.round_event(value, image.decoder_levels)
        return [value] * count

    def updated(self, cause: Key) -> None:
        """The update job of a unit is over: new state, and an event if it fired."""
        token, unit = self.begun - 1, self.next_unit
        self.next_unit += 1
        if self.data.pop(unit, None) is not None:
            self.request_units(cause)
        layer = int(self.image.unit_layer[unit])
        y = self.new_output(token, unit)
        self.counters.layer_updates[layer] += 1
        if self.image.record_outputs and self.image.unit_kind[unit] <= im.UNIT_REPLAY:
            self.counters.outputs[token, self.image.unit_column[unit]] = y
        if y != 0.0:
            self.counters.layer_events[layer] += 1
            if self.image.unit_tree[unit] >= 0:
                self.offer(LAND, 0, im.EVENT, int(self.image.unit_tree[unit]), token, y,
                           int(self.image.unit_offset[unit]), cause)
        if self.next_unit == self.end_unit:
            self.step_done(token, layer, cause)

    def new_output(self, token: int, unit: int) -> float:
        """Equations of the layer kind; the unit's gate sums of this step are read and cleared."""
        image, local = self.image, unit - self.first_unit
        bank, base = self.sums[token % image.n_sums], im.SUMS_PER_UNIT * local
        s = [bank[base + k] / rules.SUM_SCALE + float(image.unit_bias[unit, k])
             for k in range(im.SUMS_PER_UNIT)]
        bank[base: base + im.SUMS_PER_UNIT] = [0] * im.SUMS_PER_UNIT
        kind, column = int(image.unit_kind[unit]), int(image.unit_column[unit])
        stream, own = token % image.streams, token // image.streams
        if kind == im.UNIT_REPLAY:
            return float(image.replay[token % len(image.replay), column])
        if kind == im.UNIT_LOOKUP:  # its sum is the token's row, plus 1
            row = math.floor(s[im.SUM_Z]) - 1
            return float(image.lookup[row, column]) if 0 <= row < len(image.lookup) else 0.0
        if kind == im.UNIT_LOGIT:
            return self.logit(token, column, s[im.SUM_Z])
        h = 0.0 if image.window > 0 and own % image.window == 0 else self.h[local][stream]
        c = rules.egru_candidate(s[im.SUM_Z], s[im.SUM_R], s[im.SUM_G_INPUT],
                                 s[im.SUM_G_RECURRENT], h, float(image.unit_zoneout[unit]))
        fires = bool(image.unit_always[unit]) or c > image.unit_threshold[unit]
        self.h[local][stream] = c - float(image.unit_reset[unit]) if fires else c
        return rules.round_event(c, int(image.unit_levels[unit])) if fires else 0.0

    def logit(self, token: int, word: int, logit: float) -> float:
        """A word of the decoder is compared with the best; it sends no event."""
        if self.image.record_logits:
            self.counters.logits[token, word] = logit
        self.results.offer(token % self.image.n_sums,
                           offered_score(self.image, logit, word, token), word)
        return 0.0

    def step_done(self, token: int, layer: int, cause: Key) -> None:
        done = self.counters.step_layer
        done[token, layer] = max(int(done[token, layer]), self.now)
        self.tell(1, im.MARKER, int(self.image.marker_tree[self.index]), token, cause)
        if self.results.tree >= 0:
            self.results.updated[token % self.image.n_sums] = True
            self.send_results(token, cause)
        else:
            self.tell(2, im.ACK, int(self.image.ack_tree[self.index]), token, cause)

    def tell(self, port: int, kind: int, tree: int, token: int, cause: Key) -> None:
        """Dataflow: a marker after a step's events, an acknowledgement of a finished step."""
        if self.image.sync == im.SYNC_DATAFLOW and tree >= 0:
            self.offer(LAND, port, kind, tree, token, 0.0, 0, cause)

    def send_results(self, token: int, cause: Key) -> None:
        """A decoder core sends its best words of a step, and has finished it, when its own words
        are updated and its children's results are in."""
        best = self.results.take(token % self.image.n_sums)
        if best is None:
            return
        for i, (value, word) in enumerate(best):
            self.offer(LAND, 3 + i, im.RESULT, self.results.tree, token, value, word, cause)
        self.tell(2, im.ACK, int(self.image.ack_tree[self.index]), token, cause)

    def owes_results(self) -> bool:
        return self.results.tree >= 0 and self.results.sent < self.begun

    def finished(self) -> bool:
        return super().finished() and not self.owes_results()

    # --- steps

    def working(self) -> bool:
        return (self.next_unit < self.end_unit or bool(self.queue)
                or self.job in (im.SEND, im.UPDATE))

    def work_on(self, token: int, cause: Key) -> None:
        self.next_unit = self.next_fetched = self.first_unit
        self.step_at, self.step_key = self.now, cause
        self.request_units(cause)

    def complete(self, step: int) -> bool:
        needed, bank = int(self.image.n_markers[self.index].sum()), step % self.image.n_sums
        return (self.markers[bank] >= needed and all(row.bank != bank for row in self.rows)
                and super().complete(step))

    def clear(self, step: int) -> None:
        self.markers[step % self.image.n_sums] = 0
        super().clear(step)

    def bank_for(self, head: Waiting) -> int:
        """The bank of gate sums (or marker count) that a packet goes to: that of the step that
        consumes it; under ``tick`` whatever is open now (for a row in DRAM: when its accumulation
        starts), and late if that is another step."""
        packet = head.packet
        if packet.kind == im.ACK:
            return 0
        delay = self.delay(packet, head.entry)
        step, late = packet.step + delay * self.image.streams, 1
        if packet.kind in (im.EVENT, im.CURRENT):
            late = sum(not self.in_dram(head.entry + offset) for offset, _ in packet.events())
        if self.image.sync == im.SYNC_TICK:
            step = self.open_step(step, delay, late)
        return step % self.image.n_sums

    def open_step(self, step: int, delay: int, late: int) -> int:
        """Under ``tick``: the step that is open now; ``late`` events are counted if that is not
        the ``step`` that they are for."""
        open_ = self.begun + delay * (self.image.streams - 1)
        self.counters.late_events += late * (step != open_)
        return open_

    # --- landings

    def deliver(self, packet: Packet, entry: int, cause: Key) -> None:
        """A packet at the input FIFO; full: dropped, or the oldest is overwritten."""
        if len(self.fifo) >= self.depth:
            assert self.policy != im.STALL, "credits keep a stalling FIFO from overflowing"
            lost = packet if self.policy == im.DROP else self.fifo.popleft().packet
            self.record(LAND, DROPPED, 0, lost, lost.step, lost.kind, cause)
            self.counters.dropped[lost.kind] += 1
            self.counters.core_dropped[self.index] += 1
            self.balance -= 1
            if self.policy == im.DROP:
                return
        key = self.record(LAND, DELIVER, 0, packet, packet.step, packet.kind, cause)
        self.fifo.append(Waiting(packet, entry, self.ready_tick(self.now), key))
        longest = self.counters.fifo_max
        longest[self.index] = max(int(longest[self.index]), len(self.fifo))
        self.machine.happened()
        self.ask(self.now)

    def return_credit(self, cause: Key) -> None:
        """A FIFO slot is free: tell the router's output that feeds it."""
        image, channel = self.image, int(self.image.core_channel[self.index])
        router = self.machine.parts[int(image.ch_owner[channel])]
        self.machine.returning[channel * image.n_vcs] += 1
        self.machine.land(
            self.now + int(image.ch_credit_delay[channel]), router.number, CREDIT,
            channel * image.n_vcs, lambda: router.credit(channel, 0, 1, cause))

    # --- time

    def start_job(self, kind: int, ticks: int, packet: Packet | None, cause: Key,
                  effect: Callable[[Key], None], fetched: int = 0) -> Key:
        """A job; the first one after sleep also pays for waking.  Ends a stall or a wait."""
        if self.stalled_since >= 0:
            self.counters.stalled_ticks[self.index] += self.now - self.stalled_since
            self.stalled_since = -1
        if self.waiting_since >= 0:
            self.counters.waiting_ticks[self.index] += self.now - self.waiting_since
            self.waiting_since = -1
        if self.asleep:
            self.asleep = False
            self.counters.wakes[self.index] += 1
            ticks += int(self.image.wake_ticks[self.index])
        self.counters.job_count[self.index, kind] += 1
        self.counters.job_ticks[self.index, kind] += ticks
        return super().start_job(kind, ticks, packet, cause, effect, fetched)

    def waits_for(self) -> Iterator[Wait]:
        yield from self.waits_for_room()
