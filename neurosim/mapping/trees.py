"""Multicast trees: the routes from one source to all its destinations, as one tree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from neurosim.chip.routes import Routes


def multicast_tree(
    routes: Routes, src_router: int, dst_routers: Iterable[int]
) -> dict[int, list[int]]:
    """The tree along which a packet is copied from one router to several.

    Args:
        routes: of a chip (``chip.routes``).
        src_router: router of the sender.
        dst_routers: routers to reach; the sender's own may be among them (0 hops).

    Returns:
        For every router of the tree, ``src_router`` first, the next routers in the order of its
        ports; empty at leaves.  Under dimension order on a mesh each router appears once as a key
        and, but for the source, once as a next router.
    """
    tree = routes.tree(src_router, np.array(list(dst_routers), np.int64))
    found: dict[int, list[int]] = {int(router): [] for router in tree.router}
    for node in np.lexsort((tree.port, tree.parent)):
        if tree.parent[node] >= 0:
            found[int(tree.router[tree.parent[node]])].append(int(tree.router[node]))
    return found


def tree_hops(tree: dict[int, list[int]]) -> int:
    """Links that one packet crosses on the tree."""
    return sum(len(following) for following in tree.values())
