"""What went through the memory ports: bytes, requests, waits, and the energy of their way."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim.measure.facts import Facts


def dram(facts: Facts) -> dict[str, Any] | None:
    """``memory.dram`` of the contract; None where no table lies in DRAM."""
    image, counters, mapping = facts.image, facts.counters, facts.mapping
    if not image.n_ports or mapping is None:
        return None
    chip = facts.chip
    assert chip.dram is not None
    requests, end = int(counters.port_requests.sum()), int(counters.end_tick)
    used = counters.port_busy / end if end > 0 else np.zeros(image.n_ports)
    return {
        "bytes": sum(use.dram for use in mapping.memory),
        "capacity_bytes": int(chip.dram.bytes) * chip.topology.chip_count,
        "slices": sum(part.dram for part in mapping.slices),
        "ports": image.n_ports,
        "requests": requests,
        "bytes_fetched": int(counters.fetched_bytes.sum()),
        "bytes_transferred": transferred_bytes(facts),
        "mean_wait_s": _ratio(counters.port_wait.sum() / image.tick_hz, requests),
        "mean_utilisation": float(used.mean()),
        "max_utilisation": float(used.max()),
        "waiting_s": float(facts.seconds(counters.waiting_ticks).sum()),
    }


def transferred_bytes(facts: Facts) -> int:
    """Bytes of whole bursts."""
    image = facts.image
    bursts = facts.counters.port_busy // np.maximum(1, image.port_burst_ticks)
    return int((bursts * image.port_burst_bytes).sum())


def way_bits(facts: Facts) -> int:
    """Bits times hops between memory ports and cores, which are not simulated as packets."""
    image, mapping = facts.image, facts.mapping
    if not image.n_ports or mapping is None:
        return 0
    hops = facts.chip.dram_ports.hops[facts.chip.noc_arrays.core_router[facts.core_ids]]
    return 8 * int((facts.counters.fetched_bytes * hops).sum())


def _ratio(a: float, b: int) -> float | None:
    return float(a) / b if b else None
