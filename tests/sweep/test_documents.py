"""What the guide shows is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neurosim.errors import ScenarioError
from neurosim.sweep import load_sweep, plots, table


@pytest.fixture
def guide(project: Path) -> str:
    return (project / "docs" / "guides" / "sweeps.md").read_text()


@pytest.fixture
def example(guide: str) -> str:
    found = re.search(r"```yaml\n(.*?)```", guide, re.DOTALL)
    assert found
    return found[1]


def test_the_example_has_as_many_points_as_the_guide_says(
    guide: str, example: str, tmp_path: Path
):
    (tmp_path / "my-sweep.yaml").write_text(example)
    said = re.search(r"All combinations are run, (\d+) here", guide)
    assert said
    assert len(load_sweep(tmp_path / "my-sweep.yaml").points) == int(said[1])


def test_the_refusal_reads_as_shown(
    guide: str, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("my-sweep.yaml").write_text(example.replace("[4, 8, 16]", "[0, 8, 16]"))
    shown = re.search(r"^    (my-sweep.yaml:.*) \(allowed: \.\.\.\)$", guide, re.MULTILINE)
    assert shown
    with pytest.raises(ScenarioError) as caught:
        load_sweep("my-sweep.yaml")
    assert str(caught.value).startswith(shown[1])


def test_the_guide_names_all_pictures_and_scenarios(guide: str, project: Path):
    for name in plots.PICTURES:
        assert f"| `{name}` |" in guide
    for file in (project / "scenarios").glob("sweep_*.yaml"):
        assert f"`{file.name}`" in guide


def test_the_reference_names_all_derived_columns(project: Path):
    text = (project / "docs" / "reference" / "sweeps.md").read_text()
    for column in table.DERIVED:
        last = column.removeprefix("realisation")
        assert f"`{column}`" in text or f"`{last}`" in text, column
