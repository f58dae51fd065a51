"""The throughput that the busiest part allows, however many streams fill the machine.

A part that is busy for b ticks a step takes in at most one step every b ticks.  The bound is that
of the busiest: a core (all its jobs), a link or the way into a core (transfers), a port of DRAM,
the host's sending and its decoding.  It is measured on the run itself, so it holds for this
activity and mapping.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.chip.topology import tile_of
from neurosim.measure.facts import Facts
from neurosim.measure.traffic import host_send_ticks


def bound(facts: Facts) -> dict[str, Any] | None:
    """``bound``: the busiest part, its busy time a step, and the throughput that this allows."""
    steps, counters = facts.steps, facts.counters
    if not steps or facts.ran is None:
        return None
    found = max(_parts(facts), key=lambda part: part[1])
    busy = found[1] / facts.image.tick_hz
    utilisation = found[1] / counters.end_tick if counters.end_tick > 0 else None
    return {
        "part": found[0],
        "busy_s_per_step": busy / steps,
        "throughput_steps_per_s": steps / busy if busy > 0 else None,
        "utilisation": utilisation,
    }


def _parts(facts: Facts) -> list[tuple[str, int]]:
    """(name, busy ticks) of the busiest of each kind of part."""
    image, counters = facts.image, facts.counters
    parts = [("host, sending", host_send_ticks(facts)),
             ("host, decoding", int(counters.host_decode_ticks))]
    if len(counters.port_busy):
        at = int(np.argmax(counters.port_busy))
        parts.append((f"memory port {at}", int(counters.port_busy[at])))
    busy = counters.job_ticks.sum(axis=1)
    if len(busy):
        at = int(np.argmax(busy))
        held = int(facts.slice_of_core[at])
        layer = None if held < 0 or facts.mapping is None or facts.ran is None \
            else facts.ran.layers[facts.mapping.slices[held].layer].name
        parts.append((f"core {int(facts.core_ids[at])}" + (f" ({layer})" if layer else ""),
                      int(busy[at])))
    for name, channels in (("link", facts.link_channels), ("way to a core", facts.core_channels),
                           ("way to the host", facts.host_channels)):
        if len(channels):
            at = int(channels[np.argmax(counters.ch_busy[channels])])
            tile = tile_of(facts.chip.topology_graph, int(image.ch_owner[at]))
            parts.append((f"{name} at tile {tile}", int(counters.ch_busy[at])))
    return parts
