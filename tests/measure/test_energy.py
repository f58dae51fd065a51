"""Energy by hand, its range, and the chip's measured power figures."""

from __future__ import annotations

import numpy as np
import pytest

from neurosim.chip import load_chip
from neurosim.image import UPDATE, Counters
from neurosim.lower import SyncPlan, lower_network
from neurosim.mapping.model import Mapping, MemoryUse, Slice
from neurosim.measure import energy
from neurosim.measure.facts import Facts
from neurosim.network.model import Network, Workload
from tests.measure import cases


def test_components_by_hand():
    f = cases.facts()
    parts = energy.components(f, energy.value)
    # Busy 0.4 and 0.2 ms, stalled 0.1 ms at 150 MHz and 10 pJ a cycle.
    assert parts["core_active"] == pytest.approx(0.7e-3 * 150e6 * 1e-11)
    assert parts["core_idle"] == pytest.approx(2 * 1e-3 * cases.TOTAL_S)
    assert parts["static"] == pytest.approx(2e-3 * cases.TOTAL_S)
    # 444 bit over links; look-ups: 22 packets entered a router, 7 hops entered another.
    assert parts["noc"] == pytest.approx(444 * 2e-12 + (22 + 7) * 1e-11)
    # The host sent 8 events and 4 markers, and received 144 bit.
    sent = 8 * int(f.chip.packet.event_bits) + 4 * int(f.chip.packet.marker_bits)
    assert parts["host_link"] == pytest.approx((sent + 144) * 1e-11)
    assert parts["sram"] == pytest.approx(energy.accessed_bytes(f) * 1e-12)
    assert parts["dram"] == 0.0


def test_total_is_the_sum_and_power_the_quotient():
    data = cases.result().data
    parts = dict(data["energy_j"])
    total = parts.pop("total")
    assert total == pytest.approx(sum(parts.values()), rel=1e-15)
    assert data["power_w"] == pytest.approx(total / cases.TOTAL_S)


def test_range_moves_only_what_is_uncertain():
    data = cases.result().data
    total, low, high = data["energy_j"]["total"], data["energy_low_j"], data["energy_high_j"]
    # Only the NoC's constant has a range here: a half to twice 2 pJ on 444 bit.
    assert total - low == pytest.approx(444 * 1e-12)
    assert high - total == pytest.approx(444 * 2e-12)
    for name, (least, most) in data["energy_range_j"].items():
        assert least <= data["energy_j"][name] <= most


def test_unused_cores_asleep_or_off():
    three = {"topology.width": 3}
    asleep = energy.powered_cores(cases.facts(**three))
    off = energy.powered_cores(cases.facts(**three, **{"energy.unused_cores": "off"}))
    assert (asleep, off) == (3, 2)


@pytest.mark.parametrize(
    ("level", "busy", "measured_w"),
    [("150MHz", False, 0.2354), ("150MHz", True, 0.4246), ("300MHz", False, 0.5647),
     ("300MHz", True, 1.2479)],
)
def test_spinnaker2_power(level: str, busy: bool, measured_w: float):
    """All PEs asleep, and all busy: the figures measured on the chip (arXiv 2607.24396)."""
    chip = load_chip("spinnaker2", level=level, overrides={"usable_cores": 152})
    one = cases.layer(1, 152)
    mapping = Mapping(tuple(Slice(0, core, np.array([core])) for core in range(152)),
                      (MemoryUse(0, 0, 0, 0, 0, 0, 0),) * 152, 98304)
    network, workload = Network((one,)), Workload(np.ones((1, 1), np.float32))
    image = lower_network(network, workload, chip, mapping, SyncPlan())
    counters = Counters.empty(image)
    counters.end_tick = image.tick_hz
    if busy:
        counters.job_ticks[:, UPDATE] = counters.end_tick
    facts = Facts(network, workload, chip, mapping, image, counters)
    assert energy.energy(facts)["power_w"] == pytest.approx(measured_w, rel=0.005)


def test_host_arithmetic_is_no_part_of_the_chip():
    f = cases.facts()
    macs = 10**9
    host = energy.host(f, {"decoder_macs": macs, "decoder_macs_done": 0})
    assert host["decoder_j"] == pytest.approx(macs * float(f.chip.energy.host_j_per_mac))
    assert host["decoder_s"] == pytest.approx(macs / float(f.chip.host.macs_per_s))
    assert host["decoder_low_j"] < host["decoder_j"] < host["decoder_high_j"]
    dearer = cases.facts(**{"energy.host_j_per_mac": 1.0})
    assert energy.energy(dearer)["energy_j"] == energy.energy(f)["energy_j"]


def test_energy_by_operation_is_added_to_busy_cycles():
    """Chips known by energy per operation: counts of the run times each constant."""
    plain = energy.components(cases.facts(), energy.value)
    f = cases.facts(**{"energy.synaptic_op_j": 2e-12, "energy.update_j": 3e-12,
                       "energy.receive_j": 5e-12, "energy.send_j": 7e-12})
    counters = f.counters
    extra = (2e-12 * counters.synaptic_ops.sum() + 3e-12 * counters.layer_updates.sum()
             + 5e-12 * counters.job_count[:, 0].sum() + 7e-12 * counters.job_count[:, 2].sum())
    parts = energy.components(f, energy.value)
    assert extra > 0
    assert parts["core_active"] - plain["core_active"] == pytest.approx(extra)
    assert {k: v for k, v in parts.items() if k != "core_active"} == {
        k: v for k, v in plain.items() if k != "core_active"}


def test_memory_words_cost_by_their_width():
    plain = energy.components(cases.facts(), energy.value)["sram"]
    for width in (4, 8):
        f = cases.facts(**{"energy.sram_j_per_read": 1e-11, "energy.sram_word_bytes": width})
        more = energy.components(f, energy.value)["sram"] - plain
        assert more == pytest.approx(1e-11 * energy.accessed_bytes(f) / width)


def test_links_between_chips_and_chips_themselves_are_counted():
    """The same two tiles as one chip and as two: static twice, bits at the price of their link."""
    link = {"clock_hz": "300 MHz", "bits_per_cycle": 20, "latency_cycles": 6, "credit_cycles": 2,
            "buffer_flits": 8}
    two = {"chip_link": link, "topology.width": 1, "topology.chips": {
        "kind": "mesh", "width": 2, "height": 1, "gateway": [0, 0]},
        "energy.chip_link_j_per_bit": 9e-12}
    one = energy.components(cases.facts(), energy.value)
    parts = energy.components(cases.facts(**two), energy.value)
    assert parts["static"] == pytest.approx(2 * one["static"])
    assert parts["noc"] - one["noc"] == pytest.approx(444 * (9e-12 - 2e-12))
    assert energy.detail(cases.facts(**two))["chip_links"] == pytest.approx(444 * 9e-12)


def test_north_and_south_may_cost_differently():
    tall = {"topology.width": 1, "topology.height": 2, "energy.noc_j_per_bit_hop_y": 5e-12}
    assert energy.detail(cases.facts(**tall))["links"] == pytest.approx(444 * 5e-12)
    wide = {"energy.noc_j_per_bit_hop_y": 5e-12}
    assert energy.detail(cases.facts(**wide))["links"] == pytest.approx(444 * 2e-12)
