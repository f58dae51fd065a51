"""Who talks to whom: event, marker and acknowledgement trees of every core and the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim import image as im
from neurosim.lower.channels import Fabric
from neurosim.lower.synapses import Connection, unit_numbers
from neurosim.lower.trees import Forest
from neurosim.mapping.model import Mapping
from neurosim.network.model import Network

#: What a marker or acknowledgement finds at its receiver: the delay of the connection.
_DELAY = {im.ROW_INPUT: 0, im.ROW_FORWARD: 0, im.ROW_RECURRENT: 1}


def lower_talk(network: Network, mapping: Mapping, fabric: Fabric, connections: list[Connection],
               markers: bool) -> dict[str, Any]:
    """Trees of all senders; markers and acknowledgements only where steps need them."""
    forest = Forest(fabric)
    n_cores = len(mapping.slices)
    host = n_cores  # endpoint number of the host
    unit_ptr, _ = unit_numbers(network, mapping)
    unit_tree = np.full(unit_ptr[-1], -1, np.int64)
    last = len(network.layers) - 1
    # delay_of[sender][receiver]: receivers of each sender's events, host as sender -1.
    delay_of: dict[int, dict[int, int]] = {s: {} for s in range(-1, n_cores)}
    input_tree = np.full(network.layers[0].inputs, -1, np.int64)

    for sender in range(-1, n_cores):
        layer = -1 if sender < 0 else mapping.slices[sender].layer
        members = (np.arange(network.layers[0].inputs) if sender < 0
                   else mapping.slices[sender].units)
        ends, base, wanted = _receivers(connections, sender, members, delay_of[sender])
        if layer == last:
            ends, base = np.append(ends, host), np.append(base, unit_ptr[sender])
            wanted = np.concatenate([wanted, np.ones((len(members), 1), bool)], axis=1)
            delay_of[sender][host] = 0
        if mapping.keys == "core" and sender >= 0:
            wanted = np.tile(wanted.any(axis=0), (len(members), 1))
        router = int(fabric.end_router[host if sender < 0 else sender])
        trees = forest.add(router, ends, base, wanted)
        if sender < 0:
            input_tree[:] = trees
        else:
            unit_tree[unit_ptr[sender]: unit_ptr[sender + 1]] = trees
    steps = _markers(forest, fabric, delay_of, n_cores) if markers else _no_markers(n_cores)
    return {"unit_tree": unit_tree, "input_tree": input_tree,
            "input_offset": np.arange(len(input_tree), dtype=np.int64), **steps,
            **forest.arrays()}


def _receivers(connections: list[Connection], sender: int, members: np.ndarray,
               delays: dict[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(endpoints, their row blocks, [members, endpoints] who wants which) of one sender."""
    ends: list[int] = []
    base: list[int] = []
    columns = [np.zeros((len(members), 0), bool)]
    for connection in connections:
        if sender not in connection.sources:
            continue
        blocks = connection.block[connection.sources.index(sender)]
        hit = np.flatnonzero(blocks >= 0)
        reached = connection.reaches[members][:, hit].toarray() > 0
        columns.append(reached)
        for t in hit.tolist():
            ends.append(connection.targets[t])
            base.append(int(blocks[t]))
            delays[connection.targets[t]] = _DELAY[connection.row_class]
    return (np.array(ends, np.int64), np.array(base, np.int64), np.concatenate(columns, axis=1))


def _markers(forest: Forest, fabric: Fabric, delay_of: dict[int, dict[int, int]],
             n_cores: int) -> dict[str, Any]:
    """A marker goes to every receiver of a sender's events.  A finished step is acknowledged to
    each sender that does not itself wait for the receiver's markers; the host never waits."""
    host = n_cores
    result = _no_markers(n_cores)

    def tree(sender: int, delays: dict[int, int]) -> int:
        if not delays:
            return -1
        ends = np.array(sorted(delays), np.int64)
        base = np.array([delays[int(e)] for e in ends], np.int64)
        router = int(fabric.end_router[host if sender < 0 else sender])
        return int(forest.add(router, ends, base, np.ones((1, len(ends)), bool))[0])

    acknowledges: dict[int, dict[int, int]] = {c: {} for c in range(n_cores)}
    for sender, delays in delay_of.items():
        marker = tree(sender, delays)
        if sender < 0:
            result["host_marker_tree"] = marker
        else:
            result["marker_tree"][sender] = marker
        for receiver, delay in delays.items():
            if receiver == host:
                result["host_n_markers"] += 1
                continue
            result["n_markers"][receiver, delay] += 1
            if sender < 0:
                result["host_n_acks"] += 1
                acknowledges[receiver][host] = delay
            elif sender not in delay_of[receiver]:
                result["n_acks"][sender, delay] += 1
                acknowledges[receiver][sender] = delay
    for core, delays in acknowledges.items():
        result["ack_tree"][core] = tree(core, delays)
    return result


def _no_markers(n_cores: int) -> dict[str, Any]:
    return {
        "marker_tree": np.full(n_cores, -1, np.int64),
        "ack_tree": np.full(n_cores, -1, np.int64),
        "n_markers": np.zeros((n_cores, 2), np.int64),
        "n_acks": np.zeros((n_cores, 2), np.int64),
        "host_marker_tree": -1,
        "host_n_markers": 0,
        "host_n_acks": 0,
    }
