"""Bytes and cycles of synapse table formats over sparsity: docs/background/table-formats.md.

    python benchmarks/table_formats.py

Rows of a slice of 9 units (27 columns, as the published language model has on 150 cores) and of 341
units (1023 columns), with weights at random; means over rows, found by drawing them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from neurosim.chip import Chip, load_chip
from neurosim.mapping.formats import count_fillers, row_cost
from neurosim.report.style import BLUE, GREEN, MIDDLE, ORANGE, VERMILION, look, new_figure, save

PAGE = Path(__file__).resolve().parents[1] / "docs" / "background" / "table-formats.md"
SPARSITY = (0.0, 0.25, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.97, 0.99, 0.995)
COLUMNS, ROWS = (27, 1023), 1000
SCALAR = {"csr16": BLUE, "csr32": MIDDLE, "delta8": GREEN, "bitmap": ORANGE, "dense": VERMILION}
#: Datapaths: scattered weights one by one, or whole rows of columns in lanes.
DATAPATHS = {**{name: (name, 1, colour, "-") for name, colour in SCALAR.items()},
             "dense, 4 lanes": ("dense", 4, VERMILION, "--"),
             "dense, 64 lanes": ("dense", 64, VERMILION, ":")}


def chip_with(table_format: str, lanes: int) -> Chip:
    return load_chip("spinnaker2", overrides={
        "core.table_format": table_format, "core.lanes": lanes})


def mean_row(chip: Chip, columns: int, sparsity: float) -> tuple[float, float]:
    """(bytes, cycles) of a row per source, rows without weights included as nothing."""
    rng = np.random.default_rng(0)
    there = rng.random((ROWS, columns)) >= sparsity
    row, column = np.nonzero(there)
    cost = row_cost(chip.core, there.sum(axis=1), np.full(ROWS, columns),
                    count_fillers(row, column, ROWS))
    return float((cost.weights + cost.indices).mean()), float(cost.cycles.mean())


def main() -> None:
    curves = {}
    for name, (table_format, lanes, *_) in DATAPATHS.items():
        chip = chip_with(table_format, lanes)
        for columns in COLUMNS:
            curves[name, columns] = [mean_row(chip, columns, s) for s in SPARSITY]
    with look():
        figure = new_figure(9.0, 6.4)
        axes = figure.subplots(2, 2, sharex=True)
        for i, columns in enumerate(COLUMNS):
            for name, (_, _, colour, style) in DATAPATHS.items():
                for j in range(2):
                    if j == 0 and name not in SCALAR:
                        continue
                    values = [point[j] / columns for point in curves[name, columns]]
                    axes[i, j].plot(SPARSITY, values, color=colour, linestyle=style, label=name)
                    axes[i, j].set_yscale("log")
                    axes[i, j].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
                    axes[i, j].grid(True, axis="y")
                    axes[0, j].set_title(("bytes", "cycles")[j] + " of a row, per column")
            axes[i, 0].set_ylabel(f"{columns} columns")
        for j in range(2):
            axes[1, j].set_xlabel("weight sparsity")
        axes[1, 0].plot([], [], color=VERMILION, linestyle="--", label="dense, 4 lanes")
        axes[1, 0].plot([], [], color=VERMILION, linestyle=":", label="dense, 64 lanes")
        axes[1, 0].legend(fontsize=8, loc="lower left")
    save(figure, PAGE.parent, "table-formats")
    PAGE.write_text(page(curves), encoding="utf-8")


def page(curves: dict) -> str:
    lines = ["| columns | fewest bytes | fewest cycles, scalar | against dense in 4 lanes | "
             "against dense in 64 lanes |", "|---|---|---|---|---|"]
    for columns in COLUMNS:
        cells = [best(curves, columns, SCALAR, 0), best(curves, columns, SCALAR, 1),
                 best(curves, columns, ("csr16", "dense, 4 lanes"), 1),
                 best(curves, columns, ("csr16", "dense, 64 lanes"), 1)]
        lines.append(f"| {columns} | {' | '.join(cells)} |")
    text = PAGE.read_text(encoding="utf-8")
    begin, end = "<!-- begin crossovers -->\n", "\n<!-- end crossovers -->"
    head, rest = text.split(begin)
    return head + begin + "\n".join(lines) + end + rest.split(end)[1]


def best(curves: dict, columns: int, names: Iterable[str], which: int) -> str:
    """Formats from dense to sparse, each with the sparsity from which it is the best."""
    found: list[str] = []
    for n, sparsity in enumerate(SPARSITY):
        name = min(names, key=lambda f: curves[f, columns][n][which])
        if not found or not found[-1].startswith(f"{name} from"):
            found.append(f"{name} from {100 * sparsity:g} %")
    return "; ".join(found)


if __name__ == "__main__":
    main()
