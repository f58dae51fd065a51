"""Decoder and embedding on cores: who holds what, byte by byte, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest

from neurosim.chip import load_chip
from neurosim.errors import MappingError
from neurosim.mapping import decoder_cost
from neurosim.mapping.map import map_network
from neurosim.mapping.memory import Held, memory_use
from neurosim.mapping.reduction import result_parents
from neurosim.network import synthetic
from neurosim.network.machine import Choice, LanguagePlan, machine_network

NETWORK = synthetic.random_egru([24, 16], 16, weight_sparsity=0.5, vocabulary=60)
CHIP = load_chip("spinnaker2")


def mapped(plan, network=NETWORK, chip=CHIP, **options):
    return map_network(machine_network(network, plan), chip, plan=plan, **options)


def uses(plan, kind):
    """Memory of one core that holds a whole layer of a kind."""
    machine = machine_network(NETWORK, plan)
    layer = next(layer for layer in machine.layers if layer.kind == kind)
    dram = (plan.decoder_on if kind == "decoder" else plan.embedding_on) == "dram"
    held = Held(3, 2, plan.choice.candidates, dram)
    return memory_use(layer, np.zeros(layer.units, np.int64), 1, CHIP.core, held)[0]


@pytest.mark.parametrize(("precision", "entry", "word"), [("fp32", 4, 4), ("int8", 1, 8)])
def test_a_gated_decoder_byte_by_byte(precision, entry, word):
    """60 words of 16 inputs: rows, biases (int8: and scales), three banks of one sum a word, a
    list of 5 candidates a bank, a look-up entry an input."""
    use = uses(LanguagePlan(decoder_on="chip", decoder_precision=precision,
                            choice=Choice("top_k", k=5)), "decoder")
    assert use.weights == 60 * 16 * entry
    assert use.state == 60 * word + 3 * 5 * 8
    assert use.sums == 3 * 60 * 4
    assert use.lookup == 16 * 4
    assert use.queues == (64 + 1 + 5) * 8
    assert use.indices == use.row_pointers == 0


@pytest.mark.parametrize(("precision", "value"), [("fp32", 4), ("int8", 1)])
def test_a_dense_decoder_keeps_the_vector_that_enters(precision, value):
    plan = LanguagePlan(decoder_on="chip", decoder_precision=precision, gated=False)
    use = uses(plan, "decoder")
    assert use.sums == 3 * 16 * value
    assert use.weights == 60 * 16 * value


def test_in_dram_two_rows_are_in_the_core():
    assert uses(LanguagePlan(decoder_on="dram"), "decoder").weights == 2 * 60 * 4
    dense = LanguagePlan(decoder_on="dram", decoder_precision="int8", gated=False)
    assert uses(dense, "decoder").weights == 2 * 16


def test_an_embedding_byte_by_byte():
    use = uses(LanguagePlan(embedding_on="chip"), "lookup")
    assert (use.weights, use.state, use.sums, use.lookup) == (60 * 16 * 4, 0, 3 * 4, 4)
    assert use.queues == (64 + 1 + 16) * 8
    use = uses(LanguagePlan(embedding_on="dram", embedding_precision="int8"), "lookup")
    assert (use.weights, use.state) == (2 * 16, 0)


def test_slices_of_dram_layers_say_so():
    found = mapped(LanguagePlan(decoder_on="dram", embedding_on="chip", embedding_cores=2,
                                decoder_cores=3))
    of_layer = [[s for s in found.slices if s.layer == n] for n in range(4)]
    assert [len(group) for group in (of_layer[0], of_layer[3])] == [2, 3]
    assert all(s.dram for s in of_layer[3]) and not any(s.dram for s in of_layer[0])


def test_streams_have_a_state_each():
    one, many = (mapped(LanguagePlan(streams=s), buffers=s + 1, cores=2) for s in (1, 5))
    assert many.memory[0].state - one.memory[0].state == 24 * 4 * 8
    assert many.memory[0].sums == 3 * one.memory[0].sums


def test_cores_per_layer_is_about_the_recurrent_layers():
    plan = LanguagePlan(decoder_on="chip")
    found = mapped(plan, cores_per_layer=[3, 2], cores=10)
    counts = np.bincount([s.layer for s in found.slices])
    assert counts.tolist() == [3, 2, 5]
    with pytest.raises(MappingError, match="decoder.cores: gives layer 'decoder' 61 cores"):
        mapped(LanguagePlan(decoder_on="chip", decoder_cores=61))


def test_what_does_not_fit_says_by_how_much_and_what_would():
    """The layers take nine of ten cores of 3000 bytes; 60 words take more than one."""
    chip = load_chip("spinnaker2", overrides={"core.data_bytes": 3000})
    with pytest.raises(MappingError) as caught:
        mapped(LanguagePlan(decoder_on="chip"), chip=chip, cores=10)
    text = str(caught.value)
    assert text.startswith("decoder.on: the decoder does not fit beside the recurrent layers")
    assert "too many" in text and "decoder.precision int8" in text and "decoder.on dram" in text
    assert "cores in all" in text


def test_costs_by_unit():
    """150 words on the MAC array: ceil(150 / (64 * 0.175)) = 14 cycles an event, and 20 + 100 to
    find the row and start; scalar FP32: 6 a product."""
    int8, fp32 = (machine_network(NETWORK, LanguagePlan(decoder_on="chip", decoder_precision=p))
                  .layers[-1] for p in ("int8", "fp32"))
    core = CHIP.core
    assert decoder_cost.unit_of(int8, core) == "mac"
    assert decoder_cost.row_cycles(int8, core, 150) == 20 + 100 + 14
    assert decoder_cost.row_cycles(fp32, core, 150) == 20 + 150 * 6
    assert decoder_cost.decoder_update_cycles(fp32, core, 150) == 6
    dense = machine_network(NETWORK, LanguagePlan(
        decoder_on="chip", decoder_precision="int8", gated=False)).layers[-1]
    assert decoder_cost.row_cycles(dense, core, 150) == 6
    assert decoder_cost.decoder_update_cycles(dense, core, 150) == 6 + 1 + 2
    assert decoder_cost.mac_cycles(int8, core, 150, rows=3, updates=150) == 3 * 14
    assert decoder_cost.host_decode_s(CHIP, 10_000, 750, True) == (1e-6, 1e-6)
    assert decoder_cost.host_decode_s(CHIP, 10_000, 750, False) == (7.51e-4, 0.0)


@pytest.mark.parametrize("cores", [1, 2, 5, 17, 60])
def test_the_reduction_is_a_tree(cores):
    parent = result_parents(cores, 4)
    assert parent[0] == -1 and (parent[1:] < np.arange(1, cores)).all()
    assert (np.bincount(parent[1:], minlength=cores) <= 4).all()
