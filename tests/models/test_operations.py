"""Effective multiply-accumulates, by hand and over what was trained."""

from __future__ import annotations

import numpy as np
import pytest

from models import figures
from models.operations import operations


def test_a_network_of_two_layers_by_hand() -> None:
    kernel0 = np.zeros((2, 6))
    kernel0[0, :3] = 1.0  # input 0 has three weights, input 1 none
    recurrent0 = np.ones((2, 6))
    recurrent0[1, 1:] = 0.0  # unit 0 has six, unit 1 one
    kernel1, recurrent1 = np.ones((2, 3)), np.zeros((1, 3))
    arrays = {"rnns.0.kernel": kernel0, "rnns.0.recurrent_kernel": recurrent0,
              "rnns.1.kernel": kernel1, "rnns.1.recurrent_kernel": recurrent1,
              "embeddings.weight": np.ones((5, 1))}
    found = operations(arrays, [np.array([0.5, 0.25]), np.array([0.1])])
    assert found["dense"] == 12 + 12 + 6 + 3
    assert found["effective"] == pytest.approx(3 + (6 * 0.5 + 0.25) + (3 * 0.5 + 3 * 0.25))
    assert found["effective_recurrent"] == pytest.approx(3 + 3.25 + 6)
    assert found["by_matrices"] == pytest.approx(3 + 7 * 0.375 + 6 * 0.375)
    assert found["weight_sparsity"] == pytest.approx(1 - (3 + 7 + 6) / 33)
    assert found["activity"] == pytest.approx(0.85 / 3)
    assert (found["decoder_dense"], found["decoder_gated"]) == (5, pytest.approx(0.5))


def test_the_sum_over_matrices_is_right_within_a_tenth() -> None:
    """Size x density x mean activity of the source, for every large network.  (Not for the small
    ones, where the covariance of stored weights and rates is up to a quarter.)"""
    rows = [*figures.large("treebank_1350", "", "EGRU"), *figures.large("egru_1350", "", "EGRU")]
    for row in rows:
        assert row.by_matrices == pytest.approx(row.effective, rel=0.1), row.name


def test_dense_activated_and_unpruned_means_every_product() -> None:
    (dense, *pruned) = figures.large("treebank_1350_gru", "", "GRU")
    assert dense.effective == dense.dense and dense.reduction == 1.0
    for row in pruned:
        assert row.effective == pytest.approx(row.dense * (1 - row.weight_sparsity))
