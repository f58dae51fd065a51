"""One point of a sweep, as it travels to a worker, and what comes back."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.errors import UserError
from neurosim.scenario import Scenario, scenario_from_data
from neurosim.sweep.identity import Asset, Hashes
from neurosim.sweep.shared import Shared

#: Batches of steps for the interval of the mean latency, and the fewest steps in one.
_BATCHES, _FEWEST = 16, 2
#: Student's t for 15 degrees of freedom, 95 % two-sided.
_STUDENT = 2.1314


@dataclass(frozen=True)
class Task:
    """One point for a worker: plain data that any process can use.

    ``data`` is the scenario; paths in it are absolute.  ``assets`` are the files with the hashes
    that the point's key was made from.
    """

    key: str
    group: str
    data: dict[str, Any]
    assets: tuple[Asset, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a task: ``result`` (contract of result.json), or why there is none.

    ``seconds`` is wall time; ``peak_bytes`` the most memory that the worker has ever held.
    """

    key: str
    result: dict[str, Any] | None
    reason: str = ""
    detail: str = ""
    seconds: float = 0.0
    peak_bytes: int = 0


def make_task(key: str, group: str, scenario: Scenario, assets: tuple[Asset, ...]) -> Task:
    """The task of one validated point."""
    data = scenario.resolved()
    for asset in assets:
        _put(data, asset.key, asset.main)
    return Task(key, group, data, assets)


def _put(data: dict[str, Any], key: str, value: str) -> None:
    *sections, last = key.split(".")
    here = data
    for section in sections:
        here = here[section]
    here[last] = value


class Runner:
    """Runs tasks one after the other in a worker, sharing what they have in common."""

    def __init__(self, memory_bytes: int | None = None) -> None:
        self.shared, self.hashes = Shared(), Hashes()
        self.memory_bytes = memory_bytes

    def run(self, task: Task) -> Outcome:
        """Simulate a point; whatever goes wrong is the outcome's reason, never an exception."""
        started = time.perf_counter()
        result, reason, detail = None, "", ""
        try:
            self._check_files(task)
            result = simulate(task, self.shared)
        except UserError as error:
            error.location = None
            reason = str(error)
        except MemoryError:
            reason = "out of memory"
            self.shared.clear()
        except Exception as error:  # a defect at one point must not lose the others
            reason = f"internal error: {type(error).__name__}: {error}"
            detail = traceback.format_exc()
        peak = peak_bytes()
        if self.memory_bytes is not None and peak > self.memory_bytes:
            self.shared.clear()
        return Outcome(task.key, result, reason, detail, time.perf_counter() - started, peak)

    def _check_files(self, task: Task) -> None:
        for asset in task.assets:
            for _, path, sha256 in asset.files:
                try:
                    same = self.hashes.of(path) == sha256
                except OSError as error:
                    why = f"cannot read {path}: {error.strerror}"
                    raise UserError(asset.key, why) from None
                if not same:
                    raise UserError(asset.key, f"{path} changed while the sweep ran",
                                    "the same sweep again")


def simulate(task: Task, share: Shared) -> dict[str, Any]:
    """The result of a point, without what differs from run to run or is known already."""
    from neurosim import pipeline

    scenario = scenario_from_data(task.data)
    prepared = pipeline.prepare(scenario, share=share)
    result = pipeline.simulate(prepared, share=share)
    data = dict(result.data)
    for known in ("wall", "floorplan", "scenario"):
        data.pop(known, None)
    data["provenance"] = {key: value for key, value in data["provenance"].items()
                          if key != "resolved_scenario"}
    data["latency_interval_s"] = mean_interval(result.steps["latency_s"]
                                               if len(result.steps) else np.zeros(0))
    return data


def mean_interval(values: np.ndarray) -> list[float] | None:
    """95 % confidence interval of the mean of a correlated series; None for a short one.

    The series is cut into 16 batches, whose means count as independent (method of batch means).
    """
    each = len(values) // _BATCHES
    if each < _FEWEST:
        return None
    batches = values[len(values) - each * _BATCHES:].reshape(_BATCHES, each).mean(axis=1)
    half = _STUDENT * float(batches.std(ddof=1)) / _BATCHES**0.5
    mean = float(values.mean())
    return [mean - half, mean + half]


def peak_bytes() -> int:
    """The most memory that this process has ever held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


# --- files sent along


class Laid:
    """Files sent as bytes, laid out in a folder of this process's own, each content once."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="neurosim-")

    def task(self, task: Task, contents: Mapping[str, bytes]) -> Task:
        """The same task with files of this machine."""
        moved = tuple(self._asset(asset, contents) for asset in task.assets)
        data = {key: dict(value) if isinstance(value, dict) else value
                for key, value in task.data.items()}
        for asset in moved:
            _put(data, asset.key, asset.main)
        return Task(task.key, task.group, data, moved)

    def _asset(self, asset: Asset, contents: Mapping[str, bytes]) -> Asset:
        root = Path(self.folder.name) / asset.files[0][2]
        for relative, _, sha256 in asset.files:
            path = root / relative
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                aside = path.with_name(path.name + ".new")
                aside.write_bytes(contents[sha256])
                aside.rename(path)
        return Asset(asset.key, tuple((relative, str(root / relative), sha256)
                                      for relative, _, sha256 in asset.files))
