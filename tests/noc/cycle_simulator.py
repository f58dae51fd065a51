"""A router simulator of another kind: a loop over cycles that moves single flits.

Written from docs/reference/machine-model.md, without any of neurosim's code: no events, no
timestamps of grants, no queues of packets.  Every cycle a router looks at the flits in its
buffers; a packet that has won an output keeps it, and its input, while its flits leave one a cycle;
with its tail its places are given back.  Only meshes under XY and one queue an input.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

#: Ports of a router; LOCAL is both the way in and the way out.
EAST, NORTH, WEST, SOUTH, LOCAL = range(5)
_FAR = {EAST: WEST, WEST: EAST, NORTH: SOUTH, SOUTH: NORTH}
#: A flit: packet, place within it, first cycle in which it may leave the buffer.
Flit = tuple["Packet", int, int]


class Packet:
    def __init__(self, dest: int, born: int) -> None:
        self.dest, self.born = dest, born


class Mesh:
    """k x k routers with FIFOs of ``depth`` flits; packets of ``length`` flits."""

    def __init__(self, k: int, length: int, depth: int, pipeline: int, link: int, credit: int
                 ) -> None:
        self.k, self.length, self.delay = k, length, credit
        self.pipeline, self.link = pipeline, link
        nodes = range(k * k)
        self.buffers: list[list[deque[Flit]]] = [[deque() for _ in range(5)] for _ in nodes]
        # Room that a router, or a source (LOCAL), knows of at the far end of each way out.
        self.room = [[depth] * 5 for _ in nodes]
        self.turn = [[0] * 5 for _ in nodes]  # round robin: the input to look at first
        self.winner = [[-1] * 5 for _ in nodes]  # by output: the input whose packet it is sending
        self.sending = [[False] * 5 for _ in nodes]  # by input
        self.waiting: list[deque[Packet]] = [deque() for _ in nodes]
        self.injecting: list[tuple[Packet, int] | None] = [None] * (k * k)
        self.arriving: dict[int, list[tuple[int, int, Packet, int]]] = {}
        self.returning: dict[int, list[tuple[int, int]]] = {}
        self.latencies: list[int] = []
        self.now = 0

    def output(self, node: int, dest: int) -> int:
        """XY."""
        x, y, to_x, to_y = node % self.k, node // self.k, dest % self.k, dest // self.k
        if x != to_x:
            return EAST if to_x > x else WEST
        if y != to_y:
            return NORTH if to_y > y else SOUTH
        return LOCAL

    def neighbour(self, node: int, way: int) -> int:
        return node + {EAST: 1, WEST: -1, NORTH: self.k, SOUTH: -self.k}[way]

    def cycle(self) -> None:
        now = self.now
        for node, port, packet, place in self.arriving.pop(now, ()):
            self.buffers[node][port].append((packet, place, now + self.pipeline))
        for node, way in self.returning.pop(now, ()):
            self.room[node][way] += self.length
        for node in range(self.k * self.k):
            if any(self.buffers[node]) or any(self.sending[node]):
                self.allocate(node)
        for node in range(self.k * self.k):
            self.move(node)
            self.inject(node)
        self.now += 1

    def allocate(self, node: int) -> None:
        """Free outputs go to waiting heads, those of the beginning of this cycle."""
        wants: dict[int, list[int]] = {}
        for port, buffer in enumerate(self.buffers[node]):
            if buffer and not self.sending[node][port]:
                packet, place, ready = buffer[0]
                if place == 0 and ready <= self.now:
                    wants.setdefault(self.output(node, packet.dest), []).append(port)
        for way, ports in wants.items():
            if self.winner[node][way] >= 0 or (way != LOCAL
                                               and self.room[node][way] < self.length):
                continue
            first = self.turn[node][way]
            port = min(ports, key=lambda p: (p - first) % 5)
            self.winner[node][way], self.sending[node][port] = port, True
            self.turn[node][way] = (port + 1) % 5
            if way != LOCAL:
                self.room[node][way] -= self.length

    def move(self, node: int) -> None:
        """One flit a cycle over every output that is taken."""
        for way in range(5):
            port = self.winner[node][way]
            if port < 0:
                continue
            packet, place, _ = self.buffers[node][port].popleft()
            if way != LOCAL:
                far = self.neighbour(node, way)
                self.arriving.setdefault(self.now + self.link, []).append(
                    (far, _FAR[way], packet, place))
            elif place == self.length - 1:
                self.latencies.append(self.now + self.link - packet.born)
            if place == self.length - 1:
                self.winner[node][way], self.sending[node][port] = -1, False
                self.give_back(node, port)

    def give_back(self, node: int, port: int) -> None:
        owner, way = (node, LOCAL) if port == LOCAL else (self.neighbour(node, port), _FAR[port])
        self.returning.setdefault(self.now + 1 + self.delay, []).append((owner, way))

    def inject(self, node: int) -> None:
        """The source sends a flit a cycle, of a packet for which there is room."""
        if self.injecting[node] is None:
            if not self.waiting[node] or self.room[node][LOCAL] < self.length:
                return
            self.room[node][LOCAL] -= self.length
            self.injecting[node] = (self.waiting[node].popleft(), 0)
        current = self.injecting[node]
        assert current is not None
        packet, place = current
        self.arriving.setdefault(self.now + self.link, []).append((node, LOCAL, packet, place))
        self.injecting[node] = (packet, place + 1) if place + 1 < self.length else None


def run(mesh: Mesh, rate: float, dest: Callable[[int, np.random.Generator], int], cycles: int,
        warmup: int, seed: int) -> tuple[float, float, float]:
    """(mean latency of the packets born after the warm-up, its standard error by batch means,
    flits per node and cycle taken in)."""
    rng = np.random.default_rng(seed)
    nodes = mesh.k**2
    batches: list[list[int]] = [[] for _ in range(20)]
    taken = 0
    for now in range(warmup + cycles):
        for node in np.flatnonzero(rng.random(nodes) < rate).tolist():
            to = dest(node, rng)
            if to != node:
                mesh.waiting[node].append(Packet(to, now))
        before = len(mesh.latencies)
        mesh.cycle()
        if now >= warmup:
            taken += len(mesh.latencies) - before
            batches[(now - warmup) * len(batches) // cycles] += [
                one for one in mesh.latencies[before:] if now - one >= warmup]
    means = np.array([np.mean(batch) for batch in batches if batch])
    everyone = [one for batch in batches for one in batch]
    return (float(np.mean(everyone)), float(means.std(ddof=1) / np.sqrt(len(means))),
            taken * mesh.length / (nodes * cycles))
