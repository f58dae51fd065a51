"""The chip's floorplan with the load of its links and cores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from neurosim.measure import Result
from neurosim.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: With more tiles than this, arrows and numbers could not be told apart.
MOST_TILES = 300
#: Side of a tile, where neighbouring tiles' centres are 1 apart.
_SIDE = 0.66
#: Offset of the two directions of a link from its middle line, and the arrows' half width.
_LANE, _HALF = 0.09, 0.05
Tile = tuple[int, int]
#: From a tile to its neighbour, by the direction of the link.
_STEPS = {"E": (1, 0), "NE": (1, 1), "N": (0, 1), "W": (-1, 0), "SW": (-1, -1), "S": (0, -1)}


def floorplan(result: Result) -> Figure | None:
    """Tiles with their cores (filled by busy fraction, numbered by layer) and links as arrows
    (coloured by utilisation); a heat map where there are too many tiles for that."""
    plan = result.data["floorplan"]
    with style.look():
        if plan["width"] * plan["height"] > MOST_TILES:
            return _heat_maps(result)
        return _arrows(result)


# --- tiles and arrows


def _arrows(result: Result) -> Figure:
    plan = result.data["floorplan"]
    pitch = min(1.1, 11.0 / max(plan["width"], plan["height"]))  # inches from tile to tile
    # The right-hand column holds the colour bars.
    figure = style.new_figure(max(5.0, pitch * plan["width"] + 2.2),
                              max(3.6, pitch * plan["height"] + 1.3))
    axes = figure.add_subplot()
    _frame(axes, plan)
    points = min(pitch, 1.1) * 72.0
    _draw_tiles(axes, plan, points)
    busy = _draw_cores(axes, result, points)
    load = _draw_links(axes, result)
    # Stacked in one column, so that the bars stay readable on low floorplans.
    height = plan["height"] * pitch
    if busy is not None:
        bar = figure.colorbar(busy, ax=axes, shrink=min(1.0, 3.2 / height), pad=0.02, aspect=18)
        bar.set_label("core busy (% of simulated time)")
        bar.outline.set_visible(False)
    bar = figure.colorbar(load, ax=axes, shrink=min(1.0, 3.2 / height), pad=0.02, aspect=18)
    bar.set_label("link busy (% of simulated time)")
    bar.outline.set_visible(False)
    what = "load of links and cores" if busy is not None else "load of links"
    style.heading(axes, result.data, what)
    return figure


def _frame(axes: Axes, plan: dict[str, Any]) -> None:
    (x0, y0), width, height = plan["first"], plan["width"], plan["height"]
    axes.set_aspect("equal")
    axes.set_xlim(x0 - 0.6, x0 + width - 0.4)
    axes.set_ylim(y0 - 0.6, y0 + height - 0.4)
    axes.set_xticks(_ticks(x0, width))
    axes.set_yticks(_ticks(y0, height))
    axes.tick_params(length=0)
    axes.set_xlabel("tile x (index)")
    axes.set_ylabel("tile y (index)")
    for side in axes.spines.values():
        side.set_visible(False)


def _ticks(first: int, count: int) -> list[int]:
    every = max(1, math.ceil(count / 20))
    return list(range(first, first + count, every))


def _tiles(plan: dict[str, Any]) -> list[Tile]:
    x0, y0 = plan["first"]
    return [(x, y) for y in range(y0, y0 + plan["height"]) for x in range(x0, x0 + plan["width"])]


def _draw_tiles(axes: Axes, plan: dict[str, Any], points: float) -> None:
    """Outlines of tiles; hatched where there are no cores; the host's tile is marked."""
    from matplotlib.patches import Rectangle

    holes = {tuple(tile) for tile in plan["without"]}
    missing = {tuple(tile) for tile in plan["missing"]}
    for tile in _tiles(plan):
        hole = tile in holes
        if tile in missing:
            continue
        corner = (tile[0] - _SIDE / 2, tile[1] - _SIDE / 2)
        axes.add_patch(Rectangle(
            corner, _SIDE, _SIDE, facecolor="white", edgecolor=style.MIDDLE, linewidth=0.8,
            hatch="////" if hole else None, zorder=2))
        axes.add_patch(Rectangle(corner, _SIDE, _SIDE, fill=False, edgecolor=style.MIDDLE,
                                 linewidth=0.8, zorder=5))
    x, y = plan["host"]
    side = _SIDE + 0.07
    axes.add_patch(Rectangle((x - side / 2, y - side / 2), side, side, fill=False,
                             edgecolor=style.DARK, linewidth=2.0, zorder=6))
    # In the gap between four tiles no link passes.
    inside = (x, y) in holes
    place = (x, y) if inside else (x - 0.41, y - 0.44)
    axes.text(*place, "host", ha="center", va="center", fontsize=_font(points, 0.13),
              fontweight="bold", color=style.DARK, zorder=8,
              bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": style.DARK,
                    "linewidth": 0.8})


