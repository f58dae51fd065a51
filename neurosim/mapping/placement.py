"""Slices to cores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neurosim.errors import MappingError

if TYPE_CHECKING:
    from neurosim.chip.schema import Chip

PLACEMENTS = ("compact", "linear", "random")
#: Swapping is tried with at most this many cores; its cost grows with their number cubed.
MAX_SWAP_CORES = 256
MAX_SWEEPS = 8


def place(
    kind: str, n_slices: int, chip: Chip, seed: int = 0, traffic: np.ndarray | None = None,
    host_traffic: np.ndarray | None = None,
) -> np.ndarray:
    """Core of each slice.

    Args:
        kind: ``compact`` puts slices in order along rows of the tiles nearest to the host and,
            with ``traffic`` on small chips, swaps pairs while that shortens traffic x distance;
            ``linear`` puts slice n on core n; ``random`` draws cores by ``seed``.
        n_slices: slices, in order of layers; at most the usable cores.
        traffic: [n_slices, n_slices] expected events per step from slice to slice.
        host_traffic: [n_slices] expected events per step between host and slice.

    Returns:
        [n_slices] distinct usable core ids.

    Raises:
        MappingError: unknown kind.
    """
    if kind not in PLACEMENTS:
        raise MappingError("mapping.placement", f"no placement {kind!r}", ", ".join(PLACEMENTS))
    if kind == "linear":
        return np.arange(n_slices)
    if kind == "random":
        return np.random.default_rng(seed).permutation(chip.usable)[:n_slices]
    cores = _cores_by_row(chip, n_slices)
    if traffic is None or host_traffic is None or chip.usable > MAX_SWAP_CORES:
        return cores[:n_slices]
    return _swap(cores, n_slices, chip, traffic, host_traffic)


def _cores_by_row(chip: Chip, n_slices: int) -> np.ndarray:
    """Usable cores: first those of the ``n_slices`` nearest to the host, row by row in alternating
    direction so that consecutive cores are neighbours; then the rest, nearest first."""
    arrays = chip.noc_arrays
    router = arrays.core_router[: chip.usable]
    tile = arrays.router_xy[router]
    distance = chip.routes.hops(np.full(len(router), arrays.host_router), router)
    nearest = np.lexsort((router, distance))
    near, rest = nearest[:n_slices], nearest[n_slices:]
    x, y = tile[near].T
    row = np.searchsorted(np.unique(y), y)
    along = np.where(row % 2 == 0, x, -x)
    return np.concatenate([near[np.lexsort((near, along, row))], rest])


def _swap(
    cores: np.ndarray, n_slices: int, chip: Chip, traffic: np.ndarray, host_traffic: np.ndarray
) -> np.ndarray:
    """Swap the cores of two slices, or move one to a free core, while that shortens the sum of
    traffic x hops: for each slice in turn the best swap, until a sweep finds none."""
    arrays = chip.noc_arrays
    router = arrays.core_router[cores]
    there = chip.routes.hops(router[:, None], router[None, :])
    hops = (there + there.T) / 2.0  # routes there and back differ in length on some graphs
    host_hops = chip.routes.hops(np.full(len(router), arrays.host_router), router).astype(float)
    places = len(cores)
    both = np.zeros((places, places))
    both[:n_slices, :n_slices] = traffic + traffic.T
    np.fill_diagonal(both, 0.0)
    host = np.zeros(places)
    host[:n_slices] = host_traffic
    at = np.arange(places)  # slice -> index into cores; slices beyond n_slices are free cores
    for _ in range(MAX_SWEEPS):
        swaps = 0
        for i in range(n_slices):
            gain = _swap_gains(i, both, host, hops[np.ix_(at, at)], host_hops[at])
            j = int(np.argmax(gain))
            if gain[j] > 1e-9 * (1.0 + both[i].sum()):
                at[[i, j]] = at[[j, i]]
                swaps += 1
        if not swaps:
            break
    return cores[at[:n_slices]]


def _swap_gains(
    i: int, both: np.ndarray, host: np.ndarray, hops: np.ndarray, host_hops: np.ndarray
) -> np.ndarray:
    """[places] shortening of traffic x hops if slice i and slice j exchanged places.

    ``hops`` and ``host_hops`` are by slice.  Third parties k see i's traffic move by
    hops[i, k] - hops[j, k] and j's by the opposite; the pair's own distance stays.
    """
    moved = hops[i] - hops  # [j, k]
    relative = both[i] - both
    gain = (relative * moved).sum(axis=1)
    # k = i and k = j were counted above but do not change: their two terms are removed.
    gain -= relative[:, i] * moved[:, i]
    gain -= np.diagonal(relative) * np.diagonal(moved)
    return gain + (host[i] - host) * (host_hops[i] - host_hops)
