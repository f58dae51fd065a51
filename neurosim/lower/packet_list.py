"""A file that lists packets: cycle, source, destination and, perhaps, flits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurosim.errors import Location, ScenarioError
from neurosim.image import LENGTHS

_KEY = "workload.traffic.file"
_COLUMNS = ("cycle", "source", "destination", "flits")


@dataclass(frozen=True)
class PacketList:
    """Packets by source, then cycle, then place in the file; packets to oneself are left out."""

    cycle: np.ndarray  # [P]
    source: np.ndarray  # [P] node, in the order of routers with cores
    destination: np.ndarray  # [P]
    flits: np.ndarray  # [P]


def read_packets(path: Path, nodes: int, flits: int) -> PacketList:
    """Read a list of packets: one a line, whole numbers separated by commas or blanks.

    Text after ``#`` is a comment; the first line may name the columns ``cycle, source,
    destination`` and ``flits``.  A line without flits has ``flits``.

    Raises:
        ScenarioError: with file, line and column of what is wrong.
    """
    rows: list[tuple[int, int, int, int]] = []
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ScenarioError(_KEY, "is no text", "lines of whole numbers",
                            Location(path, 1, 1)) from None
    for number, line in enumerate(text.splitlines(), 1):
        cells = _cells(line.partition("#")[0])
        names = tuple(name for _, name in cells)
        if not cells or (not rows and names in (_COLUMNS[:3], _COLUMNS)):
            continue
        rows.append(_row(path, number, cells, nodes, flits))
    if not rows:
        raise ScenarioError(_KEY, "lists no packet", "lines of cycle, source, destination",
                            Location(path, 1, 1))
    table = np.array(rows, np.int64)
    table = table[table[:, 1] != table[:, 2]]
    table = table[np.lexsort((table[:, 0], table[:, 1]))]
    lengths = np.unique(table[:, 3])
    if len(lengths) > LENGTHS:
        raise ScenarioError(
            _KEY, f"has packets of {len(lengths)} lengths: {', '.join(map(str, lengths[:6]))}...",
            f"at most {LENGTHS} different lengths", Location(path, 1, 1))
    return PacketList(*table.T)


def _cells(line: str) -> list[tuple[int, str]]:
    """(column, text) of the entries of a line."""
    found, start = [], 0
    separators = ("," if "," in line else None)
    for cell in line.split(separators):
        at = line.index(cell, start) if cell else start
        start = at + len(cell) + (1 if separators else 0)
        found.append((at + len(cell) - len(cell.lstrip()) + 1, cell.strip()))
    return [] if not line.strip() else found


def _row(path: Path, line: int, cells: list[tuple[int, str]], nodes: int,
         flits: int) -> tuple[int, int, int, int]:
    """One packet's four numbers."""
    if len(cells) not in (3, 4):
        raise ScenarioError(_KEY, f"has {len(cells)} entries in a line",
                            "cycle, source, destination and perhaps flits",
                            Location(path, line, cells[0][0]))
    values = []
    highest = (2**40, nodes - 1, nodes - 1, 2**20)
    for (column, text), name, most in zip(cells, _COLUMNS, highest, strict=False):
        least = 1 if name == "flits" else 0
        whole = text.isascii() and text.removeprefix("-").isdigit()
        if not whole or not least <= int(text) <= most:
            raise ScenarioError(_KEY, f"{name} is {text!r:.40}", f"a whole number from {least} to "
                                f"{most}", Location(path, line, column))
        values.append(int(text))
    return (values[0], values[1], values[2], values[3] if len(values) == 4 else flits)
