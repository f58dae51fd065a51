"""What a sweep says on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from neurosim.cli.watch import Watch, duration
from neurosim.sweep.points import load_sweep
from neurosim.sweep.run import Status


def test_durations_for_people():
    assert [duration(s) for s in (0.2, 45, 100, 3000, 9000)] == [
        "0 s", "45 s", "2 min", "50 min", "2.5 h"]


def test_the_line_says_rate_time_left_and_the_best(sweep_file: Callable[..., Path]):
    """10 of 40 equal points in 20 s: half a point a second, 60 s left."""
    plan = load_sweep(sweep_file("  axes: {chip.cores: [1, 2]}\n  minimise: latency\n"))
    status = Status(40, done=9, failed=1, workers=2, started=time.monotonic() - 20.0, ran=10,
                    ran_cost=5.0, left_cost=15.0, best=(1.5e-4, plan.points[1]))
    assert status.left_s == pytest.approx(60.0, abs=1.0)
    assert Watch(plan).line(status) == (
        "10 of 40, 1 failed, 30/min, 60 s left, best latency 0.00015: cores=2")


def test_before_the_first_point_the_guess_stands(
    sweep_file: Callable[..., Path], capsys: pytest.CaptureFixture[str]
):
    plan = load_sweep(sweep_file("  axes: {chip.cores: [1, 2]}\n"))
    with Watch(plan) as watch:
        watch(Status(40, done=30, workers=2, left_cost=200.0))
    assert capsys.readouterr().err == (
        "there already: 30 done, 0 failed\n10 to run, about 2 min on 2 workers (a guess)\n")
