"""Zero-load latency on every topology, exactly: what the parameters say, hop by hop."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
import pytest

from neurosim import image as im
from neurosim import trace
from neurosim.chip import load_chip
from neurosim.chip.topology import on_board
from neurosim.lower import lower_traffic
from neurosim.measure.traffic import zero_load_cycles

PIPELINE, LINK, LOCAL = 2, 3, 1
TIMES = {"noc.pipeline_cycles": PIPELINE, "noc.link_cycles": LINK, "noc.local_cycles": LOCAL,
         "noc.buffer_flits": 8, "noc.virtual_channels": 2}
#: A link between chips moves a packet of F flits of 192 bits in 10 F cycles.
CHIP_CYCLES, CHIP_BITS, FLIT = 60, 20, 192
BETWEEN = {"clock_hz": "300 MHz", "bits_per_cycle": CHIP_BITS, "latency_cycles": CHIP_CYCLES,
           "credit_cycles": 5, "buffer_flits": 8}


def topologies(folder: Any) -> dict[str, dict[str, Any]]:
    graph = nx.petersen_graph()
    (folder / "graph.json").write_text(json.dumps(nx.node_link_data(graph, edges="links")))
    holes = [[x, y] for x in range(8) for y in range(8) if not on_board(x, y)]

    def grid(kind: str, width: int, height: int, **other: Any) -> dict[str, Any]:
        return {"topology": {"kind": kind, "width": width, "height": height, **other}}

    return {
        "mesh": grid("mesh", 4, 3),
        "mesh with holes": grid("mesh", 4, 4, without=[[1, 1], [2, 1]]),
        "west-first": {**grid("mesh", 4, 3), "noc.routing": "west_first"},
        "missing routers": {**grid("mesh", 4, 4, without=[[1, 1], [2, 1]], router_at_holes=False),
                            "noc.routing": "up_down"},
        "torus": grid("torus", 5, 4),
        "torus yx": {**grid("torus", 4, 5), "noc.routing": "yx"},
        "ring": grid("ring", 8, 1),
        "triangular torus": grid("triangular_torus", 5, 4),
        "board": grid("triangular_torus", 8, 8, without=holes, router_at_holes=False,
                      wrap=[[8, 4], [4, 8]]),
        "graph": {"topology.kind": "file", "topology.file": str(folder / "graph.json"),
                  "noc.routing": "shortest", "noc.virtual_channels": 4},
        "chips": {"chip_link": BETWEEN, **grid(
            "mesh", 2, 2, chips={"width": 3, "height": 3, "gateway": [1, 0]})},
    }


NAMES = sorted([
    "mesh", "mesh with holes", "west-first", "missing routers", "torus", "torus yx", "ring",
    "triangular torus", "board", "graph", "chips"])


def closed_form(chip: Any, path: list[int], flits: int) -> int:
    """Cycles from offer to the tail's arrival over the routers of ``path``.

    A packet leaves a link between chips in CHIP_BITS a cycle, so that the faster link or port
    that follows waits for its tail; after a link inside the chip the head goes ahead.
    """
    kinds = [chip.topology_graph.edges[a, b]["kind"]
             for a, b in zip(path, path[1:], strict=False)]
    slow = -(-flits * FLIT // CHIP_BITS)
    cycles = LOCAL + PIPELINE * len(path) + LOCAL + flits - 1
    for n, kind in enumerate(kinds):
        cycles += LINK if kind == "on_chip" else CHIP_CYCLES
        following = kinds[n + 1] if n + 1 < len(kinds) else "end"
        if kind != "on_chip" and following != kind:
            cycles += slow - 1  # store and forward into what is faster
    return cycles


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("flits", [1, 3])
def test_latency_is_the_closed_form(engine: Any, name: str, flits: int, tmp_path: Any) -> None:
    chip = load_chip("mesh", overrides={**TIMES, **topologies(tmp_path)[name]})
    rng = np.random.default_rng(len(name))
    image = lower_traffic(chip, "uniform", 1e-5, flits, 3000, 0)
    tiles = np.unique(chip.noc_arrays.core_router)
    period = int(image.clock_period[0])
    source = int(rng.integers(len(tiles)))
    for sink in rng.permutation(np.delete(np.arange(len(tiles)), source))[:4].tolist():
        fixed = np.arange(len(tiles))
        fixed[source] = sink
        alone = replace(image, traffic_dest_kind=im.DEST_FIXED, traffic_dest=fixed,
                        end_tick=10**7 * period)
        alone = replace(alone, **first_packet_only(alone, source))
        outcome = engine(alone, want_trace=True)
        kinds = np.array([trace.unpack(int(r))[2] for r in outcome.trace["rank"]])
        offer = outcome.trace[kinds == trace.OFFER][0]
        deliver = outcome.trace[kinds == trace.DELIVER][0]
        path = chip.routes.path(int(tiles[source]), int(tiles[sink]))
        assert int(deliver["tick"] - offer["tick"]) == period * closed_form(chip, path, flits)


def first_packet_only(image: im.Image, source: int) -> dict[str, Any]:
    """End the run when the first packet of ``source`` must have arrived."""
    from neurosim import rules

    first = rules.traffic_gap(image.seed, source, 0, image.traffic_log_miss)
    return {"end_tick": (first + 3000) * int(image.clock_period[0])}


@pytest.mark.parametrize("name", NAMES)
def test_mean_zero_load_is_the_mean_of_the_closed_form(name: str, tmp_path: Any) -> None:
    """What results call zero_load, over all pairs of a topology."""
    chip = load_chip("mesh", overrides={**TIMES, **topologies(tmp_path)[name]})
    tiles = np.unique(chip.noc_arrays.core_router).tolist()
    every = [closed_form(chip, chip.routes.path(a, b), 2) for a in tiles for b in tiles if a != b]
    image = lower_traffic(chip, "uniform", 0.1, 2, 100, 0)
    assert zero_load_cycles(image) == pytest.approx(np.mean(every), rel=1e-12)
