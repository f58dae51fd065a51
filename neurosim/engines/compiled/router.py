"""Router: what :mod:`neurosim.engines.reference.router` says, with inputs as bits of a word.

A grant does at once what lands later: the copy joins the next queue with its time of arrival, the
credit joins a ring with its time of landing.  Nobody looks at either before that time, so a hop
costs one decision and no event of its own.  A router is woken at the first edge at which a head may
go: when it becomes ready, when an output or its port is free, when a credit lands.
"""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.common import (
    copy_cell,
    edge,
    land_credits,
    later,
    next_credit,
    rank,
    record,
    return_credit,
    wake,
)
from neurosim.engines.compiled.fifo import deliver
from neurosim.engines.compiled.hop import arrive, look_up
from neurosim.engines.compiled.jit import inline, jit
from neurosim.engines.compiled.layout import (
    BRANCH_LAST,
    BRANCH_NEXT,
    BRANCH_VC,
    C_BUSY,
    C_COST,
    C_CYCLE,
    C_FAR,
    C_LATENCY,
    C_POINTER,
    C_QUEUE,
    CHANNEL,
    COST_NEED,
    COST_TICKS,
    CREDIT,
    E_ARRIVED,
    E_INCOMING,
    E_META,
    E_NEXT,
    E_NODE,
    E_OUT,
    E_READY,
    E_VC,
    E_WHOLE,
    K_AT,
    K_HAVE,
    K_KEY,
    K_KEY_RANK,
    NEVER,
    NONE,
    Q_CHANNEL,
    Q_FREE,
    Q_FREED,
    Q_HEAD,
    Q_KEY,
    Q_KEY_RANK,
    Q_LEFT,
    Q_PORT,
    Q_READ,
    Q_READER,
    Q_ROUTER,
    QUEUE,
    R_ACTIVE,
    R_OUT,
    R_OUTPUTS,
    R_PERIOD,
    R_PHASE,
    R_QUEUE,
    R_SLOTS,
    ROUTER,
    UNKNOWN,
    Tables,
)
from neurosim.engines.compiled.words import fetch, lowest_bit
from neurosim.trace import ARRIVE, DECIDE, GRANT, LAND


@inline
def decide_router(m: Any, t: Tables, d: Any, tr: Any, number: int, now: int) -> None:
    """Grant each output, ascending, the first head that may go, from the pointer on."""
    r = t.router + ROUTER * number
    first_queue, first_out = m[r + R_QUEUE], m[r + R_OUT]
    again = NEVER
    outputs = 0
    heads = m[r + R_ACTIVE]
    while heads != 0:
        slot = lowest_bit(heads)
        heads &= heads - 1
        q = t.queue + QUEUE * (first_queue + slot)
        cell = m[q + Q_HEAD]
        if m[cell + E_READY] > now:
            again = min(again, m[cell + E_READY])
            continue
        free = port_free(m, t, q, slot)
        if free > now:
            again = min(again, free)
            continue
        if m[cell + E_OUT] == UNKNOWN:
            look_up(m, t, d.routes, cell, number)
        if m[cell + E_OUT] >= 0:
            output = m[cell + E_OUT]
            ready = ready_for(m, t, cell, first_out + output)
            if ready > now:
                again = min(again, ready)
            else:
                m[t.requests + output] |= 1 << slot
                outputs |= 1 << output
        else:
            node = m[cell + E_NODE]
            left = m[q + Q_LEFT]
            if left == 0:
                left = all_branches(m, t, node)
                m[q + Q_LEFT] = left
            while left != 0:
                b = lowest_bit(left)
                left &= left - 1
                output = m[t.branch + node + b] & 63
                ready = ready_for(m, t, cell, first_out + output)
                if ready > now:
                    again = min(again, ready)
                else:
                    m[t.requests + output] |= 1 << slot
                    outputs |= 1 << output
    while outputs != 0:
        output = lowest_bit(outputs)
        outputs &= outputs - 1
        requests = m[t.requests + output]
        m[t.requests + output] = 0
        when = decide_output(m, t, d, tr, r, number, first_out + output, output, requests,
                             now)
        again = min(again, when)
    if again < NEVER:
        wake(m, t, number, edge(again, m[r + R_PHASE], m[r + R_PERIOD]))


