"""Tables per core, per link and per step, as structured arrays (one named column a field).

Columns end in their unit; docs/reference/results.md lists them.  ``pandas.DataFrame(table)`` works.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurosim.image import ACCUMULATE, JOBS, RECEIVE, SEND, UPDATE
from neurosim.measure.energy import core_active_j
from neurosim.measure.facts import Facts
from neurosim.measure.latency import completions, finished, offers, stage_names, stage_ticks
from neurosim.measure.traffic import utilisation

Columns = Sequence[tuple[str, np.ndarray]]


def cores(facts: Facts) -> np.ndarray:
    """One row a core that holds a slice, by core id."""
    image, counters, mapping = facts.image, facts.counters, facts.mapping
    rows = np.flatnonzero(facts.slice_of_core >= 0)
    rows = rows[np.argsort(facts.core_ids[rows], kind="stable")]
    ids, held = facts.core_ids[rows], facts.slice_of_core[rows]
    slices = [mapping.slices[i] for i in held] if mapping is not None else []
    used = [mapping.memory[i].total for i in held] if mapping is not None else []
    noc = facts.chip.noc_arrays
    xy = noc.router_xy[noc.core_router[ids]] if len(ids) else np.zeros((0, 2), np.int64)
    jobs, counts = facts.seconds(counters.job_ticks[rows]), counters.job_count[rows]
    busy, stalled = jobs.sum(axis=1), facts.seconds(counters.stalled_ticks[rows])
    waiting = facts.seconds(counters.waiting_ticks[rows])
    asleep = np.maximum(0.0, facts.total_s - busy - stalled - waiting)
    total = facts.total_s if facts.total_s > 0 else 1.0
    return table([
        ("core", ids), ("x", xy[:, 0]), ("y", xy[:, 1]),
        ("layer", np.array([s.layer for s in slices], np.int64)),
        ("units", np.array([len(s.units) for s in slices], np.int64)),
        *((f"{JOBS[job]}_s", jobs[:, job]) for job in (RECEIVE, ACCUMULATE, UPDATE, SEND)),
        ("busy_s", busy), ("stalled_s", stalled), ("waiting_s", waiting), ("asleep_s", asleep),
        ("busy", np.minimum(1.0, busy / total)),
        ("received", counts[:, RECEIVE]), ("rows", counts[:, ACCUMULATE]),
        ("synaptic_ops", counters.synaptic_ops[rows].sum(axis=1)),
        ("updates", counts[:, UPDATE]), ("sent", counts[:, SEND]),
        ("dropped", counters.core_dropped[rows]), ("fifo_max", counters.fifo_max[rows]),
        ("wakes", counters.wakes[rows]), ("memory_bytes", np.array(used, np.int64)),
        ("fetched_bytes", counters.fetched_bytes[rows]),
        ("active_j", core_active_j(facts)[rows]),
        ("channel_utilisation", _core_channels(facts)[rows] if image.n_cores else busy),
    ])


def _core_channels(facts: Facts) -> np.ndarray:
    """[C] utilisation of the router output that delivers to each core."""
    image = facts.image
    result = np.zeros(image.n_cores)
    channels = facts.core_channels
    result[image.ch_part[channels] - image.first_core] = utilisation(facts, channels)
    return result


def links(facts: Facts) -> np.ndarray:
    """One row a directed link between routers, by channel number."""
    image, counters, channels = facts.image, facts.counters, facts.link_channels
    xy = facts.chip.noc_arrays.router_xy
    start, end = xy[image.ch_owner[channels]], xy[image.ch_part[channels]]
    ways = [way for _, _, way in facts.chip.noc_arrays.links]
    return table([
        ("link", channels), ("from_x", start[:, 0]), ("from_y", start[:, 1]),
        ("to_x", end[:, 0]), ("to_y", end[:, 1]), ("direction", np.array(ways, str)),
        ("packets", counters.ch_packets[channels]), ("bits", counters.ch_bits[channels]),
        ("busy_s", facts.seconds(counters.ch_busy[channels])),
        ("utilisation", utilisation(facts, channels)),
    ])


def steps(facts: Facts) -> np.ndarray:
    """One row a finished step: when it was offered and complete, and its latency by stage."""
    done = np.flatnonzero(finished(facts))
    stages = facts.seconds(stage_ticks(facts)[done])
    offer, last = offers(facts)[done], completions(facts)[done]
    names = [f"{name}_s" for name in stage_names(facts)]
    return table([
        ("step", done), ("offered_s", facts.seconds(offer)), ("complete_s", facts.seconds(last)),
        ("latency_s", facts.seconds(last - offer)),
        *((name, stages[:, i]) for i, name in enumerate(names)),
    ])


def stage_columns(steps: np.ndarray) -> dict[str, str]:
    """Columns of the steps' table that are parts of the latency, with what a person calls them."""
    names = list(steps.dtype.names or ())
    if "latency_s" not in names:
        return {}
    parts = names[names.index("latency_s") + 1:]
    return {name: f"layer {name[5:-2]}" if name.startswith("layer") else name.removesuffix("_s")
            for name in parts}


def table(columns: Columns) -> np.ndarray:
    """Columns of equal length as one structured array."""
    dtype = [(name, column.dtype.str) for name, column in columns]
    result = np.empty(len(columns[0][1]), dtype)
    for name, column in columns:
        result[name] = column
    return result


def csv(rows: np.ndarray) -> str:
    """A table as CSV text: a header, then one line a row, floats so that they read back exactly."""
    assert rows.dtype.names is not None
    lines = [",".join(rows.dtype.names)]
    lines += [",".join(str(cell) for cell in row) for row in rows.tolist()]
    return "\n".join(lines) + "\n"
