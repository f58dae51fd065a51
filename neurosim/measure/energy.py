"""Energy: what the cores, the network on chip and the links used, with its range.

Every joule is a count of the run times a constant of the chip file.  The range takes all constants
at their low or all at their high ends; the run's timing stays as it was simulated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neurosim.chip.schema import Constant
from neurosim.chip.topology import ON_CHIP
from neurosim.image import ACCUMULATE, RECEIVE, SEND, TRAFFIC, UPDATE
from neurosim.mapping.decoder_cost import mac_cycles
from neurosim.measure.dram import transferred_bytes, way_bits
from neurosim.measure.facts import Facts
from neurosim.measure.memory import accessed_bytes
from neurosim.measure.operations import RECURRENT_ROWS, decoder_macs_done

#: Which end of a constant's range to take.
Pick = Callable[[Constant], float]


def value(constant: Constant) -> float:
    return constant.value


def low(constant: Constant) -> float:
    return constant.low


def high(constant: Constant) -> float:
    return constant.high


def energy(facts: Facts) -> dict[str, Any]:
    """``energy_j``, its ranges and ``power_w`` of the contract."""
    middle, least, most = (components(facts, pick) for pick in (value, low, high))
    total = sum(middle.values())
    return {
        "energy_j": {"total": total, **middle},
        "energy_low_j": sum(least.values()),
        "energy_high_j": sum(most.values()),
        "energy_range_j": {name: [least[name], most[name]] for name in middle},
        "energy_per_step_j": total / facts.steps if facts.steps else None,
        "energy_detail_j": detail(facts, value),
        "power_w": total / facts.total_s if facts.total_s > 0 else None,
    }


def components(facts: Facts, pick: Pick) -> dict[str, float]:
    """Energy by component in joules; their sum is the chip's total."""
    chip, counters = facts.chip, facts.counters
    costs = chip.energy
    parts = detail(facts, pick)
    host_bits = facts.host_sent_bits + int(counters.ch_bits[facts.host_channels].sum())
    return {
        "core_active": float(core_active_j(facts, pick).sum()) + parts["mac_array"]
        + parts["synaptic_ops"] + parts["updates"] + parts["received"] + parts["sent"],
        "core_idle": pick(chip.level.core_sleep_w) * powered_cores(facts) * facts.total_s,
        "sram": pick(costs.sram_j_per_byte) * accessed_bytes(facts) + parts["sram_words"],
        "noc": parts["links"] + parts["routers"] + parts["chip_links"] + parts["dram_way"],
        "dram": pick(costs.dram_j_per_bit) * 8 * transferred_bytes(facts),
        "host_link": pick(costs.host_link_j_per_bit) * host_bits,
        "static": pick(costs.static_w) * chip.topology.chip_count * facts.total_s,
    }


def detail(facts: Facts, pick: Pick = value) -> dict[str, float]:
    """What the components are made of: links within and between chips, look-ups, and operations
    that cost energy of their own where a chip is known by these and not by cycles."""
    costs, counters, arrays = facts.chip.energy, facts.counters, facts.chip.noc_arrays

    def each(constant: Constant | None) -> float:
        return 0.0 if constant is None else pick(constant)

    channels = facts.link_channels
    bits = counters.ch_bits[channels]
    between = arrays.link_kind[arrays.neighbours >= 0] != ON_CHIP
    vertical = np.array([way in ("N", "S") for *_, way in arrays.links], bool)
    across = costs.noc_j_per_bit_hop_y or costs.noc_j_per_bit_hop
    jobs = counters.job_count.sum(axis=0)
    words = accessed_bytes(facts) / (8 if costs.sram_word_bytes is None
                                     else int(costs.sram_word_bytes))
    return {
        "links": pick(costs.noc_j_per_bit_hop) * int(bits[~between & ~vertical].sum())
        + pick(across) * int(bits[~between & vertical].sum()),
        "chip_links": each(costs.chip_link_j_per_bit) * int(bits[between].sum()),
        "dram_way": pick(costs.noc_j_per_bit_hop) * way_bits(facts),
        "routers": pick(costs.router_j_per_packet) * lookups(facts),
        "synaptic_ops": each(costs.synaptic_op_j) * products(facts),
        "updates": each(costs.update_j) * int(counters.layer_updates[facts.recurrent].sum()),
        "mac_array": mac_array_j(facts, pick),
        "received": each(costs.receive_j) * int(jobs[RECEIVE]),
        "sent": each(costs.send_j) * int(jobs[SEND]),
        "sram_words": each(costs.sram_j_per_read) * words,
    }


