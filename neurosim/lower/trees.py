"""Multicast trees: the union of the routes from a sender to all its destinations.

Packets with the same destinations share a tree.  A chip may look multicast packets up at its centre
(:mod:`neurosim.chip.central`), or have a packet sent to every destination (unicast).  All trees of
one sender are built together, as boolean matrices over links.
"""

from __future__ import annotations

import numpy as np

from neurosim.lower.channels import Fabric


class Forest:
    """Collects the trees of all senders and numbers nodes and branches as it goes."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric, self._unicast = fabric, fabric.unicast
        self.nodes = 0
        self._degree: list[np.ndarray] = []
        self._br_channel: list[np.ndarray] = []
        self._br_vc: list[np.ndarray] = []
        self._br_next: list[np.ndarray] = []
        self.roots: list[np.ndarray] = []
        self.copies: list[np.ndarray] = []
        self.following: list[np.ndarray] = []
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
        if self._unicast:
            trees = self._chains(sender_router, ends, base, distinct)
        else:
            trees = self.count + np.arange(len(distinct))
            self._build(sender_router, ends, base, distinct)
            self.following.append(np.full(len(distinct), -1, np.int64))
            self.count += len(distinct)
        result[some] = trees[inverse.reshape(-1)]
        return result

    def _chains(self, sender: int, ends: np.ndarray, base: np.ndarray,
                wanted: np.ndarray) -> np.ndarray:
        """A packet for every destination: trees of one end each, chained by ``tree_next``; returns
        the first of each kind of packet."""
        reached = np.flatnonzero(wanted.any(axis=0))
        self._build(sender, ends[reached], base[reached], np.eye(len(reached), dtype=bool))
        roots = self.roots.pop()
        self.copies.pop()
        kind, end = np.nonzero(wanted[:, reached])
        self.roots.append(roots[end])
        self.copies.append(np.ones(len(end), np.int64))
        number = self.count + np.arange(len(end))
        last = np.append(kind[1:] != kind[:-1], True)
        self.following.append(np.where(last, -1, number + 1))
        self.count += len(end)
        return number[np.searchsorted(kind, np.arange(len(wanted)))]

    def _build(self, sender: int, ends: np.ndarray, base: np.ndarray, wanted: np.ndarray) -> None:
        fabric = self._fabric
        routes = fabric.routes.multicast(sender, fabric.end_router[ends])
        n_nodes, parent = len(routes.router), routes.parent[1:]
        passes = routes.on_route()[:, 1:].astype(np.float32)  # [E, links]
        uses = (wanted.astype(np.float32) @ passes) > 0  # [trees, links]
        # Branches: the links of the routes, by the node that they lead to, then the endpoints.
        channel = np.concatenate([fabric.link_channel[routes.router[parent], routes.port[1:]],
                                  fabric.end_channel[ends]])
        vc = np.concatenate([routes.vc[1:], np.zeros(len(ends), np.int64)])
        owner = np.concatenate([parent, routes.node_of])
        tree, which = np.nonzero(np.concatenate([uses, wanted], axis=1))
        order = np.lexsort((channel[which], owner[which], tree))
        tree, which = tree[order], which[order]

        # A node of the forest is a (tree, node of the routes) with at least one branch.
        keys, degree = np.unique(tree * n_nodes + owner[which], return_counts=True)
        target = np.full(len(which), -1, np.int64)
        is_link = which < len(parent)
        far = tree[is_link] * n_nodes + which[is_link] + 1
        target[is_link] = self.nodes + np.searchsorted(keys, far)
        target[~is_link] = base[which[~is_link] - len(parent)]
        self.roots.append(self.nodes + np.searchsorted(keys, np.arange(len(wanted)) * n_nodes))
        self.copies.append(wanted.sum(axis=1).astype(np.int64))
        self._degree.append(degree)
        self._br_channel.append(channel[which])
        self._br_vc.append(vc[which])
        self._br_next.append(target)
        self.nodes += len(keys)

    def arrays(self) -> dict[str, np.ndarray]:
        """Image arrays of all trees."""
        empty = np.zeros(0, np.int64)
        degree = np.concatenate([empty, *self._degree])
        channel = np.concatenate([empty, *self._br_channel])
        return {
            "node_ptr": np.concatenate([[0], np.cumsum(degree)]).astype(np.int64),
            "br_channel": channel,
            "br_vc": np.concatenate([empty, *self._br_vc]),
            "br_next": np.concatenate([empty, *self._br_next]),
            "tree_root": np.concatenate([empty, *self.roots]),
            "tree_copies": np.concatenate([empty, *self.copies]),
            "tree_next": np.concatenate([empty, *self.following]),
        }
