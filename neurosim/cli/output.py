"""Files that commands write and read besides scenarios: refusals come before the work."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosim.errors import Location, ScenarioError, UserError

if TYPE_CHECKING:
    from neurosim.measure import Result

#: Where a refused results folder stands.
OPTION = Location("--output", 1, 1)


def default_output(name: str) -> Path:
    """Where results go without ``-o``: ``results/NAME`` below the working directory."""
    return Path("results") / name


def check_output(folder: Path) -> None:
    """Refuse a results folder that could not be written, before anything is simulated.

    Raises:
        ScenarioError: the folder is a file, holds other things, or cannot be created.
    """
    from neurosim.measure.folder import refuse_other_things

    try:
        refuse_other_things(folder)
        parent = folder.absolute().parent
        while not parent.exists():
            parent = parent.parent
        # The renames happen in the parent; asking for permission bits would miss read-only and
        # full file systems, so try.
        tempfile.TemporaryDirectory(dir=parent, prefix=".neurosim-").cleanup()
    except OSError as error:
        why = f"cannot write {folder}: {error.strerror}"
        raise ScenarioError("output", why, "a writable place", OPTION) from None
    except UserError as error:
        raise error.at(OPTION) from None


def write(result: Result, folder: Path, figures: bool) -> None:
    """Write the results, whole or not at all.

    Raises:
        ScenarioError: the folder has become unwritable meanwhile.
    """
    try:
        result.write(folder, figures=figures)
    except UserError as error:
        raise error.at(OPTION) from None


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
