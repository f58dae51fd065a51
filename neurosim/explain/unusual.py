"""Routers whose grants follow other rules than those that the graph of waits is made from."""

from __future__ import annotations

import numpy as np

from neurosim import image as im
from neurosim import trace
from neurosim.explain.records import Records


def unusual(r: Records) -> bool:
    """Whether routers do what the rules of grants do not cover: queues at outputs, choices, heads
    that give up, packets of several lengths, trees that come by a router twice."""
    image = r.image
    if (image.queueing != im.QUEUE_INPUT or image.vc_step or image.blocked_ticks
            or image.route_other.size or len(image.offer_ptr)):
        return True
    arrives = np.flatnonzero(r.kind == trace.ARRIVE)
    visits = r.packet[arrives] * (image.sync_part + 1) + r.part[arrives]
    return len(np.unique(visits)) < len(visits)


def recorded_waits(r: Records) -> np.ndarray:
    """Records that, on such routers, wait for their cause as long as they did."""
    waits = np.isin(r.kind, (trace.GRANT, trace.DROPPED, trace.DELIVER))
    waits |= (r.kind == trace.INJECT) & r.at_source
    sends = (r.kind == trace.START) & (r.info == im.SEND) & (r.cause >= 0)
    # The host notes what it takes in: of two conditions met at once that is the later record.
    waits |= sends & np.isin(r.kind[r.cause], (trace.GRANT, trace.DROPPED, trace.DELIVER))
    return np.flatnonzero(waits & (r.cause >= 0))
