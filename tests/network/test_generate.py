"""The exact oracle: against the functional model, by hand, and its choices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurosim import rules
from neurosim.network import run_functional, synthetic
from neurosim.network.generate import choose, exact_product, generate
from neurosim.network.machine import Choice, LanguagePlan, at_precisions
from neurosim.network.model import Workload

NETWORK = synthetic.random_egru([12, 9], 7, weight_sparsity=0.3, vocabulary=11, seed=3)


def scored(tokens, window=0, streams=1):
    assert NETWORK.embedding is not None
    tokens = np.asarray(tokens)
    return Workload(NETWORK.embedding[tokens], tokens, window=window, streams=streams)


def prompted(prompts, steps, window=0):
    """Streams with prompts of the same length, then ``steps`` tokens chosen."""
    assert NETWORK.embedding is not None
    width = len(prompts[0])
    rows = np.full((width + steps - 1, len(prompts)), -1)
    rows[:width] = np.array(prompts).T
    return Workload(NETWORK.embedding, rows.ravel(), window=window, streams=len(prompts),
                    rows=rows.ravel())


def test_outputs_are_the_functional_models():
    work = scored(np.arange(30) % 11, window=8)
    found = generate(NETWORK, work, LanguagePlan(), keep_logits=True)
    for y, expected in zip(found.outputs, run_functional(NETWORK, work.inputs, 8), strict=True):
        np.testing.assert_allclose(y, expected, atol=1e-6)
    assert NETWORK.decoder_weight is not None and NETWORK.decoder_bias is not None
    logits = found.outputs[-1].astype(float) @ NETWORK.decoder_weight.T + NETWORK.decoder_bias
    np.testing.assert_allclose(found.logits, logits, atol=1e-9)
    np.testing.assert_array_equal(found.chosen, logits.argmax(axis=1))


def test_generation_feeds_its_own_choices():
    """Scoring the generated text gives the same choices again."""
    found = generate(NETWORK, prompted([[1, 4, 2]], 20), LanguagePlan())
    again = generate(NETWORK, scored([1, 4, *found.chosen[1:2] * 0 + 2, *found.chosen[2:-1]]),
                     LanguagePlan())
    np.testing.assert_array_equal(found.chosen, again.chosen)


def test_streams_do_not_meet():
    prompts = [[1, 4], [3, 0], [10, 10]]
    together = generate(NETWORK, prompted(prompts, 12, window=5), LanguagePlan(streams=3)).chosen
    for stream, prompt in enumerate(prompts):
        alone = generate(NETWORK, prompted([prompt], 12, window=5), LanguagePlan()).chosen
        np.testing.assert_array_equal(together[stream::3], alone)
    inputs = scored(np.arange(30) % 11).inputs
    both = run_functional(NETWORK, inputs, 4, streams=3)
    np.testing.assert_array_equal(both[-1][1::3], run_functional(NETWORK, inputs[1::3], 4)[-1])


@pytest.mark.parametrize("plan", [
    LanguagePlan(decoder_precision="int8"), LanguagePlan(embedding_precision="int8"),
    LanguagePlan(input="currents"), LanguagePlan(embedding_precision="int8", input="currents")],
    ids=["int8 decoder", "int8 embedding", "currents", "both"])
def test_precisions_and_currents(plan):
    """The same as the model whose ends are rounded, within what rounding does to a logit."""
    work = scored([3, 1, 4, 1, 5, 9, 2, 6])
    found = generate(NETWORK, work, plan, keep_logits=True)
    rounded = at_precisions(NETWORK, plan)
    entering = replace(work, inputs=rounded.embedding[work.tokens])
    y = run_functional(rounded, entering.inputs)[-1].astype(float)
    if plan.decoder_precision == "int8":
        y = np.floor(y * 255 + 0.5).clip(0, 255) / 255
    logits = y @ rounded.decoder_weight.T + rounded.decoder_bias
    np.testing.assert_allclose(found.logits, logits, atol=1e-5)


def test_8_bit_events_are_multiples_of_a_level():
    coarse = replace(NETWORK, layers=tuple(
        replace(layer, event_levels=255) for layer in NETWORK.layers))
    work = scored(np.arange(20) % 11)
    found = generate(coarse, work, LanguagePlan())
    functional = run_functional(coarse, work.inputs)
    for y, expected in zip(found.outputs, functional, strict=True):
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(y, (np.rint(y * 255) / 255).astype(np.float32))
    assert (found.outputs[0] > 0).any()


def test_products_are_those_of_the_rules():
    layer = NETWORK.layers[0]
    x = np.random.default_rng(0).normal(size=layer.inputs).astype(np.float32)
    x[2] = 0.0
    expected = [sum(rules.product(float(w), float(v)) for w, v in zip(column, x, strict=True))
                for column in layer.kernel.toarray().T]
    assert exact_product(layer.kernel, x).tolist() == expected


def test_greedy_takes_the_lower_word_of_equals():
    assert choose(np.array([0.0, 2.0, 2.0]), Choice(), 0) == 1


@pytest.mark.parametrize("kind", ["sample", "top_k"])
def test_draws_are_the_rules_draws(kind):
    """Against a plain loop over all words, and top-k only among the k best."""
    choice = Choice(kind, k=3, temperature=0.8, seed=9)
    rng = np.random.default_rng(1)
    for step in range(50):
        logits = rng.normal(size=20)
        words = sorted(range(20), key=lambda w: (-logits[w], w))
        words = words[:3] if kind == "top_k" else words
        best = max(words, key=lambda w: (rules.score(logits[w], 0.8, 9, w, step), -w))
        assert choose(logits, choice, step) == best
    assert len({choose(np.zeros(5), Choice("sample"), s) for s in range(40)}) == 5


def test_tokens_are_told_in_order():
    told = []
    found = generate(NETWORK, prompted([[1], [2]], 4), LanguagePlan(streams=2),
                     chosen=lambda step, token: told.append((step, token)))
    assert told == list(enumerate(found.chosen.tolist()))
