"""Where the compiled engine's records go: sorted blocks to a sink, or one array in memory."""

from __future__ import annotations

from math import gcd

import numpy as np

from neurosim import trace
from neurosim.engines.compiled import layout as at
from neurosim.engines.compiled.state import State, make_room
from neurosim.engines.outcome import Sink
from neurosim.image import SYNC_BARRIER, SYNC_TICK, Image

#: Records after which a block is sorted and leaves: they, and their keys, fit into the caches.
BLOCK = 1 << 14
#: Room of the array in memory, of few records and of many: pages are taken as they are written, so
#: that room costs nothing.
_ROOM = (1 << 14, 1 << 24)


class Recording:
    """Blocks of a run's records, in order of their keys.

    Args:
        sink: called with every block, which it must copy; None: they are kept (:meth:`whole`).
        skip: records to leave out, which another run has handed over already.
    """

    def __init__(self, state: State, image: Image, sink: Sink | None, skip: int = 0) -> None:
        self.sink, self.skip, self.count = sink, skip, 0
        self._after = 0
        self._unit = state.tables.grid
        if image.sync == SYNC_BARRIER:
            self._unit = gcd(self._unit, image.barrier_ticks, image.report_ticks)
        elif image.sync == SYNC_TICK:
            self._unit = gcd(self._unit, image.tick_period)
        for ticks in (image.port_burst_ticks, image.port_request_ticks, image.port_latency_ticks):
            self._unit = gcd(self._unit, int(np.gcd.reduce(ticks)) if len(ticks) else 0)
        self._counts = np.zeros(2048, np.int64)
        self._out = np.zeros(0, np.int64)
        make_room(state, BLOCK)
        self._scratch()

    def _scratch(self, room: int = 0) -> None:
        self._keys, self._others = np.empty((2, room), np.int64)

    def take(self, state: State, before: int) -> None:
        """Take out all records before tick ``before``, which can become no more."""
        from neurosim.engines.compiled.records import LATE, WIDE, emit

        assert state.trace is not None
        m = state.words
        waiting = int(m[at.H_RECORDS])
        if len(self._keys) < waiting:
            self._scratch(2 * waiting)
        first = 0 if self.sink is not None else self.count
        self._make_out(first, waiting)
        n = int(emit(state.trace, waiting, self._after, before, self._unit, self._keys,
                     self._others, self._counts, self._out, first))
        assert n != LATE, "a record came after its time"
        if n == WIDE:
            n = self._take_wide(state.trace, waiting, before, first)
        m[at.H_RECORDS] = waiting - n
        self._after, self.count = before, self.count + n
        if self.sink is not None and n and self.count > self.skip:
            block = self._out[: 8 * n].view(trace.RECORD)
            self.sink(block[max(0, n - (self.count - self.skip)):])
        make_room(state, max(BLOCK, 3 * (waiting - n)))

    def _take_wide(self, buffer: np.ndarray, waiting: int, before: int, first: int) -> int:
        """What `emit` does, where keys do not fit into one integer."""
        rows = buffer[: 8 * waiting].reshape(-1, 8)
        leaves = rows[:, 0] < before
        gone, kept = rows[leaves], rows[~leaves]
        order = np.lexsort((gone[:, 1], gone[:, 0]))
        self._out[8 * first: 8 * (first + len(gone))] = gone[order].reshape(-1)
        buffer[: kept.size] = kept.reshape(-1)
        return len(gone)

    def _make_out(self, first: int, more: int) -> None:
        room = len(self._out) // 8
        if first + more <= room:
            return
        if self.sink is not None:
            self._out = np.empty(8 * 2 * more, np.int64)
            return
        wanted = max(4 * room, first + more, _ROOM[first + more > _ROOM[0]])
        grown = np.empty(8 * wanted, np.int64)
        grown[: 8 * first] = self._out[: 8 * first]
        self._out = grown

    def whole(self) -> np.ndarray | None:
        """All records, or None if a sink took them."""
        if self.sink is not None:
            return None
        return self._out[: 8 * self.count].view(trace.RECORD)
