"""What travelled: packets, hops, bits, utilisation, and the latency of synthetic traffic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neurosim.image import (
    ACK,
    CURRENT,
    DEST_FIXED,
    DEST_HOTSPOT,
    DEST_LISTED,
    EVENT,
    HISTOGRAM_BINS,
    LENGTHS,
    MARKER,
    RESULT,
    TRAFFIC,
    Counters,
    Image,
)
from neurosim.measure.facts import Facts
from neurosim.measure.latency import late_inputs

_NAMES = {"events": EVENT, "markers": MARKER, "acknowledgements": ACK, "traffic": TRAFFIC,
          "results": RESULT, "currents": CURRENT}
#: Two-sided confidence of the intervals.
_CONFIDENCE = 0.95


def traffic(facts: Facts) -> dict[str, Any]:
    """``traffic`` of the contract."""
    counters, image, links = facts.counters, facts.image, facts.link_channels
    offered = counters.offered
    hops = int(counters.ch_packets[links].sum())
    result: dict[str, Any] = {
        "packets": int(offered.sum()),
        "deliveries": int(counters.delivered.sum()),
        "hops": hops,
        "bits": int(counters.ch_bits[links].sum()),
        "bits_offered": _bits_offered(image, counters),
        "dropped": int(counters.dropped.sum()),
        "in_flight": int(counters.in_flight),
        "markers": int(offered[MARKER]),
        "acknowledgements": int(offered[ACK]),
        "packed_events": int(counters.packed_events),
        "dram_requests": int(counters.port_requests.sum()),
        "dram_bytes": int(counters.fetched_bytes.sum()),
        "copies_per_packet": _ratio(counters.copies.sum(), offered.sum()),
        "hops_per_delivery": _ratio(hops, counters.delivered.sum()),
        "max_link_utilisation": _most(facts, links),
        "mean_link_utilisation": _mean(facts, links),
        "max_core_channel_utilisation": _most(facts, facts.core_channels),
        "host_in": int(counters.host_sent),
        "host_out": int(counters.ch_packets[facts.host_channels].sum()),
        "host_in_utilisation": host_in_utilisation(facts),
        "host_out_utilisation": _most(facts, facts.host_channels),
        "fifo_max": int(counters.fifo_max.max(initial=0)),
        "late_cores": int(counters.late_cores),
        "late_events": int(counters.late_events),
        "late_inputs": late_inputs(facts),
    }
    result["by_kind"] = {
        name: {"packets": int(offered[kind]), "copies": int(counters.copies[kind]),
               "delivered": int(counters.delivered[kind]), "dropped": int(counters.dropped[kind])}
        for name, kind in _NAMES.items()}
    result["routers"] = {name: int(getattr(counters, f"router_{name}").sum()) for name in (
        "waits", "detours", "dropped", "reinjected")}
    if image.n_sources:
        result.update(source_traffic(facts))
    return result


def _bits_offered(image: Image, counters: Counters) -> int:
    """Bits of all packets offered; listed ones have lengths of their own."""
    bits = int((counters.offered * image.packet_bits).sum())
    if len(image.offer_ptr):
        sizes = np.concatenate([image.packet_bits[[TRAFFIC]], image.length_bits])
        bits = int(sizes[image.offer_length[image.offer_tick <= image.end_tick]].sum())
    return bits


def utilisation(facts: Facts, channels: np.ndarray) -> np.ndarray:
    """Fraction of the simulated time that each channel was transferring."""
    end = facts.counters.end_tick
    busy = facts.counters.ch_busy[channels].astype(np.float64)
    return np.minimum(busy / end, 1.0) if end > 0 else np.zeros(len(channels))


def host_in_utilisation(facts: Facts) -> float:
    """Fraction of the time that the host spent sending, at its cost per packet or its link's."""
    image, end = facts.image, facts.counters.end_tick
    if not image.n_hosts or end <= 0:
        return 0.0
    return min(1.0, host_send_ticks(facts) / end)


