"""The oracle against hand-worked values, against the equations in plain loops, and a real GRU."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosim.network import Network, run_reference, with_fire
from neurosim.network.synthetic import random_egru

SATURATED = 1000.0  # sigmoid(-1000) = 0 and tanh(1000) = 1 exactly in float64


def loops(network: Network, inputs: np.ndarray, window: int) -> list[np.ndarray]:
    """The step equations, number by number, from dense matrices and Python floats."""
    x_all = inputs.astype(np.float64).tolist()
    results = []
    for layer in network.layers:
        n, w, rec = layer.units, layer.kernel.toarray().tolist(), layer.recurrent.toarray().tolist()
        h, y = [0.0] * n, [0.0] * n
        y_all = []
        for t, x in enumerate(x_all):
            if window > 0 and t % window == 0:
                h = [0.0] * n
            new_y = []
            for j in range(n):
                a = [sum(x[i] * w[i][k * n + j] for i in range(len(x)))
                     + float(layer.bias[k * n + j]) for k in range(3)]
                q = [sum(y[i] * rec[i][k * n + j] for i in range(n))
                     + float(layer.recurrent_bias[k * n + j]) for k in range(3)]
                z = 1 / (1 + math.exp(-a[0] - q[0]))
                r = 1 / (1 + math.exp(-a[1] - q[1]))
                g = math.tanh(a[2] + r * q[2])
                c = z * h[j] + (1 - z) * g
                c = layer.zoneout * h[j] + (1 - layer.zoneout) * c
                thr = min(max(float(layer.threshold[j]), 0.0), 1.0)
                e = layer.fire == "always" or c > thr + layer.threshold_offset
                new_y.append(float(np.float32(c)) if e else 0.0)
                h[j] = c - e * (thr + layer.reset_offset)
            y = new_y
            y_all.append(y)
        results.append(np.array(y_all, dtype=np.float32))
        x_all = y_all
    return results


@given(
    seed=st.integers(0, 2**31), sizes=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    steps=st.integers(1, 9), window=st.integers(0, 4), sparsity=st.sampled_from([0.0, 0.5, 0.9]),
    zoneout=st.sampled_from([0.0, 0.1, 1.0]), offset=st.sampled_from([0.0, 0.1, -0.05]),
    reset=st.sampled_from([0.0, 0.2]), fire=st.sampled_from(["threshold", "always"]),
)
def test_oracle_is_the_equations(
    seed: int, sizes: list[int], steps: int, window: int, sparsity: float, zoneout: float,
    offset: float, reset: float, fire: str,
) -> None:
    network = random_egru(sizes, 4, sparsity, seed=seed)
    network = replace(network, layers=tuple(
        replace(layer, zoneout=zoneout, threshold_offset=offset, reset_offset=reset, fire=fire,
                threshold=layer.threshold * 8 - np.float32(0.5))
        for layer in network.layers))
    inputs = np.random.default_rng(seed).normal(size=(steps, 4)).astype(np.float32)
    for got, expected in zip(run_reference(network, inputs, window),
                             loops(network, inputs, window), strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)
        assert ((got != 0) == (expected != 0)).all()


def test_threshold_is_strict(unit) -> None:
    nothing = np.zeros((1, 1))
    below = np.nextafter(np.float32(1.0), np.float32(0.0))
    assert run_reference(unit(z=-SATURATED, g=SATURATED, thr=1.0), nothing)[0][0, 0] == 0.0
    assert run_reference(unit(z=-SATURATED, g=SATURATED, thr=below), nothing)[0][0, 0] == 1.0
    assert run_reference(unit(thr=0.0), nothing)[0][0, 0] == 0.0  # c = 0, thr = 0


@pytest.mark.parametrize(("thr", "fires"), [(5.0, False), (1.0, False), (-1.0, True)])
def test_threshold_is_clamped(unit, thr: float, fires: bool) -> None:
    network = unit(z=-SATURATED, g=SATURATED, thr=thr)
    outputs, states = run_reference(network, np.zeros((1, 1)), record_state=True)
    assert (outputs[0][0, 0] != 0.0) == fires
    # The reset subtracts the clamped threshold too: 1 - 0, not 1 - (-1).
    assert states[0].state[0, 0] == 1.0


def test_offsets_act_on_firing_and_reset_separately(unit) -> None:
    def run(**options: float) -> tuple[float, float]:
        network = unit(z=-SATURATED, g=SATURATED, thr=0.25, **options)
        outputs, states = run_reference(network, np.zeros((1, 1)), record_state=True)
        return float(outputs[0][0, 0]), float(states[0].state[0, 0])

    assert run() == (1.0, 0.75)
    assert run(threshold_offset=0.5) == (1.0, 0.75)
    assert run(threshold_offset=0.75) == (0.0, 1.0)
    assert run(reset_offset=0.5) == (1.0, 0.25)


def test_window_restarts_h_but_carries_y(layer_of) -> None:
    # z = 1/2 keeps half of h; g = tanh(1 + r q_g) with a recurrent g weight of 1: y is seen in g.
    recurrent = np.array([[0.0, 0.0, 1.0]])
    layer = layer_of(np.zeros((1, 3)), recurrent, np.array([0.0, SATURATED, 1.0]), np.zeros(3),
                     np.array([0.0]))
    outputs, states = run_reference(Network((layer,)), np.zeros((3, 1)), 2, record_state=True)
    y = outputs[0][:, 0].astype(float)
    h0 = math.tanh(1.0) / 2
    assert y[0] == pytest.approx(h0, rel=1e-7)
    assert states[0].state[1, 0] == pytest.approx(h0 / 2 + math.tanh(1 + y[0]) / 2, rel=1e-12)
    assert states[0].state[2, 0] == pytest.approx(math.tanh(1 + y[1]) / 2, rel=1e-12)


def test_zoneout_mixes_in_the_old_state(unit) -> None:
    # c = p h + (1-p)(h + g)/2 with z = 1/2: closed form of the recursion, no firing (thr 1).
    p, g = 0.3, math.tanh(0.5)
    _, states = run_reference(unit(g=0.5, thr=1.0, zoneout=p), np.zeros((20, 1)),
                              record_state=True)
    keep = p + (1 - p) / 2
    expected = [g * (1 - keep ** (t + 1)) for t in range(20)]
    np.testing.assert_allclose(states[0].state[:, 0], expected, rtol=1e-12)


def test_always_firing_twin_is_a_gru() -> None:
    network = with_fire(random_egru([7, 5], 4, seed=3), "always")
    inputs = np.random.default_rng(3).normal(size=(30, 4)).astype(np.float32)
    outputs, states = run_reference(network, inputs, record_state=True)
    for y, state in zip(outputs, states, strict=True):
        np.testing.assert_array_equal(y, state.candidate.astype(np.float32))
        np.testing.assert_array_equal(state.state, state.candidate)


def test_always_firing_twin_is_torchs_gru() -> None:
    torch = pytest.importorskip("torch", reason="torch is an extra")
    network = with_fire(random_egru([6], 4, seed=5), "always")
    layer = network.layers[0]
    gru = torch.nn.GRU(4, 6).double()

    def order(columns: np.ndarray) -> torch.Tensor:
        z, r, g = np.split(columns, 3, axis=-1)  # torch's rows are r, z, n
        return torch.tensor(np.concatenate([r, z, g], axis=-1).T.astype(np.float64))

    with torch.no_grad():
        gru.weight_ih_l0.copy_(order(layer.kernel.toarray()))
        gru.weight_hh_l0.copy_(order(layer.recurrent.toarray()))
        gru.bias_ih_l0.copy_(order(layer.bias))
        gru.bias_hh_l0.copy_(order(layer.recurrent_bias))
        inputs = np.random.default_rng(5).normal(size=(40, 4)).astype(np.float32)
        expected = gru(torch.tensor(inputs, dtype=torch.float64))[0].numpy()
    np.testing.assert_allclose(run_reference(network, inputs)[0], expected, atol=2e-6)


def test_replay_layers_play_their_rows_in_turn() -> None:
    network = random_egru([3, 2], 4)
    rows = np.array([[0.0, 1.0, 0.0], [0.5, 0.0, 0.0]], dtype=np.float32)
    replayed = replace(network.layers[0], kind="replay", replay=rows)
    outputs = run_reference(replace(network, layers=(replayed, network.layers[1])),
                            np.zeros((5, 4)))
    np.testing.assert_array_equal(outputs[0], rows[[0, 1, 0, 1, 0]])
    only = Network((network.layers[1],))
    np.testing.assert_array_equal(outputs[1], run_reference(only, outputs[0])[0])
