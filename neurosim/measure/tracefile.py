"""Traces on disk: written block by block while a run goes on, memory-mapped afterwards.

The file is numpy's own format (``np.load(path, mmap_mode="r")``), so a trace larger than memory is
an array like any other.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import weakref
from pathlib import Path

import numpy as np

from neurosim.trace import RECORD

#: Name in a results folder.
NAME = "trace.npy"


class TraceFile:
    """A file of records that grows by blocks; call it with each block (an engine's ``Sink``).

    It goes with the last array that maps it; :func:`keep` gives it a second name before that.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Args:
            folder: where the file is (default: the system's place for temporary files); the
                nearest folder above that exists.
        """
        if folder is not None:
            folder = folder.absolute()
            folder = next(place for place in (folder, *folder.parents) if place.is_dir())
        number, name = tempfile.mkstemp(prefix=".neurosim-trace-", suffix=".npy", dir=folder)
        self.path, self.count = Path(name), 0
        self._file = os.fdopen(number, "wb", buffering=0)
        self._file.write(_header(0))

    def __call__(self, block: np.ndarray) -> None:
        rest = memoryview(np.ascontiguousarray(block).view(np.uint8).data)
        while len(rest):
            rest = rest[self._file.write(rest):]
        self.count += len(block)

    def finish(self) -> np.memmap:
        """All records, mapped read-only."""
        self._file.seek(0)
        self._file.write(_header(self.count))
        self._file.close()
        records: np.memmap = np.lib.format.open_memmap(self.path, mode="r")
        weakref.finalize(records._mmap, _remove, str(self.path))  # type: ignore[attr-defined]
        return records

    def discard(self) -> None:
        """Give up: the file goes at once."""
        self._file.close()
        _remove(str(self.path))


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _header(count: int) -> bytes:
    """Numpy leaves room for any number of records, so that all headers are equally long."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {
        "descr": np.lib.format.dtype_to_descr(RECORD), "fortran_order": False, "shape": (count,)})
    return out.getvalue()


def keep(records: np.ndarray, path: Path) -> None:
    """Store a trace at ``path``: a whole file that is mapped gets another name, without copying
    where both are on one file system."""
    source = getattr(records, "filename", None)
    if source is None or len(records) != _records_in(source):
        np.save(path, records)
        return
    try:
        os.link(source, path)
    except OSError:
        shutil.copyfile(source, path)
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)


def _records_in(path: str | Path) -> int:
    try:
        return (os.path.getsize(path) - len(_header(0))) // RECORD.itemsize
    except OSError:
        return -1


def load(path: Path) -> np.memmap:
    """The trace of a results folder's file, mapped read-only.

    Raises:
        ValueError, OSError: the file is no whole trace, or cannot be read.
    """
    records: np.memmap = np.lib.format.open_memmap(path, mode="r")
    if records.dtype != RECORD or records.ndim != 1:
        raise ValueError(f"{path} holds no trace")
    return records