@inline
def port_free(m: Any, t: Tables, q: int, slot: int) -> int:
    """When the port may read this queue's head: at once if it is reading it already."""
    p = m[q + Q_READ]
    if m[p + Q_READER] == slot:
        return 0
    return m[p + Q_FREE]


@inline
def ready_for(m: Any, t: Tables, cell: int, channel: int) -> int:
    """Cut through, but wait for the tail where the outgoing channel is the faster one."""
    if t.mixed != 0:
        cost = m[t.channel + CHANNEL * channel + C_COST + (m[cell + E_META] & 7)]
        if cost >> COST_TICKS < m[cell + E_INCOMING]:
            return m[cell + E_WHOLE]
    return m[cell + E_READY]


@inline
def decide_output(m: Any, t: Tables, d: Any, tr: Any, r: int, number: int, channel: int,
                  output: int, requests: int, now: int) -> int:
    """Grant one output if it can be; returns when to look again (NEVER: somebody will ring)."""
    c = t.channel + CHANNEL * channel
    if m[c + C_BUSY] > now:
        return m[c + C_BUSY]
    again = NEVER
    pointer = m[c + C_POINTER]
    ahead = (requests >> pointer) << pointer
    behind = requests ^ ahead
    while ahead != 0 or behind != 0:
        if ahead != 0:
            slot = lowest_bit(ahead)
            ahead &= ahead - 1
        else:
            slot = lowest_bit(behind)
            behind &= behind - 1
        q = t.queue + QUEUE * (m[r + R_QUEUE] + slot)
        cell = m[q + Q_HEAD]
        if t.n_vcs > 1:
            free = port_free(m, t, q, slot)
            if free > now:
                again = min(again, free)
                continue
        branch = 0
        vc = m[cell + E_VC]
        following = m[cell + E_NODE]
        if m[cell + E_OUT] < 0:
            branch = find_branch(m, t, m[q + Q_LEFT], following, output)
            packed = m[t.branch + following + branch]
            vc = (packed >> BRANCH_VC) & 255
            following = packed >> BRANCH_NEXT
        room = channel * t.n_vcs + vc
        k = t.credit + CREDIT * room
        if m[k + K_HAVE] >= 0:
            need = m[c + C_COST + (m[cell + E_META] & 7)] & COST_NEED
            if tr is not None or m[k + K_HAVE] < need:
                land_credits(m, t, tr, room, now)
            if m[k + K_HAVE] < need:
                again = min(again, next_credit(m, t, room))
                continue
        grant(m, t, d, tr, r, number, channel, c, q, slot, cell, branch, vc, following, now)
        if ahead != 0 or behind != 0:
            again = min(again, m[c + C_BUSY])
        if m[q + Q_HEAD] >= 0:
            # A new head, or more branches of this one: the latter look after themselves.
            free = max(m[m[q + Q_HEAD] + E_READY], port_free(m, t, q, slot))
            if free > now:
                again = min(again, free)
        break
    return again


@inline
def all_branches(m: Any, t: Tables, node: int) -> int:
    """A bit for every branch of a node."""
    last = t.branch + node
    while (m[last] >> BRANCH_LAST) & 1 == 0:
        last += 1
    return (2 << (last - t.branch - node)) - 1


@inline
def find_branch(m: Any, t: Tables, left: int, node: int, output: int) -> int:
    first = t.branch + node
    while True:
        b = lowest_bit(left)
        if m[first + b] & 63 == output:
            return b
        left &= left - 1


