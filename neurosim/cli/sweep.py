"""``neurosim sweep``: all points of a scenario's sweep block, as far as they are not done yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurosim.cli.arguments import Overrides, ScenarioFile

if TYPE_CHECKING:
    from neurosim.sweep.points import Plan
    from neurosim.sweep.run import Summary

#: Different reasons of failures that are printed.
MOST_REASONS = 5


def sweep(
    file: ScenarioFile,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Results folder [results/NAME]."),
    ] = None,
    set_: Overrides = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", min=1, help="Processes [one a core].")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Run on the workers of a dask scheduler instead."),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Run failed points again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Allow more than 10,000 points.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and count the points only.")
    ] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write table.parquet too.")] = False,
) -> None:
    """Run the sweep of FILE; the same command goes on where it was stopped."""
    from neurosim.cli.console import Interrupted
    from neurosim.cli.output import default_output
    from neurosim.cli.progress import Progress
    from neurosim.cli.watch import Watch
    from neurosim.sweep.points import load_sweep

    with Progress() as progress:
        plan = load_sweep(file, set_ or (), yes, progress)
    folder = output if output is not None else default_output(plan.name)
    _announce(plan)
    if dry_run:
        return
    from neurosim.sweep.run import run_plan

    with Watch(plan) as watch:
        try:
            summary = run_plan(plan, folder, workers, scheduler, retry, parquet, watch)
        except KeyboardInterrupt:
            kept = f"{watch.done} of {watch.total} runs are kept; the same command goes on"
            raise Interrupted(kept) from None
    _report(plan, summary)


def _announce(plan: Plan) -> None:
    """How many points there are, and of what."""
    parts = [f"{len(plan.points):,} points"]
    if plan.excluded:
        parts.append(f"{plan.excluded:,} left out by where")
    if plan.twins:
        parts.append(f"{len(plan.twins):,} dense twins")
    shared = len(plan.points) + len(plan.twins) - len(plan.runs())
    if shared:
        parts.append(f"{shared:,} of them equal to another")
    print(f"{plan.name}: {', '.join(parts)}")


def _report(plan: Plan, summary: Summary) -> None:
    from neurosim.cli.console import print_rows
    from neurosim.errors import Location, SimulationError

    rows = [("points", f"{summary.done} done, {summary.failed} failed of {summary.points}"),
            ("run now", str(summary.ran))]
    rows += [("note", note) for note in summary.notes]
    for reason, count in summary.reasons[:MOST_REASONS]:
        rows.append(("failed", f"{count} x {reason}"))
    if summary.failed:
        rows.append(("", "all in the column reason; --retry runs them again"))
    rows.append(("table", str(summary.folder / "table.csv")))
    rows.append(("pictures", f"neurosim plot {summary.folder}"))
    print_rows(plan.name, rows)
    if summary.failed and not summary.done:
        raise SimulationError("sweep", f"every point failed: {summary.reasons[0][0]}", None,
                              Location(summary.folder / "table.csv", 1, 1))
