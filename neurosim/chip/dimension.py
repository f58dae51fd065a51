"""Dimension-ordered routing on meshes, tori, triangular tori and machines of many chips.

``xy`` goes along x, then y; ``yx`` the other way round; ``west_first`` along x first only to the
west, else along y, then east (the deterministic member of Glass and Ni's turn model, ISCA 1992).
On triangular tori the diagonal comes before both.  Wrapped dimensions are taken the shorter way
round, where both are as long by turns from router to router.  Between chips, a packet goes to its
chip's gateway, from gateway to gateway, and from the last gateway to its tile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurosim.chip.routes import PortFunction
from neurosim.chip.tiles import Topology
from neurosim.chip.topology import (
    DIRECTIONS,
    STEPS,
    TRIANGULAR,
    TRIANGULAR_STEPS,
    existing,
    lattice,
    wrap_vectors,
)

#: Axis (0 x, 1 y, 2 diagonal) of each direction.
AXES = {"E": 0, "W": 0, "N": 1, "S": 1, "NE": 2, "SW": 2}


@dataclass(frozen=True)
class Compass:
    """Where the output of each step stands among a router's ports, and how differences wrap."""

    directions: tuple[str, ...]
    around: tuple[tuple[int, int], ...]  # wrap vectors, or none
    order: str

    def port(self, delta: np.ndarray) -> np.ndarray:
        """[...] port of the first hop for differences [..., 2], -1 where there is none."""
        dx, dy = delta[..., 0], delta[..., 1]
        place = {name: n for n, name in enumerate(self.directions)}
        along_x = np.where(dx > 0, place["E"], place["W"])
        along_y = np.where(dy > 0, place["N"], place["S"])
        if self.order == "west_first":
            x_now = (dx < 0) | (dy == 0)
        else:
            x_now = (dx != 0) if self.order == "xy" else (dy == 0)
        port = np.where(x_now, along_x, along_y)
        if "NE" in place:
            diagonal = np.where(dx > 0, place["NE"], place["SW"])
            port = np.where(dx * dy > 0, diagonal, port)
        return np.where((dx == 0) & (dy == 0), -1, port)

    def shortest(self, at: np.ndarray, to: np.ndarray) -> np.ndarray:
        """Differences [..., 2] from places ``at`` to places ``to`` by the shortest way round.

        Half way round, tori and rings go by the sum of the coordinates of ``at``, which is where
        the dimension begins: after one hop there is no tie any more.

        On triangular tori ties go to more diagonal hops, then to more along the first dimension,
        then to positive ones.  A hop takes equally from all of these, so that the choice made at
        the source stays the choice on the way, and the order of dimensions holds from end to end.
        """
        delta = to - at
        if not self.around:
            return delta
        (w, aside), (above, h) = self.around
        if aside == above == 0 and "NE" not in self.directions:  # each dimension on its own
            size = np.array([w, h])
            half = (size - 1) // 2
            short = (delta + half) % size - half
            odd = at.sum(axis=-1, keepdims=True) % 2 == 1
            return np.where((2 * short == size) & odd, -short, short)
        best, best_key = delta, self._rank(delta)
        for shift in lattice(self.around)[1:]:
            other = delta + np.array(shift)
            key = self._rank(other)
            better = key < best_key
            best = np.where(better[..., None], other, best)
            best_key = np.where(better, key, best_key)
        return best

    def _rank(self, delta: np.ndarray) -> np.ndarray:
        """Lower is better; one number in which length outweighs diagonal hops, and so on."""
        dx, dy = delta[..., 0].astype(np.int64), delta[..., 1].astype(np.int64)
        diagonal = np.zeros_like(dx)
        if "NE" in self.directions:
            diagonal = np.where(dx * dy > 0, np.minimum(np.abs(dx), np.abs(dy)), 0)
        length = np.abs(dx) + np.abs(dy) - diagonal
        first = np.abs(dx) if self.order != "yx" else np.abs(dy)
        negative = 2 * (dx < 0) + (dy < 0)
        base = np.int64(1) << 14
        return ((length * base + (base - 1 - diagonal)) * base + (base - 1 - first)) * 4 + negative


