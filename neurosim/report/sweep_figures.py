"""Pictures of a sweep: heat map, Pareto front, stacked energy, sensitivities, realisation.

Each function draws one frozen record of plain numbers; what the numbers are is decided in
:mod:`neurosim.sweep.analysis`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from neurosim.report import style
from neurosim.report.sweep_lines import MARKERS, plain_log, series_colour, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Component, name, colour, hatch: from the bottom of the bars up.
COMPONENTS = (
    ("core_active", "cores, active", style.BLUE, None),
    ("core_idle", "cores, asleep", style.SKY, None),
    ("sram", "SRAM", style.GREEN, None),
    ("noc", "NoC", style.VERMILION, None),
    ("dram", "DRAM", style.PURPLE, None),
    ("host_link", "host link", style.ORANGE, "////"),
    ("static", "static", style.LIGHT, None),
)


# --- heat map


@dataclass(frozen=True)
class Heat:
    """``values`` [rows, columns] of each panel (NaN: no result), and ``operations`` likewise."""

    title: str
    subtitle: str
    row_label: str
    column_label: str
    rows: Sequence[str]
    columns: Sequence[str]
    panels: Sequence[tuple[str, str, np.ndarray]]
    operations: np.ndarray


def heat(data: Heat) -> Figure:
    """One map a panel (measure, unit, values), iso-lines of operations a step over it."""
    with style.look():
        n, columns = len(data.panels), len(data.columns)
        figure = style.new_figure(n * max(3.6, 1.9 + 0.62 * columns),
                                  1.9 + 0.5 * len(data.rows))
        for number, (measure, unit, values) in enumerate(data.panels):
            axes = figure.add_subplot(1, n, number + 1)
            _draw_heat(figure, axes, data, measure, unit, values)
            if number == 0:
                axes.set_ylabel(data.row_label)
        title(figure, data.title, data.subtitle)
    return figure


def _draw_heat(figure: Figure, axes: Axes, data: Heat, measure: str, unit: str,
               values: np.ndarray) -> None:
    from matplotlib.colors import LogNorm

    factor, prefix = style.scale(float(np.nanmax(values)))
    shown = np.ma.masked_invalid(values * factor)
    low, high = float(shown.min()), float(shown.max())
    norm = LogNorm(low, high) if low > 0 and high > 3 * low else None
    map_ = style.colour_map("viridis", 0.45, 1.0).with_extremes(bad=style.PALE)
    axes.imshow(shown, cmap=map_, norm=norm, aspect="auto", origin="lower")
    for (r, c), value in np.ndenumerate(shown):
        if not np.ma.is_masked(value):
            axes.text(c, r - 0.25, f"{value:.3g}", ha="center", va="center", fontsize=8, zorder=6,
                      bbox={"boxstyle": "square,pad=0.12", "facecolor": "white", "alpha": 0.7,
                            "edgecolor": "none"})
    _iso_lines(axes, data.operations)
    axes.set_xticks(range(len(data.columns)), data.columns)
    axes.set_yticks(range(len(data.rows)), data.rows)
    axes.tick_params(length=0)
    axes.set_xlabel(data.column_label)
    axes.set_title(f"{measure} ({prefix}{unit})")
    for side in axes.spines.values():
        side.set_visible(False)


def _iso_lines(axes: Axes, operations: np.ndarray) -> None:
    """Lines of equal operations at round values, where the grid is large enough to have some."""
    if min(operations.shape) < 2 or not np.isfinite(operations).all() or operations.min() <= 0:
        return
    decades = np.arange(np.floor(np.log10(operations.min())), np.log10(operations.max()) + 1)
    levels = np.unique([m * 10.0**d for d in decades for m in (1, 2, 5)])
    levels = levels[(levels > operations.min()) & (levels < operations.max())]
    if len(levels):
        drawn = axes.contour(operations, levels=levels, colors="white", linewidths=2.6)
        drawn = axes.contour(operations, levels=levels, colors="black", linewidths=0.9)
        axes.clabel(drawn, fmt=_operations, fontsize=7.5, colors="black")


def _operations(count: float) -> str:
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= factor:
            return f"{count / factor:g} {prefix}"
    return f"{count:g}"


# --- Pareto front


@dataclass(frozen=True)
class Pareto:
    """Points (x, y, name, whether on the front, low and high of x)."""

    title: str
    subtitle: str
    x_label: str
    y_label: str
    points: Sequence[tuple[float, float, str, bool, float, float]]


def pareto(data: Pareto) -> Figure:
    """All points, the front joined by steps and its points numbered, named beside the picture."""
    with style.look():
        figure = style.new_figure(8.6, 4.2)
        axes = figure.add_subplot()
        factor, prefix = style.scale(max(p[0] for p in data.points))
        rest = [p for p in data.points if not p[3]]
        front = sorted((p for p in data.points if p[3]), key=lambda p: p[0])
        axes.plot([p[0] * factor for p in rest], [p[1] for p in rest], "o", markersize=4,
                  color=style.LIGHT, markeredgecolor=style.MIDDLE, label="dominated")
        x, y = [p[0] * factor for p in front], [p[1] for p in front]
        axes.step(x, y, where="post", color=style.BLUE, linewidth=1.2)
        axes.hlines(y, [p[4] * factor for p in front], [p[5] * factor for p in front],
                    color=style.BLUE, linewidth=2.5, alpha=0.3)
        axes.plot(x, y, "s", markersize=6, color=style.BLUE, label="front")
        for number, (px, py) in enumerate(zip(x, y, strict=True), start=1):
            axes.annotate(str(number), (px, py), (5, 5), textcoords="offset points", fontsize=8.5,
                          fontweight="bold", color=style.DARK)
        if data.points and max(p[0] for p in data.points) > 3 * min(p[0] for p in data.points):
            plain_log(axes, "x")
        axes.set_xlabel(data.x_label.replace("(J)", f"({prefix}J)"))
        axes.set_ylabel(data.y_label)
        axes.grid()
        names = "\n".join(f"{n}  {p[2]}" for n, p in enumerate(front, start=1))
        figure.legend(loc="outside right lower")
        _names_beside(axes, names)
        title(figure, data.title, data.subtitle)
    return figure


def _names_beside(axes: Axes, names: str) -> None:
    """The names of the front in the right-hand margin, inside the layout."""
    axes.annotate(names, (1.02, 1.0), xycoords="axes fraction", va="top", ha="left", fontsize=7.5,
                  color=style.DARK, annotation_clip=False)


# --- stacked energy


@dataclass(frozen=True)
class Energy:
    """``joules`` [bars, components], ranges of the totals, names and groups of the bars."""

    title: str
    subtitle: str
    names: Sequence[str]
    axis_label: str
    joules: np.ndarray
    ranges: Sequence[tuple[float, float]]


def energy(data: Energy) -> Figure:
    """Energy of a step by component: in joules with the range of the total, and as shares."""
    with style.look():
        names = 0.055 * max(map(len, data.names)) if len(data.names) > 8 else 0.2
        figure = style.new_figure(max(5.5, 2.4 + 0.42 * len(data.names)), 4.6 + names)
        top, bottom = figure.subplots(2, 1, sharex=True)
        totals = data.joules.sum(axis=1)
        factor, prefix = style.scale(float(totals.max()))
        where = np.arange(len(data.names))
        shares = 100.0 * data.joules / np.where(totals > 0, totals, 1.0)[:, None]
        for axes, values in ((top, data.joules * factor), (bottom, shares)):
            low = np.zeros(len(where))
            for index, (_, name, colour, hatch) in enumerate(COMPONENTS):
                if data.joules[:, index].max() <= 0:
                    continue
                axes.bar(where, values[:, index], 0.8, low, color=colour, label=name, hatch=hatch,
                         edgecolor="white", linewidth=0.4)
                low = low + values[:, index]
            axes.grid(axis="y")
        for place, (least, most) in zip(where, data.ranges, strict=True):
            top.vlines(place, least * factor, most * factor, color=style.DARK, linewidth=1.0)
        top.set_ylabel(f"energy of a step ({prefix}J)")
        bottom.set_ylabel("share (%)")
        bottom.set_ylim(0, 100)
        bottom.set_xticks(where, list(data.names), rotation=90 if len(where) > 8 else 0,
                          fontsize=8)
        bottom.set_xlabel(data.axis_label)
        handles, labels = top.get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], loc="outside right center")
        title(figure, data.title, data.subtitle)
    return figure


# --- sensitivities


@dataclass(frozen=True)
class Sensitivity:
    """For each measure the axes' effects: (axis, ratio, value at the least, value at the most)."""

    title: str
    subtitle: str
    panels: Sequence[tuple[str, Sequence[tuple[str, float, str, str]]]]


