"""``neurosim noc``: latency against load of a network on chip, and where it saturates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from neurosim.cli.arguments import Overrides, ScenarioFile

if TYPE_CHECKING:
    from neurosim.noc import Study

Engine = Literal["auto", "simpy", "compiled"]
_HEADER = ("load", "offered", "accepted", "latency", "95 % interval", "p99", "saturated")


def noc(
    file: ScenarioFile,
    rates: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Packets per node and cycle [eight up to the bound]."),
    ] = None,
    bisect: Annotated[
        bool, typer.Option("--bisect/--no-bisect", help="Look for the saturation point.")
    ] = True,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Results folder [results/NAME-noc]."),
    ] = None,
    engine: Annotated[Engine | None, typer.Option(help="Overrides the scenario's engine.")] = None,
    set_: Overrides = None,
) -> None:
    """Draw latency against load for a traffic scenario, and find where it saturates."""
    from neurosim.cli.console import print_rows, print_table
    from neurosim.cli.output import check_output, default_output
    from neurosim.cli.progress import Progress
    from neurosim.scenario import load_scenario

    wanted = _rates(rates)
    scenario = load_scenario(file, set_ or ())
    folder = output if output is not None else default_output(f"{scenario.name}-noc")
    check_output(folder)
    from neurosim.noc import study

    with Progress() as progress:
        found = study(scenario, wanted, engine=engine, bisect=bisect, progress=progress)
    _write(found, folder)
    print_table(_HEADER, [_row(point) for point in found.points])
    print_rows(found.name, _summary(found))
    print(f"results: {folder}")


def _rates(text: str | None) -> list[float]:
    from neurosim.errors import Location, ScenarioError

    try:
        return [] if text is None else [float(part) for part in text.split(",")]
    except ValueError:
        raise ScenarioError("rates", f"is {text!r}", "numbers with commas, as 0.1,0.2",
                            Location("--rates", 1, 1)) from None


def _row(point: Any) -> tuple[str, ...]:
    def number(value: float | None, digits: int) -> str:
        return "-" if value is None else f"{value:.{digits}f}"

    interval = "-" if point.ci95 is None else f"{point.ci95[0]:.2f} to {point.ci95[1]:.2f}"
    return (f"{point.rate:.4f}", f"{point.offered:.4f}", f"{point.accepted:.4f}",
            number(point.mean, 2), interval, number(point.p99, 0),
            "yes" if point.saturated else "no")


def _summary(found: Study) -> list[tuple[str, str]]:
    zero = next((p.zero_load for p in found.points if p.zero_load is not None), None)
    rows = [("pattern", f"{found.pattern}, {found.flits} flits a packet"),
            ("unloaded latency", "-" if zero is None else f"{zero:.2f} cycles"),
            ("highest accepted", f"{found.peak * found.flits:.4f} flits per node and cycle")]
    if found.saturation is not None:
        low, high = (rate * found.flits for rate in found.saturation)
        rows.append(("saturation point", f"{low:.4f} to {high:.4f} flits per node and cycle"))
    rows.append(("channel bound", f"{found.bound * found.flits:.4f} flits per node and cycle"))
    return rows


def _write(found: Study, folder: Path) -> None:
    """``result.json``, ``noc.csv`` and the picture, whole or not at all."""
    from dataclasses import asdict

    from neurosim.cli.output import OPTION
    from neurosim.errors import UserError
    from neurosim.measure.folder import new_folder, write_json
    from neurosim.noc.figures import draw_study

    points = [{**asdict(point), "saturated": point.saturated} for point in found.points]
    columns = [name for name in points[0] if name != "ci95"]
    lines = [",".join([*columns, "ci95_low", "ci95_high"])]
    for point in points:
        low, high = point["ci95"] or (None, None)
        cells = [*(point[name] for name in columns), low, high]
        lines.append(",".join("" if cell is None else str(cell) for cell in cells))
    try:
        with new_folder(folder) as fresh:
            write_json(fresh / "result.json", {**asdict(found), "points": points,
                                               "peak": found.peak})
            (fresh / "noc.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
            draw_study(found, fresh)
    except UserError as error:
        raise error.at(OPTION) from None
