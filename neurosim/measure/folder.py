"""A results folder that is there whole or not at all."""

from __future__ import annotations

import ctypes
import io
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.errors import ScenarioError

#: Every results folder holds this file; only such a folder, or an empty one, is replaced.
MARKER = "result.json"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside ``target`` that takes its place when the block ends well.

    An older results folder is exchanged in one step where the system can (Linux), so that at any
    moment ``target`` is the old or the new one, whole.  If the block raises, nothing has changed.

    Raises:
        ScenarioError: ``target`` is a file, holds something else, or cannot be written.
    """
    target = target.absolute()
    refuse_other_things(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    except OSError as error:
        raise _refused(f"cannot write {target}: {error.strerror}", "a writable place") from None
    try:
        yield fresh
        fresh.chmod(0o777 & ~_umask())
        if target.exists():
            _replace(fresh, target)
        else:
            fresh.rename(target)
    except OSError as error:
        raise _refused(f"cannot write {target}: {error.strerror}", "a writable place") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def refuse_other_things(target: Path) -> None:
    """Refuse a target whose replacing would lose what is no results folder.

    Raises:
        ScenarioError: ``target`` is a link or a file, or holds something else.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise _refused(f"{target} is not a folder", "a new folder")
    if target.is_dir() and not (target / MARKER).is_file() and any(target.iterdir()):
        raise _refused(f"{target} holds other files", "a new or empty folder, or earlier results")


def _refused(why: str, allowed: str) -> ScenarioError:
    return ScenarioError("output", why, allowed)


def _replace(fresh: Path, target: Path) -> None:
    """Put ``fresh`` in ``target``'s place; the old one ends up under ``fresh``'s name."""
    if _exchange(fresh, target):
        return
    aside = fresh.with_name(fresh.name + "-old")
    target.rename(aside)
    try:
        fresh.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _exchange(a: Path, b: Path) -> bool:
    """Swap two names in one step; False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    done = rename(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b),
                  ctypes.c_uint(_RENAME_EXCHANGE))
    return bool(done == 0)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# --- files


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Sorted keys, floats so that they read back exactly, null for what is not a number."""
    text = json.dumps(plain(data), indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """Python's own types only: numpy's become theirs, NaN and infinities None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Compressed arrays; the same arrays give the same bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    path.write_bytes(buffer.getvalue())
