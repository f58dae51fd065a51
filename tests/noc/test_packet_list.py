"""Traffic from a file: what it offers, and one clear line for a bad file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurosim
from neurosim import trace
from neurosim.chip import load_chip
from neurosim.errors import ScenarioError
from neurosim.lower import lower_traffic

SCENARIO = """\
name: listed
workload:
  traffic: {pattern: trace-file, file: packets.csv, packet_flits: 2, cycles: 100}
chip: {use: mesh, set: {topology: {width: 3, height: 2}}}
"""
PACKETS = """\
cycle, source, destination, flits   # a header
0, 0, 5
3, 0, 5, 1     # shorter
3, 0, 1, 4
# nothing here

3 2 2          # to itself: left out
2, 5, 0
"""


def write(folder: Path, packets: str = PACKETS, scenario: str = SCENARIO) -> Path:
    (folder / "packets.csv").write_text(packets)
    (folder / "listed.yaml").write_text(scenario)
    return folder / "listed.yaml"


def test_packets_are_offered_as_listed(engine: Any, tmp_path: Path) -> None:
    write(tmp_path)
    chip = load_chip("mesh", overrides={"topology.width": 3, "topology.height": 2})
    image = lower_traffic(chip, "trace-file", 0.0, 2, 100, 0, file=tmp_path / "packets.csv")
    outcome = engine(image, want_trace=True)
    period, offers, arrivals = int(image.clock_period[0]), [], {}
    for record in outcome.trace:
        _, part, kind, port = trace.unpack(int(record["rank"]))
        packet = int(record["source"]) - image.first_source, int(record["sequence"])
        if kind == trace.OFFER:
            offers.append((int(record["tick"]) // period, *packet, int(record["info"]), port))
        elif kind == trace.DELIVER:
            arrivals[packet] = (int(record["tick"]) // period, part - image.first_source)
    assert offers == [(0, 0, 0, 5, 0), (2, 5, 0, 0, 0), (3, 0, 1, 5, 0), (3, 0, 2, 1, 1)]
    # Closed form: local 1, a cycle a router, a cycle a link, local 1, and the tail.
    assert arrivals[0, 0] == (0 + 1 + 4 + 3 + 1 + 1, 5)
    assert arrivals[5, 0] == (2 + 1 + 4 + 3 + 1 + 1, 0)
    assert arrivals[0, 1] == (3 + 1 + 4 + 3 + 1, 5)
    assert arrivals[0, 2] == (4 + 1 + 2 + 1 + 1 + 3, 1)  # behind the one before at the source
    assert outcome.counters.ch_bits.sum() == sum(
        flits * grants for flits, grants in ((2, 4), (2, 4), (1, 4), (4, 2))) * image.flit_bits


def test_a_scenario_runs_a_list(tmp_path: Path) -> None:
    traffic = neurosim.run(write(tmp_path)).data["traffic"]
    assert traffic["packets"] == traffic["deliveries"] == 4 and traffic["in_flight"] == 0
    assert traffic["traffic_latency_cycles"]["zero_load"] == pytest.approx(
        np.mean([10, 10, 9, 8]))
    with pytest.raises(ScenarioError, match="a list of packets has no rate to vary"):
        from neurosim.noc import study

        study(write(tmp_path))


@pytest.mark.parametrize(("packets", "where", "why"), [
    ("0,0\n", "packets.csv:1:1", "has 2 entries in a line"),
    ("0,0,1\n1,x,2\n", "packets.csv:2:3", "source is 'x'"),
    ("0,0,1\n1, 0, 6\n", "packets.csv:2:7", "destination is '6'"),
    ("0 0 1\n-1 0 2\n", "packets.csv:2:1", "cycle is '-1'"),
    ("0,0,1,0\n", "packets.csv:1:7", "flits is '0'"),
    ("0,0,1.5\n", "packets.csv:1:5", "destination is '1.5'"),
    ("# nothing\n", "packets.csv:1:1", "lists no packet"),
    ("0,0,1,1\n0,0,1,2\n0,0,1,3\n0,0,1,4\n", "packets.csv:1:1", "packets of 4 lengths"),
    ("0,0,1,99\n", "listed.yaml", "a packet of 99 flits never fits"),
])
def test_a_bad_list_gives_one_line_with_its_place(tmp_path: Path, packets: str, where: str,
                                                  why: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        neurosim.run(write(tmp_path, packets))
    assert why in str(caught.value) and where in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("old", "new", "why"), [
    ("file: packets.csv, ", "", "workload.traffic.file: is missing"),
    ("file: packets.csv", "file: none.csv", "no such file: none.csv"),
    ("cycles: 100", "cycles: 100, rate: 0.1", "the file says when packets are offered"),
    ("trace-file", "uniform", "workload.traffic.rate: is missing"),
])
def test_rate_and_file_go_with_their_patterns(tmp_path: Path, old: str, new: str,
                                              why: str) -> None:
    with pytest.raises(ScenarioError, match=why):
        neurosim.run(write(tmp_path, scenario=SCENARIO.replace(old, new)))


def test_percentiles_of_poisson_traffic_are_those_of_its_packets(engine: Any) -> None:
    """From the trace, packet by packet: the same within a bin of a sixteenth of a cycle."""
    from neurosim.measure.facts import Facts
    from neurosim.measure.traffic import source_traffic

    chip = load_chip("mesh", overrides={"topology.width": 3, "topology.height": 3})
    image = lower_traffic(chip, "uniform", 0.3, 1, 1500, 0, 3, "poisson")
    outcome = engine(image, want_trace=True)
    offered, took = {}, []
    for record in outcome.trace:
        kind = trace.unpack(int(record["rank"]))[2]
        packet = int(record["source"]), int(record["sequence"])
        if kind == trace.OFFER:
            offered[packet] = int(record["tick"])
        elif kind == trace.DELIVER:
            took.append((int(record["tick"]) - offered[packet]) / int(image.clock_period[0]))
    facts = Facts(None, None, chip, None, image, outcome.counters)  # type: ignore[arg-type]
    waits = source_traffic(facts)["traffic_latency_cycles"]
    for name, fraction in (("p50", 0.5), ("p99", 0.99)):
        exact = float(np.quantile(took, fraction, method="inverted_cdf"))
        assert waits[name] == pytest.approx(exact, abs=1 / 16)
    assert waits["p50"] % 1 != 0
