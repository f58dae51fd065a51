"""The guide to the whole language model says what its figures say."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import whole_model, whole_model_page


def test_tables_are_those_of_the_figures() -> None:
    found = json.loads(whole_model.FIGURES.read_text())
    page = whole_model_page.PAGE.read_text()
    assert whole_model_page.filled(page, found) == page, "run python -m benchmarks.whole_model draw"


def test_pictures_can_be_drawn(tmp_path: Path, monkeypatch) -> None:
    found = json.loads(whole_model.FIGURES.read_text())
    monkeypatch.setattr(whole_model_page, "PICTURES", tmp_path)
    whole_model_page.draw_streams(found["streams"])
    whole_model_page.draw_gpu(found)
    whole_model_page.draw_places(found["table"])
    for name in ("streams", "gpu", "places"):
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
        assert f"](../pictures/whole_model/{name}.png)" in whole_model_page.PAGE.read_text()


def test_every_place_at_both_levels_is_in_the_table() -> None:
    found = json.loads(whole_model.FIGURES.read_text())
    keys = ("numbers", "level", "on", "gated")
    shown = {tuple(row[key] for key in keys) for row in found["table"]}
    assert shown == {tuple(what[key] for key in keys) for what, _ in whole_model.rows()}
