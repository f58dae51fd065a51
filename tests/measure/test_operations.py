"""Operation counts by hand, by the papers' formulas, and against an independent count."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pytest

from neurosim.engines import reference
from neurosim.image import ROW_CLASSES, ROW_FORWARD, ROW_INPUT, ROW_RECURRENT
from neurosim.lower import SyncPlan, lower_network
from neurosim.measure import operations
from neurosim.measure.facts import Facts
from neurosim.network.counts import count_operations
from neurosim.network.counts import sparsity as independent_sparsity
from neurosim.network.model import Network, Workload
from tests.engines.machines import mesh, random_network, random_workload, spread
from tests.measure import cases


def test_by_hand():
    counts = operations.operations(cases.facts())
    # Per step: 2 x 6 (inputs), 2 x 6 and 2 x 3 (all kernels of layers), 1 x 3.
    assert counts["input_macs"] == 4 * 12
    assert counts["synaptic_ops"] == counts["macs_effective"] == 48 + 24 + 12 + 6
    assert counts["macs_effective_recurrent"] == 4 * (12 + 6) + 24 + 6
    assert counts["macs_dense"] == 4 * (3 * 2 * (3 + 2) + 3 * 1 * (2 + 1))
    assert counts["decoder_macs"] == 4 * 5 and counts["decoder_macs_gated"] == 2 * 5
    assert counts["macs_effective_whole"] == counts["macs_effective"] + 20
    assert counts["events"] == 6 and counts["neuron_updates"] == 12
    assert counts["elementwise_macs"] == 36


def test_sparsity_by_hand():
    found = operations.sparsity(cases.facts())
    assert found["weight"] == pytest.approx(6 / 39)
    assert found["activity_per_layer"] == pytest.approx([0.5, 0.5])
    assert found["activity"] == pytest.approx(0.5)
    # A unit of layer 0 has 6 + 3 synapses, that of layer 1 has 3; each fired on half of the steps.
    assert found["activity_fanout_weighted"] == pytest.approx(0.5)


def test_reduction_states_layers_and_whole_model():
    counts = operations.operations(cases.facts())
    found = operations.reduction(counts)
    assert found["recurrent_layers"] == pytest.approx(156 / 90)
    assert found["whole_model"] == pytest.approx((156 + 20) / (90 + 20))
    assert operations.reduction(dict.fromkeys(counts, 0))["recurrent_layers"] is None


@pytest.mark.parametrize("h", [4, 8])
def test_gesture_formulas(h: int):
    """Two layers of h on 4h dense inputs at activity sparsity s: total - 6 s h^2 if only recurrent
    products are discounted, total - 9 s h^2 if all events are (arXiv 2206.06178, table 1)."""
    s = 0.75
    first, second = cases.layer(4 * h, h), cases.layer(h, h)
    network = Network((first, second))
    f = cases.facts()
    synaptic = np.zeros((2, ROW_CLASSES), np.int64)
    fired = int((1 - s) * h)
    synaptic[0, [ROW_INPUT, ROW_RECURRENT]] = [4 * h * 3 * h, fired * 3 * h]
    synaptic[1, [ROW_FORWARD, ROW_RECURRENT]] = [fired * 3 * h, fired * 3 * h]
    counters = dataclasses.replace(f.counters, synaptic_ops=synaptic)
    image = dataclasses.replace(f.image, steps=1)
    counts = operations.operations(
        dataclasses.replace(f, network=network, counters=counters, image=image))
    total = 3 * h * (4 * h + h) + 3 * h * (h + h)
    assert counts["macs_dense"] == total
    assert counts["macs_effective_recurrent"] == total - s * 6 * h * h
    assert counts["macs_effective"] == total - s * 9 * h * h


def run(seed: int, sync: Literal["barrier", "dataflow"]) -> tuple[Network, Workload, Facts]:
    network, workload = random_network(seed, 5, [7, 6], 0.4), random_workload(seed, 6, 5)
    chip = mesh()
    mapping = spread(network, list(range(8)), [3, 2])
    image = lower_network(network, workload, chip, mapping, SyncPlan(kind=sync),
                          record_outputs=True, record_host=True)
    counters = reference.run(image).counters
    return network, workload, Facts(network, workload, chip, mapping, image, counters)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sync", ["barrier", "dataflow"])
def test_equal_to_an_independent_count(seed: int, sync: Literal["barrier", "dataflow"]):
    network, workload, facts = run(seed, sync)
    counts = operations.operations(facts)
    other = count_operations(network, workload.inputs, operations.layer_outputs(facts))
    for key in ("events", "macs_effective", "macs_effective_recurrent", "macs_dense",
                "input_macs", "neuron_updates", "elementwise_macs"):
        assert counts[key] == getattr(other, key), key
    found = operations.sparsity(facts)
    expected = independent_sparsity(network, operations.layer_outputs(facts))
    for key in ("weight", "activity", "activity_per_layer", "activity_fanout_weighted"):
        assert found[key] == pytest.approx(getattr(expected, key)), key


def test_lost_packets_do_not_lower_what_is_needed():
    network, workload, facts = run(0, "barrier")
    whole = operations.operations(facts)
    lossy = dataclasses.replace(
        facts.counters, synaptic_ops=facts.counters.synaptic_ops // 2, dropped=np.ones(4, np.int64))
    counts = operations.operations(dataclasses.replace(facts, counters=lossy))
    assert counts["macs_effective"] == whole["macs_effective"]
    assert counts["synaptic_ops"] < whole["synaptic_ops"]
