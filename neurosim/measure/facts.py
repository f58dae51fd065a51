"""What a finished run hands over, and the few derived facts that all measures share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neurosim.chip.schema import Chip
from neurosim.image import CURRENT, EVENT, MARKER, SYNC_DATAFLOW, Counters, Image
from neurosim.mapping.model import Mapping
from neurosim.network.machine import LanguagePlan
from neurosim.network.model import Network, Workload


@dataclass(frozen=True)
class Facts:
    """A run.  ``network``, ``workload`` and ``mapping`` are None for synthetic NoC traffic.

    ``network`` and ``workload`` are the model's; ``machine`` is the network that ran, with the
    embedding and decoder that are on the chip as layers (None: the model's alone), by ``plan``.
    """

    network: Network | None
    workload: Workload | None
    chip: Chip
    mapping: Mapping | None
    image: Image
    counters: Counters
    machine: Network | None = None
    plan: LanguagePlan = LanguagePlan()

    @property
    def ran(self) -> Network | None:
        """The network whose layers the image and the counters number."""
        return self.machine or self.network

    @property
    def recurrent(self) -> slice:
        """The recurrent ones among the layers that ran."""
        return slice(0, 0) if self.ran is None else self.ran.recurrent

    @cached_property
    def entered(self) -> np.ndarray:
        """[inputs] how often each input of the model's first layer was not zero.

        With the embedding on the chip, or with currents, it is the embedding that says so.
        """
        network, workload = self.network, self.workload
        if network is None or workload is None:
            return np.zeros(0, np.int64)
        rows = np.arange(self.steps) if workload.rows is None else workload.rows
        rows = np.where(rows < 0, self.chosen_before, rows)
        return np.count_nonzero(workload.inputs[rows[rows >= 0]], axis=0).astype(np.int64)

    @property
    def chosen_before(self) -> np.ndarray:
        """[T] token chosen on the step before of the same stream, -1 on a stream's first."""
        streams = self.image.streams
        before = np.full(self.steps, -1, np.int64)
        before[streams:] = self.counters.chosen[: max(0, self.steps - streams)]
        return before

    @property
    def steps(self) -> int:
        return self.image.steps

    @property
    def total_s(self) -> float:
        """Simulated time from tick 0 to the last thing that happened."""
        return self.counters.end_tick / self.image.tick_hz

    def seconds(self, ticks: np.ndarray) -> np.ndarray:
        return np.asarray(ticks, np.float64) / self.image.tick_hz

    @cached_property
    def core_ids(self) -> np.ndarray:
        """[C] the chip's core behind each of the image's.

        The image numbers either all cores of the chip or, if fewer, those that hold a slice, in
        the order of the mapping.
        """
        n = self.image.n_cores
        if self.mapping is None or n != len(self.mapping.slices):
            return np.arange(n)
        return np.array([s.core for s in self.mapping.slices], np.int64)

    @cached_property
    def slice_of_core(self) -> np.ndarray:
        """[C] index of the slice that each of the image's cores holds, or -1."""
        held = {} if self.mapping is None else {
            s.core: i for i, s in enumerate(self.mapping.slices)}
        return np.array([held.get(int(core), -1) for core in self.core_ids], np.int64)

    # --- channels

    @cached_property
    def link_channels(self) -> np.ndarray:
        """Router outputs that lead to another router: what a hop crosses."""
        return np.flatnonzero(self.image.ch_port[: self.image.n_outputs] >= 0)

    @cached_property
    def core_channels(self) -> np.ndarray:
        """Router outputs that deliver to a core."""
        return self._ends(self.image.first_core, self.image.first_port)

    @cached_property
    def source_channels(self) -> np.ndarray:
        """Router outputs that deliver to a traffic source's sink."""
        return self._ends(self.image.first_source, self.image.first_host)

    @cached_property
    def host_channels(self) -> np.ndarray:
        """Router outputs that deliver to the host."""
        return self._ends(self.image.first_host, self.image.sync_part)

    def _ends(self, first: int, end: int) -> np.ndarray:
        image = self.image
        part, port = image.ch_part[: image.n_outputs], image.ch_port[: image.n_outputs]
        return np.flatnonzero((port < 0) & (part >= first) & (part < end))

    # --- the host's sending side, which no router output counts

    @cached_property
    def host_sent(self) -> tuple[int, int]:
        """(events or packets of currents, markers) that the host sent."""
        sent = int(self.counters.host_sent)
        has_marker = self.image.sync == SYNC_DATAFLOW and self.image.host_marker_tree >= 0
        begun = int((self.counters.step_offer >= 0).sum())
        markers = min(sent, begun) if has_marker else 0
        return sent - markers, markers

    @property
    def input_kind(self) -> int:
        """Kind of the packets in which inputs enter."""
        return CURRENT if self.image.input_width else EVENT

    @property
    def host_sent_bits(self) -> int:
        events, markers = self.host_sent
        bits = self.image.packet_bits
        return events * int(bits[self.input_kind]) + markers * int(bits[MARKER])
