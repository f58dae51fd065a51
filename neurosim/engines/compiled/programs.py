"""Which router program a machine needs, and the constants of all of them."""

from __future__ import annotations

import numpy as np

from neurosim import image as im
from neurosim.engines.compiled import layout as at
from neurosim.image import Image


def program_of(image: Image) -> int:
    """Which router program the machine needs."""
    if image.queueing == im.QUEUE_OUTPUT:
        return at.OUTPUT_QUEUES
    rare = (image.vc_step or image.route_other.size or image.blocked_ticks
            or len(image.offer_ptr))
    plain = not (rare or _forks_twice(image))
    return at.PLAIN if plain else at.GENERAL


def _forks_twice(image: Image) -> bool:
    """Whether a tree takes the same channel more than once from a node."""
    node = np.repeat(np.arange(len(image.node_ptr) - 1), np.diff(image.node_ptr))
    pairs = node * len(image.ch_owner) + image.br_channel
    if (pairs[1:] > pairs[:-1]).all():  # as trees are built; a million branches take milliseconds
        return False
    pairs.sort(kind="stable")
    return bool((pairs[1:] == pairs[:-1]).any())


def router_constants(image: Image, grid: int) -> dict[str, int]:
    listed = len(image.offer_ptr) > 0
    return {
        "program": program_of(image), "vc_step": image.vc_step,
        "adaptive": int(image.route_other.size > 0), "blocked": image.blocked_ticks // grid,
        "detour": image.detour_ticks // grid, "reinject_places": image.reinject_packets,
        "reinject": image.reinject_ticks // grid,
        "n_queues": len(image.in_channel) * image.n_vcs, "listed": int(listed),
        "lengths": int(listed and bool((image.offer_length > 0).any())),
        "unicast": int((image.tree_next >= 0).any()), "bin": max(1, image.histogram_ticks // grid),
    }


def longest_chain(image: Image) -> int:
    """Packets that one offer makes at most."""
    length, at_tree = 1, image.tree_next[image.tree_next >= 0]
    while len(at_tree):
        at_tree = image.tree_next[at_tree]
        at_tree = at_tree[at_tree >= 0]
        length += 1
    return length


def sizes(image: Image) -> np.ndarray:
    """[8] bits of packets by kind, then by length class from 1 on."""
    return np.concatenate([image.packet_bits, image.length_bits])


def transfers(image: Image) -> np.ndarray:
    """[Q, 8] ticks of a packet of each size (kind, then length class) on each channel."""
    cycles = -(-sizes(image)[None, :] // image.ch_width[:, None])
    return cycles * image.ch_cycle[:, None]
