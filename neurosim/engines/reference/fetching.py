"""What a core reads for an event or an update: rows and units' data, in its memory or from DRAM."""

from __future__ import annotations

from collections import deque

from neurosim import image as im
from neurosim.engines.reference.machine import Key, Machine, Packet
from neurosim.engines.reference.memory import Fetch, Row
from neurosim.engines.reference.stage import Stage
from neurosim.trace import DATA, LAND, REQUEST, REQUEST_BITS


class Fetching(Stage):
    """``rows`` are those of received events, in order, up to the end of their accumulation;
    ``data`` the fetches of units to update."""

    def __init__(self, machine: Machine, number: int) -> None:
        image = machine.image
        self.index = c = number - image.first_core
        super().__init__(machine, number, int(image.core_stage[c]),
                         (int(image.n_acks[c, 0]), int(image.n_acks[c, 1])))
        self.first_unit, self.end_unit = int(image.unit_ptr[c]), int(image.unit_ptr[c + 1])
        self.fetches, self.requests = int(image.core_fetches[c]), 0
        self.rows: deque[Row] = deque()
        self.data: dict[int, Fetch] = {}  # by unit
        self.next_fetched = self.end_unit

    def find_rows(self, packet: Packet, entry: int, bank: int, cause: Key) -> bool:
        """The rows of a packet's events that hold synapses; those in DRAM are fetched."""
        ptr, delay = self.image.row_ptr, self.delay(packet, entry)
        for offset, value in packet.events():
            number = entry + offset
            if ptr[number] < ptr[number + 1]:
                bytes_ = int(self.image.row_dram_bytes[number])
                self.rows.append(Row(packet, delay, bytes_, self.now, cause, number, value, bank))
        if not self.rows or self.rows[-1].packet is not packet:
            return False
        self.rows[-1].last = True
        self.request_rows(cause)
        return True

    def delay(self, packet: Packet, entry: int) -> int:
        """0: a packet serves its own step, 1: the next one of its stream."""
        if packet.kind not in (im.EVENT, im.CURRENT):
            return entry
        return int(self.image.row_class[entry + packet.offset] == im.ROW_RECURRENT)

    def in_dram(self, row: int) -> bool:
        """A row with synapses that has to be fetched."""
        ptr = self.image.row_ptr
        return bool(self.image.row_dram_bytes[row] > 0 and ptr[row] < ptr[row + 1])

    def has(self, fetch: Fetch) -> bool:
        """Has the data come, and is it ready to be used?"""
        if fetch.ready > self.now:
            self.ask(fetch.ready)
        return 0 <= fetch.ready <= self.now

    def request_rows(self, cause: Key) -> None:
        """Ask for the next rows in DRAM, as long as few enough are on their way or waiting."""
        for row in list(self.rows)[: self.fetches]:
            if row.bytes and not row.requested:
                self.request(row, cause)

    def request_units(self, cause: Key) -> None:
        """Ask for what the next units' updates need."""
        while self.next_fetched < self.end_unit and len(self.data) < self.fetches:
            bytes_ = int(self.image.unit_dram_bytes[self.next_fetched])
            if bytes_:
                self.data[self.next_fetched] = fetch = Fetch(None, self.begun - 1, bytes_)
                self.request(fetch, cause)
            self.next_fetched += 1

    def request(self, fetch: Fetch, cause: Key) -> None:
        fetch.requested, fetch.ready = True, -1
        port = self.machine.parts[self.image.first_port + int(self.image.core_port[self.index])]
        number, self.requests = self.requests, self.requests + 1
        slot = self.index << REQUEST_BITS | number % (1 << REQUEST_BITS)
        self.machine.land(
            self.now + int(self.image.port_request_ticks[self.index]), port.number, REQUEST, slot,
            lambda: port.requested(self, fetch, number, slot, cause))

    def answered(self, fetch: Fetch, cause: Key) -> None:
        """The data of a request is here."""
        fetch.key = self.record(LAND, DATA, 0, fetch.packet, fetch.step, fetch.bytes, cause)
        fetch.ready = self.ready_tick(self.now)
        self.ask(self.now)
