"""Multicast trees: the union of the routes from a sender to all its destinations.

A tree enters each router once; packets with the same destinations share a tree.  All trees of one
sender are built together, as boolean matrices over links.
"""

from __future__ import annotations

import numpy as np

from neurosim.chip.routing import next_hops
from neurosim.lower.channels import Fabric


class Forest:
    """Collects the trees of all senders and numbers nodes and branches as it goes."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        routers = np.unique(fabric.end_router)
        self._column = np.full(len(fabric.router_xy), -1, np.int64)
        self._column[routers] = np.arange(len(routers))
        self._next = next_hops(fabric.router_xy, fabric.neighbours, fabric.routing, routers)
        n_out = len(fabric.arrays["ch_port"]) - len(fabric.end_router)
        self._channel_owner = fabric.arrays["ch_owner"][:n_out]
        self._channel_part = fabric.arrays["ch_part"][:n_out]
        # The channel from router a to its neighbour b.
        self._link = {}
        for a, d in np.argwhere(fabric.link_channel >= 0).tolist():
            self._link[a, int(fabric.neighbours[a, d])] = int(fabric.link_channel[a, d])
        self.nodes = 0
        self._degree: list[np.ndarray] = []
        self._br_channel: list[np.ndarray] = []
        self._br_next: list[np.ndarray] = []
        self.roots: list[np.ndarray] = []
        self.copies: list[np.ndarray] = []
        self.count = 0

    def add(self, sender_router: int, ends: np.ndarray, base: np.ndarray,
            wanted: np.ndarray) -> np.ndarray:
        """Trees from one router.

        Args:
            sender_router: where the packets enter.
            ends: [E] endpoint numbers (part order) that the sender can reach.
            base: [E] what a copy finds at each of them (``br_next`` of the last branch).
            wanted: [packets, E] bool, the destinations of each kind of packet.

        Returns:
            [packets] tree numbers, -1 where nothing is wanted.
        """
        result = np.full(len(wanted), -1, np.int64)
        some = wanted.any(axis=1) if wanted.size else np.zeros(len(wanted), bool)
        if not some.any():
            return result
        packed = np.packbits(wanted[some], axis=1)
        _, first, inverse = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        distinct = wanted[some][first]
        result[some] = self.count + inverse.reshape(-1)
        self._build(sender_router, ends, base, distinct)
        self.count += len(distinct)
        return result

    def _build(self, sender: int, ends: np.ndarray, base: np.ndarray, wanted: np.ndarray) -> None:
        fabric = self._fabric
        links, on_route = self._routes(sender, fabric.end_router[ends])
        uses = (wanted.astype(np.float32) @ on_route.astype(np.float32)) > 0  # [trees, links]
        end_channels = fabric.end_channel[ends]
        channel = np.concatenate([links, end_channels])
        tree, which = np.nonzero(np.concatenate([uses, wanted], axis=1))
        router = self._channel_owner[channel[which]]
        order = np.lexsort((channel[which], router, tree))
        tree, which, router = tree[order], which[order], router[order]

        # A node is a (tree, router) with at least one branch.
        n_routers = len(fabric.router_xy)
        key = tree * n_routers + router
        node_keys, degree = np.unique(key, return_counts=True)
        target = np.full(len(which), -1, np.int64)
        is_link = which < len(links)
        far = self._channel_part[channel[which[is_link]]]
        target[is_link] = self.nodes + np.searchsorted(node_keys, tree[is_link] * n_routers + far)
        target[~is_link] = base[which[~is_link] - len(links)]
        roots = np.searchsorted(node_keys, np.arange(len(wanted)) * n_routers + sender)
        self.roots.append(self.nodes + roots)
        self.copies.append(wanted.sum(axis=1).astype(np.int64))
        self._degree.append(degree)
        self._br_channel.append(channel[which])
        self._br_next.append(target)
        self.nodes += len(node_keys)

    def _routes(self, sender: int, routers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(link channels used, [E, links] which endpoint's route uses which)."""
        rows, channels = [], []
        for e, destination in enumerate(routers.tolist()):
            at, column = sender, self._column[destination]
            while at != destination:
                following = int(self._next[at, column])
                rows.append(e)
                channels.append(self._link[at, following])
                at = following
        links, column_of = np.unique(np.array(channels, np.int64), return_inverse=True)
        on_route = np.zeros((len(routers), len(links)), bool)
        on_route[rows, column_of] = True
        return links, on_route

    def arrays(self) -> dict[str, np.ndarray]:
        """Image arrays of all trees."""
        empty = np.zeros(0, np.int64)
        degree = np.concatenate([empty, *self._degree])
        channel = np.concatenate([empty, *self._br_channel])
        return {
            "node_ptr": np.concatenate([[0], np.cumsum(degree)]).astype(np.int64),
            "br_channel": channel,
            "br_vc": np.zeros(len(channel), np.int64),
            "br_next": np.concatenate([empty, *self._br_next]),
            "tree_root": np.concatenate([empty, *self.roots]),
            "tree_copies": np.concatenate([empty, *self.copies]),
        }
