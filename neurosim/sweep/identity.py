"""What makes two points the same: the hash of what they say and of the files they use."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurosim._version import __version__
from neurosim.chip import Chip
from neurosim.scenario import Scenario
from neurosim.scenario.loading import FILE_KEYS, is_chip_file

#: Sections and keys that change nothing of the result.
WORDS = ("name", "description")


@dataclass(frozen=True)
class Asset:
    """One file that a scenario names, with the files that belong to it, the named one first.

    ``files`` are (path below the common folder, absolute path, sha256).
    """

    key: str
    files: tuple[tuple[str, str, str], ...]

    @property
    def main(self) -> str:
        """Absolute path of the named file."""
        return self.files[0][1]


class Hashes:
    """sha256 of files, read again only when their stat has changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int, int], str]] = {}

    def of(self, path: str | Path) -> str:
        """Hash of a file's bytes; OSError if it cannot be read."""
        text = str(path)
        state = os.stat(text)
        stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
        known = self._known.get(text)
        if known is None or known[0] != stamp:
            with open(text, "rb") as file:
                known = (stamp, hashlib.file_digest(file, "sha256").hexdigest())
            self._known[text] = known
        return known[1]


def assets(scenario: Scenario, hashes: Hashes) -> tuple[Asset, ...]:
    """The files that a scenario names, model sidecars and included chip files with them."""
    found = []
    for key in FILE_KEYS:
        value: Any = scenario
        for part in key.split("."):
            value = getattr(value, part, None)
        if value is not None:
            path = scenario.resolve(value)
            extra = _beside(path) if key == "network.model" else []
            found.append(_asset(key, [path, *extra], hashes))
    if is_chip_file(scenario.chip.use):
        files = _included(scenario.resolve(scenario.chip.use))
        found.append(_asset("chip.use", files, hashes))
    return tuple(found)


def _asset(key: str, paths: list[Path], hashes: Hashes) -> Asset:
    absolute = [os.path.abspath(path) for path in paths]
    folder = os.path.commonpath([os.path.dirname(path) for path in absolute])
    return Asset(key, tuple((os.path.relpath(path, folder), path, hashes.of(path))
                            for path in absolute))


def _beside(model: Path) -> list[Path]:
    """The sidecar of a model file, and the embedding's file if that names one.  A damaged sidecar
    is for loading the model to refuse."""
    from neurosim.network.sidecar import sidecar_path

    path = sidecar_path(model)
    if not path.is_file():
        return []
    try:
        shared = json.loads(path.read_text(encoding="utf-8")).get("embedding")
    except (OSError, ValueError, AttributeError):
        shared = None
    other = model.parent / shared if isinstance(shared, str) else None
    return [path, other] if other is not None and other.is_file() else [path]


def _included(path: Path) -> list[Path]:
    """A chip file, the files that it includes by path, and the graph files that these name."""
    from neurosim.files.yaml_tree import read_yaml

    files: list[Path] = [path]
    graphs: list[Path] = []
    while True:
        data = read_yaml(files[-1], "chip.use").data
        topology = data.get("topology")
        graph = topology.get("file") if isinstance(topology, dict) else None
        if isinstance(graph, str):
            graphs.append(files[-1].parent / graph)
        include = data.get("include")
        if not isinstance(include, str) or not is_chip_file(include):
            return [*files, *graphs]
        files.append(files[-1].parent / include)


def point_key(scenario: Scenario, files: tuple[Asset, ...], chip_sha256: str) -> str:
    """Hash of everything that the result of a point depends on."""
    said = scenario.resolved()
    for word in WORDS:
        said.pop(word, None)
    _without_paths(said, files)
    said["chip"] = {"cores": scenario.chip.cores, "sha256": chip_sha256}
    return _digest({"scenario": said, "files": _contents(files), "neurosim": __version__})


def network_key(scenario: Scenario, files: tuple[Asset, ...]) -> str:
    """Hash of the network alone: points with the same one go to the same worker."""
    said = {"network": scenario.resolved()["network"]}
    _without_paths(said, files)
    of_network = tuple(file for file in files if file.key.startswith("network."))
    return _digest({**said, "files": _contents(of_network)})


def _contents(files: tuple[Asset, ...]) -> dict[str, list[str]]:
    return {file.key: [sha for _, _, sha in file.files] for file in files}


def _without_paths(said: dict[str, Any], files: tuple[Asset, ...]) -> None:
    for file in files:
        *sections, last = file.key.split(".")
        here: Any = said
        for section in sections:
            here = here.get(section) or {}
        if last in here:
            here[last] = None


def chip_sha256(chip: Chip) -> str:
    """Hash of a chip with its level and overrides."""
    from neurosim.measure.whole import chip_sha256 as digest

    return digest(chip)


def _digest(data: Any) -> str:
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
