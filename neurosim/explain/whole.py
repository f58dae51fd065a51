"""A whole explanation: what results and reports keep of a run's critical paths."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from neurosim.chip import Chip
from neurosim.explain import parts, table
from neurosim.explain.graph import Graph, build
from neurosim.explain.mending import mends
from neurosim.explain.path import CriticalPath, critical_path
from neurosim.explain.places import CORE, LINK, Places
from neurosim.explain.records import Records, read
from neurosim.explain.verdict import verdicts
from neurosim.image import Image
from neurosim.mapping.model import Mapping

#: Longest tables of places.
MOST_ROWS = 20
#: Records up to which the next-longest paths are looked for unasked: they take a kilobyte each.
MOST_RECORDS = 5_000_000
#: Steps that are listed one by one; tables and means are over all.
MOST_STEPS = 1000


class Explained:
    """A traced run with everything that explains it, computed once."""

    def __init__(self, image: Image, trace: np.ndarray, chip: Chip,
                 mapping: Mapping | None) -> None:
        self.image, self.chip, self.mapping = image, chip, mapping
        self.records: Records = read(image, trace)
        self.path: CriticalPath = critical_path(self.records)
        self.places = Places.of(image, chip, mapping)
        self._graph: Graph | None = None

    @property
    def graph(self) -> Graph:
        if self._graph is None:
            self._graph = build(self.records)
        return self._graph

    def data(self, mend: bool | None = None) -> dict[str, Any]:
        """Plain data: ``critical_path`` of result.json (docs/reference/critical-path.md).

        Args:
            mend: look for the next-longest paths (default: up to :data:`MOST_RECORDS`).
        """
        mend = len(self.records) <= MOST_RECORDS if mend is None else mend
        path, hertz = self.path, self.image.tick_hz
        steps = max(1, len(path.step))

        def rows(found: list[table.Row]) -> list[dict[str, Any]]:
            return [{"name": row.name, "seconds": row.ticks / hertz / steps, "share": row.share,
                     "steps": row.steps} for row in found[:MOST_ROWS]]

        listed = slice(0, MOST_STEPS if self.image.steps else 0)
        by_part = path.by_part()[listed]
        used = np.flatnonzero(by_part.any(axis=0))
        return {
            "count": len(path.step),
            "latency_mean_s": float(path.latency.mean() / hertz) if len(path.step) else None,
            "steps": path.step[listed].tolist(),
            "latency_s": (path.latency[listed] / hertz).tolist(),
            "parts": [parts.NAMES[i] for i in used],
            "parts_s": (by_part[:, used] / hertz).tolist(),
            "by_part": rows(table.by_part(path)),
            "by_layer": rows(table.by_layer(path)),
            "by_core": rows(table.by_place(path, self.places, CORE)),
            "by_link": rows(table.by_place(path, self.places, LINK)),
            "by_place": rows(table.by_place(path, self.places)),
            "verdicts": [asdict(v) for v in verdicts(self.records, path, self.chip, self.places)],
            "mending": [{"name": m.name, "share": m.share, "latency_s": m.latency / hertz}
                        for m in (mends(self.graph, path, self.places) if mend else [])],
        }
