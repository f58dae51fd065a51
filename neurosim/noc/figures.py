"""Pictures of a NoC study: latency and accepted rate against the offered load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neurosim.report.style import BLUE, DARK, MIDDLE, PALE, VERMILION, look, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from neurosim.noc.study import Study

#: Latencies beyond this many times the unloaded one are cut off.
CUT = 8.0


def draw_study(study: Study, directory: Path, name: str = "latency_load") -> list[Path]:
    """Write ``latency_load.png`` and ``.svg``; returns their paths."""
    with look():
        figure = study_figure(study)
    return save(figure, directory, name)


def study_figure(study: Study) -> Figure:
    """Left: mean latency with its 95 % interval; right: accepted against offered rate."""
    figure = new_figure(8.0, 3.6)
    left, right = figure.subplots(1, 2)
    _latency(left, study)
    _accepted(right, study)
    title = f"{study.name}: {study.pattern} traffic on {study.chip}"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=10, color=DARK)
    return figure


def _latency(axes: Axes, study: Study) -> None:
    shown = [p for p in study.points if p.mean is not None]
    zero = next((p.zero_load for p in shown if p.zero_load), None)
    top = CUT * zero if zero else None
    x = [p.rate * study.flits for p in shown]
    y = [p.mean or 0.0 for p in shown]
    half = [max(0.0, p.ci95[1] - (p.mean or 0.0)) if p.ci95 else 0.0 for p in shown]
    axes.errorbar(x, y, yerr=half, color=BLUE, marker="o", markersize=3.5, linewidth=1.4,
                  capsize=2, label="simulated, 95 % interval")
    if zero is not None and top is not None:
        axes.axhline(zero, color=MIDDLE, linewidth=1.0, linestyle=":", label="unloaded")
        axes.set_ylim(0.0, top)
    _marks(axes, study)
    axes.set_xlabel("offered load (flits per node and cycle)")
    axes.set_ylabel("mean packet latency (cycles)")
    axes.legend(loc="upper left")


def _accepted(axes: Axes, study: Study) -> None:
    x = [p.offered * study.flits for p in study.points]
    y = [p.accepted * study.flits for p in study.points]
    most = max([*x, *y])
    axes.plot([0, most], [0, most], color=PALE, linewidth=4, zorder=0)
    axes.plot(x, y, color=BLUE, marker="o", markersize=3.5, linewidth=1.4)
    _marks(axes, study)
    axes.set_xlabel("offered load (flits per node and cycle)")
    axes.set_ylabel("accepted (flits per node and cycle)")


def _marks(axes: Axes, study: Study) -> None:
    if study.saturation is not None:
        low, high = (rate * study.flits for rate in study.saturation)
        axes.axvspan(low, high, color=VERMILION, alpha=0.35, linewidth=0,
                     label=f"saturation {(low + high) / 2:.3f}")
    axes.axvline(study.bound * study.flits, color=DARK, linewidth=1.0, linestyle="--",
                 label=f"bound {study.bound * study.flits:.3f}")
    axes.set_xlim(left=0.0)
    axes.grid(True, axis="y")
