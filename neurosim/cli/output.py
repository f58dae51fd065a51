"""Files that commands write and read besides scenarios: refusals come before the work."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from neurosim.errors import Location, ScenarioError

#: Every results folder holds this file; only such a folder, or an empty one, is replaced.
MARKER = "result.json"


def default_output(name: str) -> Path:
    """Where results go without ``-o``: ``results/NAME`` below the working directory."""
    return Path("results") / name


def check_output(folder: Path) -> None:
    """Refuse a results folder that could not be written, before anything is simulated.

    An earlier results folder is replaced as a whole, so a folder with other things in it is
    refused: ``-o .`` must not remove somebody's work.

    Raises:
        ScenarioError: the folder is a file, holds other things, or cannot be created.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise _refused(f"{folder} is not a folder", "a new folder")
    try:
        if folder.is_dir() and any(folder.iterdir()) and not (folder / MARKER).is_file():
            raise _refused(
                f"{folder} holds other files", "a new or empty folder, or earlier results"
            )
        parent = folder.absolute().parent
        while not parent.exists():
            parent = parent.parent
        # The renames happen in the parent; asking for permission bits would miss read-only and
        # full file systems, so try.
        tempfile.TemporaryDirectory(dir=parent, prefix=".neurosim-").cleanup()
    except OSError as error:
        raise _refused(f"cannot write {folder}: {error.strerror}", "a writable place") from None


def _refused(why: str, allowed: str) -> ScenarioError:
    return ScenarioError("output", why, allowed, Location("--output", 1, 1))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        ScenarioError: unreadable, not UTF-8, not JSON, or not an object.
    """
    place = Location(path, 1, 1)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
        raise ScenarioError("sidecar", why, "a JSON file", place) from None
    except json.JSONDecodeError as error:
        place = Location(path, error.lineno, error.colno)
        raise ScenarioError("sidecar", f"is no JSON: {error.msg}", "JSON", place) from None
    except (UnicodeDecodeError, RecursionError):
        raise ScenarioError("sidecar", "is no JSON text", "UTF-8 JSON", place) from None
    if not isinstance(data, dict):
        raise ScenarioError("sidecar", "must be an object", '{"key": value}', place)
    return data
