"""The ports of a chip's DRAM: at which routers, and how far from every core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from neurosim.errors import ScenarioError

if TYPE_CHECKING:
    from neurosim.chip.schema import Chip


@dataclass(frozen=True)
class Ports:
    """Memory ports of all chips.  M ports, R routers.

    ``nearest[r]``: the port of router r's own chip that is fewest hops away, the lowest of several;
    ``hops[r]``: links between the two.
    """

    router: np.ndarray  # [M]
    nearest: np.ndarray  # [R]
    hops: np.ndarray  # [R]


def find_ports(chip: Chip) -> Ports:
    """Where the ports of ``chip.dram`` are.

    Raises:
        ScenarioError: there is no DRAM, or no router at a port's tile.
    """
    if chip.dram is None:
        raise ScenarioError("chip.dram", f"{chip.name} has no DRAM", "a chip file with dram")
    arrays = chip.noc_arrays
    router = port_routers(chip)
    port, _ = chip.routes.unicast(router)
    distance = np.full(port.shape, np.iinfo(np.int64).max)
    routers = np.arange(len(port))
    for m in range(len(router)):
        at, hops = routers.copy(), np.zeros(len(port), np.int64)
        inside = arrays.router_chip == arrays.router_chip[router[m]]
        moving = inside & (at != router[m])
        while moving.any():
            at[moving] = arrays.neighbours[at[moving], port[at[moving], m]]
            hops[moving] += 1
            moving &= at != router[m]
        distance[inside, m] = hops[inside]
    nearest = distance.argmin(axis=1)
    return Ports(router, nearest, distance[routers, nearest])


def port_routers(chip: Chip) -> np.ndarray:
    """[M] routers with a port, chip by chip.

    Raises:
        ScenarioError: no router at a port's tile, or a tile given twice.
    """
    assert chip.dram is not None
    arrays, topology = chip.noc_arrays, chip.topology
    chips = np.unique(arrays.router_chip)
    if topology.kind == "file" and chip.dram.tiles is None:
        first = [int(np.flatnonzero(arrays.router_chip == c)[0]) for c in chips]
        first[int(arrays.router_chip[arrays.host_router])] = arrays.host_router
        return np.array(first, np.int64)
    tiles = chip.dram.tiles or (topology.host,)
    corner = np.array([arrays.router_xy[arrays.router_chip == c].min(axis=0) for c in chips])
    origin = corner[int(arrays.router_chip[arrays.host_router])]
    found = []
    for c, base in zip(chips.tolist(), corner, strict=True):
        for tile in tiles:
            place = np.array(tile) + base - origin
            here = np.flatnonzero((arrays.router_chip == c)
                                  & (arrays.router_xy == place).all(axis=1))
            if not len(here):
                raise ScenarioError("chip.dram.tiles", f"names tile {list(tile)}, which has no "
                                    "router", "tiles of the chip")
            found.append(int(here[0]))
    if len(set(found)) < len(found):
        raise ScenarioError("chip.dram.tiles", "names a tile twice", "each tile once")
    return np.array(found, np.int64)
