"""``neurosim explain``: where the time went, what bounds the run, and what changes would buy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurosim.cli.arguments import Overrides
from neurosim.cli.traced import Source, Traced

if TYPE_CHECKING:
    from neurosim.explain.whatif import Prediction
    from neurosim.explain.whole import Explained
    from neurosim.image import Image

#: Shares below this show as 0.0 % and are left out of tables.
LEAST = 0.0005


def explain(
    source: Source,
    rows: Annotated[int, typer.Option(min=1, help="Rows of each table.")] = 8,
    check: Annotated[
        bool, typer.Option("--check", help="Run the changes and compare with the predictions.")
    ] = False,
    what_if: Annotated[
        list[str] | None,
        typer.Option("--what-if", metavar="KEY=VALUE..",
                     help="A change to predict, options apart by spaces (repeatable)."),
    ] = None,
    set_: Overrides = None,
) -> None:
    """Print the critical path of SOURCE, its bottleneck, and what changes would do."""
    from neurosim.cli.progress import Progress
    from neurosim.cli.traced import traced
    from neurosim.errors import Location, ScenarioError
    from neurosim.explain.whole import Explained

    with Progress() as progress:
        run = traced(source, set_ or [], progress)
        prepared = run.prepared
        explained = Explained(prepared.image, run.trace, prepared.chip, prepared.mapping)
        if not len(explained.path.step):
            raise ScenarioError("workload", "no step or packet was finished, so none has a path",
                                "a run with finished steps", Location(source, 1, 1))
        data = explained.data(mend=True)
        _print_path(run, data, rows)
        predictions = _predict(run, explained, what_if or [])
    _print_predictions(predictions)
    if check and predictions:
        _check(run, predictions)


def _print_path(run: Traced, data: dict[str, Any], rows: int) -> None:
    from neurosim.cli.console import print_rows, print_table
    from neurosim.measure.summary import percent, si

    what = "steps" if run.prepared.image.steps else "packets"
    whole = data["latency_mean_s"]
    print_rows(run.scenario.name, [
        ("latency", f"{si(whole, 's')} on average over {data['count']} {what}"),
        *((v["scope"], _verdict(v)) for v in data["verdicts"])])
    for line in data["verdicts"][0]["evidence"]:
        print(f"  {line}")
    for title, key in (("part of the path", "by_part"), ("layer", "by_layer"), ("core", "by_core"),
                       ("link", "by_link")):
        shown = [row for row in data[key][:rows] if row["share"] >= LEAST]
        if shown:
            print()
            print_table((title, "time", "share"), [
                (row["name"], si(row["seconds"], "s"), percent(row["share"])) for row in shown])
    if data["mending"]:
        print()
        print_table(("if this took no time, and all above", "latency", "change", "held"), [
            (m["name"], si(m["latency_s"], "s"), _change(m["latency_s"] / whole - 1),
             percent(m["share"])) for m in data["mending"]])


def _verdict(verdict: dict[str, Any]) -> str:
    from neurosim.measure.summary import percent

    shares = sorted(verdict["shares"].items(), key=lambda item: -item[1])
    text = ", ".join(f"{name} {percent(share)}" for name, share in shares if share >= 0.005)
    return f"{verdict['bound']}-bound ({text})"


def _change(relative: float) -> str:
    return f"{100 * relative:+.1f} %"


def _predict(run: Traced, explained: Explained, asked: Sequence[str]) -> list[Prediction]:
    """Predictions of all changes worth trying, best first; of those that were ``asked`` for, if
    there are any."""
    from neurosim.errors import Location, ScenarioError, UserError
    from neurosim.explain.candidates import candidates
    from neurosim.explain.whatif import Change

    prepared, resolved = run.prepared, run.scenario.resolved()
    if prepared.mapping is None:
        return []
    found = []
    changes = [Change(text, tuple(text.split())) for text in asked] or candidates(
        explained.path, prepared.image, prepared.chip, prepared.mapping, resolved)
    for change in changes:
        try:
            found.append(explained.predict(change, lambda texts: _lower(run, texts)))
        except ValueError as error:
            if asked:
                raise ScenarioError("what-if", str(error), "one change at a time",
                                    Location("--what-if", 1, 1)) from None
        except UserError:  # this machine cannot be changed in that way
            if asked:
                raise
    return sorted(found, key=lambda p: p.interval_relative if p.overlapping else p.relative)


def _lower(run: Traced, overrides: Sequence[str]) -> Image:
    from neurosim import pipeline

    return pipeline.prepare(_changed(run, overrides)).image


def _changed(run: Traced, overrides: Sequence[str]) -> Any:
    """The run's scenario with ``overrides``."""
    from neurosim.scenario.loading import scenario_from_data

    resolved = {**run.scenario.resolved(), "record": []}
    return scenario_from_data(resolved, run.scenario.base_dir, overrides)


def _print_predictions(predictions: list[Prediction]) -> None:
    from neurosim.cli.console import print_table
    from neurosim.measure.summary import si

    if not predictions:
        return
    print()
    print_table(("what if", "latency", "change", "interval", "change", "--set"), [
        (p.change.name, si(p.after_s, "s"), _change(p.relative), si(p.interval_after_s, "s"),
         _change(p.interval_relative), " ".join(p.change.overrides)) for p in predictions])
    if predictions[0].overlapping:
        print("steps overlap: latency holds waits for earlier steps too, so compare intervals")
    if any(p.modelled for p in predictions):
        print("latency where slices move: from a model of layers as stages, not from the trace")


def _check(run: Traced, predictions: list[Prediction]) -> None:
    """Run every change; print how far each prediction was off."""
    from neurosim import pipeline
    from neurosim.cli.console import print_table
    from neurosim.measure.summary import si

    lines = []
    for p in predictions:
        result = pipeline.run(_changed(run, p.change.overrides))
        line = [p.change.name]
        for predicted, key in ((p.after_s, "per_step_mean"), (p.interval_after_s, "interval_mean")):
            measured = result[f"latency_s.{key}"]
            line += [si(predicted, "s"), si(measured, "s"),
                     _change(predicted / measured - 1) if measured else "-"]
        lines.append(line)
    print()
    print_table(("checked by running", "latency", "measured", "error", "interval", "measured",
                 "error"), lines)
