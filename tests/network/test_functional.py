"""The fast evaluation gives what the oracle gives, over stretches, windows and densities."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.errors import ModelError
from neurosim.network import evaluate, functional, run_functional, run_reference, task_from_outputs
from neurosim.network.synthetic import random_egru


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31), sparsity=st.sampled_from([0.0, 0.6, 0.95]),
       window=st.integers(0, 9), stretch=st.integers(1, 40), replay=st.booleans())
def test_equals_the_oracle(
    seed: int, sparsity: float, window: int, stretch: int, replay: bool
) -> None:
    network = random_egru([12, 9], 8, sparsity, seed=seed)
    if replay:
        rows = np.random.default_rng(seed).random((7, 12)).astype(np.float32)
        network = replace(network, layers=(
            replace(network.layers[0], kind="replay", replay=rows), network.layers[1]))
    inputs = np.random.default_rng(seed).normal(size=(40, 8)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functional, "STRETCH", stretch)
        got = run_functional(network, inputs, window)
    for y, expected in zip(got, run_reference(network, inputs, window), strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("sparsity", [0.0, 0.9])
def test_evaluate_equals_the_task_of_the_oracles_outputs(sparsity: float) -> None:
    network = random_egru([24, 16], 16, sparsity, vocabulary=30, seed=1)
    tokens = np.random.default_rng(1).integers(0, 30, 1201)
    result = evaluate(network, tokens[:-1], tokens[1:], window=70)
    outputs = run_reference(network, network.embedding[tokens[:-1]], 70)
    expected = task_from_outputs(network, outputs[-1], tokens[1:])
    assert result.tokens == 1200
    assert result.nll_mean == pytest.approx(expected.nll_mean, rel=1e-9)
    assert result.nll_se == pytest.approx(expected.nll_se, rel=1e-9)


def test_equal_logits_give_the_vocabularys_size_as_perplexity() -> None:
    network = random_egru([4], 4, vocabulary=13)
    network = replace(network, decoder_bias=np.zeros(13, np.float32))
    result = task_from_outputs(network, np.zeros((5, 4), np.float32), np.arange(5))
    assert result.perplexity == pytest.approx(13, rel=1e-12)
    assert result.bits_per_token == pytest.approx(math.log2(13), rel=1e-12)
    assert result.nll_se == pytest.approx(0.0, abs=1e-12)


def test_loss_of_two_known_tokens() -> None:
    network = random_egru([1], 1, vocabulary=2)
    one = np.array([[1.0], [0.0]], np.float32)
    network = replace(network, embedding=one, decoder_weight=one,
                      decoder_bias=np.zeros(2, np.float32))
    # logits (3, 0): softmax of token 0 is 1 / (1 + e^-3).
    result = task_from_outputs(network, np.array([[3.0], [3.0]]), np.array([0, 1]))
    nll = np.array([math.log1p(math.exp(-3.0)), math.log1p(math.exp(3.0))])
    assert result.nll_mean == pytest.approx(nll.mean(), rel=1e-12)
    assert result.nll_se == pytest.approx(abs(nll[1] - nll[0]) / 2, rel=1e-12)
    assert result.perplexity == pytest.approx(math.exp(nll.mean()), rel=1e-12)


def test_a_network_without_ends_has_no_task() -> None:
    network = random_egru([4], 4)
    with pytest.raises(ModelError, match=r"network\.model: has no embedding"):
        evaluate(network, np.zeros(3, int), np.zeros(3, int))
    with pytest.raises(ModelError, match=r"network\.model: has no decoder"):
        task_from_outputs(network, np.zeros((3, 4)), np.zeros(3, int))
