"""What the README shows is true."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from neurosim.errors import ScenarioError
from neurosim.scenario import load_scenario


@pytest.fixture
def readme(project: Path) -> str:
    return (project / "README.md").read_text()


def test_the_scenario_loads(readme: str, write: Callable[[str, str], Path]):
    example = re.search(r"```yaml\n(.*?)```", readme, re.DOTALL)
    assert example
    scenario = load_scenario(write("my-first.yaml", example[1]))
    assert scenario.name == "my-first"


def test_the_refusal_reads_as_shown(
    readme: str, write: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
):
    example = re.search(r"```yaml\n(.*?)```", readme, re.DOTALL)
    shown = re.search(r"^    (my-first.yaml:.*) \(allowed: \.\.\.\)$", readme, re.MULTILINE)
    assert example and shown
    path = write("my-first.yaml", example[1].replace("activity:", "activty:"))
    monkeypatch.chdir(path.parent)
    with pytest.raises(ScenarioError) as caught:
        load_scenario("my-first.yaml")
    assert str(caught.value).startswith(shown[1])


def test_every_scenario_that_users_start_from_loads(project: Path):
    files = sorted((project / "scenarios").glob("*.yaml"))
    assert files
    for file in files:
        if not file.stem.startswith("sweep_"):  # those are in tests/sweep
            assert load_scenario(file).name == file.stem