def sensitivity(data: Sensitivity) -> Figure:
    """One panel a measure: by what factor each axis moves it, the others kept."""
    with style.look():
        bars = len(data.panels[0][1])
        figure = style.new_figure(7.6, 0.8 + len(data.panels) * (0.5 + 0.3 * bars))
        grid = figure.subplots(len(data.panels), 1, sharex=True, squeeze=False)
        most = max(ratio for _, effects in data.panels for _, ratio, _, _ in effects)
        for axes, (measure, effects) in zip(grid.flat, data.panels, strict=True):
            where = np.arange(len(effects))
            axes.barh(where, [ratio - 1.0 for _, ratio, _, _ in effects], 0.62, left=1.0,
                      color=style.BLUE)
            for y, (_, ratio, least, top) in zip(where, effects, strict=True):
                axes.annotate(f"x {ratio:.3g}   least at {least}, most at {top}", (ratio, y),
                              (5, 0), textcoords="offset points", va="center", fontsize=7.5,
                              color=style.DARK)
            axes.set_yticks(where, [axis for axis, _, _, _ in effects])
            axes.set_ylim(len(effects) - 0.5, -0.5)
            axes.tick_params(axis="y", length=0)
            axes.set_title(measure)
            plain_log(axes, "x")
            axes.set_xlim(1.0, 3.0 * max(most, 1.1) ** 1.25)  # room for the words
        grid.flat[-1].set_xlabel("factor between the lowest and the highest (ratio)")
        title(figure, data.title, data.subtitle)
    return figure


