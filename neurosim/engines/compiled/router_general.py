"""Routers with input queues and everything that few machines have: routes and virtual channels
chosen on the way, packets of several lengths, several copies through one output, heads that do not
wait for ever.  What :mod:`.router` does for the others, without its shortcuts.
"""

from __future__ import annotations

from typing import Any

from neurosim.engines.compiled.blocked import drop_overdue, note_wait, queue_of, take_saved
from neurosim.engines.compiled.common import (
    copy_cell,
    edge,
    land_credits,
    next_credit,
    rank,
    return_credit,
    size_of,
    wake,
)
from neurosim.engines.compiled.fifo import deliver
from neurosim.engines.compiled.hop import arrive, look_up
from neurosim.engines.compiled.jit import jit
from neurosim.engines.compiled.layout import (
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
    COUNTS,
    CREDIT,
    E_COUNTED,
    E_INCOMING,
    E_META,
    E_NEXT,
    E_NODE,
    E_OUT,
    E_READY,
    E_SINCE,
    E_VC,
    E_WHOLE,
    K_HAVE,
    N_DETOURS,
    NEVER,
    NO_OTHER,
    NONE,
    Q_CHANNEL,
    Q_FREE,
    Q_FREED,
    Q_HEAD,
    Q_KEY,
    Q_KEY_RANK,
    Q_LEFT,
    Q_READ,
    Q_READER,
    Q_ROUTER,
    QUEUE,
    R_ACTIVE,
    R_OUT,
    R_OUTPUTS,
    R_PERIOD,
    R_PHASE,
    R_SLOTS,
    ROUTER,
    UNKNOWN,
    Tables,
)
from neurosim.engines.compiled.router import all_branches, port_free
from neurosim.engines.compiled.router_records import record_general
from neurosim.engines.compiled.words import lowest_bit
from neurosim.image import TRAFFIC
from neurosim.trace import DECIDE, GRANT


@jit
def decide_general(m: Any, t: Tables, d: Any, tr: Any, number: int, now: int) -> None:
    """Requests from the state before any grant; outputs ascending; then what waited too long."""
    r = t.router + ROUTER * number
    heads = m[r + R_ACTIVE]
    while heads != 0:
        slot = lowest_bit(heads)
        heads &= heads - 1
        q = queue_of(m, t, r, number, slot)
        cell = m[q + Q_HEAD]
        m[t.snapshot + slot] = cell
        if t.blocked != 0:
            note_wait(m, t, number, q, slot, m[r + R_SLOTS], cell, now)
        if m[cell + E_READY] <= now and port_free(m, t, q, slot) <= now:
            request(m, t, d, tr, r, number, q, slot, cell, now)
    for output in range(m[r + R_OUTPUTS]):
        requests, detours = m[t.requests + output], m[t.detours + output]
        m[t.requests + output], m[t.detours + output] = 0, 0
        if requests | detours != 0 and m[t.channel + CHANNEL * (m[r + R_OUT] + output)] <= now:
            serve(m, t, d, tr, r, number, output, requests, detours, now)
    if t.blocked != 0:
        drop_overdue(m, t, tr, r, number, now)
    ask_again(m, t, d, tr, r, number, now)


@jit
def request(m: Any, t: Tables, d: Any, tr: Any, r: int, number: int, q: int, slot: int,
            cell: int, now: int) -> None:
    """Note at every output that a head may take now that it wants it, or may as a detour."""
    other = settle_route(m, t, d, q, cell, number)
    if other >= 0:
        output = chosen(m, t, tr, r, cell, other, now)
        if output >= 0:
            m[t.requests + output] |= 1 << slot
        return
    bit = 1 << slot
    left = 1 if m[cell + E_OUT] >= 0 else m[q + Q_LEFT]
    while left != 0:
        b = lowest_bit(left)
        left &= left - 1
        output = branch_output(m, t, cell, b)
        m[t.requests + output] |= bit
        if t.blocked != 0 and slot < m[r + R_SLOTS] - 1 and m[cell + E_COUNTED] != 0:
            detour = m[t.detour_of + 2 * (m[r + R_OUT] + output)]
            if detour >= 0:
                m[t.detours + detour - m[r + R_OUT]] |= bit


