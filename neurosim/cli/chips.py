"""``neurosim chips``: the chips that come with the package, and their constants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from neurosim.chip import Chip


def chips(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Name of a chip, or a chip file.")
    ] = None,
) -> None:
    """List the chips, or print every constant of one with its flag and source."""
    from neurosim.chip import chip_names, load_chip
    from neurosim.cli.console import print_rows
    from neurosim.errors import Location, UserError

    if name is None:
        print_rows("chips", [(each, load_chip(each).description) for each in chip_names()])
        return
    try:
        chip = load_chip(name)
    except UserError as error:
        raise error.at(Location(name, 1, 1)) from None
    _print_chip(chip)


def _print_chip(chip: Chip) -> None:
    from neurosim.cli.console import print_rows, print_table

    print_rows(
        chip.name,
        [
            ("description", chip.description),
            ("cores", f"{chip.core_count}, usable {chip.usable}"),
            ("level", f"{chip.default_level} of {', '.join(chip.levels)}"),
        ],
    )
    rows: list[tuple[str, ...]] = []
    for key, constant, unit in chip.constants():
        exact = constant.low == constant.high
        spread = "" if exact else f"{constant.low:g} to {constant.high:g}"
        rows.append((key, f"{constant.value:g}", unit, spread, constant.flag, constant.source))
    for key, source in chip.sources.items():
        value: object = chip
        for part in key.split("."):
            value = getattr(value, part)
        rows.append((key, _short(value), "", "", "", source))
    print_table(("constant", "value", "unit", "range", "flag", "source"), rows)


def _short(value: object) -> str:
    """A choice or a list in one cell."""
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return f"{getattr(value, 'kind', type(value).__name__)}, {getattr(value, 'count', '')}"
    if isinstance(value, tuple):
        return str([list(item) if isinstance(item, tuple) else item for item in value])
    return str(value)
