"""Explaining a run from its file, a stretch at a time: the same paths, in bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from neurosim.engines import compiled
from neurosim.explain import CriticalPath, critical_path, pieces, read
from neurosim.explain.pieces import Pieces
from neurosim.explain.survey import survey
from neurosim.explain.windows import critical_path_of
from neurosim.image import Image
from neurosim.lower import SyncPlan, lower_traffic
from neurosim.measure.tracefile import TraceFile
from tests.engines.generated import Seeded, machine
from tests.engines.machines import mesh, small_image


def same(image: Image, records: np.ndarray) -> CriticalPath:
    """Paths of all at once and of windows agree in every column."""
    whole = critical_path(read(image, np.array(records)))
    found = Pieces(records)
    seen = survey(image, found)
    path = critical_path_of(found, seen)
    # Packets may be listed in another order than their numbers'.
    a, b = (np.argsort(p.step[p.owner], kind="stable") for p in (whole, path))
    for name in ("part", "place", "layer", "ticks", "record"):
        assert np.array_equal(getattr(whole, name)[a], getattr(path, name)[b]), name
    assert np.array_equal(np.sort(whole.step), np.sort(path.step))
    assert np.array_equal(path.sums(), path.latency)
    assert whole.latency.sum() == path.latency.sum()
    return path


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_generated_machines(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "STRETCH", 64)
    monkeypatch.setattr("neurosim.explain.windows.MARGIN", 1)
    for seed in range(first, first + 50):
        image = machine(Seeded(seed))
        outcome = compiled.run(image, want_trace=True)
        assert outcome.trace is not None
        if len(outcome.trace):
            same(image, outcome.trace)


@pytest.mark.parametrize("kind", ["barrier", "dataflow", "tick"])
def test_from_a_file(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Steps overlap, and several share a window."""
    monkeypatch.setattr(pieces, "STRETCH", 2000)
    image = small_image(5, SyncPlan(kind, period_s=3e-6), chip=mesh(3, 3, 2), sizes=(24, 18),
                        inputs=8, steps=20, cores=(4, 3))
    file = TraceFile(tmp_path)
    compiled.run(image, sink=file)
    records = file.finish()
    assert file.count == len(records) > 10_000
    path = same(image, records)
    assert len(path.step) == 20
    everything = critical_path(read(image, records))
    for field in fields(everything):  # the order of steps is the same, too
        assert np.array_equal(getattr(everything, field.name), getattr(path, field.name))


def test_traffic_above_saturation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets wait for longer than a window; of many packets some have a path."""
    monkeypatch.setattr(pieces, "STRETCH", 500)
    image = lower_traffic(mesh(3, 3, 1), "uniform", 0.8, 1, 300, 0)
    records = compiled.run(image, want_trace=True).trace
    assert records is not None
    path = same(image, records)
    monkeypatch.setattr("neurosim.explain.windows.MOST_PATHS", 100)
    few = critical_path_of(Pieces(records), survey(image, Pieces(records)))
    assert len(few.step) == 100 < len(path.step)
    assert np.array_equal(few.sums(), few.latency)


def test_what_is_not_in_order_is_refused(tmp_path: Path) -> None:
    image = small_image()
    records = compiled.run(image, want_trace=True).trace
    assert records is not None
    np.save(tmp_path / "trace.npy", records[::-1])
    with pytest.raises(ValueError, match="not in order"):
        survey(image, Pieces(np.load(tmp_path / "trace.npy", mmap_mode="r")))


#: Records are handed over, stored, read back and explained; prints their number and the peak.
_PROGRAM = """
import sys
from pathlib import Path
from neurosim import pipeline
from neurosim.report.html import details
prepared = pipeline.prepare(sys.argv[1], ["record=[trace]", "workload.steps=" + sys.argv[2]])
result = pipeline.simulate(prepared, "compiled", scratch=Path(sys.argv[3]))
result.write(sys.argv[3] + "/results", figures=False)
details(result.draw.args[0])
try:
    text = Path("/proc/self/status").read_text()
    peak = 1024 * int(text.split("VmHWM:")[1].split()[0])
except OSError:
    import resource
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(result.trace), peak)
"""


def test_memory_is_bounded(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times the records, 64 bytes each, take hardly more memory: run, stored and explained."""
    found = []
    for steps in (350, 1400):
        folder = tmp_path / str(steps)
        folder.mkdir()
        run = subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(project / "scenarios" / "bound_by_core.yaml"),
             str(steps), str(folder)], capture_output=True, text=True, check=True, env=os.environ)
        found.append(tuple(map(int, run.stdout.split())))
        stored = folder / "results" / "trace.npy"
        assert len(np.load(stored, mmap_mode="r")) == found[-1][0]
        assert os.listdir(folder) == ["results"]  # nothing is left of the temporary file
    (few, low), (many, high) = found
    assert few > 1_000_000 and many > 3.9 * few
    assert high - low < (many - few) * 64 / 4
