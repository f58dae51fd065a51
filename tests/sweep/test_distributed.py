"""A dask cluster and the local pool give the same table; a killed worker is survived."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim.errors import ScenarioError
from neurosim.sweep import run_sweep

distributed = pytest.importorskip("distributed")
#: Runs from a file that the workers do not have, two shapes of chip, one of them from a file.
BASE = """\
name: inputs
network: {synthetic: {layers: [6], inputs: 3}}
workload: {inputs: rows.npy}
chip: {use: mesh, cores: 2}
engine: simpy
"""
BLOCK = """\
  axes:
    chip.use: [mesh, chips/small.yaml]
    chip.cores: [1, 2, 3]
    network.synthetic.activity: [0.2, 0.5, 0.9]
  realisation: {dense: {network.synthetic.activity: 1.0}}
"""


@pytest.fixture
def files(tmp_path: Path, sweep_file: Callable[..., Path]) -> Path:
    np.save(tmp_path / "rows.npy", np.arange(12.0).reshape(4, 3))
    (tmp_path / "chips").mkdir()
    (tmp_path / "chips" / "small.yaml").write_text("include: ../base.yaml\nname: small\n")
    (tmp_path / "base.yaml").write_text("include: mesh\ntopology: {width: 2, height: 2}\n")
    return sweep_file(BLOCK, BASE)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two worker processes of one thread, in a folder that holds none of the files."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
        local_directory=str(tmp_path / "elsewhere"),
    ) as made:
        yield made


def test_the_table_is_the_same_as_the_pools(files: Path, cluster: Any, tmp_path: Path):
    by_cluster = run_sweep(files, tmp_path / "dask", scheduler=cluster.scheduler_address)
    run_sweep(files, tmp_path / "pool", workers=1)
    assert (by_cluster.done, by_cluster.failed) == (18, 0)
    tables = [(tmp_path / name / "table.csv").read_bytes() for name in ("dask", "pool")]
    assert tables[0] == tables[1]


def test_files_are_laid_out_away_from_the_originals(files: Path, tmp_path: Path):
    """The task that a worker runs names only files that it was sent."""
    from neurosim.sweep.identity import Hashes, assets
    from neurosim.sweep.points import load_sweep
    from neurosim.sweep.task import Laid, Runner, make_task

    plan = load_sweep(files)
    scenario = plan.scenario(plan.points[-1])
    task = make_task("k", "g", scenario, assets(scenario, Hashes()))
    contents = {sha: Path(path).read_bytes() for a in task.assets for _, path, sha in a.files}
    laid = Laid()
    moved = laid.task(task, contents)
    for name in ("rows.npy", "chips/small.yaml", "base.yaml"):
        (tmp_path / name).unlink()
    outcome = Runner().run(moved)
    assert outcome.reason == ""
    assert str(tmp_path) not in str(moved.data)


def test_a_killed_worker_is_survived(files: Path, cluster: Any, tmp_path: Path):
    """One worker is killed once the sweep is on; its points are run again."""
    killed = threading.Event()

    def kill() -> None:
        time.sleep(0.3)
        worker = next(iter(cluster.workers.values()))
        os.kill(worker.process.process.pid, signal.SIGKILL)
        killed.set()

    killer = threading.Thread(target=kill)

    def watch(status: Any) -> None:
        if status.ran >= 2 and not killer.ident:
            killer.start()

    text = files.read_text().replace("axes:", "repeat: 6\n  axes:")
    files.write_text(text)
    summary = run_sweep(files, tmp_path / "dask", scheduler=cluster.scheduler_address, watch=watch)
    killer.join()
    assert killed.is_set()
    assert (summary.done, summary.failed) == (108, 0)
    run_sweep(files, tmp_path / "pool", workers=2)
    tables = [(tmp_path / name / "table.csv").read_bytes() for name in ("dask", "pool")]
    assert tables[0] == tables[1]


def test_nobody_at_the_address(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from neurosim.sweep import distributed as ours

    impatient = ours.DaskCluster.__init__
    monkeypatch.setattr(ours.DaskCluster, "__init__",
                        lambda self, address: impatient(self, address, timeout_s=0.5))
    with pytest.raises(ScenarioError, match="--scheduler:1:1: scheduler: no answer from tcp"):
        run_sweep(files, tmp_path / "out", scheduler="tcp://127.0.0.1:9")
