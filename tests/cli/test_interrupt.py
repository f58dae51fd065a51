"""A long run can be asked for its state, and stopped with what it has."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from neurosim.engines.outcome import INTERRUPTED
from neurosim.lower import SyncPlan
from neurosim.measure.partial import finished_steps
from tests.engines.conftest import ENGINES
from tests.engines.machines import mesh, small_image

LONG = """
name: long
network: {synthetic: {layers: [64, 64], inputs: 16, weight_sparsity: 0.5, activity: 0.2}}
workload: {steps: 100000}
chip: {use: mesh, set: {topology.width: 3, topology.height: 3}}
sync: SYNC
engine: ENGINE
"""


@pytest.mark.parametrize("plan", [
    SyncPlan("barrier"), SyncPlan("barrier", order="per_layer"), SyncPlan("dataflow"),
    SyncPlan("dataflow", buffers=4), SyncPlan("dataflow", closed_loop=True),
    SyncPlan("tick", period_s=2e-4)])
def test_finished_steps_are_those_of_the_whole_run(plan: SyncPlan) -> None:
    """What an interrupted run calls finished is what the whole run has, wherever it stopped."""
    image = small_image(3, plan, chip=mesh(3, 2, 2), sizes=(24, 16), inputs=6, steps=24,
                        cores=(5, 4))
    run = ENGINES["simpy"]
    whole = run(image).counters
    stops = 0
    for after in range(1, 40, 6):
        calls = 0

        def stop(done: int, tick: int, events: int, after: int = after) -> bool:
            nonlocal calls
            calls += 1
            assert tick > 0 and events > 0
            return calls >= after

        outcome = run(image, progress=stop)
        if outcome.status != INTERRUPTED:
            break
        stops += 1
        n = finished_steps(image, outcome.counters)
        assert n <= 24
        for name in ("outputs", "host_values", "step_offer", "step_deliver", "step_layer"):
            assert np.array_equal(getattr(outcome.counters, name)[:n], getattr(whole, name)[:n])
    assert stops >= 2


def test_the_compiled_engine_stops_as_well() -> None:
    """It looks up after some hundred thousand decisions, so the run must be longer than that."""
    image = small_image(3, SyncPlan("dataflow"), chip=mesh(3, 2, 2), sizes=(48, 32), inputs=6,
                        steps=400, cores=(5, 4))
    run = ENGINES["compiled"]
    whole = run(image).counters
    outcome = run(image, progress=lambda done, tick, events: tick > 0 and events > 0)
    assert outcome.status == INTERRUPTED
    n = finished_steps(image, outcome.counters)
    assert 0 < n < 400
    for name in ("outputs", "host_values", "step_offer", "step_deliver", "step_layer"):
        assert np.array_equal(getattr(outcome.counters, name)[:n], getattr(whole, name)[:n])


def start(folder: Path, sync: str, engine: str) -> subprocess.Popen[str]:
    scenario = folder / "long.yaml"
    scenario.write_text(LONG.replace("SYNC", sync).replace("ENGINE", engine))
    command = [sys.executable, "-m", "neurosim", "run", str(scenario), "-o", str(folder / "out")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "PYTHONUNBUFFERED": "1"})


def ask(process: subprocess.Popen[str], steps: int) -> str:
    """State lines until the run has done that many steps."""
    assert process.stderr is not None
    deadline = time.monotonic() + 60
    time.sleep(3.0)  # until the handlers are there, the signal would end the process
    while time.monotonic() < deadline:
        process.send_signal(signal.SIGUSR1)
        line = process.stderr.readline()
        if "simulating" in line and int(line.rpartition(": ")[2].split()[0]) >= steps:
            return line
        time.sleep(0.2)
    raise AssertionError("the run did not start")


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="no SIGUSR1 on this system")
@pytest.mark.parametrize(("sync", "engine"), [("barrier", "simpy"), ("dataflow", "compiled")])
def test_state_and_interrupt(tmp_path: Path, sync: str, engine: str) -> None:
    process = start(tmp_path, sync, engine)
    try:
        line = ask(process, steps=10)
        assert "simulated in" in line and "events/s" in line and "of 100000" in line
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    part = result["partial"]
    assert part["steps_asked"] == 100000 and 5 <= part["steps_finished"] < 100000
    assert result["steps"] == part["steps_finished"]
    with (tmp_path / "out" / "steps.csv").open() as file:
        assert len(list(csv.DictReader(file))) == part["steps_finished"]
    assert f"stopped after {part['steps_finished']} of 100000 steps" in err
    assert "partial" in (tmp_path / "out" / "report.html").read_text()
