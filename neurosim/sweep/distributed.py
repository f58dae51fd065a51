"""Workers of a dask cluster: the same tasks, and the files that they need sent along.

Workers bring nothing but an installed neurosim.  A file is sent to the cluster once, by its hash,
and each worker writes it to a folder of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from neurosim.errors import Location, ScenarioError
from neurosim.sweep.pool import Lost
from neurosim.sweep.task import Laid, Outcome, Runner, Task

if TYPE_CHECKING:
    from distributed import Client, Future

_PLACE = Location("--scheduler", 1, 1)
_local = threading.local()


class DaskCluster:
    """An executor on the scheduler at ``address``; workers may come and go.

    Raises:
        ScenarioError: dask.distributed is not installed, or nobody answers at the address.
    """

    def __init__(self, address: str, timeout_s: float = 10.0) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise ScenarioError("scheduler", "dask.distributed is not installed",
                                "pip install 'neurosim[dist]'", _PLACE) from None
        try:
            self.client: Client = Client(address, timeout=timeout_s, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            why = f"no answer from {address}: {str(error).splitlines()[0] if str(error) else ''}"
            raise ScenarioError("scheduler", why, "the address of a dask scheduler",
                                _PLACE) from None
        self._sent: dict[str, Future] = {}
        self._running: dict[Hashable, tuple[Future, Task]] = {}

    def idle(self) -> Sequence[Hashable]:
        """One place for each thread of each worker, as (address, number)."""
        threads = self.client.nthreads()
        places = [(address, n) for address, count in sorted(threads.items()) for n in range(count)]
        return [place for place in places if place not in self._running]

    def give(self, worker: Hashable, task: Task) -> None:
        assert isinstance(worker, tuple)
        contents = {sha: self._send(sha, path)
                    for asset in task.assets for _, path, sha in asset.files}
        future = self.client.submit(
            run_with_files, task, contents, workers=[worker[0]], allow_other_workers=True,
            pure=False, key=f"neurosim-{task.key[:16]}-{id(task):x}")
        self._running[worker] = (future, task)

    def _send(self, sha256: str, path: str) -> Future:
        """The file's bytes on the cluster, sent when first needed."""
        known = self._sent.get(sha256)
        if known is None or known.status in ("lost", "cancelled", "error"):
            with open(path, "rb") as file:
                # Through submit, not scatter: should the worker that holds them die, the
                # scheduler makes them again.
                self._sent[sha256] = self.client.submit(
                    _identity, file.read(), key=f"neurosim-file-{sha256}", pure=False)
        return self._sent[sha256]

    def wait(self, timeout_s: float) -> list[tuple[Hashable, Outcome | Lost]]:
        from distributed import wait

        futures = [future for future, _ in self._running.values()]
        if not futures:
            threading.Event().wait(timeout_s)  # no worker yet, or all of them gone
            return []
        try:
            with self.client.as_current():
                wait(futures, timeout=timeout_s, return_when="FIRST_COMPLETED")
        except TimeoutError:
            return []
        finished = [place for place, (future, _) in self._running.items() if future.done()]
        return [(place, self._receive(*self._running.pop(place))) for place in finished]

    def _receive(self, future: Future, task: Task) -> Outcome | Lost:
        if self.client.status != "running":
            raise ScenarioError("scheduler", "the scheduler has gone", "the same command again, "
                                "which goes on where it stopped", _PLACE)
        try:
            outcome: Any = future.result()
        except Exception as error:  # a worker killed too often, or cancelled
            return Lost(task, f"the worker was lost ({type(error).__name__})")
        assert isinstance(outcome, Outcome)
        return outcome

    def close(self) -> None:
        for future, _ in self._running.values():
            future.cancel()
        self._running.clear()
        self.client.close()


def _identity(content: bytes) -> bytes:
    return content


def run_with_files(task: Task, contents: dict[str, bytes]) -> Outcome:
    """What a dask worker runs; each of its threads shares between its own points."""
    if not hasattr(_local, "runner"):
        _local.runner, _local.laid = Runner(), Laid()
    return _local.runner.run(_local.laid.task(task, contents))
