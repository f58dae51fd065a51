"""``neurosim timeline``: a run to scroll and zoom through, in Perfetto or chrome://tracing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurosim.cli.arguments import Overrides
from neurosim.cli.traced import Source
from neurosim.errors import Location, ScenarioError


def timeline(
    source: Source,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="[NAME.json.gz]")
    ] = None,
    steps: Annotated[
        str | None, typer.Option(metavar="A:B", help="Steps A up to, not including, B.")
    ] = None,
    cores: Annotated[
        str | None, typer.Option(metavar="I,J,..", help="Only these cores and their packets.")
    ] = None,
    detail: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Share of packets in full [1.3 M events]."),
    ] = None,
    flows: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Share of packets to draw arrows for [up to 20000]."),
    ] = None,
    set_: Overrides = None,
) -> None:
    """Write the timeline of SOURCE as gzipped JSON for ui.perfetto.dev."""
    from neurosim.cli.progress import Progress
    from neurosim.cli.traced import traced
    from neurosim.explain.places import Places
    from neurosim.report.timeline import Window, write_timeline

    first, last = _steps(steps)
    chosen = None if cores is None else tuple(_number("cores", c) for c in cores.split(","))
    with Progress() as progress:
        run = traced(source, set_ or [], progress)
    prepared = run.prepared
    path = output or Path(f"{run.scenario.name}.json.gz")
    places = Places.of(prepared.image, prepared.chip, prepared.mapping)
    try:
        count = write_timeline(path, prepared.image, run.trace, places,
                               Window(first, last, chosen, detail, flows))
    except OSError as error:
        raise ScenarioError("output", f"cannot write {path}: {error.strerror}", "a writable file",
                            Location("--output", 1, 1)) from None
    print(f"{path}: {count:,} events, {path.stat().st_size / 1e6:.1f} MB (open in ui.perfetto.dev)")


def _steps(text: str | None) -> tuple[int, int | None]:
    """First and last step of ``A:B``; both may be left out."""
    begin, _, end = (text or ":").partition(":")
    last = _number("steps", end) - 1 if end else None
    return (_number("steps", begin) if begin else 0), last


def _number(option: str, text: str) -> int:
    if not text.strip().isdigit():
        raise ScenarioError(option, f"cannot read {text!r}", "whole numbers",
                            Location(f"--{option}", 1, 1))
    return int(text)