def host_send_ticks(facts: Facts) -> int:
    """Ticks that the host spent sending."""
    image = facts.image
    channel = image.injection_channel(image.first_host)
    ticks = 0
    for kind, count in zip((facts.input_kind, MARKER), facts.host_sent, strict=True):
        cycles = -(-int(image.packet_bits[kind]) // int(image.ch_width[channel]))
        transfer = cycles * int(image.ch_cycle[channel])
        ticks += count * max(int(image.host_send_ticks), transfer)
    return ticks


# --- synthetic traffic


def source_traffic(facts: Facts) -> dict[str, Any]:
    """Latency and rates of synthetic traffic after the warm-up.

    Rates are packets per node and cycle of the network's clock.  Latency runs from a packet's
    offer (waiting at the source included) to its tail's arrival, in cycles; the confidence
    interval takes the means of equal stretches of time (batch means) as independent.
    """
    image, counters = facts.image, facts.counters
    cycle = int(image.clock_period[0])
    span = max(1, int(counters.end_tick) - int(image.traffic_warmup_tick)) / cycle
    nodes = image.n_sources
    count = int(counters.latency_count.sum())
    return {
        "traffic_latency_cycles": {
            "mean": int(counters.latency_sum.sum()) / count / cycle if count else None,
            "mean_ci95": _batch_interval(facts, cycle),
            "p50": _percentile(image, counters.latency_histogram, 0.50),
            "p99": _percentile(image, counters.latency_histogram, 0.99),
            "zero_load": zero_load_cycles(image),
            "packets": count,
        },
        "offered_rate": int(counters.source_offered.sum()) / (nodes * span),
        "accepted_rate": int(counters.sink_delivered.sum()) / (nodes * span),
    }


def _batch_interval(facts: Facts, cycle: int) -> list[float] | None:
    """95 % confidence interval of the mean latency in cycles, by Student's t on batch means."""
    from scipy.special import stdtrit

    sums, counts = facts.counters.latency_sum, facts.counters.latency_count
    some = counts > 0
    means = sums[some] / counts[some] / cycle
    if len(means) < 2:
        return None
    centre = float(sums.sum() / counts.sum() / cycle)
    half = float(stdtrit(len(means) - 1, 0.5 + _CONFIDENCE / 2)) * float(
        means.std(ddof=1)) / math.sqrt(len(means))
    return [centre - half, centre + half]


def _percentile(image: Image, histogram: np.ndarray, fraction: float) -> float | None:
    """Smallest latency in cycles that ``fraction`` of the packets do not exceed: exact where
    latencies are whole cycles, else the middle of its bin.  None if there are no packets, or it
    lies in the open last bin."""
    total = int(histogram.sum())
    if total == 0:
        return None
    bin_ = int(np.searchsorted(np.cumsum(histogram), fraction * total))
    if bin_ >= HISTOGRAM_BINS - 1:
        return None
    cycle, width = int(image.clock_period[0]), int(image.histogram_ticks)
    return bin_ if width == cycle else (bin_ + 0.5) * width / cycle


def zero_load_cycles(image: Image) -> float | None:
    """Mean latency of a packet alone in the network, over the pattern's pairs, in cycles.

    For each pair: injection, at each router its cycles from arrival to grant and the latency of
    the output taken, and the tail's lag on the last channel (docs/reference/machine-model.md).
    A hotspot's pairs weigh as often as they are drawn.  None without any pair.
    """
    cycle, bits = int(image.clock_period[0]), int(image.packet_bits[TRAFFIC])
    pairs, sizes = pair_weights(image)[None], [bits]
    if image.traffic_dest_kind == DEST_LISTED:
        pairs, sizes = _listed_pairs(image), [bits, *image.length_bits.tolist()]
    weight = float(pairs.sum())
    if weight == 0:
        return None
    ticks = sum(float((of * _zero_load_ticks(image, size)).sum())
                for of, size in zip(pairs, sizes, strict=True) if of.any())
    return ticks / weight / cycle


def pair_weights(image: Image) -> np.ndarray:
    """[S source, S sink] share of each source's packets that go to each sink; rows sum to 1, or
    to 0 where the pattern maps a node onto itself."""
    n = image.n_sources
    pairs = np.ones((n, n)) / max(1, n - 1)
    if image.traffic_dest_kind == DEST_LISTED:
        pairs = _listed_pairs(image).sum(axis=0)
        pairs /= np.maximum(pairs.sum(axis=1, keepdims=True), 1.0)
    elif image.traffic_dest_kind == DEST_FIXED:
        pairs = np.zeros((n, n))
        pairs[np.arange(n), image.traffic_dest] = 1.0
    elif image.traffic_dest_kind == DEST_HOTSPOT:
        hot = int(image.traffic_dest[0])
        others = np.arange(n) != hot  # the hot node's own packets are uniform
        pairs[others] *= 1.0 - image.traffic_hot_fraction
        pairs[others, hot] += image.traffic_hot_fraction
    np.fill_diagonal(pairs, 0.0)
    return pairs


def _listed_pairs(image: Image) -> np.ndarray:
    """[lengths, S source, S sink] listed packets of each length class."""
    n = image.n_sources
    source = np.repeat(np.arange(n), np.diff(image.offer_ptr))
    count = np.zeros((LENGTHS, n, n))
    np.add.at(count, (image.offer_length, source, image.offer_dest), 1.0)
    return count


def _zero_load_ticks(image: Image, bits: int) -> np.ndarray:
    """[S source, S sink] ticks from offer to tail's arrival, everything idle, edges aligned."""
    n = image.n_sources
    transfer = -(-bits // image.ch_width) * image.ch_cycle
    injection = image.injection_channel(image.first_source + np.arange(n))
    start = image.ch_part[injection]
    ready = image.ready_cycles[: image.n_routers] * image.clock_period[: image.n_routers]
    ticks = np.zeros((n, n), np.int64)
    for sink in range(n):
        at = start.copy()
        came_by = injection.copy()  # the channel that each source's packet arrived by
        spent = image.ch_latency[injection].copy()
        open_ = np.ones(n, bool)
        while open_.any():
            router = at[open_]
            taken = image.route_channel[router, sink]
            slower = transfer[taken] < transfer[came_by[open_]]  # store and forward
            lag = np.where(slower, transfer[came_by[open_]] - image.ch_cycle[came_by[open_]], 0)
            spent[open_] += lag + ready[router] + image.ch_latency[taken]
            came_by[open_] = taken
            at[open_] = image.ch_part[taken]
            ended = image.ch_port[taken] < 0
            spent[np.flatnonzero(open_)[ended]] += (transfer - image.ch_cycle)[taken[ended]]
            open_[np.flatnonzero(open_)[ended]] = False
        ticks[:, sink] = spent
    return ticks


def _ratio(a: Any, b: Any) -> float | None:
    return int(a) / int(b) if int(b) else None


def _most(facts: Facts, channels: np.ndarray) -> float:
    return float(utilisation(facts, channels).max(initial=0.0))


def _mean(facts: Facts, channels: np.ndarray) -> float:
    return float(utilisation(facts, channels).mean()) if len(channels) else 0.0
