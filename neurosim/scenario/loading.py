"""From a YAML file to a validated scenario that knows where each of its keys stands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, ValidationError

from neurosim.errors import Location, ScenarioError
from neurosim.files.yaml_tree import Document, read_yaml
from neurosim.scenario.complaints import refusal
from neurosim.scenario.overrides import apply_overrides, expand_short_forms
from neurosim.scenario.schema import Sections

#: Keys that name files which must exist.
FILE_KEYS = (
    "network.model",
    "network.synthetic.replay",
    "workload.text",
    "workload.tokens",
    "workload.inputs",
    "workload.traffic.file",
)


class Scenario(Sections):
    """A validated scenario: the sections of the file, and where they came from."""

    _document: Document = PrivateAttr(default_factory=lambda: Document("<memory>", {}))
    _base_dir: Path = PrivateAttr(default_factory=Path)

    @property
    def path(self) -> Path:
        """The scenario file, as it was named; ``<memory>`` if there is none."""
        return Path(self._document.file)

    @property
    def base_dir(self) -> Path:
        """What relative paths in the scenario are relative to."""
        return self._base_dir

    @property
    def sha256(self) -> str:
        """Hash of the file's bytes (of the data, as JSON, if there is no file)."""
        return self._document.sha256

    def locate(self, key: str) -> Location:
        """Where the value of the dotted key stands; if it is absent, its nearest parent."""
        return self._document.locate(key)

    def resolve(self, path: str | Path) -> Path:
        """A path of the scenario, as the program can open it."""
        return self._base_dir / path

    @property
    def chip_source(self) -> str | Path:
        """Name of a chip that comes with the package, or path of a chip file."""
        return self.resolve(self.chip.use) if is_chip_file(self.chip.use) else self.chip.use

    def resolved(self) -> dict[str, Any]:
        """Everything with defaults filled in and quantities in SI, as plain JSON data."""
        return self.model_dump(mode="json")


def is_chip_file(use: str) -> bool:
    """Whether ``chip.use`` is meant as a path: it has a suffix of YAML or a slash."""
    return "/" in use or use.endswith((".yaml", ".yml"))


def load_document(path: str | Path, overrides: Sequence[str] = ()) -> Document:
    """Read a scenario file and apply overrides; nothing is validated yet.

    Raises:
        ScenarioError: as :func:`load_scenario`, for what cannot be read.
    """
    document = read_yaml(path)
    if document.data.get("name") is None:
        document.data["name"] = Path(path).stem
    expand_short_forms(document)
    apply_overrides(document, overrides)
    return document


def load_scenario(path: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """Read and validate a scenario file.

    Args:
        path: the YAML file.
        overrides: ``dotted.key=value`` texts, applied in order before validation.

    Raises:
        ScenarioError: anything in the file, or the overrides, that cannot be; the message names
            file, line, column and key.  Further refusals are in the notes of the exception.
    """
    return scenario_from_document(load_document(path, overrides), Path(path).parent)


def scenario_from_data(
    data: Mapping[str, Any], base_dir: str | Path = ".", overrides: Sequence[str] = ()
) -> Scenario:
    """Validate a scenario given as nested mappings instead of a file.

    Args:
        data: what a scenario file would hold.
        base_dir: what relative paths are relative to.
        overrides: as in :func:`load_scenario`.

    Raises:
        ScenarioError: as in :func:`load_scenario`, with ``<memory>`` for the file.
    """
    text = json.dumps(data, sort_keys=True, default=str)
    document = Document("<memory>", json.loads(json.dumps(data, default=str)))
    document.sha256 = hashlib.sha256(text.encode()).hexdigest()
    expand_short_forms(document)
    apply_overrides(document, overrides)
    return scenario_from_document(document, Path(base_dir))


def scenario_from_document(document: Document, base_dir: Path) -> Scenario:
    """Validate a document whose short forms are expanded.

    Raises:
        ScenarioError: as :func:`load_scenario`.
    """
    if "sweep" in document.data:
        raise ScenarioError("sweep", "this file describes many runs, not one",
                            f"neurosim sweep {document.file}, or a file without this block",
                            document.locate("sweep", at_key=True))
    try:
        scenario = Scenario.model_validate(document.data)
    except ValidationError as error:
        raise refusal(error, Scenario, document) from None
    scenario._document, scenario._base_dir = document, base_dir
    _check_files(scenario)
    return scenario


def _check_files(scenario: Scenario) -> None:
    for key in FILE_KEYS:
        value: Any = scenario
        for part in key.split("."):
            value = getattr(value, part, None)
        if value is not None:
            _check_file(scenario, key, value)
    if isinstance(scenario.chip_source, Path):
        _check_file(scenario, "chip.use", scenario.chip.use)


def _check_file(scenario: Scenario, key: str, path: str | Path) -> None:
    target = scenario.resolve(path)
    if target.is_file():
        return
    why = f"{path} is a directory" if target.is_dir() else f"no such file: {path}"
    allowed = f"a file, relative to {scenario.base_dir}/"
    raise ScenarioError(key, why, allowed, scenario.locate(key))
