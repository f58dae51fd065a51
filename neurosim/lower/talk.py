"""Who talks to whom: event, marker and acknowledgement trees of every core and the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurosim import image as im
from neurosim.lower.channels import Fabric
from neurosim.lower.synapses import Connection, unit_numbers
from neurosim.lower.trees import Forest
from neurosim.mapping.model import Mapping
from neurosim.mapping.reduction import result_parents
from neurosim.network.machine import LanguagePlan
from neurosim.network.model import Network

#: What a marker or acknowledgement finds at its receiver: the delay of the connection.
_DELAY = {row_class: int(row_class == im.ROW_RECURRENT) for row_class in range(im.ROW_CLASSES)}


def lower_talk(network: Network, mapping: Mapping, fabric: Fabric, connections: list[Connection],
               markers: bool, streams: int, banks: int,
               language: LanguagePlan) -> dict[str, Any]:
    """Trees of all senders; markers and acknowledgements only where steps need them."""
    forest = Forest(fabric)
    n_cores = len(mapping.slices)
    host = n_cores  # endpoint number of the host
    unit_ptr, _ = unit_numbers(network, mapping)
    unit_tree = np.full(unit_ptr[-1], -1, np.int64)
    decoder = network.layers[-1].kind == "decoder"
    last = None if decoder else len(network.layers) - 1
    inputs = next(c for c in connections if -1 in c.sources).reaches.shape[0]
    # delay_of[sender][receiver]: receivers of each sender's events, host as sender -1.
    delay_of: dict[int, dict[int, int]] = {s: {} for s in range(-1, n_cores)}
    input_tree = np.full(inputs, -1, np.int64)

    for sender in range(-1, n_cores):
        layer = -1 if sender < 0 else mapping.slices[sender].layer
        members = (np.arange(inputs) if sender < 0
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
    steps = _no_markers(n_cores)
    if markers:
        steps = _markers(forest, fabric, delay_of, n_cores, streams, banks)
    results = lower_results(forest, fabric, network, mapping, language)
    return {"unit_tree": unit_tree, "input_tree": input_tree,
            "input_offset": np.arange(len(input_tree), dtype=np.int64), **steps, **results,
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
             n_cores: int, streams: int, banks: int) -> dict[str, Any]:
    """A marker goes to every receiver of a sender's events.  A finished step is acknowledged to
    each sender whose own waiting for the receiver's markers does not already tell it early enough;
    the host never waits."""
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
            elif not _known(sender, receiver, delay_of, streams, banks):
                result["n_acks"][sender, delay] += 1
                acknowledges[receiver][sender] = delay
    for core, delays in acknowledges.items():
        result["ack_tree"][core] = tree(core, delays)
    return result


def _known(sender: int, receiver: int, delay_of: dict[int, dict[int, int]], streams: int,
           banks: int) -> bool:
    """Whether a sender that begins a step knows that the receiver's bank for it is free.

    Step u needs the receiver to have finished u + delay - banks.  The sender itself has finished
    u - 1, and of a receiver whose markers it awaits it knows that u - the way back's delay is.
    """
    if sender == receiver:
        return True
    back = delay_of[receiver].get(sender)
    return back is not None and (delay_of[sender][receiver] + back) * streams <= banks


def lower_results(forest: Forest, fabric: Fabric, network: Network, mapping: Mapping,
                  language: LanguagePlan) -> dict[str, Any]:
    """The tree in which decoder cores reduce their candidates, and who expects how many."""
    n_cores = len(mapping.slices)
    result: dict[str, Any] = {"result_tree": np.full(n_cores, -1, np.int64),
                              "core_results": np.zeros(n_cores, np.int64), "host_n_results": 0}
    if network.layers[-1].kind != "decoder":
        return result
    cores = [c for c, s in enumerate(mapping.slices) if s.layer == len(network.layers) - 1]
    parent = result_parents(len(cores), language.reduction)
    words = np.array([len(mapping.slices[c].units) for c in cores], np.int64)
    for i in range(len(cores) - 1, -1, -1):  # children come after their parents
        sends = min(int(words[i]), language.choice.candidates)
        above = int(parent[i])
        if above < 0:
            result["host_n_results"] = sends
        else:
            words[above] += words[i]
            result["core_results"][cores[above]] += sends
        end = n_cores if above < 0 else cores[above]
        result["result_tree"][cores[i]] = int(forest.add(
            int(fabric.end_router[cores[i]]), np.array([end]), np.zeros(1, np.int64),
            np.ones((1, 1), bool))[0])
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
