"""Names of the machine's parts and channels, as users know them from the chip file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurosim.chip import Chip
from neurosim.image import Image
from neurosim.mapping.model import Mapping

#: Sorts of places, for tables by core, link and so on.
SORTS = ("core", "link", "router", "local channel", "host", "synchroniser", "source",
         "memory port")
CORE, LINK, ROUTER, CHANNEL, HOST, SYNCHRONISER, SOURCE, PORT = range(8)


@dataclass(frozen=True)
class Places:
    """Labels of places: parts by their number, channels by the number of parts + theirs."""

    image: Image
    router_xy: np.ndarray  # [R, 2]
    core_ids: np.ndarray  # [C] the chip's numbers of the image's cores

    @staticmethod
    def of(image: Image, chip: Chip, mapping: Mapping | None) -> Places:
        """Places of a prepared scenario; core i of an image holds slice i of its mapping."""
        ids = [] if mapping is None else [part.core for part in mapping.slices]
        return Places(image, chip.noc_arrays.router_xy, np.array(ids, np.int64))

    @property
    def first_channel(self) -> int:
        return self.image.sync_part + 1

    def sort(self, place: int) -> int:
        """Which of :data:`SORTS` a place is."""
        image = self.image
        if place < self.first_channel:
            for first, sort in ((image.sync_part, SYNCHRONISER), (image.first_host, HOST),
                                (image.first_source, SOURCE), (image.first_port, PORT),
                                (image.first_core, CORE)):
                if place >= first:
                    return sort
            return ROUTER
        channel = place - self.first_channel
        ends = (int(image.ch_owner[channel]), int(image.ch_part[channel]))
        if any(image.first_host <= end < image.sync_part for end in ends):
            return HOST
        return LINK if all(end < image.n_routers for end in ends) else CHANNEL

    def label(self, place: int) -> str:
        """A place for a person: ``core 7 (2,3)``, ``link (1,2) to (2,2)``, ..."""
        if place < self.first_channel:
            return self._part(place)
        channel = place - self.first_channel
        start, end = int(self.image.ch_owner[channel]), int(self.image.ch_part[channel])
        if self.sort(place) == LINK:
            return f"link {self._xy(start)} to {self._xy(end)}"
        return f"{self._part(start)} to {self._part(end)}"

    def peers(self, place: int) -> tuple[np.ndarray, str]:
        """All places of the same sort, for a core those of its layer, and what they are called."""
        image, sort = self.image, self.sort(place)
        if sort == CORE:
            stage = image.core_stage[place - image.first_core]
            mine = np.flatnonzero(image.core_stage == stage)
            return image.first_core + mine, f"all cores of layer {stage - 1}"
        every = range(self.first_channel + len(image.ch_owner))
        return (np.array([other for other in every if self.sort(other) == sort], np.int64),
                f"all {SORTS[sort]}s" if sort not in (HOST, SYNCHRONISER) else self.label(place))

    def core(self, place: int) -> int:
        """The chip's number of the core at ``place``."""
        return int(self.core_ids[place - self.image.first_core])

    def _part(self, part: int) -> str:
        image = self.image
        if part >= image.sync_part:
            return "barrier" if image.tick_period <= 1 else "global tick"
        if part >= image.first_host:
            return "host"
        if part >= image.first_source:
            return f"source {part - image.first_source}"
        if part >= image.first_port:
            return f"memory port {part - image.first_port}"
        if part >= image.first_core:
            router = int(image.ch_part[image.injection_channel(part)])
            return f"core {self.core(part)} {self._xy(router)}"
        return f"router {self._xy(part)}"

    def _xy(self, router: int) -> str:
        x, y = self.router_xy[router]
        return f"({x},{y})"
