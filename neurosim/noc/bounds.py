"""What no network can exceed: the load at which its busiest channel is full."""

from __future__ import annotations

import numpy as np

from neurosim import rules
from neurosim.image import TRAFFIC, Image
from neurosim.measure.traffic import pair_weights


def channel_loads(image: Image) -> np.ndarray:
    """[Q] share of each channel's time that traffic of one packet per node and cycle would take.

    Sums, over all pairs of the pattern, the share of packets times the serialisation on every
    channel of their route; injection and delivery channels count as links do.
    """
    n = image.n_sources
    weight = pair_weights(image)
    bits, cycle = int(image.packet_bits[TRAFFIC]), int(image.clock_period[0])
    packets = np.zeros(len(image.ch_port))
    injection = image.injection_channel(image.first_source + np.arange(n))
    packets[injection] = weight.sum(axis=1)
    for sink in range(n):
        at, flow = image.ch_part[injection], weight[:, sink].copy()
        at, flow = at[flow > 0], flow[flow > 0]
        while len(at):
            channel = image.route_channel[at, sink]
            np.add.at(packets, channel, flow)
            onward = image.ch_port[channel] >= 0
            at, flow = image.ch_part[channel[onward]], flow[onward]
    transfer = [rules.serialisation(bits, int(w), int(c))
                for w, c in zip(image.ch_width, image.ch_cycle, strict=True)]
    return packets * np.array(transfer) / cycle


def saturation_bound(image: Image) -> float:
    """Packets per node and cycle that no network with these routes can exceed: the inverse of the
    busiest channel's load (Dally and Towles, Principles and Practices of Interconnection
    Networks, 2004, chapter 3), at most 1.  Adaptive routes of the same lengths put at least the
    mean load on some link, however they spread it."""
    loads = channel_loads(image)
    if image.route_other.size:
        links = np.zeros(len(loads), bool)
        links[: image.n_outputs] = image.ch_port[: image.n_outputs] >= 0
        loads = np.append(loads[~links], loads[links].mean())
    return min(1.0, 1.0 / float(loads.max()))
