"""Looks that all pictures share: colours that colour-blind people and grey printers can tell apart.

Ordered quantities use maps whose lightness changes steadily; kinds use colours of the Okabe-Ito
palette, neighbours of which differ in lightness, with hatching where that is not enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosim.measure.summary import si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

DPI = 150
#: Longer names of scenarios are cut in headings.
LONGEST_NAME = 28
DARK, MIDDLE, LIGHT, PALE = "#222222", "#767676", "#bdbdbd", "#ececec"
BLUE, SKY, VERMILION, ORANGE, GREEN, PURPLE = (
    "#0072b2", "#56b4e9", "#d55e00", "#e69f00", "#009e73", "#cc79a7")

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.edgecolor": MIDDLE,
    "axes.labelcolor": DARK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "xtick.color": DARK,
    "ytick.color": DARK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "hatch.linewidth": 0.6,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "svg.hashsalt": "neurosim",
    # Names of scenarios and chips are no formulas.
    "text.parse_math": False,
    "path.simplify": True,
}


@contextmanager
def look() -> Iterator[None]:
    """The project's settings of matplotlib, whatever the user's are."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches, belonging to no window system."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, directory: Path, name: str) -> list[Path]:
    """Write ``name.png`` and ``name.svg``; the same figure gives the same bytes."""
    with look():
        png, svg = directory / f"{name}.png", directory / f"{name}.svg"
        figure.savefig(png, metadata={"Software": None})
        figure.savefig(svg, metadata={"Date": None, "Creator": None})
    return [png, svg]


def heading(axes: Axes, data: Mapping[str, Any], what: str) -> None:
    """Title at the left: the run and what is shown; below it the chip and the length."""
    chip = data["provenance"]["chip"]
    steps = data["steps"]
    length = f", {steps:,} step{'s' if steps > 1 else ''}" if steps else ""
    name = " ".join(str(data["scenario"]["name"]).split())
    short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    axes.set_title(f"{short}: {what}\n", fontweight="bold", color=DARK)
    axes.annotate(f"{chip['name']} at {chip['level']}{length}", (0.0, 1.0), (0, 5),
                  xycoords="axes fraction", textcoords="offset points", color=MIDDLE, fontsize=8.5,
                  va="bottom", ha="left")


def amount(value: float | None, unit: str) -> str:
    """A value with three digits and a prefix: ``1.23 µs``."""
    return si(value, unit).replace(" u", " µ")


def colour_map(name: str, start: float = 0.0, stop: float = 1.0) -> Colormap:
    """A part of one of matplotlib's maps."""
    import numpy as np
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps[name](np.linspace(start, stop, 256)))


def layer_colours(n: int) -> list[tuple[float, ...]]:
    """Colours of n layers, from dark to light."""
    from matplotlib import colormaps

    viridis = colormaps["viridis"]
    return [tuple(viridis(0.12 + 0.80 * i / max(1, n - 1))) for i in range(n)]


def scale(largest: float) -> tuple[float, str]:
    """(factor, prefix) that bring values up to ``largest`` between 1 and 1000."""
    for factor, prefix in ((1.0, ""), (1e3, "m"), (1e6, "µ"), (1e9, "n")):
        if largest * factor >= 1.0:
            return factor, prefix
    return 1e12, "p"
