"""Where the cores' time, the chip's energy and the steps' latency went."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.measure import Result
from neurosim.measure.tables import stage_columns
from neurosim.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Columns of ``result.cores`` from the bottom of the bars up: (column, label, colour, hatch).
_STATES = (
    ("accumulate_s", "accumulate", style.BLUE, None),
    ("receive_s", "receive", style.SKY, None),
    ("update_s", "update", style.VERMILION, None),
    ("send_s", "send", style.ORANGE, None),
    ("stalled_s", "stalled", "white", "xxxxx"),
    ("waiting_s", "waiting for DRAM", "white", "....."),
    ("asleep_s", "asleep", style.PALE, None),
)
#: Beyond this many cores or steps, some share a bar: their mean.
_MOST_BARS = 200
_COMPONENTS = (
    ("core_active", "cores, at work"), ("core_idle", "cores, sleep power"), ("sram", "SRAM"),
    ("noc", "NoC"), ("dram", "DRAM"), ("host_link", "host link"), ("static", "static"),
)


# --- cores


def cores(result: Result) -> Figure | None:
    """Share of the simulated time that each core was busy (by job), stalled and asleep, grouped
    by layer, the busiest first."""
    rows = result.cores
    if not len(rows):
        return None
    rows = rows[np.lexsort((rows["core"], -rows["busy"], rows["layer"]))]
    total = result.data["latency_s"]["total"]
    together = math.ceil(len(rows) / _MOST_BARS)
    first = _first_of_bars(rows["layer"], together)
    counts = np.diff(np.append(first, len(rows)))
    with style.look():
        figure = style.new_figure(float(np.clip(4.0 + 0.05 * len(first), 6.0, 11.0)), 3.8)
        axes = figure.add_subplot()
        places = _places(rows["layer"][first])
        bottom = np.zeros(len(first))
        for column, label, colour, hatch in _STATES:
            if column == "waiting_s" and not rows[column].any():
                continue
            mean = np.add.reduceat(rows[column], first) / counts
            share = 100.0 * mean / total if total > 0 else np.zeros(len(first))
            axes.bar(places, share, 0.86, bottom, color=colour, label=label, hatch=hatch,
                     edgecolor=style.DARK if hatch else "none", linewidth=0.0)
            bottom = bottom + share
        _name_layers(axes, rows, rows["layer"][first], places, figure.get_figwidth())
        axes.set_ylim(0.0, 100.0)
        axes.set_ylabel("simulated time (%)")
        of = f", {together} a bar" if together > 1 else ""
        axes.set_xlabel(f"cores, by layer, busiest first{of}")
        axes.spines["bottom"].set_visible(False)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], loc="outside right center")
        style.heading(axes, result.data, "what the cores did")
    return figure


def _first_of_bars(layers: np.ndarray, together: int) -> np.ndarray:
    """First row of each bar: ``together`` rows a bar, layers not mixed."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(layers)) + 1, [len(layers)]])
    return np.concatenate([np.arange(a, b, together)
                           for a, b in zip(starts[:-1], starts[1:], strict=True)])


def _places(layers: np.ndarray) -> np.ndarray:
    """Positions of the bars, with a gap between layers."""
    gap = max(1.5, 0.02 * len(layers))
    change = np.concatenate([[0], np.diff(layers) != 0])
    return np.arange(len(layers)) + gap * np.cumsum(change)


def _name_layers(axes: Axes, rows: np.ndarray, of_bar: np.ndarray, places: np.ndarray,
                 figure_inches: float) -> None:
    """Under each group its layer, and as there is room its size and how busy its cores are."""
    names, centres = [], []
    layers, bars = np.unique(of_bar, return_counts=True)
    inches = 0.8 * figure_inches * float(bars.min()) / float(np.ptp(places) + 2.0)
    for layer in layers:
        busy = 100.0 * rows["busy"][rows["layer"] == layer]
        name = f"layer {layer}\n{len(busy)} core{'s' if len(busy) > 1 else ''}"
        if inches > 1.5 or len(layers) == 1:
            name += f"\nbusy {busy.mean():.0f} %, most {busy.max():.0f} %"
        names.append(name if inches > 0.6 or len(layers) == 1 else f"{layer}")
        centres.append(float(places[of_bar == layer].mean()))
    axes.set_xticks(centres, names)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(places[0] - 1.0, places[-1] + 1.0)


# --- energy


