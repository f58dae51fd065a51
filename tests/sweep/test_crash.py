"""Killed at any moment, a sweep loses at most what was in flight, and leaves no process behind."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from neurosim.sweep import run_sweep
from neurosim.sweep.dispatch import MOST_LOSSES, execute
from neurosim.sweep.points import load_sweep
from neurosim.sweep.pool import LocalPool
from neurosim.sweep.run import run_plan
from neurosim.sweep.store import Store
from neurosim.sweep.task import Outcome, Task

WORKERS = 2
BLOCK = """\
  axes:
    chip.cores: [1, 2, 3, 4]
    network.synthetic.activity: [0.1, 0.2, 0.3, 0.4, 0.5]
  repeat: 10
"""
POINTS = 200
SPARE = 60
LEFT_ALONE_S = 2.0


def command(path: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "neurosim", "sweep", str(path), "-o", str(out),
            "--workers", str(WORKERS)]


def heed_ctrl_c() -> None:
    """Shells start what runs in the background, and so all its children, deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def descendants(parent: int) -> list[int]:
    """Process numbers of a process's children and theirs."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found += [int(entry.name), *descendants(int(entry.name))]
    return found


def alive(process: int) -> bool:
    """Whether a process still runs (a zombie that waits to be reaped does not)."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def kept(out: Path) -> int:
    """Results in the store of a sweep that runs."""
    try:
        with sqlite3.connect(f"file:{out / 'sweep.sqlite'}?mode=ro", uri=True) as store:
            return store.execute("SELECT count(*) FROM results").fetchone()[0]
    except sqlite3.Error:
        return 0


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@needs_proc
def test_killed_three_times_and_resumed_it_is_as_if_nothing_had_happened(
    sweep_file: Callable[..., Path], tmp_path: Path
):
    path, out = sweep_file(BLOCK), tmp_path / "killed"
    rng = random.Random(20)
    for kill in range(3):
        program = subprocess.Popen(command(path, out), stdout=subprocess.DEVNULL)
        # Anywhere in what is left, the start of the workers included, but for the last points: it
        # must not be over before it is killed.
        left = POINTS - kept(out) - SPARE
        target = kept(out) + rng.randrange(0, max(1, left // (3 - kill)))
        assert wait_until(lambda n=target: kept(out) >= n, 120)
        time.sleep(rng.random() * 0.05)
        workers = descendants(program.pid)
        assert program.poll() is None, "it ended before it could be killed"
        assert not kept(out) or workers
        program.send_signal(signal.SIGKILL)
        program.wait()
        assert wait_until(lambda left=workers: not any(map(alive, left)), LEFT_ALONE_S), "orphans"
    interrupted = kept(out)
    assert interrupted < POINTS
    subprocess.run(command(path, out), check=True, stdout=subprocess.DEVNULL)

    run_sweep(path, tmp_path / "undisturbed", workers=WORKERS)
    assert (out / "table.csv").read_bytes() == (tmp_path / "undisturbed/table.csv").read_bytes()
    with Store(out, write=False) as store:
        rows = store.connection.execute("SELECT status, runs FROM results").fetchall()
    assert rows == [("done", 1)] * POINTS


@needs_proc
def test_a_killed_worker_costs_nothing_but_time(sweep_file: Callable[..., Path], tmp_path: Path):
    path, out = sweep_file(BLOCK.replace("repeat: 10", "repeat: 2")), tmp_path / "out"
    program = subprocess.Popen(command(path, out), stdout=subprocess.DEVNULL)
    for target in (3, 12):
        assert wait_until(lambda n=target: kept(out) >= n, 60)
        os.kill(descendants(program.pid)[0], signal.SIGKILL)
    assert program.wait(timeout=120) == 0
    run_sweep(path, tmp_path / "undisturbed", workers=1)
    assert (out / "table.csv").read_bytes() == (tmp_path / "undisturbed/table.csv").read_bytes()


@needs_proc
def test_ctrl_c_keeps_what_is_done(sweep_file: Callable[..., Path], tmp_path: Path):
    # Twenty times the points: a busy machine may look at the store late.
    points = 20 * POINTS
    path, out = sweep_file(BLOCK.replace("repeat: 10", "repeat: 200")), tmp_path / "out"
    program = subprocess.Popen(command(path, out), stderr=subprocess.PIPE, text=True,
                               stdout=subprocess.DEVNULL, preexec_fn=heed_ctrl_c)
    assert wait_until(lambda: kept(out) >= 5, 60)
    workers = descendants(program.pid)
    program.send_signal(signal.SIGINT)
    said = program.communicate(timeout=60)[1].splitlines()[-1]
    assert program.returncode == 130
    assert said == (f"neurosim: interrupted, {kept(out)} of {points} runs are kept; "
                    "the same command goes on")
    assert not any(map(alive, workers))


def test_a_point_that_kills_every_worker_is_recorded_as_failed(
    sweep_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    """Its worker is ended from outside each time it gets the point; the others go on."""
    plan = load_sweep(sweep_file("  axes: {chip.cores: [1, 2, 3]}\n"))
    deadly, outcomes = plan.points[1].key, {}
    pool = LocalPool(1)
    give = pool.give

    def give_and_kill(worker: int, task: Task) -> None:
        if task.key == deadly:
            os.kill(pool.processes[worker], signal.SIGKILL)
        give(worker, task)

    monkeypatch.setattr(pool, "give", give_and_kill)
    try:
        from neurosim.sweep.task import make_task

        execute(plan.points, pool, lambda p: make_task(p.key, p.group, plan.scenario(p), ()),
                lambda point, outcome: outcomes.__setitem__(point.number, outcome))
    finally:
        pool.close()
    assert [outcomes[n].result is not None for n in range(3)] == [True, False, True]
    assert outcomes[1].reason == f"the worker ended with signal 9, {MOST_LOSSES} times"


def test_two_sweeps_in_one_folder_are_refused(sweep_file: Callable[..., Path], tmp_path: Path):
    plan = load_sweep(sweep_file("  axes: {chip.cores: [1, 2]}\n"))
    with Store(tmp_path / "out"), pytest.raises(Exception, match="another sweep is running"):
        run_plan(plan, tmp_path / "out")


def test_a_half_written_row_cannot_be(tmp_path: Path):
    """What a transaction did not finish is not there; what it finished is."""
    with Store(tmp_path / "out") as store:
        store.keep(Outcome("a", {"x": 1.5}))
        store.connection.execute("BEGIN")
        store.keep(Outcome("b", {"x": 2.5}))
        reader = Store(tmp_path / "out", write=False)
        assert [reader.get("a").result, reader.get("b")] == [{"x": 1.5}, None]
        reader.connection.close()