def _draw_cores(axes: Axes, result: Result, points: float) -> Any:
    """Squares of the cores in each tile; returns what a colour bar needs, or None."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    plan, rows = result.data["floorplan"], result.cores
    if not len(rows):
        return None
    per_tile = plan["cores_per_tile"]
    columns = math.ceil(math.sqrt(per_tile))
    lines = math.ceil(per_tile / columns)
    step = (_SIDE - 0.04) / max(columns, lines)
    holes = {tuple(tile) for tile in plan["without"]}
    boxes, unused, busy = [], [], []
    share = {(row["x"], row["y"], row["core"] % per_tile): row for row in rows}
    colours = style.colour_map("Blues", 0.08, 1.0)
    for x, y in _tiles(plan):
        for place in range(per_tile if (x, y) not in holes else 0):
            left = x + (place % columns - columns / 2) * step + 0.01
            below = y + (lines / 2 - 1 - place // columns) * step + 0.01
            box = Rectangle((left, below), step - 0.02, step - 0.02)
            row = share.get((x, y, place))
            if row is None:
                unused.append(box)
                continue
            boxes.append(box)
            busy.append(100.0 * row["busy"])
            dark = row["busy"] > 0.55
            if points * step > 9.0:
                axes.text(left + step / 2 - 0.01, below + step / 2 - 0.01, str(row["layer"]),
                          ha="center", va="center", fontsize=_font(points, 0.45 * step), zorder=7,
                          color="white" if dark else style.DARK)
    axes.add_collection(PatchCollection(
        unused, facecolor="white", edgecolor=style.LIGHT, linewidth=0.5, linestyle=":", zorder=3))
    drawn = PatchCollection(boxes, cmap=colours, edgecolor=style.LIGHT, linewidth=0.5, zorder=4)
    drawn.set_array(np.array(busy))
    drawn.set_clim(0.0, 100.0)
    axes.add_collection(drawn)
    return drawn


def _draw_links(axes: Axes, result: Result) -> Any:
    """An arrow a link, the two directions side by side; links without a packet stay outlines."""
    from matplotlib.collections import PolyCollection

    rows = result.links
    percent = 100.0 * rows["utilisation"]
    shapes = [_arrow(row) for row in rows]
    idle = [shape for shape, row in zip(shapes, rows, strict=True) if not row["packets"]]
    used = [shape for shape, row in zip(shapes, rows, strict=True) if row["packets"]]
    axes.add_collection(PolyCollection(idle, facecolor="white", edgecolor=style.LIGHT,
                                       linewidth=0.5, zorder=3))
    drawn = PolyCollection(used, cmap=style.colour_map("YlOrRd", 0.15, 1.0),
                           edgecolor=style.MIDDLE, linewidth=0.4, zorder=7)
    drawn.set_array(percent[rows["packets"] > 0])
    drawn.set_clim(0.0, max(float(percent.max(initial=0.0)), 1e-3))
    axes.add_collection(drawn)
    return drawn


def _arrow(row: np.void) -> np.ndarray:
    """Corners of an arrow from one tile's edge to the next one's, keeping to its right; where the
    link wraps around, a stub that leaves the picture."""
    start = np.array([row["from_x"], row["from_y"]], float)
    way = np.array([row["to_x"], row["to_y"]], float) - start
    step = _STEPS.get(str(row["direction"]))
    if step is not None and tuple(way) != step:
        way = np.array(step, float) * (_SIDE / 2 + 0.6)
    length = float(np.hypot(*way))
    ahead = way / length
    right = np.array([ahead[1], -ahead[0]])
    begin, end = _SIDE / 2 + 0.015, length - _SIDE / 2 - 0.015
    neck = end - 0.11
    outline = ((begin, -_HALF), (neck, -_HALF), (neck, -_HALF - 0.03), (end, 0.0),
               (neck, _HALF + 0.03), (neck, _HALF), (begin, _HALF))
    return np.array([start + ahead * a + right * (_LANE + b) for a, b in outline])


def _font(points: float, share: float) -> float:
    """Font size that makes a digit ``share`` of a tile's pitch high."""
    return float(np.clip(points * share, 4.0, 11.0))


