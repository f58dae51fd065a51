"""What a sweep costs beside its simulations, and what a second worker brings.

    python benchmarks/sweep.py [--engine simpy]

Prints seconds a point: of checking it, and of everything around its simulation (dispatch, transfer,
store); then the speed-up of two workers over one on points longer than a second.  Run it on a
machine that does nothing else.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path

from neurosim.sweep import load_sweep
from neurosim.sweep.run import run_plan

TINY = """\
name: tiny
network: {synthetic: {layers: [6], inputs: 3}}
workload: {steps: 2}
chip: {use: mesh, cores: 2}
"""
LONG = """\
name: long
network: {synthetic: {layers: [96, 64], inputs: 48, weight_sparsity: 0.5, activity: 0.2}}
workload: {steps: %d}
chip: {use: spinnaker2, cores: 16}
"""


def timed(folder: Path, text: str, block: str, workers: int, engine: str) -> tuple[float, float,
                                                                                    float, int]:
    """Seconds of checking, of the whole run, and inside the workers; and the points."""
    path = folder / "s.yaml"
    path.write_text(f"{text}engine: {engine}\nsweep:\n{block}")
    begin = time.perf_counter()
    plan = load_sweep(path)
    checked = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as out:
        started: list[float] = []
        run_plan(plan, Path(out) / "o", workers,
                 watch=lambda status: started.append(time.perf_counter()) if status.ran else None)
        ended = time.perf_counter()
        with sqlite3.connect(Path(out) / "o" / "sweep.sqlite") as store:
            rows = store.execute("SELECT seconds FROM results ORDER BY finished").fetchall()
    # Starting the workers ends with the first result, which therefore does not count.
    inside = sum(seconds for (seconds,) in rows[1:])
    return checked - begin, ended - started[0], inside, len(rows)


def overhead(folder: Path, engine: str) -> None:
    check, wall, inside, points = timed(folder, TINY, "  repeat: 300\n", 1, engine)
    print(f"checking: {1e3 * check / points:.2f} ms a point")
    print(f"around a simulation: {1e3 * (wall - inside) / points:.2f} ms a point "
          f"({points} points of {1e3 * inside / points:.1f} ms)")


def speed_up(folder: Path, engine: str, steps: int) -> None:
    times = {}
    for workers in (1, 2):
        _, wall, inside, points = timed(folder, LONG % steps, "  repeat: 9\n", workers, engine)
        times[workers] = wall
        print(f"{workers} workers: {wall:.1f} s for {points - 1} points of "
              f"{inside / (points - 1):.2f} s, busy {100 * inside / (workers * wall):.0f} %")
    print(f"2 workers are {times[1] / times[2]:.2f} x one")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="auto", choices=("auto", "simpy", "compiled"))
    parser.add_argument("--steps", type=int, default=20, help="steps of a long point")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        overhead(Path(name), arguments.engine)
        speed_up(Path(name), arguments.engine, arguments.steps)


if __name__ == "__main__":
    main()