def core_active_j(facts: Facts, pick: Pick = value) -> np.ndarray:
    """[C] energy above sleep of each core: busy, stalled and waiting cycles at the level's active
    cost.

    A core polls for a credit, or for data from DRAM, so that it costs as much as a busy one.
    """
    counters, level = facts.counters, facts.chip.level
    ticks = counters.job_ticks.sum(axis=1) + counters.stalled_ticks + counters.waiting_ticks
    cycles = facts.seconds(ticks) * float(level.core_clock_hz)
    return cycles * pick(level.core_active_j_per_cycle)


def products(facts: Facts) -> int:
    """Multiply-accumulates that cores made: of synapses, and of a decoder on the chip."""
    ops = int(facts.counters.synaptic_ops[:, list(RECURRENT_ROWS)].sum())
    return ops + (decoder_macs_done(facts) if facts.plan.decoder_layer else 0)


def mac_array_j(facts: Facts, pick: Pick) -> float:
    """Energy of busy MAC arrays beyond that of busy cores."""
    level, network, mapping = facts.chip.level, facts.ran, facts.mapping
    if not facts.plan.decoder_layer or level.mac_active_j_per_cycle is None \
            or network is None or mapping is None:
        return 0.0
    more = pick(level.mac_active_j_per_cycle) - pick(level.core_active_j_per_cycle)
    cycles = 0
    jobs = facts.counters.job_count
    for core, held in enumerate(facts.slice_of_core.tolist()):
        if held >= 0 and mapping.slices[held].layer == len(network.layers) - 1:
            cycles += mac_cycles(
                network.layers[-1], facts.chip.core, len(mapping.slices[held].units),
                int(jobs[core, ACCUMULATE]), int(jobs[core, UPDATE]))
    return more * cycles


def powered_cores(facts: Facts) -> int:
    """Cores that draw sleep power: all of the chip, or those that hold a slice."""
    if facts.chip.energy.unused_cores == "asleep":
        return facts.chip.core_count
    return 0 if facts.mapping is None else len(facts.mapping.slices)


def lookups(facts: Facts) -> int:
    """Routing look-ups: one for each packet at each router that it entered.

    A packet enters one router from its sender and one more with every link crossed.  Sources of
    synthetic traffic may hold packets back, so theirs count where they left the network.
    """
    counters = facts.counters
    hops = int(counters.ch_packets[facts.link_channels].sum())
    entered = int(counters.offered.sum() - counters.offered[TRAFFIC])
    return hops + entered + int(counters.ch_packets[facts.source_channels].sum())


def host(facts: Facts, counts: dict[str, int]) -> dict[str, float]:
    """The host's own arithmetic, which no chip figure includes: the decoder, where it is not on the
    chip, and the input products of currents.  A decoder that was not simulated counts as dense."""
    chip, plan = facts.chip, facts.plan
    decoder = {None: counts["decoder_macs"], "host": counts["decoder_macs_done"]}.get(
        plan.decoder_on, 0)
    made = {"decoder": decoder,
            "currents": counts["input_macs"] if plan.input == "currents" else 0}
    per_mac = chip.energy.host_j_per_mac
    found: dict[str, float] = {}
    for name, macs in made.items():
        found |= {f"{name}_j": macs * per_mac.value, f"{name}_low_j": macs * per_mac.low,
                  f"{name}_high_j": macs * per_mac.high}
    found["decoder_s"] = decoder / float(chip.host.macs_per_s) if plan.decoder_on is None \
        else facts.counters.host_decode_ticks / facts.image.tick_hz
    return found
