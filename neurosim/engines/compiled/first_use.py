"""The first use: compiled code is kept on disk, and making it is announced."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from neurosim.image import LENGTHS, PACKET_KINDS, SUMS_PER_UNIT, Image

_SECONDS = 20
_ready: set[str] = set()


@contextlib.contextmanager
def once(variant: str) -> Iterator[None]:
    """Around the first call of a variant in this process: says what takes so long if it is not on
    disk yet, and lets other processes wait for it instead of compiling the same."""
    if variant in _ready:
        yield
        return
    from neurosim.engines.compiled.jit import cache_folder

    done = cache_folder() / f"{_machine()}-{variant}.compiled"
    with _alone(done.with_suffix(".lock"), done):
        if not done.exists():
            print(f"neurosim: compiling the engine once, about {_SECONDS} s "
                  f"(kept in {done.parent})", file=sys.stderr, flush=True)
        yield
        _ready.add(variant)
        with contextlib.suppress(OSError):
            done.touch()


def _machine() -> str:
    """What compiled code depends on beside the sources."""
    import llvmlite.binding as llvm  # type: ignore[import-untyped]
    import numba

    python = f"py{sys.version_info[0]}{sys.version_info[1]}"
    return f"{llvm.get_host_cpu_name()}-{python}-numba{numba.__version__}"


@contextlib.contextmanager
def _alone(lock: Path, done: Path) -> Iterator[None]:
    """One process at a time, as long as there is something to compile."""
    if done.exists():
        yield
        return
    try:
        import fcntl

        handle = lock.open("w")
    except (ImportError, OSError):  # no such locks here: then everybody compiles
        yield
        return
    with handle:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def nothing() -> Image:
    """The smallest Image: one router and nothing to do."""
    empty: dict[Any, Any] = {int: 0, bool: False, float: 0.0, np.ndarray: np.zeros(0, np.int64)}
    fields: dict[str, Any] = {name: empty[kind] for name, kind in get_type_hints(Image).items()}

    def flat(n: int) -> np.ndarray:
        return np.zeros(n, np.int64)

    fields.update(
        tick_hz=1, n_routers=1, n_vcs=1, flit_bits=1, clock_period=flat(2) + 1,
        clock_phase=flat(2), ready_cycles=flat(2), out_ptr=flat(2), in_ptr=flat(2),
        node_ptr=flat(1), packet_bits=flat(PACKET_KINDS) + 1, n_sums=2, streams=1, unit_ptr=flat(1),
        row_ptr=flat(1), superstep_period=1, tick_period=1, barrier_ticks=1, report_ticks=1,
        host_send_ticks=1, end_tick=0, histogram_ticks=1, length_bits=flat(LENGTHS - 1) + 1)
    for name, columns in (("receive_ticks", PACKET_KINDS), ("n_markers", 2), ("n_acks", 2),
                          ("unit_bias", SUMS_PER_UNIT), ("replay", 0), ("inputs", 0),
                          ("lookup", 0), ("decoder_weight", 0)):
        fields[name] = np.zeros((0, columns))
    for name in ("route_channel", "route_vc"):
        fields[name] = np.zeros((1, 0), np.int64)
    for name in ("receive_ticks", "n_markers", "n_acks"):
        fields[name] = fields[name].astype(np.int64)
    return Image(**fields)
