"""Tables for people: drawn by rich on a terminal, plain text with aligned columns elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence


class Interrupted(Exception):
    """A command was interrupted but keeps something; the message says what."""


def print_rows(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Labels with their values under a title; fits 60 columns if the values do."""
    pairs = [(label, value) for label, value in rows]
    if not sys.stdout.isatty():
        width = max((len(label) for label, _ in pairs), default=0)
        print(title)
        for label, value in pairs:
            print(f"  {label:<{width}}  {value}".rstrip())
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in pairs:
        table.add_row(Text(label), Text(value))
    Console().print(table)


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table with a header; on a terminal the last column folds, in a pipe nothing does."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        widths = [max(len(row[c]) for row in [list(header), *cells]) for c in range(len(header))]
        for row in [list(header), *cells]:
            text = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
            print(text.rstrip())
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE)
    for name in header:
        table.add_column(name, overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
