"""What cannot go on when a run is over, from the words of the state."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neurosim.engines.compiled import layout as at
from neurosim.engines.compiled.fill import _entries
from neurosim.engines.compiled.state import State
from neurosim.engines.outcome import Place, Wait
from neurosim.image import SYNC_BARRIER, TRAFFIC, Image


def waits(state: State, image: Image) -> list[Wait]:
    """As ``waits_for`` of the reference engine's parts."""
    found: list[Wait] = []
    if image.blocked_ticks == 0:
        kind = _outputs if state.tables.program == at.OUTPUT_QUEUES else _heads
        found += kind(state, image)
    found += _senders(state, image)
    if image.sync == SYNC_BARRIER:
        have = _entries(state, "have", 1, image.sync_part - image.n_routers)[:, 0]
        parts = image.n_routers + np.flatnonzero(have == 0)
        ports = (parts >= image.first_port) & (parts < image.first_source)
        found += [((image.sync_part, -1, -1), ((int(part), -1, -1),)) for part in parts[~ports]]
    return found


def _heads(state: State, image: Image) -> Iterator[Wait]:
    """Heads of input queues without room behind an output."""
    m, last = state.words, int(state.words[at.H_LAST])
    queues = _entries(state, "queue", at.QUEUE, len(image.in_channel) * image.n_vcs)
    queues = queues[queues[:, at.Q_HEAD] >= 0]
    for q in queues[m[queues[:, at.Q_HEAD] + at.E_READY] <= last]:
        router, cell = int(q[at.Q_ROUTER]), int(q[at.Q_HEAD])
        branches, any_of = _branches(state, image, router, cell, int(q[at.Q_LEFT]))
        awaited = [_awaited(state, image, cell, channel, vc) for channel, vc in branches]
        if any_of:
            awaited = [tuple(p for a in awaited for p in a)] if all(awaited) else []
        place = (router, int(q[at.Q_PORT]), int(q[at.Q_SLOT]) % image.n_vcs)
        yield from ((place, places) for places in awaited if places)


def _branches(state: State, image: Image, router: int, cell: int, left: int
              ) -> tuple[list[tuple[int, int]], bool]:
    """(channel, virtual channel) of what a head has left, and whether one of them is enough."""
    m, t, first_out = state.words, state.tables, int(image.out_ptr[router])
    node, output = int(m[cell + at.E_NODE]), int(m[cell + at.E_OUT])
    if m[cell + at.E_META] & 7 == TRAFFIC:
        channel, vc = int(image.route_channel[router, node]), int(image.route_vc[router, node])
        other = int(image.route_other[router, node]) if image.route_other.size else -1
        return [(c, vc) for c in (channel, other) if c >= 0], other >= 0
    if output >= 0:
        return [(first_out + output, int(m[cell + at.E_VC]))], False
    first = t.branch + node
    if left == 0:
        left = 1
        while not (int(m[first + left.bit_length() - 1]) >> at.BRANCH_LAST) & 1:
            left = 2 * left + 1
    packed = [int(m[first + b]) for b in range(at.MOST + 1) if left >> b & 1]
    return [(first_out + (p & 63), p >> at.BRANCH_VC & 255) for p in packed], False


def _outputs(state: State, image: Image) -> Iterator[Wait]:
    """Buffers in which every copy that is ready for some output finds no room behind one."""
    m, t, last = state.words, state.tables, int(state.words[at.H_LAST])
    copies: dict[Place, dict[int, list[tuple[Place, ...]]]] = {}
    for queue in range(image.n_outputs * image.n_vcs):
        channel, vc = divmod(queue, image.n_vcs)
        router, cell = int(image.ch_owner[channel]), int(m[t.out_queue + 2 * queue])
        while cell >= 0:
            if m[cell + at.E_READY] <= last:
                port, in_vc = divmod(int(m[cell + at.E_OUT]), image.n_vcs)
                place = (router, int(image.in_ptr[router]) + port, in_vc)
                holder = int(m[cell + at.E_HOLDER])
                copies.setdefault(place, {}).setdefault(
                    holder if holder >= 0 else cell, []).append(
                        _awaited(state, image, cell, channel, vc))
            cell = int(m[cell + at.E_NEXT])
    for place, waiting in copies.items():
        if all(any(branches) for branches in waiting.values()):
            places = {p for branches in waiting.values() for branch in branches for p in branch}
            yield place, tuple(sorted(places))


def _senders(state: State, image: Image) -> Iterator[Wait]:
    for s in _entries(state, "stage", at.STAGE, image.n_cores + image.n_hosts):
        cell, channel = int(s[at.S_HEAD]), int(s[at.S_CHANNEL])
        if cell >= 0:
            for place in _awaited(state, image, cell, channel, 0):
                yield (int(s[at.S_PART]), -1, -1), (place,)


def _awaited(state: State, image: Image, cell: int, channel: int, vc: int) -> tuple[Place, ...]:
    """Places one of which must get free for a branch; () if there is, or will be, room."""
    m = state.words
    size = int(m[cell + at.E_META]) & 7
    if size == TRAFFIC and state.tables.lengths and m[cell + at.E_LENGTH] > 0:
        size = len(image.packet_bits) - 1 + int(m[cell + at.E_LENGTH])
    entry = state.tables.channel + at.CHANNEL * channel
    need = int(m[entry + at.C_COST + size]) & at.COST_NEED
    part, port = int(image.ch_part[channel]), int(image.ch_port[channel])
    step = image.vc_step if port >= 0 and channel < image.n_outputs else 0
    allowed = range(vc % step, image.n_vcs, step) if step else range(vc, vc + 1)
    if any(_has_room(state, channel * image.n_vcs + v, need) for v in allowed):
        return ()
    return tuple((part, port, v) if port >= 0 else (part, -1, -1) for v in allowed)


def _has_room(state: State, room: int, need: int) -> bool:
    """Whether there is room for a packet once all credits have landed."""
    m, k = state.words, state.tables.credit + at.CREDIT * room
    have = int(m[k + at.K_HAVE])
    if have < 0 or have >= need:
        return True
    places = (int(m[k + at.K_FIRST]) + np.arange(int(m[k + at.K_COUNT]))) & int(m[k + at.K_MASK])
    return bool(have + m[m[k + at.K_RING] + at.RING * places + 1].sum() >= need)
