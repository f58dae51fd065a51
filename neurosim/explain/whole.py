"""A whole explanation: what results and reports keep of a run's critical paths."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

import numpy as np

from neurosim.chip import Chip
from neurosim.explain import parts, table
from neurosim.explain.graph import Graph, build
from neurosim.explain.mending import mends
from neurosim.explain.path import CriticalPath, critical_path
from neurosim.explain.pieces import Pieces
from neurosim.explain.places import CORE, LINK, Places
from neurosim.explain.records import read
from neurosim.explain.survey import Survey, survey
from neurosim.explain.verdict import verdicts
from neurosim.explain.whatif import Change, Lower, Prediction, predict
from neurosim.explain.windows import critical_path_of
from neurosim.image import Image
from neurosim.mapping.model import Mapping

#: Longest tables of places.
MOST_ROWS = 20
#: Records up to which the next-longest paths are looked for unasked.
MOST_RECORDS = 1_000_000
#: Records that a run is timed anew from: of longer ones the beginning, because they are all in
#: memory at once.
MOST_TIMED = 2_000_000
#: Steps that are listed one by one; tables and means are over all.
MOST_STEPS = 1000


class Explained:
    """A traced run with everything that explains it, computed once."""

    def __init__(self, image: Image, trace: np.ndarray, chip: Chip,
                 mapping: Mapping | None) -> None:
        self.image, self.chip, self.mapping = image, chip, mapping
        self.pieces = Pieces(trace)
        self.survey: Survey = survey(image, self.pieces)
        self.path: CriticalPath = critical_path_of(self.pieces, self.survey)
        self.places = Places.of(image, chip, mapping)

    @cached_property
    def graph(self) -> Graph:
        """All that was waited for: of the whole run, or of its beginning (:data:`MOST_TIMED`), but
        at least of the first two steps."""
        count = len(self.pieces)
        if count > MOST_TIMED and len(self.survey.last):
            ends = np.sort(self.survey.last)
            count = int(max(ends[min(1, len(ends) - 1)], ends[ends < MOST_TIMED].max(initial=0)))
            count = self.pieces.find(int(self._tick(count)) + 1)
        return build(read(self.image, self.pieces.rows(0, count), self.survey.packets))

    def _tick(self, record: int) -> int:
        return int(self.pieces.rows(record, record + 1)["tick"][0])

    @cached_property
    def timed_path(self) -> CriticalPath:
        """Critical paths of what :attr:`graph` holds."""
        if len(self.graph.records) == len(self.pieces):
            return self.path
        return critical_path(self.graph.records)

    @property
    def timed_share(self) -> float:
        """Mean latency of all steps over that of the steps that :attr:`graph` holds."""
        return float(self.path.latency.mean() / self.timed_path.latency.mean())

    def predict(self, change: Change, lower: Lower) -> Prediction:
        """What ``change`` would do (:func:`.whatif.predict`), scaled to all steps."""
        made = predict(self.graph, change, lower)
        scale = self.timed_share
        return replace(made, before_s=scale * made.before_s, after_s=scale * made.after_s)

    def data(self, mend: bool | None = None) -> dict[str, Any]:
        """Plain data: ``critical_path`` of result.json (docs/reference/critical-path.md).

        Args:
            mend: look for the next-longest paths (default: up to :data:`MOST_RECORDS`).
        """
        mend = len(self.pieces) <= MOST_RECORDS if mend is None else mend
        mend = mend and len(self.path.step) > 0
        path, hertz = self.path, self.image.tick_hz
        mending = mends(self.graph, self.timed_path, self.places) if mend else []
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
            "verdicts": [asdict(v) for v in verdicts(self.survey, path, self.chip, self.places)],
            "mending": [{"name": m.name, "share": m.share,
                         "latency_s": self.timed_share * m.latency / hertz} for m in mending],
        }
