"""Local memory: how full it is, and how many bytes the run touched."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from neurosim.image import ACCUMULATE, RECEIVE, SUMS_PER_UNIT
from neurosim.mapping.formats import index_bytes
from neurosim.measure.facts import Facts


def memory(facts: Facts) -> dict[str, Any]:
    """``memory`` of the contract, from the mapping's accounting (docs/reference/memory.md)."""
    mapping = facts.mapping
    capacity = int(facts.chip.core.data_bytes)
    if mapping is None or not mapping.memory:
        return {"bytes_per_core_max": 0, "bytes_per_core_mean": 0.0, "capacity_bytes": capacity}
    totals = [use.total for use in mapping.memory]
    fullest = max(range(len(totals)), key=lambda i: totals[i])
    return {
        "bytes_per_core_max": totals[fullest],
        "bytes_per_core_mean": sum(totals) / len(totals),
        "bytes_total": sum(totals),
        "capacity_bytes": mapping.capacity_bytes,
        "fullest_core": mapping.slices[fullest].core,
        "fullest_core_bytes": asdict(mapping.memory[fullest]),
        "accessed_bytes": accessed_bytes(facts),
    }


def accessed_bytes(facts: Facts) -> int:
    """Bytes that the cores read and wrote in local memory.

    Per synaptic operation: weight and index read, gate sum read and written.  Per row: its key's
    look-up entry and two row pointers read.  Per update: state read and written, and the four gate
    sums read and cleared.  Per packet received: its queue entry written and read.  Bitmaps and the
    zeros of dense rows are not counted.
    """
    core, counters = facts.chip.core, facts.counters
    per_operation = int(core.weight_bytes) + index_bytes(core) + 2 * int(core.sum_bytes)
    per_row = int(core.lookup_bytes) + 2 * int(core.row_pointer_bytes)
    per_update = 2 * int(core.state_bytes_per_unit) + 2 * SUMS_PER_UNIT * int(core.sum_bytes)
    return (
        int(counters.synaptic_ops.sum()) * per_operation
        + int(counters.job_count[:, ACCUMULATE].sum()) * per_row
        + int(counters.layer_updates.sum()) * per_update
        + int(counters.job_count[:, RECEIVE].sum()) * 2 * int(core.queue_entry_bytes)
    )
