"""``neurosim compare``: two runs or two sweeps side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Results folder of a run or sweep.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another of the same kind.")],
    all_: Annotated[bool, typer.Option("--all", help="Equal measures too.")] = False,
) -> None:
    """Show what is different between A and B: in the scenario, and in what came out."""
    from neurosim.cli.console import print_table
    from neurosim.sweep.compare import compare_folders

    for title, header, rows in compare_folders(first, second, all_):
        print(title)
        if rows:
            print_table(header, rows)