# --- heat maps


def _heat_maps(result: Result) -> Figure:
    """Busiest outgoing link of each tile, and the mean busy fraction of its cores."""
    plan = result.data["floorplan"]
    link = _grid(plan)
    for row in result.links:
        _put_max(link, plan, row["from_x"], row["from_y"], 100.0 * row["utilisation"])
    maps = [("busiest outgoing link (% of simulated time)", link, "YlOrRd")]
    if len(result.cores):
        total, count = _grid(plan, 0.0), _grid(plan, 0.0)
        at = _index(plan, result.cores["x"], result.cores["y"])
        np.add.at(total, at, 100.0 * result.cores["busy"])
        np.add.at(count, at, 1.0)
        mean = np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
        maps.append(("mean busy of used cores (% of simulated time)", mean, "Blues"))
    figure = style.new_figure(5.4 * len(maps), 4.6)
    (x0, y0), (hx, hy) = plan["first"], plan["host"]
    extent = (x0 - 0.5, x0 + plan["width"] - 0.5, y0 - 0.5, y0 + plan["height"] - 0.5)
    for i, (label, values, name) in enumerate(maps):
        axes = figure.add_subplot(1, len(maps), i + 1)
        colours = style.colour_map(name, 0.05, 1.0).with_extremes(bad=style.PALE)
        shown = axes.imshow(values, origin="lower", extent=extent, cmap=colours,
                            interpolation="nearest", vmin=0.0)
        axes.plot([hx], [hy], marker="s", markersize=7, markerfacecolor="none",
                  markeredgecolor=style.DARK, markeredgewidth=1.5, linestyle="none")
        # Beside the mark, on the side where there is room.
        right = hx < x0 + plan["width"] / 2
        axes.annotate("host", (hx, hy), (7 if right else -7, 0), textcoords="offset points",
                      va="center", ha="left" if right else "right", fontsize=8, color=style.DARK,
                      bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.8,
                            "edgecolor": "none"})
        axes.set_xlabel("tile x (index)")
        axes.set_ylabel("tile y (index)")
        bar = figure.colorbar(shown, ax=axes, shrink=0.8, pad=0.02)
        bar.set_label(label)
        bar.outline.set_visible(False)
        if i == 0:
            style.heading(axes, result.data, "load of links and cores")
    return figure


def _grid(plan: dict[str, Any], fill: float = np.nan) -> np.ndarray:
    return np.full((plan["height"], plan["width"]), fill)


def _index(plan: dict[str, Any], x: Any, y: Any) -> tuple[Any, Any]:
    return y - plan["first"][1], x - plan["first"][0]


def _put_max(grid: np.ndarray, plan: dict[str, Any], x: int, y: int, value: float) -> None:
    at = _index(plan, x, y)
    grid[at] = np.fmax(grid[at], value)
