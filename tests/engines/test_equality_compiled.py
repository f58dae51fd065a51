"""What only the compiled engine has: limits, pieces, bounded memory, and a cache of its code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurosim.engines import compiled
from neurosim.engines.compiled import drive, first_use, jit, programs, state
from neurosim.engines.outcome import FINISHED, INTERRUPTED, STOPPED
from neurosim.errors import SimulationError
from neurosim.lower import lower_traffic
from tests.engines.machines import mesh, small_image


def test_a_router_that_is_too_wide_is_refused_by_name() -> None:
    image = small_image(sizes=(70,), cores=(70,), chip=mesh(1, 1, 70))
    with pytest.raises(SimulationError, match="outputs|copies"):
        compiled.run(image)


def test_watcher_ends_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "_PIECE", 50)
    seen: list[tuple[int, int, int]] = []

    def watch(*what: int) -> bool:
        seen.append(what)  # type: ignore[arg-type]
        return len(seen) == 3

    outcome = compiled.run(small_image(), progress=watch)
    assert outcome.status == INTERRUPTED
    assert [events for _, _, events in seen] == [50, 100, 150]
    ticks = [tick for _, tick, _ in seen]
    assert ticks == sorted(ticks) and outcome.counters.end_tick > 0


def test_pieces_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compiled.run(small_image()).counters
    monkeypatch.setattr(drive, "_PIECE", 1)
    outcome = compiled.run(small_image())
    assert outcome.status == FINISHED
    assert outcome.counters.end_tick == whole.end_tick


def test_memory_does_not_grow_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above saturation the packets that wait at sources are not held anywhere."""
    def grow(*_: object) -> None:
        raise AssertionError("more cells than at the start")

    image = lower_traffic(mesh(4, 4, 1), "uniform", 0.9, 1, 20_000, 0)
    original, calls = state.grow_cells, []

    def first_only(s: state.State, more: int) -> None:
        calls.append(more)
        (original if len(calls) == 1 else grow)(s, more)

    monkeypatch.setattr(state, "grow_cells", first_only)
    outcome = compiled.run(image)
    assert outcome.status == STOPPED and outcome.counters.in_flight > 50_000
    assert len(calls) == 1


def test_compiled_code_goes_where_it_can(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert jit.cache_folder().parent == tmp_path
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(blocked))
    assert jit.cache_folder().is_dir()


def test_compiling_is_announced_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    for expected in (True, False):
        monkeypatch.setattr(first_use, "_ready", set())
        with first_use.once("some"):
            pass
        assert ("compiling the engine once" in capsys.readouterr().err) is expected


def test_a_node_that_takes_a_channel_twice_needs_the_general_program() -> None:
    image = small_image()
    assert not programs._forks_twice(image)
    fork = int(np.flatnonzero(np.diff(image.node_ptr) > 1)[0])
    first = int(image.node_ptr[fork])
    for order in ([0, 0], [1, 0]):
        channel = image.br_channel.copy()
        channel[first: first + 2] = channel[first: first + 2][order]
        assert programs._forks_twice(replace(image, br_channel=channel)) is (order == [0, 0])
