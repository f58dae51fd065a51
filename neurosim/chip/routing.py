"""The routing function of a chip, by ``noc.routing`` and the topology."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neurosim.chip.central import centres
from neurosim.chip.deadlock import check_routes
from neurosim.chip.dimension import dimension_order, port_axes, west_first_other
from neurosim.chip.routes import Routes
from neurosim.chip.table_routes import layers, shortest, up_down
from neurosim.errors import ScenarioError

if TYPE_CHECKING:
    from neurosim.chip.schema import Chip

#: Routing functions that need coordinates, and those for any graph.
DIMENSION_ORDERS = ("xy", "yx", "west_first", "west_first_adaptive")
TABLES = ("up_down", "shortest")
_NAMES = {"xy": "XY", "yx": "YX", "west_first": "west-first",
          "west_first_adaptive": "adaptive west-first", "up_down": "up*/down*",
          "shortest": "shortest-path"}


def make_routes(chip: Chip) -> Routes:
    """The chip's routes, not checked.

    Raises:
        ScenarioError: the routing function does not exist on this topology.
    """
    arrays, topology, order = chip.noc_arrays, chip.topology, chip.noc.routing
    n_vcs = int(chip.noc.virtual_channels)
    names = tuple(str(name) for _, name in chip.topology_graph.nodes(data="name"))
    neighbours, layer, manhattan, other = arrays.neighbours, None, None, None
    if order in DIMENSION_ORDERS:
        flat = topology.kind == "mesh" and topology.chips is None
        if topology.kind == "file" or (order.startswith("west_first") and not flat):
            raise ScenarioError("chip.noc.routing", f"is {order} on a {topology.kind}",
                                "up_down or shortest" if topology.kind == "file" else "xy or yx")
        port = dimension_order(topology, order.removesuffix("_adaptive"), arrays.router_xy,
                               neighbours)
        if order == "west_first_adaptive":
            other = west_first_other(arrays.router_xy, neighbours)
        axis = port_axes(arrays.directions)
        if topology.kind == "mesh" and topology.chips is None:
            manhattan = arrays.router_xy
    else:
        if topology.chips is not None:
            raise ScenarioError("chip.noc.routing", f"is {order} on a machine of chips",
                                "xy or yx")
        port = up_down(neighbours, arrays.host_router) if order == "up_down" \
            else shortest(neighbours)
        axis = np.arange(len(arrays.directions))
        layer = np.zeros(len(neighbours), np.int64)
        if order == "shortest":
            layer = np.minimum(layers(port, neighbours), n_vcs - 1)
    return Routes(port, neighbours, arrays.wraps, axis, n_vcs, names, _NAMES[order], layer,
                  manhattan, other, chip.noc.vc_choice == "most_room",
                  centres(chip) if chip.noc.multicast == "central" else None)


def check(chip: Chip) -> None:
    """Refuse a chip on which some route is broken or, unless told not to look, routes can
    deadlock.  Where blocked packets are dropped nothing waits for ever, and any routes will do.

    A mesh without missing routers or links needs no look: dimension order is legal on it and
    acyclic by construction, and so is west-first.  In a machine of chips one chip, and the graph
    of chips, are looked at: a gateway's links to its own chip are never the way to another
    gateway once a packet has arrived by a link between chips, so what holds for the parts holds
    for the whole (docs/reference/chip-files.md).

    Raises:
        ScenarioError: naming two tiles without a route, or the cycle of channels.
    """
    routes = chip.routes
    if not chip.noc.check_deadlock or _is_full_mesh(chip):
        return
    if chip.blocked is not None:  # what waits too long is dropped; the routes must exist
        routes.unicast(np.arange(len(routes.neighbours)))
        return
    if chip.topology.chips is not None and len(routes.neighbours) > 256:
        _check_parts(chip)
    else:
        check_routes(routes)


def _is_full_mesh(chip: Chip) -> bool:
    topology = chip.topology
    full = 2 * (2 * topology.width * topology.height - topology.width - topology.height)
    return (topology.kind == "mesh" and topology.chips is None
            and chip.noc.routing in DIMENSION_ORDERS and chip.noc.multicast != "central"
            and len(chip.noc_arrays.links) == full)


def _check_parts(chip: Chip) -> None:
    from neurosim.chip.schema import Chip as ChipModel

    topology = chip.topology
    assert topology.chips is not None
    one = topology.model_copy(update={"chips": None})
    many = topology.model_copy(update={
        "width": 1, "height": 1, "first": (0, 0), "host": (0, 0), "without": (), "links": None,
        "chips": topology.chips.model_copy(update={"gateway": (0, 0)})})
    for part in (one, many):
        check(ChipModel.model_construct(**{**_fields(chip), "topology": part}))


def _fields(chip: Chip) -> dict:
    return {name: getattr(chip, name) for name in type(chip).model_fields}
