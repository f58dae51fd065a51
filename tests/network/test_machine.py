"""The machine's network: the model's layers with embedding and decoder as layers of their own."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neurosim import rules
from neurosim.network import run_functional, synthetic
from neurosim.network.machine import (
    Choice,
    LanguagePlan,
    currents,
    decoder_values,
    machine_network,
    machine_workload,
)
from neurosim.network.model import Workload

NETWORK = synthetic.random_egru([5, 4], 3, weight_sparsity=0.3, vocabulary=7)


def test_without_a_plan_nothing_changes() -> None:
    assert machine_network(NETWORK, LanguagePlan()) == NETWORK
    assert machine_network(NETWORK, LanguagePlan(decoder_on="host")) == NETWORK


def test_ends_on_the_chip_are_layers() -> None:
    plan = LanguagePlan(decoder_on="chip", embedding_on="chip", gated=False)
    machine = machine_network(NETWORK, plan)
    assert [layer.kind for layer in machine.layers] == ["lookup", "egru", "egru", "decoder"]
    assert machine.layers[machine.recurrent] == NETWORK.layers
    lookup, decoder = machine.layers[0], machine.layers[-1]
    assert (lookup.inputs, lookup.units, lookup.gates) == (1, 3, 1)
    assert (decoder.inputs, decoder.units, decoder.gated) == (4, 7, False)
    assert decoder.kernel.nnz == 28 and decoder.recurrent.shape == (7, 7)
    np.testing.assert_array_equal(decoder.kernel.toarray().T, NETWORK.decoder_weight)
    np.testing.assert_array_equal(lookup.table, NETWORK.embedding)


def test_int8_has_a_scale_a_word() -> None:
    values = decoder_values(NETWORK, "int8")
    assert NETWORK.decoder_weight is not None
    scale = np.abs(NETWORK.decoder_weight).max(axis=1) / 127
    levels = values / scale[:, None]
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
    assert np.abs(values - NETWORK.decoder_weight).max() <= scale.max() / 2 * 1.001


def test_currents_are_the_input_products() -> None:
    """The layer driven by currents computes what the layer with its own kernel does, to the
    rounding of the currents to float32."""
    assert NETWORK.embedding is not None
    work = Workload(NETWORK.embedding[[1, 4, 2, 6]])
    plan = LanguagePlan(input="currents")
    machine, entering = machine_network(NETWORK, plan), machine_workload(NETWORK, work, plan)
    assert machine.layers[0].inputs == entering.inputs.shape[1] == 15
    expected = run_functional(NETWORK, work.inputs)[-1]
    np.testing.assert_allclose(run_functional(machine, entering.inputs)[-1], expected, atol=1e-5)
    one = currents(NETWORK.layers[0], work.inputs[2:3])
    np.testing.assert_array_equal(one[0], entering.inputs[2])


def test_lookup_takes_the_token() -> None:
    tokens = np.array([3, 0, -1])
    assert NETWORK.embedding is not None
    work = Workload(NETWORK.embedding, tokens, rows=tokens)
    entering = machine_workload(NETWORK, work, LanguagePlan(embedding_on="chip"))
    np.testing.assert_array_equal(entering.inputs[:, 0], np.arange(1, 8))
    np.testing.assert_array_equal(entering.rows, tokens)
    assert entering.steps == 3


@pytest.mark.parametrize(("c", "level"), [(0.0, 0), (0.5 / 255, 1), (0.4999 / 255, 0), (-0.3, 0),
                                          (1.7, 255), (0.5, 128)])
def test_events_of_8_bits(c: float, level: int) -> None:
    """Half up; below 0 and above 1 are clipped (hand-worked: 0.5 * 255 + 0.5 = 128)."""
    assert rules.round_event(c, 255) == float(np.float32(level / 255))


def test_float_events_are_rounded_to_float32() -> None:
    assert rules.round_event(0.1, 0) == float(np.float32(0.1)) == rules.round_output(0.1)


def test_gumbel_scores_draw_from_the_softmax() -> None:
    """Shares of 20,000 draws against softmax(logits / T), within 4 standard errors."""
    logits, temperature, draws = np.array([0.0, 1.0, 2.0]), 0.7, 20_000
    share = np.exp(logits / temperature)
    share /= share.sum()
    found = np.zeros(3)
    for step in range(draws):
        best = 0
        scores = [rules.score(x, temperature, 5, w, step) for w, x in enumerate(logits.tolist())]
        for word in (1, 2):
            if rules.better(scores[word], word, scores[best], best):
                best = word
        found[best] += 1
    error = np.sqrt(share * (1 - share) / draws)
    assert (np.abs(found / draws - share) < 4 * error).all()


def test_ties_go_to_the_lower_word() -> None:
    assert rules.better(1.0, 2, 1.0, 3) and not rules.better(1.0, 3, 1.0, 2)
    assert rules.better(1.5, 9, 1.0, 3) and math.isfinite(rules.gumbel(0, 0, 0))


def test_candidates() -> None:
    assert Choice().candidates == Choice("sample").candidates == 1
    assert Choice("top_k", k=5).candidates == 5
