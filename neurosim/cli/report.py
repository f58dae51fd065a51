"""``neurosim report``: one HTML file of a run or a sweep, from its results folder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurosim.errors import Location, ScenarioError

if TYPE_CHECKING:
    import numpy as np

    from neurosim.measure import Result


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Results of a run or a sweep.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="[DIR/report.html]")
    ] = None,
) -> None:
    """Write the report of DIR: one self-contained HTML file."""
    path = output or folder / "report.html"
    try:
        if (folder / "sweep.json").is_file():
            _of_sweep(folder, path)
        elif (folder / "result.json").is_file():
            _of_run(folder, path)
        else:
            raise ScenarioError("report", "holds neither a run nor a sweep",
                                "a folder made by neurosim run or neurosim sweep",
                                Location(folder, 1, 1))
    except OSError as error:
        raise ScenarioError("output", f"cannot write {path}: {error.strerror}", "a writable file",
                            Location("--output", 1, 1)) from None
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def _of_run(folder: Path, path: Path) -> None:
    from neurosim.report.html import details, write_report

    detail = None
    result = read_result(folder)
    if (folder / "trace.npy").is_file():
        from neurosim.cli.traced import traced
        from neurosim.explain.whole import Explained

        run = traced(folder, [])
        prepared = run.prepared
        if "partial" not in result.data:
            explained = Explained(prepared.image, run.trace, prepared.chip, prepared.mapping)
            result.data["critical_path"] = explained.data()
            detail = details(explained)
    write_report(path, result, detail)


def _of_sweep(folder: Path, path: Path) -> None:
    from neurosim.cli.output import read_json
    from neurosim.report.html import write_sweep_report
    from neurosim.sweep import table
    from neurosim.sweep.plots import write_plots

    about = read_json(folder / "sweep.json")
    _, rows = table.read_csv(folder / table.CSV)
    with tempfile.TemporaryDirectory() as drawn:
        pictures = [(f"{name}: {what}", (Path(drawn) / f"{name}.svg").read_text(encoding="utf-8"))
                    for name, what in write_plots(folder, Path(drawn))[0]]
    write_sweep_report(path, about["name"], rows, pictures, about["axes"])


def read_result(folder: Path) -> Result:
    """The result that a folder holds, but for its trace."""
    import numpy as np

    from neurosim.cli.output import read_json
    from neurosim.measure import Result

    activity = None
    if (folder / "activity.npz").is_file():
        with np.load(folder / "activity.npz") as arrays:
            activity = dict(arrays)
    cores, links, steps = (_read_table(folder / f"{name}.csv")
                           for name in ("cores", "links", "steps"))
    return Result(read_json(folder / "result.json"), cores, links, steps, activity)


def _read_table(path: Path) -> np.ndarray:
    """A table as :func:`neurosim.measure.tables.csv` wrote it."""
    import csv

    import numpy as np

    from neurosim.measure.tables import table

    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    columns = []
    for i, name in enumerate(rows[0]):
        texts = [row[i] for row in rows[1:]]
        values: Any = np.array(texts if texts else [], dtype=object)
        for kind in (np.int64, np.float64, np.str_):
            try:
                values = np.array(texts, dtype=kind)
                break
            except ValueError:
                continue
        columns.append((name, values))
    return table(columns)
