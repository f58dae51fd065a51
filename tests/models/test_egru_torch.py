"""The PyTorch layer against neurosim's numpy oracle, finite differences and PyTorch's GRU."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

torch = pytest.importorskip("torch")

from models.egru_torch import Fire, egru_sequence, surrogate, surrogate_integral  # noqa: E402
from neurosim.network.model import Layer, Network  # noqa: E402
from neurosim.network.reference import run_reference  # noqa: E402


def random_weights(inputs: int, units: int, seed: int, kind: torch.dtype = torch.float32) -> list:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=kind) * 0.6

    thr = torch.rand(units, generator=generator, dtype=kind) * 0.3
    return [draw(inputs, 3 * units), draw(units, 3 * units), draw(3 * units), draw(3 * units), thr]


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.parametrize("window", [0, 7])
def test_two_layers_equal_the_oracle(always: bool, window: int) -> None:
    steps, sizes = 21, (12, 20, 16)
    x = torch.randn(steps, 1, sizes[0], generator=torch.Generator().manual_seed(9))
    layers, outputs = [], []
    for index, (inputs, units) in enumerate(zip(sizes, sizes[1:], strict=False)):
        weights = random_weights(inputs, units, index)
        if always:
            weights[4].zero_()
        kernel, recurrent, bias, recurrent_bias, thr = (w.numpy() for w in weights)
        layers.append(Layer(f"layer{index}", "egru", inputs, units, sp.csr_array(kernel),
                            sp.csr_array(recurrent), bias, recurrent_bias, thr,
                            "always" if always else "threshold"))
        outputs.append(weights)
    expected = run_reference(Network(tuple(layers)), x[:, 0].numpy(), window)
    span = window or steps
    state = [torch.zeros(1, n) for n in sizes[1:]]
    for start in range(0, steps, span):
        y = x[start : start + span]
        for index, weights in enumerate(outputs):
            y, _ = egru_sequence(y, state[index], *weights, Fire(always=always))
            state[index] = y[-1]
            np.testing.assert_allclose(y[:, 0].numpy(), expected[index][start : start + span],
                                       atol=1e-5)


def test_the_oracle_example_fires_and_is_silent() -> None:
    """Else the comparison above would compare zeros."""
    weights = random_weights(12, 20, 0)
    x = torch.randn(21, 1, 12, generator=torch.Generator().manual_seed(9))
    y, c = egru_sequence(x, torch.zeros(1, 20), *weights, Fire())
    share = float((c > weights[4]).float().mean())
    assert 0.1 < share < 0.9
    assert ((y != 0) == (c > weights[4])).all()


@pytest.mark.parametrize("fire", [Fire(smooth=True, support=1.2), Fire(smooth=True, support=3.6),
                                  Fire(always=True)])
def test_gradient_against_finite_differences(fire: Fire) -> None:
    """With the surrogate's integral as fire function, the backward pass is the exact gradient."""
    kind = torch.float64
    weights = random_weights(3, 4, 5, kind)
    if fire.always:
        weights[4].zero_()
    generator = torch.Generator().manual_seed(6)
    x = torch.randn(5, 2, 3, generator=generator, dtype=kind)
    y0 = torch.randn(2, 4, generator=generator, dtype=kind)
    tensors = [t.requires_grad_(not (fire.always and i == 6))
               for i, t in enumerate([x, y0, *weights])]
    assert torch.autograd.gradcheck(lambda *t: egru_sequence(*t, fire)[0], tensors)


@pytest.mark.parametrize("support", [0.5, 1.0, 3.6])
def test_surrogate_is_the_derivative_of_its_integral(support: float) -> None:
    v = torch.linspace(-3, 3, 6001, dtype=torch.float64)
    numeric = torch.gradient(surrogate_integral(v, support), spacing=(v,))[0]
    assert torch.allclose(numeric[1:-1], surrogate(v, support)[1:-1], atol=support**2 * 1.1e-3)
    assert float(surrogate_integral(torch.tensor(-3.0), support)) == 0.0
    assert float(surrogate_integral(torch.tensor(3.0), support)) == 1.0


def test_always_firing_is_pytorchs_gru() -> None:
    """Gate order there is r, z, n, and its state starts at y0 where a window's h starts at 0."""
    kernel, recurrent, bias, recurrent_bias, thr = random_weights(5, 6, 3)
    gru = torch.nn.GRU(5, 6)
    with torch.no_grad():
        for ours, theirs in ((kernel, gru.weight_ih_l0), (recurrent, gru.weight_hh_l0),
                             (bias, gru.bias_ih_l0), (recurrent_bias, gru.bias_hh_l0)):
            z, r, g = ours.T.split(6) if ours.ndim == 2 else ours.split(6)
            theirs.copy_(torch.cat((r, z, g)))
    x = torch.randn(9, 2, 5)
    y, _ = egru_sequence(x, torch.zeros(2, 6), kernel, recurrent, bias, recurrent_bias,
                         torch.zeros_like(thr), Fire(always=True))
    assert torch.allclose(y, gru(x)[0], atol=1e-6)
