"""What a sweep costs beside its simulations, and what a second worker brings.

    python benchmarks/sweep.py [--engine simpy]

Prints seconds a point: of checking it, and of everything around its simulation (dispatch, transfer,
store); then the speed-up of two workers over one on points longer than a second, and the part of
the time in which workers were simulating.  On a machine that does something else besides, the
speed-up is that machine's, and only the part that workers are busy tells about sweeps.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Times:
    """Seconds: of checking all points; from when every worker had returned one to the end; inside
    the workers, of the ``points`` that came after that."""

    check: float
    wall: float
    inside: float
    points: int


def timed(folder: Path, text: str, block: str, workers: int, engine: str) -> Times:
    """Run a sweep.  Starting the workers ends with their first results, which do not count."""
    path = folder / "s.yaml"
    path.write_text(f"{text}engine: {engine}\nsweep:\n{block}")
    begin = time.perf_counter()
    plan = load_sweep(path)
    checked = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as out:
        started: list[float] = []
        run_plan(plan, Path(out) / "o", workers,
                 watch=lambda status: started.append(time.perf_counter())
                 if status.ran >= workers else None)
        ended = time.perf_counter()
        with sqlite3.connect(Path(out) / "o" / "sweep.sqlite") as store:
            rows = store.execute("SELECT seconds FROM results ORDER BY finished").fetchall()
    inside = sum(seconds for (seconds,) in rows[workers:])
    return Times(checked - begin, ended - started[0], inside, len(rows) - workers)


def overhead(folder: Path, engine: str) -> None:
    t = timed(folder, TINY, "  repeat: 300\n", 1, engine)
    print(f"checking: {1e3 * t.check / t.points:.2f} ms a point")
    print(f"around a simulation: {1e3 * (t.wall - t.inside) / t.points:.2f} ms a point "
          f"({t.points} points of {1e3 * t.inside / t.points:.1f} ms)")


def speed_up(folder: Path, engine: str, steps: int) -> None:
    rates = {}
    for workers in (1, 2, 1, 2):
        t = timed(folder, LONG % steps, f"  repeat: {12 + workers}\n", workers, engine)
        rates[workers] = max(rates.get(workers, 0.0), t.points / t.wall)
        print(f"{workers} workers: {t.wall:.1f} s for {t.points} points of "
              f"{t.inside / t.points:.2f} s, busy {t.inside / (workers * t.wall):.0%}")
    print(f"2 workers are {rates[2] / rates[1]:.2f} x one (the better of two runs each)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="auto", choices=("auto", "simpy", "compiled"))
    parser.add_argument("--steps", type=int, default=4000, help="steps of a long point")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        overhead(Path(name), arguments.engine)
        speed_up(Path(name), arguments.engine, arguments.steps)


if __name__ == "__main__":
    main()
