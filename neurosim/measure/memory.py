"""Local memory: how full it is, and how many bytes the run touched."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from neurosim.image import ACCUMULATE, RECEIVE, ROW_CURRENT, ROW_LOOKUP, SUMS_PER_UNIT
from neurosim.mapping.formats import GATES, bitmap_bytes, index_bytes
from neurosim.measure.dram import dram
from neurosim.measure.facts import Facts
from neurosim.measure.operations import RECURRENT_ROWS, decoder_macs_done

_BIAS_BYTES = 4


def memory(facts: Facts) -> dict[str, Any]:
    """``memory`` of the contract, from the mapping's accounting (docs/reference/memory.md)."""
    mapping = facts.mapping
    capacity = int(facts.chip.core.data_bytes)
    if mapping is None or not mapping.memory:
        return {"bytes_per_core_max": 0, "bytes_per_core_mean": 0.0, "capacity_bytes": capacity,
                "dram": None}
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
        "dram": dram(facts),
    }


def accessed_bytes(facts: Facts) -> int:
    """Bytes that the cores read and wrote in local memory.

    Per synaptic operation: weight and index read, gate sum read and written.  Per row: its key's
    look-up entry and two row pointers read.  Per update: state read and written, and the four gate
    sums read and cleared.  Per packet received: its queue entry written and read.  What a format
    adds, and rows from DRAM: :func:`row_bytes`.  Decoder and embedding: :func:`end_bytes`.
    """
    core, counters = facts.chip.core, facts.counters
    per_operation = int(core.weight_bytes) + index_bytes(core) + 2 * int(core.sum_bytes)
    per_row = int(core.lookup_bytes) + 2 * int(core.row_pointer_bytes)
    per_update = 2 * int(core.state_bytes_per_unit) + 2 * SUMS_PER_UNIT * int(core.sum_bytes)
    return (
        int(counters.synaptic_ops[:, list(RECURRENT_ROWS)].sum()) * per_operation
        + int(counters.job_count[:, ACCUMULATE].sum()) * per_row
        + int(counters.layer_updates[facts.recurrent].sum()) * per_update
        + int(counters.job_count[:, RECEIVE].sum()) * 2 * int(core.queue_entry_bytes)
        + row_bytes(facts)
        + end_bytes(facts)
    )


def row_bytes(facts: Facts) -> int:
    """Bytes of recurrent layers' rows beyond their stored synapses.

    A bitmap is read with its row.  The zeros of a dense row are worked on like its weights.  A row
    from DRAM is written before it is read.  (Fillers of ``delta8``, a byte each, are left out.)
    """
    core, counters, mapping, network = facts.chip.core, facts.counters, facts.mapping, facts.ran
    if mapping is None or network is None:
        return 0
    operation = int(core.weight_bytes) + 2 * int(core.sum_bytes)
    ops = counters.synaptic_ops
    total = 0
    for c, held in enumerate(facts.slice_of_core.tolist()):
        part = mapping.slices[held] if held >= 0 else None
        if part is None or network.layers[part.layer].kind in ("lookup", "decoder"):
            continue
        width = max(1, facts.image.input_width)
        rows = int(counters.job_count[c, ACCUMULATE]) - -(-int(ops[c, ROW_CURRENT]) // width)
        columns = GATES * len(part.units)
        if core.table_format == "bitmap":
            total += rows * bitmap_bytes(core, columns)
        elif core.table_format == "dense":
            zeros = rows * columns - int(ops[c, list(RECURRENT_ROWS)].sum())
            total += zeros * operation
        total += int(counters.fetched_bytes[c])
    return total


def end_bytes(facts: Facts) -> int:
    """Bytes that decoder and embedding cores read and wrote, and those for input currents.

    Per product of a decoder: its weight read (from DRAM: written and read), and gated the word's
    sum read and written, dense the value read.  Per word: sum read and cleared, bias read.  Per
    value of the embedding: read (from DRAM: written and read).  Per current: sum read and written.
    """
    plan, network = facts.plan, facts.ran
    ops = facts.counters.synaptic_ops.sum(axis=0)
    a_sum = 2 * int(facts.chip.core.sum_bytes)
    total = int(ops[ROW_CURRENT]) * a_sum
    if network is not None and plan.decoder_layer:
        layer = network.layers[-1]
        weight = layer.weight_bits // 8 * (2 if plan.decoder_on == "dram" else 1)
        beside = a_sum if layer.gated else layer.weight_bits // 8
        total += decoder_macs_done(facts) * (weight + beside)
        total += int(facts.counters.layer_updates[-1]) * (a_sum + _BIAS_BYTES)
    if network is not None and plan.lookup_layer:
        value = network.layers[0].weight_bits // 8 * (2 if plan.embedding_on == "dram" else 1)
        total += int(ops[ROW_LOOKUP]) * value
    return total
