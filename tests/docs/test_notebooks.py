"""The notebooks run from top to bottom, and their results show themselves."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "docs" / "notebooks").glob("*.ipynb"))


def run_notebook(path: Path) -> list[Any]:
    """Run the code cells as a notebook does; the value of each cell's last expression."""
    pytest.importorskip("pandas")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {}
    shown = []
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, str(path), "exec"), names)
        shown.append(None if last is None else eval(
            compile(ast.Expression(last.value), str(path), "eval"), names))
    return shown


def test_there_is_one() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    shown = run_notebook(path)
    html = [value._repr_html_() for value in shown if hasattr(value, "_repr_html_")]
    assert len(html) >= 2 and all(text.count("<table") == 1 for text in html)
    assert not any(cell.get("outputs") for cell in json.loads(path.read_text())["cells"])


def test_what_the_first_look_shows(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers that its text leads to."""
    monkeypatch.chdir(project)
    result, (latency, bound), cores, gain, activity = run_notebook(
        project / "docs" / "notebooks" / "first-look.ipynb")
    assert bound == "balance" and latency == result["latency_s.per_step_mean"]
    assert cores.iloc[0]["layer"] == 0 and cores.iloc[0]["busy"] > 2 * cores.iloc[1]["busy"]
    assert 0.3 < gain < 0.5
    assert len(activity) == result["steps"] and activity.between(0, 1).all()
    with pytest.raises(KeyError):
        result.frame("nothing")
    assert len(result.frame("trace")) == len(result.trace)
    assert result.frame("links")["utilisation"].max() == result["traffic.max_link_utilisation"]