def energy(result: Result) -> Figure | None:
    """Energy by component, with the range that the constants' ranges give."""
    data, steps = result.data, max(1, result.data["steps"])
    shown = [(key, name) for key, name in _COMPONENTS if data["energy_range_j"][key][1] > 0.0]
    if not shown:
        return None
    values = np.array([data["energy_j"][key] for key, _ in shown]) / steps
    ranges = np.array([data["energy_range_j"][key] for key, _ in shown]) / steps
    total = data["energy_j"]["total"] / steps
    with style.look():
        figure = style.new_figure(7.4, 1.5 + 0.38 * (len(shown) + 1))
        axes = figure.add_subplot()
        largest = max(float(ranges.max()), data["energy_high_j"] / steps)
        factor, prefix = style.scale(largest)
        names = [name for _, name in shown] + ["total"]
        bars = np.append(values, total)
        low = np.append(ranges[:, 0], data["energy_low_j"] / steps)
        high = np.append(ranges[:, 1], data["energy_high_j"] / steps)
        where = np.arange(len(bars))
        colours = [style.BLUE] * len(values) + [style.MIDDLE]
        axes.barh(where, bars * factor, 0.62, color=colours)
        axes.hlines(where, low * factor, high * factor, color=style.DARK, linewidth=1.6)
        for end in (low, high):
            axes.plot(end * factor, where, "|", color=style.DARK, markersize=8)
        for y, bar, top in zip(where, bars, high, strict=True):
            axes.annotate(_part(float(bar), total), (max(bar, top) * factor, y), (8, 0),
                          textcoords="offset points", va="center", fontsize=8.5, color=style.DARK)
        axes.set_yticks(where, names)
        axes.set_ylim(len(bars) - 0.5, -0.5)
        axes.set_xlim(0.0, 1.28 * largest * factor)
        axes.tick_params(axis="y", length=0)
        per = " per step" if data["steps"] else ""
        axes.set_xlabel(f"energy{per} ({prefix}J); line: range of the chip's constants")
        axes.grid(axis="x")
        power = style.amount(data["power_w"], "W")
        style.heading(axes, data, f"where the energy went ({power} on average)")
    return figure


def _part(joule: float, total: float) -> str:
    """Energy of a component and its share of the total."""
    percent = 100.0 * joule / total if total > 0 else 0.0
    share = f"{percent:.1f} %" if percent >= 0.1 or joule == 0.0 else "< 0.1 %"
    return f"{style.amount(joule, 'J')}, {share}"


# --- latency


def latency(result: Result) -> Figure | None:
    """Latency of each step, split by the layer that it was waiting for."""
    rows = result.steps
    if not len(rows):
        return None
    from matplotlib.ticker import MaxNLocator

    stages = stage_columns(rows)
    together = math.ceil(len(rows) / _MOST_BARS)
    first = np.arange(0, len(rows), together)
    counts = np.diff(np.append(first, len(rows)))
    with style.look():
        figure = style.new_figure(8.4, 3.8)
        axes = figure.add_subplot()
        factor, prefix = style.scale(float(rows["latency_s"].max()))
        bottom = np.zeros(len(first))
        ends = [name for name in stages if name in ("output_s", "decision_s")]
        colours: list[Any] = [*style.layer_colours(len(stages) - len(ends)), style.PALE,
                              style.LIGHT]
        middle = rows["step"][first] + (counts - 1) / 2
        for (name, label), colour in zip(stages.items(), colours, strict=False):
            share = np.add.reduceat(rows[name], first) / counts * factor
            last = name in ends
            label = "output to host" if name == "output_s" else label
            axes.bar(middle, share, 0.86 * counts, bottom, color=colour, label=label,
                     hatch="/////" if last else None, edgecolor=style.MIDDLE if last else "none",
                     linewidth=0.0)
            bottom = bottom + share
        _mark_mean(axes, rows["latency_s"] * factor, result.data["latency_s"], prefix)
        axes.set_xlabel("step (index)")
        of = f"{together} steps, mean" if together > 1 else "the step"
        axes.set_ylabel(f"latency of {of} ({prefix}s)")
        axes.set_xlim(rows["step"][0] - 0.5, rows["step"][-1] + 0.5)
        axes.set_ylim(bottom=0.0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], loc="outside right center")
        style.heading(axes, result.data, "latency of the steps")
    return figure


def _mark_mean(axes: Axes, values: np.ndarray, facts: dict[str, Any], prefix: str) -> None:
    mean, high = float(values.mean()), float(np.percentile(values, 99))
    axes.axhline(mean, color=style.DARK, linewidth=1.2, label=f"mean {mean:.3g} {prefix}s")
    axes.axhline(high, color=style.DARK, linewidth=1.2, linestyle=(0, (4, 2)),
                 label=f"99th percentile {high:.3g} {prefix}s")
    if facts["interval_mean"] is not None:
        axes.plot([], [], " ", label=f"one step every {style.amount(facts['interval_mean'], 's')}")