@inline
def grant(m: Any, t: Tables, d: Any, tr: Any, r: int, number: int, channel: int, c: int,
          q: int, slot: int, cell: int, branch: int, vc: int, following: int, now: int) -> None:
    """Take the output, pass the copy on, and free the slot after the last branch."""
    kind = m[cell + E_META] & 7
    cost = m[c + C_COST + kind]
    transfer = cost >> COST_TICKS
    end = now + transfer
    p = m[q + Q_READ]
    key, key_rank = 0, 0
    if tr is not None:
        key, key_rank = now * t.grid, rank(DECIDE, number, GRANT, channel)
        record_grant(m, t, tr, q, p, channel, slot, cell, vc, key, key_rank)
    k = t.credit + CREDIT * (channel * t.n_vcs + vc)
    if m[k + K_HAVE] >= 0:
        m[k + K_HAVE] -= cost & COST_NEED
    m[t.granted + 8 * channel + kind] += 1
    m[c + C_BUSY] = end
    m[c + C_POINTER] = slot + 1 if slot + 1 < m[r + R_SLOTS] else 0
    m[p + Q_READER] = slot
    if end >= m[p + Q_FREE]:
        m[p + Q_FREE] = end
        if tr is not None:
            m[p + Q_KEY], m[p + Q_KEY_RANK] = key, key_rank
    last = True
    freed = end
    if m[cell + E_OUT] < 0:
        m[q + Q_LEFT] &= ~(1 << branch)
        last = m[q + Q_LEFT] == 0
        freed = max(end, m[q + Q_FREED])
        m[q + Q_FREED] = 0 if last else freed
    if last:
        m[p + Q_READER] = NONE
        m[q + Q_HEAD] = m[cell + E_NEXT]
        if m[cell + E_NEXT] < 0:
            m[r + R_ACTIVE] ^= 1 << slot
        return_credit(m, t, tr, m[q + Q_CHANNEL], slot % t.n_vcs if t.n_vcs > 1 else 0, freed,
                      m[t.flits + kind], key, key_rank)
    else:
        cell = copy_cell(m, t, tr, cell)
    head = now + m[c + C_LATENCY]
    if m[c + C_QUEUE] >= 0:
        arrive(m, t, d, tr, cell, channel, vc, following, head, transfer, key, key_rank)
    else:
        deliver(m, t, d, tr, cell, m[c + C_FAR], following, head + transfer - m[c + C_CYCLE], key,
                key_rank)


@jit
def record_grant(m: Any, t: Tables, tr: Any, q: int, p: int, channel: int, slot: int, cell: int,
                 vc: int, key: int, key_rank: int) -> None:
    """The GRANT record; its cause is the condition met last: the head is ready, the output free,
    the port free unless it is reading this copy already, room at the far end."""
    c = t.channel + CHANNEL * channel
    k = t.credit + CREDIT * (channel * t.n_vcs + vc)
    at, why = ready_for(m, t, cell, channel), m[cell + E_ARRIVED] * t.grid
    why_rank = rank(LAND, m[q + Q_ROUTER], ARRIVE, m[q + Q_PORT])
    busy_key, busy_rank = m[t.grant_key + channel], key_rank
    if busy_key < 0:
        busy_rank = 0
    if later(at, why, why_rank, m[c + C_BUSY], busy_key, busy_rank):
        at, why, why_rank = m[c + C_BUSY], busy_key, busy_rank
    if m[p + Q_READER] != slot and later(at, why, why_rank, m[p + Q_FREE], m[p + Q_KEY],
                                         m[p + Q_KEY_RANK]):
        at, why, why_rank = m[p + Q_FREE], m[p + Q_KEY], m[p + Q_KEY_RANK]
    if m[k + K_HAVE] >= 0 and later(at, why, why_rank, m[k + K_AT], m[k + K_KEY],
                                    m[k + K_KEY_RANK]):
        why, why_rank = m[k + K_KEY], m[k + K_KEY_RANK]
    record(m, t, tr, key, key_rank, cell, m[cell + E_META] >> 3, vc, why, why_rank)
    m[t.grant_key + channel] = key


@inline
def fetch_router(m: Any, t: Tables, number: int) -> None:
    """Ask for what a decision of a router will need."""
    r = t.router + ROUTER * number
    heads = m[r + R_ACTIVE]
    while heads != 0:
        fetch(m, t.queue + QUEUE * (m[r + R_QUEUE] + lowest_bit(heads)))
        heads &= heads - 1
    for channel in range(m[r + R_OUT], m[r + R_OUT] + m[r + R_OUTPUTS]):
        fetch(m, t.channel + CHANNEL * channel)
        fetch(m, t.credit + CREDIT * channel * t.n_vcs)
        fetch(m, t.granted + 8 * channel)