# --- realisation


@dataclass(frozen=True)
class Realisation:
    """For each panel (what, points by series: label, MAC reductions, own reductions)."""

    title: str
    subtitle: str
    legend: str
    panels: Sequence[tuple[str, Sequence[tuple[str, Sequence[float], Sequence[float]]]]]


def realisation(data: Realisation) -> Figure:
    """Reduction of latency, interval and energy against that of operations; ideal: the diagonal."""
    with style.look():
        n = len(data.panels)
        figure = style.new_figure(1.8 + 2.9 * n, 3.8)
        grid = figure.subplots(1, n, squeeze=False, sharex=True, sharey=True)
        for axes, (what, series) in zip(grid.flat, data.panels, strict=True):
            every = [v for _, x, y in series for v in (*x, *y)]
            ends = [min(1.0, *every), max(every)]
            axes.plot(ends, ends, color=style.MIDDLE, linestyle=(0, (2, 2)), linewidth=1.0,
                      label="ideal: all realised")
            for i, (label, x, y) in enumerate(series):
                axes.plot(x, y, marker=MARKERS[i % len(MARKERS)], linestyle="", markersize=5,
                          color=series_colour(i, len(series)), label=label,
                          markeredgecolor="white", markeredgewidth=0.4)
            plain_log(axes, "x")
            plain_log(axes, "y")
            axes.set_xlabel("fewer effective MACs (x)")
            axes.set_title(what)
            axes.grid()
        grid.flat[0].set_ylabel("reduction against the dense twin (x)")
        handles, labels = grid.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, title=data.legend or None, alignment="left",
                      loc="outside right upper")
        title(figure, data.title, data.subtitle)
    return figure