@jit
def settle_route(m: Any, t: Tables, d: Any, q: int, cell: int, number: int) -> int:
    """Look a head's way up if that is not done; returns its other output, or NONE."""
    if m[cell + E_OUT] == UNKNOWN:
        look_up(m, t, d.routes, cell, number)
    if m[cell + E_OUT] < 0 and m[q + Q_LEFT] == 0:
        m[q + Q_LEFT] = all_branches(m, t, m[cell + E_NODE])
    if t.adaptive != 0 and m[cell + E_META] & 7 == TRAFFIC:
        other = int(d.other[m[cell + E_NODE] * t.n_routers + number])
        if other != NO_OTHER:
            return other
    return NONE


@jit
def branch_output(m: Any, t: Tables, cell: int, b: int) -> int:
    if m[cell + E_OUT] >= 0:
        return int(m[cell + E_OUT])
    return int(m[t.branch + m[cell + E_NODE] + b] & 63)


@jit
def branch_vc(m: Any, t: Tables, cell: int, b: int) -> int:
    if m[cell + E_OUT] >= 0:
        return int(m[cell + E_VC])
    return int((m[t.branch + m[cell + E_NODE] + b] >> BRANCH_VC) & 255)


@jit
def branch_next(m: Any, t: Tables, cell: int, b: int) -> int:
    if m[cell + E_OUT] >= 0:
        return int(m[cell + E_NODE])
    return int(m[t.branch + m[cell + E_NODE] + b] >> BRANCH_NEXT)


@jit
def ready_general(m: Any, t: Tables, cell: int, channel: int) -> int:
    """Cut through, but wait for the tail where the outgoing channel is the faster one."""
    if t.mixed != 0:
        cost = m[t.channel + CHANNEL * channel + C_COST + size_of(m, t, cell)]
        if cost >> COST_TICKS < m[cell + E_INCOMING]:
            return int(m[cell + E_WHOLE])
    return int(m[cell + E_READY])


@jit
def taken_vc(m: Any, t: Tables, tr: Any, channel: int, vc: int, now: int) -> int:
    """The virtual channel with most room of those that a branch may take, the lowest of several;
    their credits have been taken in."""
    step = t.vc_step
    if step == 0 or m[t.channel + CHANNEL * channel + C_QUEUE] < 0:
        land_credits(m, t, tr, channel * t.n_vcs + vc, now)
        return vc
    best = NONE
    for v in range(vc % step, t.n_vcs, step):
        room = channel * t.n_vcs + v
        land_credits(m, t, tr, room, now)
        have = m[t.credit + CREDIT * room + K_HAVE]
        if best < 0 or have > m[t.credit + CREDIT * (channel * t.n_vcs + best) + K_HAVE]:
            best = v
    return best


@jit
def has_room(m: Any, t: Tables, cell: int, channel: int, vc: int) -> bool:
    have = m[t.credit + CREDIT * (channel * t.n_vcs + vc) + K_HAVE]
    need = m[t.channel + CHANNEL * channel + C_COST + size_of(m, t, cell)] & COST_NEED
    return bool(have < 0 or have >= need)


@jit
def could_go(m: Any, t: Tables, tr: Any, cell: int, channel: int, vc: int, now: int) -> bool:
    """Whether nothing but its own port and other heads keep a copy from an output."""
    if m[t.channel + CHANNEL * channel + C_BUSY] > now:
        return False
    if ready_general(m, t, cell, channel) > now:
        return False
    return has_room(m, t, cell, channel, taken_vc(m, t, tr, channel, vc, now))


