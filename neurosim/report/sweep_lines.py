"""Measures of a sweep along one axis, most often the number of cores."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.5, 1.5)))


@dataclass(frozen=True)
class Line:
    """One series: places on the axis, values, and where known the interval of each (else None).

    ``knee``: index of the place beyond which more stops helping, or None.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    interval: Sequence[tuple[float, float] | None] = ()
    knee: int | None = None


@dataclass(frozen=True)
class Panel:
    """One measure of one facet.  ``ideal``: (x, y) of ideal scaling, or None."""

    measure: str
    unit: str
    facet: str
    lines: Sequence[Line]
    ideal: tuple[Sequence[float], Sequence[float]] | None = None


@dataclass(frozen=True)
class Lines:
    """A grid of panels: one row a measure, one column a facet.  ``ticks``: names of places on the
    axis where they are no numbers."""

    title: str
    subtitle: str
    x_label: str
    legend: str
    rows: Sequence[Sequence[Panel]]
    log_x: bool = False
    ticks: Sequence[str] = field(default_factory=tuple)


def lines(data: Lines) -> Figure:
    """The grid of panels, logarithmic where values span decades, with ideal scaling dashed."""
    with style.look():
        rows, columns = len(data.rows), max(len(row) for row in data.rows)
        figure = style.new_figure(1.9 + max(3.0 * columns, 4.6), 0.9 + 1.95 * rows)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey="row")
        for r, row in enumerate(data.rows):
            factor, prefix = _row_scale(row)
            for c, panel in enumerate(row):
                axes = grid[r][c]
                _draw_panel(axes, panel, factor)
                _scales(axes, row, panel, data)
                if c == 0:
                    unit = f" ({prefix}{panel.unit})" if prefix + panel.unit else ""
                    axes.set_ylabel(f"{panel.measure}\n{unit.strip()}")
                if r == 0 and panel.facet:
                    axes.set_title(panel.facet)
                if r == rows - 1:
                    axes.set_xlabel(data.x_label)
        _legend(figure, grid, data)
        title(figure, data.title, data.subtitle)
    return figure


def title(figure: Figure, text: str, below: str) -> None:
    """Title at the left of a figure and what it holds for below it, broken to the width."""
    width = int(12.5 * figure.get_figwidth())
    words = "\n".join([*textwrap.wrap(text, width), *textwrap.wrap(below, width)])
    figure.suptitle(words, x=0.01, ha="left", fontsize=9.5, color=style.DARK)


def plain_log(axes: Any, which: str) -> None:
    """A log axis with plain numbers, at 1, 2 and 5 of each decade (fewer over many decades)."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    getattr(axes, f"set_{which}scale")("log")
    low, high = getattr(axes, f"get_{which}lim")()
    line = getattr(axes, f"{which}axis")
    line.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 1e3 * low else (1.0,)))
    line.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    line.set_minor_locator(NullLocator())


def _row_scale(row: Sequence[Panel]) -> tuple[float, str]:
    values = [y for panel in row for line in panel.lines for y in line.y]
    if not values or row[0].unit == "":
        return 1.0, ""
    return style.scale(max(values))


def _draw_panel(axes: Axes, panel: Panel, factor: float) -> None:
    n = len(panel.lines)
    for i, line in enumerate(panel.lines):
        colour = series_colour(i, n)
        y = np.asarray(line.y) * factor
        axes.plot(line.x, y, marker=MARKERS[i % len(MARKERS)], markersize=4.5, color=colour,
                  linestyle=DASHES[i % len(DASHES)], linewidth=1.4, label=line.label)
        for place, interval in zip(line.x, line.interval, strict=False):
            if interval is not None:
                axes.vlines(place, interval[0] * factor, interval[1] * factor, color=colour,
                            linewidth=3.0, alpha=0.45)
        if line.knee is not None:
            axes.plot(line.x[line.knee], y[line.knee], "o", markersize=11, fillstyle="none",
                      color=style.DARK, markeredgewidth=1.0)
    if panel.ideal is not None:
        axes.plot(panel.ideal[0], np.asarray(panel.ideal[1]) * factor, color=style.MIDDLE,
                  linestyle=(0, (2, 2)), linewidth=1.0)


def _scales(axes: Axes, row: Sequence[Panel], panel: Panel, data: Lines) -> None:
    """Scales of a panel; the panels of a row share theirs upward."""
    from matplotlib.ticker import NullLocator

    values = [y for each in row for line in each.lines for y in line.y if y > 0]
    if values and max(values) > 3 * min(values):
        plain_log(axes, "y")
    elif values:
        axes.set_ylim(bottom=0.0)
    places = sorted({x for line in panel.lines for x in line.x})
    if data.log_x and places:
        axes.set_xscale("log")
        shown = _apart(places)
        axes.set_xticks(shown, [f"{x:.3g}" for x in shown])
        axes.xaxis.set_minor_locator(NullLocator())
    elif data.ticks:
        axes.set_xticks(range(len(data.ticks)), list(data.ticks))
        axes.set_xlim(-0.4, len(data.ticks) - 0.6)
    axes.grid(axis="y")


def _apart(places: Sequence[float]) -> list[float]:
    """Ticks at places that are far enough apart on a log axis to be told apart."""
    shown: list[float] = []
    gap = (places[-1] / places[0]) ** 0.09 if places[0] > 0 else 1.0
    for place in places:
        if not shown or place >= shown[-1] * gap:
            shown.append(place)
    return shown


def series_colour(i: int, n: int) -> Any:
    """Colour of series i of n, from dark to light."""
    return style.layer_colours(max(n, 2))[i] if n > 1 else style.BLUE


def _legend(figure: Figure, grid: Any, data: Lines) -> None:
    from matplotlib.lines import Line2D

    handles: dict[str, Any] = {}
    for axes in grid.flat:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(name, handle)
    extra = []
    panels = [panel for row in data.rows for panel in row]
    if any(panel.ideal for panel in panels):
        extra.append(Line2D([], [], color=style.MIDDLE, linestyle=(0, (2, 2)), linewidth=1.0,
                            label="ideal scaling"))
    if any(line.knee is not None for panel in panels for line in panel.lines):
        extra.append(Line2D([], [], color=style.DARK, marker="o", fillstyle="none", markersize=10,
                            linestyle="", label="knee"))
    named = [handle for name, handle in handles.items() if name]
    if named or extra:
        figure.legend(handles=[*named, *extra], title=data.legend or None, alignment="left",
                      loc="outside right center")
