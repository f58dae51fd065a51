"""``neurosim plot``: the pictures of a sweep, each with the data behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plot(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Results folder of a sweep.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Where the pictures go [DIR/plots]."),
    ] = None,
) -> None:
    """Draw what a sweep found, as PNG, SVG and CSV."""
    from neurosim.sweep.plots import write_plots

    target = output if output is not None else folder / "plots"
    drawn, left_out = write_plots(folder, target)
    for name, what in drawn:
        print(f"{target / name}.png: {what}")
    for name, why in left_out:
        print(f"no {name}: {why}")
