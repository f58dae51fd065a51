"""Queueing theory: M/D/1 at a source's injection channel, and Little's law."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import stdtrit

from neurosim import image as im
from neurosim import trace
from neurosim.lower import lower_traffic
from tests.engines.machines import mesh

FLITS, PACKETS, BATCHES = 16, 6000, 30


def waits(engine: Any, load: float, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """(offer ticks, injection ticks, service ticks) of one source that sends to one sink.

    The injection channel takes FLITS cycles a packet and is the only bottleneck: a Poisson
    process, an unbounded queue, one server with a fixed service time.
    """
    chip = mesh(2, 1, 1, **{"noc.buffer_flits": 8 * FLITS})
    cycles = round(PACKETS * FLITS / load)
    image = lower_traffic(chip, "uniform", load / FLITS, FLITS, cycles, 0, seed, "poisson")
    image = replace(image, traffic_dest_kind=im.DEST_FIXED, traffic_dest=np.array([1, 1]))
    records = engine(image, want_trace=True).trace
    kinds = np.array([trace.unpack(int(r))[2] for r in records["rank"]])
    offer = np.sort(records["tick"][kinds == trace.OFFER])
    inject = np.sort(records["tick"][kinds == trace.INJECT])
    service = FLITS * int(image.clock_period[0])
    return offer[: len(inject)], inject, service


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_mean_wait_is_that_of_md1(engine: Any, load: float) -> None:
    """Pollaczek-Khinchine for a fixed service time S: W = S rho / (2 (1 - rho)); the mean lies
    inside the 95 % interval of batch means."""
    offer, inject, service = waits(engine, load, seed=1)
    waited = (inject - offer)[200:] / service
    batches = np.array([b.mean() for b in np.array_split(waited, BATCHES)])
    half = stdtrit(BATCHES - 1, 0.975) * batches.std(ddof=1) / math.sqrt(BATCHES)
    expected = load / (2 * (1 - load))
    assert abs(waited.mean() - expected) <= half
    assert half < 0.25 * expected  # the interval says something


def test_gaps_are_exponential(engine: Any) -> None:
    """Kolmogorov-Smirnov distance of the gaps from the exponential, at the 1 % level."""
    offer, _, service = waits(engine, 0.6, seed=2)
    gaps = np.sort(np.diff(offer)) / service * 0.6
    n = len(gaps)
    theory = 1 - np.exp(-gaps)
    steps = np.arange(n + 1) / n
    distance = max(np.abs(theory - steps[1:]).max(), np.abs(theory - steps[:-1]).max())
    assert distance < 1.63 / math.sqrt(n)


def test_littles_law(engine: Any) -> None:
    """Packets waiting on average = rate of packets x their mean wait, each measured on its own:
    the number from the queue's length over time, over whole busy periods."""
    offer, inject, _ = waits(engine, 0.8, seed=3)
    times = np.concatenate([offer, inject])
    change = np.concatenate([np.ones(len(offer)), -np.ones(len(inject))])
    order = np.lexsort((-change, times))
    times, length = times[order], np.cumsum(change[order])
    empty = np.flatnonzero(length == 0)
    start, end = empty[0], empty[-1]
    span = times[end] - times[start]
    waiting = (length[start:end] * np.diff(times[start: end + 1])).sum() / span
    within = (offer > times[start]) & (offer <= times[end])
    rate, wait = within.sum() / span, (inject - offer)[within].mean()
    assert waiting == pytest.approx(rate * wait, rel=1e-9)
    assert waiting == pytest.approx(0.8**2 / (2 * 0.2), rel=0.25)