def dimension_order(topology: Topology, order: str, router_xy: np.ndarray,
                    neighbours: np.ndarray) -> PortFunction:
    """The port function of a grid of tiles, or of chips of tiles."""
    triangular = topology.kind == "triangular_torus"
    around = wrap_vectors(topology) if topology.kind != "mesh" else ()
    tiles = Compass(TRIANGULAR if triangular else DIRECTIONS, around, order)

    def within(at: np.ndarray, to: np.ndarray) -> np.ndarray:
        port = tiles.port(tiles.shortest(router_xy[at], router_xy[to]))
        return np.where((port >= 0) & (neighbours[at, port] < 0), -1, port)

    if topology.chips is None:
        return within
    chips = topology.chips
    names = TRIANGULAR if chips.kind == "triangular_torus" else DIRECTIONS
    between = Compass(names, wrap_vectors(chips) if chips.kind != "mesh" else (), order)
    size = np.array([topology.width, topology.height])
    chip_xy = (router_xy - np.array(topology.first)) // size
    number = {tuple(xy): n for n, xy in enumerate(existing(chips))}
    chip = np.array([number[tuple(xy)] for xy in chip_xy.tolist()])
    gateway_of_chip = _gateways(topology, router_xy, chip, len(number))

    def across(at: np.ndarray, to: np.ndarray) -> np.ndarray:
        """To the tile on its own chip, to the gateway on others, and on from there."""
        at, to = np.broadcast_arrays(at, to)
        home = chip[at] == chip[to]
        gateway = gateway_of_chip[chip[at]]
        port = within(at, np.where(home, to, gateway))
        leaves = ~home & (at == gateway)
        hop = between.port(between.shortest(chip_xy[at[leaves]], chip_xy[to[leaves]]))
        hop = np.where(hop >= 0, hop + len(DIRECTIONS), -1)
        missing = (hop >= 0) & (neighbours[at[leaves], hop] < 0)
        result = port.copy()
        result[leaves] = np.where(missing, -1, hop)
        return result

    return across


def west_first_other(router_xy: np.ndarray, neighbours: np.ndarray) -> PortFunction:
    """The other shortest hop that west-first routing allows, or -1: to the east, where the first
    choice is along y.  A packet that has to go west has none (Glass and Ni, ISCA 1992: the two
    turns to the west are never taken, so that the turns left make no cycle)."""
    east = DIRECTIONS.index("E")

    def other(at: np.ndarray, to: np.ndarray) -> np.ndarray:
        delta = router_xy[to] - router_xy[at]
        free = (delta[..., 0] > 0) & (delta[..., 1] != 0) & (neighbours[at, east] >= 0)
        return np.where(free, east, -1)

    return other


def _gateways(topology: Topology, router_xy: np.ndarray, chip: np.ndarray, n: int) -> np.ndarray:
    """[chips] the router of each chip's gateway tile."""
    assert topology.chips is not None
    size, first = np.array([topology.width, topology.height]), np.array(topology.first)
    local = (router_xy - first) % size + first
    routers = np.flatnonzero((local == np.array(topology.chips.gateway)).all(axis=1))
    gateways = np.full(n, -1, np.int64)
    gateways[chip[routers]] = routers
    return gateways


def port_axes(directions: tuple[str, ...]) -> np.ndarray:
    """[P] axis of every port; links between chips have axes of their own."""
    return np.array([AXES[name] if name in AXES else 3 + AXES[name.removeprefix("chip ")]
                     for name in directions], np.int64)


assert len(STEPS) == len(DIRECTIONS) and len(TRIANGULAR_STEPS) == len(TRIANGULAR)
