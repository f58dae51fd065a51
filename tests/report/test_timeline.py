"""The timeline file: sound as Chrome's format asks, and the same run as the counters."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim.engines import reference
from neurosim.explain import pieces
from neurosim.explain.places import Places
from neurosim.image import CORE_JOBS, JOBS, Counters, Image
from neurosim.lower import SyncPlan, lower_traffic
from neurosim.report import thinning, timeline
from neurosim.report.timeline import Window, write_timeline
from tests.engines.machines import mesh, small_image

Event = dict[str, Any]
Made = tuple[list[Event], Image, Counters]
STEPS = 6


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    def make_timeline(kind: str, window: Window | None = None, **sets: Any) -> Made:
        chip = mesh(3, 2, 2, **sets)
        image = small_image(3, SyncPlan(kind, period_s=3e-6), chip=chip, sizes=(20, 16), inputs=6,
                            steps=STEPS, cores=(4, 3))
        outcome = reference.run(image, want_trace=True)
        places = Places(image, chip.noc_arrays.router_xy, np.arange(image.n_cores) + 100)
        path = tmp_path_factory.mktemp("timeline") / "timeline.json.gz"
        count = write_timeline(path, image, outcome.trace, places, window)
        with gzip.open(path) as file:
            events = json.load(file)["traceEvents"]
        assert len(events) == count
        return events, image, outcome.counters

    return make_timeline


def sound(events: list[Event]) -> None:
    """Every flow has both ends and meets slices; times rise on every track; all names resolve."""
    named = {(e["name"], e["pid"], e["tid"]) for e in events if e["ph"] == "M"}
    slices: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    ends: dict[int, list[Event]] = defaultdict(list)
    steps: dict[int, list[str]] = defaultdict(list)
    for event in events:
        if event["ph"] == "M":
            continue
        assert ("process_name", event["pid"], 0) in named, event
        assert "tid" not in event or ("thread_name", event["pid"], event["tid"]) in named, event
        if event["ph"] == "X":
            slices[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
        elif event["ph"] in "stf":
            ends[event["id"]].append(event)
        elif event["ph"] in "be":
            steps[event["id"]].append(event["ph"])
    for track in slices.values():
        flat = np.array(track).ravel()
        assert (np.diff(flat) >= -1e-6).all()  # sorted, and none overlaps the next
    beginnings = {track: {start for start, _ in some} for track, some in slices.items()}
    for flow in ends.values():
        phases = "".join(e["ph"] for e in flow)
        assert phases == "s" + "t" * (len(flow) - 2) + "f"
        assert all(e["ts"] in beginnings[e["pid"], e["tid"]] for e in flow)
        times = [e["ts"] for e in flow]
        assert times == sorted(times)
    assert all(phases == ["b", "e"] for phases in steps.values())


@pytest.mark.parametrize("kind", ["barrier", "dataflow", "tick"])
def test_structure(make: Callable[..., Made], kind: str) -> None:
    events, image, counters = make(kind)
    sound(events)
    assert {e["id"] for e in events if e["ph"] == "b"} == set(range(STEPS))
    # One flow for each copy that was taken in.
    assert sum(e["ph"] == "s" for e in events) == counters.delivered.sum()


def test_slices_are_the_counters(make: Callable[..., Made]) -> None:
    """Jobs, grants and FIFO depths add up to what the engine counted."""
    events, image, counters = make("dataflow")
    jobs = [e for e in events if e["ph"] == "X" and e["name"] in JOBS and "ticks" in e["args"]]
    cores = [e for e in jobs if e["pid"] > 3]
    for number, name in enumerate(JOBS[:CORE_JOBS]):
        ticks = sum(e["args"]["ticks"] for e in cores if e["name"] == name)
        assert ticks == counters.job_ticks[:, number].sum(), name
    grants = [e for e in events if e["ph"] == "X" and e["name"] in ("event", "marker",
                                                                    "acknowledgement")]
    assert len(grants) == counters.ch_packets.sum()
    depths: dict[str, list[int]] = defaultdict(list)
    for event in events:
        if event["ph"] == "C" and event["name"].startswith("FIFO"):
            depths[event["name"]].append(event["args"]["packets"])
    for core, longest in enumerate(counters.fifo_max.tolist()):
        series = depths[f"FIFO of core {core + 100}"]
        assert min(series) >= 0 and max(series) == longest and series[-1] == 0


def test_load_of_links(make: Callable[..., Made]) -> None:
    events, image, counters = make("dataflow")
    loads = [value for e in events if e["ph"] == "C" and e["name"] == "link load"
             for value in e["args"].values()]
    links = image.ch_port[: image.n_outputs] >= 0
    span = max(e["ts"] for e in events if "ts" in e) * image.tick_hz / 1e6
    mean = sum(loads) / 200
    assert min(loads) >= 0 and max(loads) <= 1
    assert mean == pytest.approx(counters.ch_busy[links].sum() / span, rel=0.02)


def test_windows_and_sampling(make: Callable[..., Made]) -> None:
    whole, _, _ = make("dataflow")
    steps, _, _ = make("dataflow", Window(first=2, last=3))
    sound(steps)
    assert len(steps) < 0.8 * len(whole)
    cores, _, _ = make("dataflow", Window(cores=(100, 105)))
    sound(cores)
    tracks = {e["args"]["name"] for e in cores if e["ph"] == "M" and e["name"] == "thread_name"}
    worked = {(e["pid"], e["tid"]) for e in cores if e["ph"] == "X" and e["name"] in JOBS}
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in cores
             if e["ph"] == "M" and e["name"] == "thread_name"}
    assert {names[t].split(",")[0] for t in worked} <= {"core 100", "core 105", "host sends"}
    assert len(tracks) > 7
    some, _, _ = make("dataflow", Window(flows=0.1))
    sound(some)
    flows = [sum(e["ph"] == "s" for e in each) for each in (whole, some)]
    assert flows[1] == round(0.1 * flows[0])


@pytest.mark.parametrize("kind", ["barrier", "dataflow"])
def test_thinned(make: Callable[..., Made], kind: str) -> None:
    """Some packets in full; merged jobs still cover the same time; FIFO peaks stay."""
    whole, image, counters = make(kind)
    thin, _, _ = make(kind, Window(detail=0.2))
    sound(thin)
    assert len(thin) < 0.6 * len(whole)

    def ticks(events: list[Event]) -> int:
        return sum(e["args"]["ticks"] for e in events if e["ph"] == "X" and e["pid"] > 3
                   and "ticks" in e["args"])

    assert ticks(thin) == ticks(whole) == counters.job_ticks.sum()
    merged = [e for e in thin if e["ph"] == "X" and e["args"].get("jobs", 0) > 1]
    assert merged and any("," in e["name"] for e in merged)
    jobs = sum(e["args"].get("jobs", 1) for e in thin
               if e["ph"] == "X" and e["pid"] > 3 and "ticks" in e["args"])
    assert jobs == counters.job_count.sum()
    grants = sum(e["ph"] == "X" and e["name"] in ("event", "marker", "acknowledgement")
                 for e in thin)
    assert 0.1 < grants / counters.ch_packets.sum() < 0.35
    depths = [e["args"]["packets"] for e in thin
              if e["ph"] == "C" and e["name"].startswith("FIFO")]
    assert max(depths) == counters.fifo_max.max()


def test_long_windows_are_thinned_unasked(make: Callable[..., Made],
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown in full fits the budget; flows have one of their own."""
    whole, image, _ = make("dataflow")
    monkeypatch.setattr(timeline, "EVENTS", 1500)
    monkeypatch.setattr(timeline, "FLOWS", 50)
    monkeypatch.setattr(thinning, "BINS", 20)
    thin, _, _ = make("dataflow")
    sound(thin)
    assert sum(e["ph"] == "s" for e in thin) == 50

    def budgeted(events: list[Event]) -> int:
        return sum(e["ph"] == "X" or e["name"].startswith("FIFO") for e in events)

    assert budgeted(whole) > 4000 and budgeted(thin) < 1.5 * 1500


