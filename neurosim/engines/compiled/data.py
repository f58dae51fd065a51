"""Arrays beside the words of the state."""

from __future__ import annotations

from typing import Any, NamedTuple


class Data(NamedTuple):
    """What the loop reads beside the words, and what it records into: arrays, and in compiled code
    their addresses (:mod:`.words`), so two-dimensional ones are indexed flat."""

    #: None for routers that most machines have: what others need is then not compiled in.
    rare: Any
    routes: Any  # [sinks, routers] uint8: output and virtual channel towards a sink
    other: Any  # [sinks, routers] uint8: another output that is allowed, or NO_OTHER
    offer_tick: Any  # listed packets, source by source
    offer_dest: Any
    offer_length: Any
    rows: Any  # [4 W] int32: first synapse, synapses, ticks, class
    synapses: Any  # [Y] int64: target << 32 | bits of the weight
    row_bytes: Any  # [W] int64, or [1] without memory ports
    unit_bytes: Any  # [U]
    h: Any  # [U]
    unit_layer: Any
    unit_column: Any
    unit_kind: Any
    unit_tree: Any
    unit_offset: Any
    unit_bias: Any
    unit_threshold: Any
    unit_reset: Any
    unit_zoneout: Any
    unit_always: Any
    unit_levels: Any
    replay: Any
    lookup: Any
    inputs: Any
    input_row: Any
    input_tree: Any
    input_offset: Any
    outputs: Any
    host_values: Any
    decoder_weight: Any
    decoder_bias: Any
    host_results: Any  # [T, results] pairs: score (its bits), word
    chosen: Any
    step_decided: Any  # [T] exact ticks
    logits: Any
