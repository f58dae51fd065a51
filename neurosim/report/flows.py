"""The way of every delivered packet copy, as the records at which it can be seen."""

from __future__ import annotations

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain.records import Records


def follow(records: Records) -> np.ndarray:
    """[copies, most] records of each copy from its send job to the job that takes it in.

    Column 0 is the start of the send job, then come the grants on the way, filled up with -1 on the
    left; the last column is the start of the receive job, or at the host the last grant.  Copies
    that nobody sent by a job (traffic) or nobody took in are left out.
    """
    r = records
    receives = np.flatnonzero((r.kind == trace.START) & (r.info == im.RECEIVE))
    receives = receives[r.delivery[receives] >= 0]
    at_host = np.flatnonzero((r.kind == trace.DELIVER) & (r.part == r.image.first_host))
    delivered = np.concatenate([r.delivery[receives], at_host])
    hops = [r.cause[delivered]]
    while True:  # one router further back at a time
        grant = hops[-1]
        arrival = np.where(grant >= 0, r.arrival[grant], -1)
        before = np.where(arrival >= 0, r.cause[arrival], -1)
        before = np.where((before >= 0) & (r.kind[before] == trace.GRANT), before, -1)
        if not (before >= 0).any():
            break
        hops.append(before)
    ways = np.stack(hops[::-1], axis=1)
    last = np.concatenate([receives, np.full(len(at_host), -1, np.int64)])
    sent = _send_of(r)[r.packet[delivered]]
    result = np.column_stack([sent, ways, np.where(last >= 0, last, ways[:, -1])])
    result[last < 0, -2] = -1  # at the host the last grant is the end
    return result[sent >= 0]


def _send_of(r: Records) -> np.ndarray:
    """Start of the send job of every packet, or -1."""
    result = np.full(len(r.packet_kind), -1, np.int64)
    sends = np.flatnonzero((r.kind == trace.START) & (r.info == im.SEND))
    result[r.packet[sends]] = sends
    return result


def sample(ways: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every so many-th copy's records in one column, with the copy's number and its end.

    Returns:
        record [n], number [n] from 1 on, end [n]: -1 the beginning of a flow, 1 its end, else 0.
    """
    count = int(round(share * len(ways)))
    chosen = ways[np.unique(np.linspace(0, len(ways) - 1, count).astype(np.int64))] if count else (
        ways[:0])
    end = np.zeros(chosen.shape, np.int64)
    end[:, :1], end[:, -1:] = -1, 1
    number = np.broadcast_to(np.arange(1, len(chosen) + 1)[:, None], chosen.shape)
    real = chosen >= 0
    return chosen[real], number[real], end[real]
