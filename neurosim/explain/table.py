"""Critical paths added up over steps: what bounds a run, by part, layer and place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurosim.explain import parts
from neurosim.explain.path import CriticalPath
from neurosim.explain.places import Places


@dataclass(frozen=True)
class Row:
    """One line of a table: ``ticks`` over all steps, and their share of all latency."""

    name: str
    ticks: int
    share: float
    steps: int  # on whose paths it is
    key: int  # part, layer, class or place


def by_part(path: CriticalPath) -> list[Row]:
    """What the time was spent on."""
    return _rows(path, path.part, lambda key: parts.NAMES[key])


def by_layer(path: CriticalPath) -> list[Row]:
    """Whose work or packets it was: the layer of the core, or of the packet's sender."""
    return _rows(path, path.layer, layer_name)


def by_place(path: CriticalPath, places: Places, sort: int | None = None) -> list[Row]:
    """Where it was spent; only places of one sort (``places.SORTS``) if one is given."""
    keep = np.ones(len(path.place), bool)
    if sort is not None:
        sorts = {int(p): places.sort(int(p)) for p in np.unique(path.place)}
        keep = np.array([sorts[int(p)] == sort for p in path.place], bool)
    return _rows(path, path.place, places.label, keep)


def by_part_and_place(path: CriticalPath, places: Places) -> list[Row]:
    """What was spent where, in one table: the finest cut."""
    n = len(parts.NAMES)
    return _rows(path, path.place * n + path.part,
                 lambda key: f"{parts.NAMES[key % n]}, {places.label(key // n)}")


def layer_name(layer: int) -> str:
    return {parts.INPUT_LAYER: "input", parts.NO_LAYER: "none"}.get(layer, f"layer {layer}")


def _rows(path: CriticalPath, key: np.ndarray, name, keep=None) -> list[Row]:  # type: ignore[no-untyped-def]
    """Rows by descending ticks; equal ones by key."""
    keep = np.ones(len(key), bool) if keep is None else keep
    keys, inverse = np.unique(key[keep], return_inverse=True)
    ticks = np.zeros(len(keys), np.int64)
    np.add.at(ticks, inverse, path.ticks[keep])
    pairs = np.unique(np.stack([inverse, path.owner[keep]]), axis=1)
    steps = np.bincount(pairs[0], minlength=len(keys)) if len(keys) else ticks
    total = max(1, int(path.latency.sum()))
    order = np.lexsort((keys, -ticks))
    return [Row(name(int(keys[i])), int(ticks[i]), int(ticks[i]) / total, int(steps[i]),
                int(keys[i])) for i in order]
