"""All pictures of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from neurosim.measure import Result
from neurosim.report import style
from neurosim.report.bars import cores, energy, latency
from neurosim.report.floor import floorplan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: File name without suffix -> what draws it (None: the result has nothing to show).
FIGURES: dict[str, Callable[[Result], Figure | None]] = {
    "floorplan": floorplan,
    "cores": cores,
    "energy": energy,
    "latency": latency,
}


def write_figures(result: Result, directory: str | Path) -> list[Path]:
    """Draw everything that the result has to show, as PNG (150 dpi) and SVG.

    The same result gives the same bytes, with the same version of matplotlib.

    Returns:
        The files written.
    """
    files: list[Path] = []
    for name, draw in FIGURES.items():
        figure = draw(result)
        if figure is not None:
            files += style.save(figure, Path(directory), name)
    return files
