"""Small networks for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse as sp

from neurosim.network import Layer, Network


def make_layer(
    kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, recurrent_bias: np.ndarray,
    threshold: np.ndarray, **options: object,
) -> Layer:
    """A layer from dense arrays."""
    return Layer("layer", "egru", kernel.shape[0], recurrent.shape[0],
                 sp.csr_array(kernel.astype(np.float32)),
                 sp.csr_array(recurrent.astype(np.float32)),
                 bias.astype(np.float32), recurrent_bias.astype(np.float32),
                 threshold.astype(np.float32), **options)  # type: ignore[arg-type]


@pytest.fixture
def layer_of() -> Callable[..., Layer]:
    return make_layer


@pytest.fixture
def unit() -> Callable[..., Network]:
    """``unit(z=0, r=0, g=0, thr=0, ...)``: one unit, one input, zero weights, these biases."""

    def build(z: float = 0.0, r: float = 0.0, g: float = 0.0, thr: float = 0.0,
              **options: object) -> Network:
        zeros = np.zeros((1, 3))
        layer = make_layer(zeros, zeros, np.array([z, r, g]), np.zeros(3), np.array([thr]),
                           **options)
        return Network((layer,))

    return build
