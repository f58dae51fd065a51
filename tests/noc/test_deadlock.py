"""A routing deadlock: refused before the run; detected while running where the check is off."""

from __future__ import annotations

import re
from typing import Any

import pytest

import neurosim
from neurosim.chip import load_chip
from neurosim.engines.outcome import FINISHED, STUCK, raise_unless_finished, waiting_cycle
from neurosim.errors import ScenarioError, SimulationError
from neurosim.lower import SyncPlan
from tests.engines.machines import small_image

SIZE = 9


def ring(**noc: Any) -> Any:
    """Nine cores around a ring, quick to send, with small buffers."""
    return load_chip("mesh", overrides={
        "topology": {"kind": "ring", "width": SIZE, "height": 1},
        "core": {"send_cycles": 1, "update_cycles": 1, "receive_cycles": 1, "marker_cycles": 1},
        "noc": {"pipeline_cycles": 3, "buffer_flits": 2, **noc}})


def broadcast(chip: Any) -> Any:
    """Every unit sends to every core, all at once."""
    return small_image(0, SyncPlan("barrier"), chip, sizes=(6 * SIZE,), cores=(SIZE,), inputs=4,
                       steps=3, density=1.0)


def test_the_ring_is_refused_before_the_run_naming_its_cycle() -> None:
    with pytest.raises(ScenarioError) as caught:
        ring(virtual_channels=1)
    tiles = re.findall(r"\[(\d+), 0\]", caught.value.why)
    assert sorted(map(int, set(tiles))) == list(range(SIZE))
    steps = {(int(b) - int(a)) % SIZE for a, b in zip(tiles, tiles[1:], strict=False)}
    assert steps in ({1}, {SIZE - 1})


def test_forced_past_the_check_it_deadlocks_and_names_who_waits(engine: Any) -> None:
    image = broadcast(ring(virtual_channels=1, check_deadlock=False))
    outcome = engine(image)
    assert outcome.status == STUCK and outcome.counters.in_flight > 0
    circle = waiting_cycle(outcome.waiting)
    for (router, port, vc), (_, following, onward) in zip(circle, circle[1:] + circle[:1],
                                                          strict=True):
        assert image.ch_owner[image.in_channel[following]] == router  # its output's far end
        assert image.ch_part[image.in_channel[port]] == router and vc == onward == 0
    with pytest.raises(SimulationError, match="deadlock") as caught:
        raise_unless_finished(image, outcome)
    routers = re.findall(r"router (\d+)", caught.value.why)
    steps = {(int(b) - int(a)) % SIZE for a, b in zip(routers, routers[1:], strict=False)}
    assert len(routers) > 2 and routers[0] == routers[-1]
    assert steps <= {1, SIZE - 1}  # neighbours wait for neighbours


NETWORK = """\
name: ring
network: {synthetic: {layers: [54], inputs: 4, activity: 1.0}}
workload: {steps: 3}
chip:
  use: mesh
  set:
    topology: {kind: ring, width: 9, height: 1}
    noc: {pipeline_cycles: 3, buffer_flits: 2, virtual_channels: 1, check_deadlock: false}
    core: {send_cycles: 1, update_cycles: 1, receive_cycles: 1, marker_cycles: 1}
"""


def test_a_run_names_the_cycle_that_the_check_would_have_named(tmp_path: Any) -> None:
    (tmp_path / "ring.yaml").write_text(NETWORK)
    with pytest.raises(SimulationError, match="the routes form the cycle") as caught:
        neurosim.run(tmp_path / "ring.yaml")
    with pytest.raises(ScenarioError, match="can deadlock") as before:
        neurosim.run(tmp_path / "ring.yaml", ["chip.set.noc.check_deadlock=true"])
    named = [set(re.findall(r"\[(\d+), 0\]", each.value.why)) for each in (caught, before)]
    assert named[0] == named[1] == {str(n) for n in range(SIZE)}


def test_with_two_virtual_channels_the_same_machine_runs_through(engine: Any) -> None:
    outcome = engine(broadcast(ring(virtual_channels=2)))
    assert outcome.status == FINISHED
    assert outcome.counters.in_flight == 0


TRAFFIC = """\
name: ring
workload:
  traffic: {{pattern: uniform, rate: 0.9, packet_flits: 1, cycles: 4000}}
chip:
  use: mesh
  set:
    topology: {{kind: ring, width: 9, height: 1}}
    noc: {{buffer_flits: 1, virtual_channels: {vcs}, check_deadlock: false}}
"""


def test_traffic_that_stands_still_is_a_deadlock_too(tmp_path: Any) -> None:
    """Sources never end, but buffers wait in a circle: the run is refused, naming the circle of
    buffers, and that of routes."""
    path = tmp_path / "ring.yaml"
    path.write_text(TRAFFIC.format(vcs=1))
    with pytest.raises(SimulationError, match="deadlock at tick") as caught:
        neurosim.run(path)
    tiles = re.findall(r"\[(\d+), 0\]", caught.value.why)
    assert sorted(map(int, set(tiles))) == list(range(SIZE))
    places = re.findall(r"router (\d+) port (\d+) channel 0", caught.value.why)
    assert places[0] == places[-1] and len(places) > 2
    path.write_text(TRAFFIC.format(vcs=2))
    assert neurosim.run(path).data["traffic"]["accepted_rate"] > 0.05