@jit
def chosen(m: Any, t: Tables, tr: Any, r: int, cell: int, other: int, now: int) -> int:
    """Of the two outputs of an adaptive route the one that could take the copy now and has most
    room behind it, the lower of equals; NONE if neither could."""
    best, most = NONE, NONE
    vc = m[cell + E_VC]
    for which in range(2):
        output = m[cell + E_OUT] if which == 0 else other
        channel = m[r + R_OUT] + output
        if could_go(m, t, tr, cell, channel, vc, now):
            room = channel * t.n_vcs + taken_vc(m, t, tr, channel, vc, now)
            have = m[t.credit + CREDIT * room + K_HAVE]
            if best < 0 or have > most or (have == most and output < best):
                best, most = output, have
    return int(best)


@jit
def serve(m: Any, t: Tables, d: Any, tr: Any, r: int, number: int, output: int, requests: int,
          detours: int, now: int) -> None:
    """Grant one output, free now, to the first requesting head from the pointer on that may go;
    if there is none, to the first that may take it as a detour."""
    channel = m[r + R_OUT] + output
    pointer = m[t.channel + CHANNEL * channel + C_POINTER]
    for which in range(2):
        wanted = requests if which == 0 else detours
        ahead = (wanted >> pointer) << pointer
        behind = wanted ^ ahead
        while ahead != 0 or behind != 0:
            if ahead != 0:
                slot = lowest_bit(ahead)
                ahead &= ahead - 1
            else:
                slot = lowest_bit(behind)
                behind &= behind - 1
            if grant_head(m, t, d, tr, r, number, channel, output, slot, which == 1, now):
                return


@jit
def grant_head(m: Any, t: Tables, d: Any, tr: Any, r: int, number: int, channel: int,
               output: int, slot: int, detour: bool, now: int) -> bool:
    """Grant a head's first branch through this output, or round the link that it wants."""
    q = queue_of(m, t, r, number, slot)
    cell = m[q + Q_HEAD]
    if cell != m[t.snapshot + slot] or port_free(m, t, q, slot) > now:
        return False
    left = 1 if m[cell + E_OUT] >= 0 else m[q + Q_LEFT]
    adaptive = t.adaptive != 0 and m[cell + E_META] & 7 == TRAFFIC
    while left != 0:
        b = lowest_bit(left)
        left &= left - 1
        wanted = output if adaptive else branch_output(m, t, cell, b)
        through = m[r + R_OUT] + wanted
        if detour:
            if m[t.detour_of + 2 * through] != channel:
                continue
        elif wanted != output:
            continue
        vc = branch_vc(m, t, cell, b)
        if could_go(m, t, tr, cell, channel, vc, now):
            on = m[t.detour_of + 2 * through + 1] if detour else NONE
            grant_general(m, t, d, tr, r, number, channel, q, slot, cell, b, on, now)
            return True
        if not detour:
            return False
    return False


