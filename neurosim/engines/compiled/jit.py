"""How functions are compiled: no fast mathematics, every small function inlined.

The functions of rules.py are compiled from the same function objects that the reference engine
calls (``register_jitable`` lets compiled code call them as they are).
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.extending import register_jitable

from neurosim import image, rules, trace

for _function in (
    rules.edge, rules.bursts, rules.product, rules.sigmoid, rules.egru_candidate,
    rules.round_event, rules.gumbel, rules.score, rules.better,
    rules.token_at, rules.hash32, rules._mix, rules._mul32, rules.uniform, rules.traffic_gap,
    rules.traffic_dest, trace.pack,
):
    register_jitable(_function)

#: Only entry points are called from Python: the others need no wrapper, which halves compilation.
_INNER: Any = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
jit: Callable[[Any], Any] = numba.njit(**_INNER)
#: For functions of the inner loop: a call would copy every array's descriptor.
inline: Callable[[Any], Any] = numba.njit(forceinline=True, **_INNER)

#: Files of this folder that run as Python.
_NOT_COMPILED = {"__init__", "drive", "fill", "first_use", "programs", "recording", "result",
                 "state", "waits"}


def cache_folder() -> Path:
    """Where compiled code is kept: in NUMBA_CACHE_DIR if that is set, else beside the sources, else
    in the user's cache folder, else in a temporary one.  Its last part is a hash of all sources
    that are compiled, because numba itself looks at the one file only with the entry point."""
    here = Path(__file__).parent
    sources = sorted(file for file in here.glob("*.py") if file.stem not in _NOT_COMPILED)
    sources += [Path(str(module.__file__)) for module in (
        rules, trace, image)]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()[:16]
    named = os.environ.get("NUMBA_CACHE_DIR")
    user = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "neurosim"
    roots = [Path(named)] if named else [here / "__pycache__", user]
    for root in roots:
        folder = root / f"neurosim-{digest}"
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    return _temporary()


@functools.cache
def _temporary() -> Path:
    """A folder of this process's own: code that somebody else could write is never loaded."""
    folder = tempfile.mkdtemp(prefix="neurosim-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def entry(function: Callable[..., Any]) -> Any:
    """Compile an entry point, and keep the code on disk."""
    config: Any = numba.config
    before, config.CACHE_DIR = config.CACHE_DIR, str(cache_folder())
    try:
        return numba.njit(error_model="numpy", cache=True)(function)
    finally:
        config.CACHE_DIR = before
