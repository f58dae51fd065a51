"""Bytes of a core that holds a part of the decoder or of the embedding (docs/reference/memory.md).

Rows of both are dense and of one length, so that a source's number leads to its row: there are no
column indices and no row pointers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurosim.mapping.model import MemoryUse

if TYPE_CHECKING:
    from neurosim.chip.schema import Core
    from neurosim.mapping.memory import Held
    from neurosim.network.model import Layer

#: Biases and the scales of int8 rows.
FLOAT_BYTES = 4


def end_memory(layer: Layer, units: int, core: Core, held: Held) -> MemoryUse:
    """Memory of a core that holds ``units`` words (decoder) or values (embedding)."""
    return _decoder(layer, units, core, held) if layer.kind == "decoder" \
        else _lookup(layer, units, core, held)


def _decoder(layer: Layer, words: int, core: Core, held: Held) -> MemoryUse:
    """Gated: a sum a word and bank.  Dense: the input vector a bank, and no sums are kept.

    From DRAM, a few rows are in the core at a time: one that is worked on, others that arrive.
    """
    entry, int8 = layer.weight_bits // 8, layer.weight_bits == 8
    row = (words if layer.gated else layer.inputs) * entry
    value = 1 if int8 else FLOAT_BYTES
    queue = int(core.queue_entry_bytes)
    return MemoryUse(
        weights=held.rows * row if held.dram else words * layer.inputs * entry,
        indices=0,
        row_pointers=0,
        lookup=layer.inputs * int(core.lookup_bytes),
        state=words * FLOAT_BYTES * (2 if int8 else 1) + held.buffers * held.candidates * queue,
        sums=held.buffers * (words * int(core.sum_bytes) if layer.gated
                             else layer.inputs * value),
        queues=(int(core.fifo_packets) + 1 + held.candidates) * queue,
        dram=words * layer.inputs * entry if held.dram else 0,
    )


def _lookup(layer: Layer, values: int, core: Core, held: Held) -> MemoryUse:
    """The slice of the table, the token of every bank, and a queue for a step's values."""
    assert layer.table is not None
    vocabulary, entry = len(layer.table), layer.weight_bits // 8
    row = values * entry
    scales = vocabulary * FLOAT_BYTES if layer.weight_bits == 8 else 0
    queue = int(core.queue_entry_bytes)
    return MemoryUse(
        weights=held.rows * row if held.dram else vocabulary * row,
        indices=0,
        row_pointers=0,
        lookup=int(core.lookup_bytes),
        state=0 if held.dram else scales,
        sums=held.buffers * int(core.sum_bytes),
        queues=(int(core.fifo_packets) + 1 + values) * queue,
        dram=vocabulary * row + scales if held.dram else 0,
    )