@jit
def grant_general(m: Any, t: Tables, d: Any, tr: Any, r: int, number: int, channel: int,
                  q: int, slot: int, cell: int, branch: int, on: int, now: int) -> None:
    """Take the output, pass the copy on, and free the slot after the last branch; ``on``: the
    channel that the copy has to take at the next router, or NONE."""
    c, p = t.channel + CHANNEL * channel, m[q + Q_READ]
    way, following = branch_vc(m, t, cell, branch), branch_next(m, t, cell, branch)
    vc = taken_vc(m, t, tr, channel, way, now)
    size = size_of(m, t, cell)
    cost = m[c + C_COST + size]
    transfer = cost >> COST_TICKS
    end = now + transfer
    key, key_rank = 0, 0
    if tr is not None:
        key, key_rank = now * t.grid, rank(DECIDE, number, GRANT, channel)
        ready = ready_general(m, t, cell, channel)
        record_general(m, t, tr, q, p, channel, slot, cell, vc, ready, on >= 0, key, key_rank)
    k = t.credit + CREDIT * (channel * t.n_vcs + vc)
    if m[k + K_HAVE] >= 0:
        m[k + K_HAVE] -= cost & COST_NEED
    m[t.granted + 8 * channel + size] += 1
    if on >= 0:
        m[t.router_counts + COUNTS * number + N_DETOURS] += 1
    m[c + C_BUSY] = end
    m[c + C_POINTER] = slot + 1 if slot + 1 < m[r + R_SLOTS] else 0
    m[p + Q_READER] = slot
    if end >= m[p + Q_FREE]:
        m[p + Q_FREE] = end
        if tr is not None:
            m[p + Q_KEY], m[p + Q_KEY_RANK] = key, key_rank
    last, freed = True, end
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
        if m[q + Q_CHANNEL] >= 0:
            return_credit(m, t, tr, m[q + Q_CHANNEL], slot % t.n_vcs, freed, m[t.flits + size],
                          key, key_rank)
        else:
            take_saved(m, t, number, q)
    else:
        cell = copy_cell(m, t, tr, cell)
    head = now + m[c + C_LATENCY]
    if m[c + C_QUEUE] < 0:
        deliver(m, t, d, tr, cell, m[c + C_FAR], following, head + transfer - m[c + C_CYCLE], key,
                key_rank)
        return
    arrive(m, t, d, tr, cell, channel, vc, following, head, transfer, key, key_rank)
    if on >= 0:
        far = m[t.queue + QUEUE * m[c + C_QUEUE] + Q_ROUTER]
        m[cell + E_OUT], m[cell + E_VC] = on - m[t.first_out + far], way


@jit
def ask_again(m: Any, t: Tables, d: Any, tr: Any, r: int, number: int, now: int) -> None:
    """Wake the router when a head may go, or has waited long enough."""
    again = NEVER
    heads = m[r + R_ACTIVE]
    while heads != 0:
        slot = lowest_bit(heads)
        heads &= heads - 1
        q = queue_of(m, t, r, number, slot)
        cell = m[q + Q_HEAD]
        free = port_free(m, t, q, slot)
        if t.blocked != 0 and slot < m[r + R_SLOTS] - 1:
            since = m[cell + E_SINCE]
            if since < 0:
                again = min(again, max(m[cell + E_READY], free, now + 1))
            else:
                for wait in (t.blocked, t.blocked + t.detour):
                    if since + wait > now:
                        again = min(again, since + wait)
        if max(m[cell + E_READY], free) > now:
            again = min(again, max(m[cell + E_READY], free))
            continue
        other = settle_route(m, t, d, q, cell, number)
        left = 1 if m[cell + E_OUT] >= 0 else m[q + Q_LEFT]
        while left != 0:
            b = lowest_bit(left)
            left &= left - 1
            channel = m[r + R_OUT] + branch_output(m, t, cell, b)
            vc = branch_vc(m, t, cell, b)
            again = min(again, when_free(m, t, tr, cell, channel, vc, now))
            if t.blocked != 0 and m[t.detour_of + 2 * channel] >= 0:
                detour = m[t.detour_of + 2 * channel]
                again = min(again, when_free(m, t, tr, cell, detour, vc, now))
        if other >= 0:
            channel = m[r + R_OUT] + other
            again = min(again, when_free(m, t, tr, cell, channel, m[cell + E_VC], now))
    if again < NEVER:
        wake(m, t, number, edge(again, m[r + R_PHASE], m[r + R_PERIOD]))


@jit
def when_free(m: Any, t: Tables, tr: Any, cell: int, channel: int, vc: int, now: int) -> int:
    """When an output may be free for a copy that did not get it now."""
    when = max(m[t.channel + CHANNEL * channel + C_BUSY], ready_general(m, t, cell, channel))
    if when > now:
        return int(when)
    first, step = vc, t.n_vcs
    if t.vc_step != 0 and m[t.channel + CHANNEL * channel + C_QUEUE] >= 0:
        first, step = vc % t.vc_step, t.vc_step
    if has_room(m, t, cell, channel, taken_vc(m, t, tr, channel, vc, now)):
        return now + 1
    again = NEVER
    for v in range(first, t.n_vcs, step):
        again = min(again, next_credit(m, t, channel * t.n_vcs + v))
    return int(again)