@pytest.mark.parametrize("kind", ["barrier", "dataflow", "tick"])
@pytest.mark.parametrize("window", [Window(flows=1.0), Window(first=2, last=4, flows=1.0),
                                    Window(cores=(100, 105), flows=1.0)])
def test_stretches_do_not_show(make: Callable[..., Made], kind: str, window: Window,
                               monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in many stretches, a run has the same events, but for flows of packets that are still
    on their way half a stretch later."""
    def others(events: list[Event]) -> list[str]:
        return sorted(json.dumps(event) for event in events if event["ph"] not in "stf")

    def sent(events: list[Event]) -> list[str]:
        return [json.dumps({**e, "id": 0}) for e in events if e["ph"] == "s"]

    whole, _, _ = make(kind, window)
    monkeypatch.setattr(pieces, "STRETCH", 1000)
    many, _, _ = make(kind, window)
    sound(many)
    assert others(many) == others(whole)
    assert set(sent(many)) <= set(sent(whole))
    assert 0.9 * len(sent(whole)) <= len(sent(many)) <= len(sent(whole))
    monkeypatch.setattr(timeline, "EVENTS", 1500)
    monkeypatch.setattr(timeline, "FLOWS", 50)
    thin, _, _ = make(kind, Window(window.first, window.last, window.cores))
    sound(thin)
    assert len(thin) < len(many) and sum(e["ph"] == "s" for e in thin) < 100


def test_overwriting_fifos(make: Callable[..., Made]) -> None:
    events, _, counters = make("tick", **{"core.fifo_policy": "overwrite", "core.fifo_packets": 1})
    assert counters.dropped.sum() > 0
    sound(events)
    depths = [e["args"]["packets"] for e in events
              if e["ph"] == "C" and e["name"].startswith("FIFO")]
    assert min(depths) == 0 and max(depths) == 1


def test_traffic_alone(tmp_path: Path) -> None:
    """No steps and no jobs, but links and sources."""
    chip = mesh(2, 2, 1)
    image = lower_traffic(chip, "uniform", 0.3, 1, 40, 0, seed=1)
    outcome = reference.run(image, want_trace=True)
    path = tmp_path / "traffic.json.gz"
    places = Places(image, chip.noc_arrays.router_xy, np.zeros(0, np.int64))
    write_timeline(path, image, outcome.trace, places)
    with gzip.open(path) as file:
        events = json.load(file)["traceEvents"]
    sound(events)
    grants = sum(e["ph"] == "X" for e in events)
    assert grants == outcome.counters.ch_packets.sum() > 50


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    chip = mesh(2, 2, 2)
    image = small_image(1, SyncPlan("dataflow"), chip=chip)
    records = reference.run(image, want_trace=True).trace
    places = Places(image, chip.noc_arrays.router_xy, np.arange(image.n_cores))
    for name in "ab":
        write_timeline(tmp_path / name, image, records, places)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_memory_ports_have_a_track(tmp_path: Path) -> None:
    """Their transfers, one after the other, are the counters' bytes and busy time."""
    from tests.engines.test_memory_ports import machine

    image = machine(units=4, cores=4, inputs=6, outstanding=2)
    outcome = reference.run(image, want_trace=True)
    places = Places(image, np.array([[0, 0]]), np.arange(image.n_cores))
    write_timeline(tmp_path / "t.json.gz", image, outcome.trace, places)
    with gzip.open(tmp_path / "t.json.gz") as file:
        events = json.load(file)["traceEvents"]
    sound(events)
    pid = next(e["pid"] for e in events if e["ph"] == "M" and e["args"].get("name") == "DRAM")
    transfers = [e for e in events if e["ph"] == "X" and e["pid"] == pid]
    counters = outcome.counters
    assert len(transfers) == counters.port_requests.sum() == 24
    assert sum(e["args"]["bytes"] for e in transfers) == counters.fetched_bytes.sum()
    busy_us = counters.port_busy.sum() / image.tick_hz * 1e6
    assert sum(e["dur"] for e in transfers) == pytest.approx(busy_us)
    assert {e["name"] for e in transfers} == {f"for core {n}" for n in range(4)}
