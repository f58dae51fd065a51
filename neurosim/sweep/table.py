"""The tidy table of a sweep: one row a point, one column an axis or a measure."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from neurosim.sweep.points import Plan, Point
from neurosim.sweep.store import Store, Stored

CSV, PARQUET = "table.csv", "table.parquet"
Row = dict[str, Any]
#: Dotted keys of result.json that become columns of the same name.
MEASURES = (
    "steps",
    "latency_s.per_step_mean", "latency_s.per_step_p50", "latency_s.per_step_p99",
    "latency_s.interval_mean", "latency_s.total", "throughput_steps_per_s",
    "bound.throughput_steps_per_s", "energy_per_step_whole_j",
    "energy_per_step_j", "energy_j.total", "energy_low_j", "energy_high_j", "power_w",
    "energy_j.core_active", "energy_j.core_idle", "energy_j.sram", "energy_j.noc",
    "energy_j.dram", "energy_j.host_link", "energy_j.static",
    "operations_per_step.macs_effective", "operations_per_step.macs_effective_recurrent",
    "operations_per_step.macs_dense", "operations_per_step.macs_effective_whole",
    "operations_per_step.macs_dense_whole", "operations_per_step.synaptic_ops",
    "operations_per_step.events", "reduction.recurrent_layers", "reduction.whole_model",
    "sparsity.weight", "sparsity.activity", "sparsity.activity_fanout_weighted",
    "traffic.packets", "traffic.deliveries", "traffic.hops", "traffic.bits", "traffic.dropped",
    "traffic.max_link_utilisation", "traffic.late_cores", "traffic.late_events",
    "traffic.offered_rate", "traffic.accepted_rate", "traffic.traffic_latency_cycles.mean",
    "memory.bytes_per_core_max", "memory.bytes_per_core_mean", "memory.capacity_bytes",
    "memory.dram.bytes", "memory.dram.bytes_fetched", "memory.dram.mean_wait_s",
    "memory.dram.max_utilisation", "memory.dram.waiting_s",
    "cores_used",
    "task.perplexity", "task.bits_per_token", "task.nll_mean", "task.nll_se", "task.tokens",
    "task.simulated.perplexity", "task.simulated.tokens", "task.simulated.max_output_difference",
)
#: Columns computed here; docs/reference/sweeps.md says how.
DERIVED = ("latency_low_s", "latency_high_s", "energy_delay_js", "mac_reduction",
           "latency_reduction", "interval_reduction", "energy_reduction",
           "realisation.latency", "realisation.interval", "realisation.energy")
ORIGIN = ("engine", "provenance.neurosim", "provenance.model_sha256", "provenance.chip.name",
          "provenance.chip.level", "provenance.chip.sha256", "provenance.seed")
#: What a reduction divides, twin's over point's.
_REDUCTIONS = {
    "mac_reduction": "operations_per_step.macs_effective",
    "latency_reduction": "latency_s.per_step_mean",
    "interval_reduction": "latency_s.interval_mean",
    "energy_reduction": "energy_per_step_j",
}


def columns(axes: Sequence[str]) -> list[str]:
    """All columns, in order."""
    return ["point", "key", "status", "reason", *axes, *DERIVED, *MEASURES, *ORIGIN, "dense_twin"]


def rows(plan: Plan, store: Store) -> Iterator[Row]:
    """A row for every point of the sweep that was run, in the sweep's order.

    Dense twins that are no points themselves give their points' reductions but no rows.
    """
    twins: dict[str, Stored | None] = {}
    for point in plan.points:
        stored = store.get(point.key)
        if stored is None:
            continue
        twin = point.twin
        if twin is not None and twin not in twins:
            twins[twin] = store.get(twin)
        yield _row(plan, point, stored, twins.get(twin) if twin is not None else None)


def _row(plan: Plan, point: Point, stored: Stored, twin: Stored | None) -> Row:
    row: Row = dict.fromkeys(columns(plan.axes))
    row.update(point=point.number, key=point.key[:16], status=stored.status,
               reason=stored.reason or None, dense_twin=point.twin and point.twin[:16])
    row.update({axis: point.values.get(axis) for axis in plan.axes})
    result = stored.result
    if result is None:
        return row
    for name in (*MEASURES, *ORIGIN):
        row[name] = value_at(result, name)
    interval = result.get("latency_interval_s")
    if interval is not None:
        row["latency_low_s"], row["latency_high_s"] = interval
    row["energy_delay_js"] = _product(row["latency_s.per_step_mean"], row["energy_per_step_j"])
    if twin is not None and twin.result is not None:
        row.update(realisation(result, twin.result))
    return row


def realisation(result: Mapping[str, Any], dense: Mapping[str, Any]) -> Row:
    """Reductions against the dense twin, and how much of the fewer operations they realise.

    The realisation factor is the latency's (interval's, energy's) reduction over that of the
    effective multiply-accumulates; None where there was no reduction to realise.
    """
    found: Row = {}
    for name, measure in _REDUCTIONS.items():
        found[name] = _ratio(value_at(dense, measure), value_at(result, measure))
    macs = found["mac_reduction"]
    for what in ("latency", "interval", "energy"):
        own = found[f"{what}_reduction"]
        real = macs is not None and not math.isclose(macs, 1.0)
        found[f"realisation.{what}"] = _ratio(own, macs) if real else None
    return found


def value_at(data: Any, dotted: str) -> Any:
    """The value at a dotted key, None if it or a parent is absent."""
    for part in dotted.split("."):
        if not isinstance(data, Mapping):
            return None
        data = data.get(part)
    return data


def _ratio(above: Any, below: Any) -> float | None:
    return above / below if above is not None and below else None


def _product(a: Any, b: Any) -> float | None:
    return a * b if a is not None and b is not None else None


# --- files


def label(value: Any) -> Any:
    """A value of an axis as a table's cell: mappings and lists as one line, paths as they are."""
    if isinstance(value, Mapping):
        return " ".join(f"{key}={label(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return "[" + " ".join(str(label(item)) for item in value) + "]"
    return value


def _cell(value: Any) -> Any:
    """Floats so that they read back exactly; nothing for None."""
    value = label(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else value


def csv_text(names: Sequence[str], table: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    for row in table:
        writer.writerow([_cell(row.get(name)) for name in names])
    return buffer.getvalue()


def write(plan: Plan, store: Store, folder: Path, parquet: bool = False) -> list[Path]:
    """Write the table, whole or not at all; Parquet as well on request (extra ``parquet``)."""
    names = columns(plan.axes)
    files = [folder / CSV]
    write_text(files[0], csv_text(names, rows(plan, store)))
    if parquet:
        files.append(folder / PARQUET)
        _write_parquet(files[1], names, list(rows(plan, store)), plan)
    return files


def _write_parquet(path: Path, names: Sequence[str], table: list[Row], plan: Plan) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = {name: [label(row[name]) for row in table] for name in names}
    for name, column in data.items():
        if len({type(value) for value in column if value is not None} - {int, float}) > 1:
            data[name] = [None if value is None else str(value) for value in column]
    about = json.dumps({"sweep": plan.name, "scenario_sha256": plan.document.sha256,
                        "files": plan.files}, sort_keys=True)
    whole = pa.table(data).replace_schema_metadata({"neurosim": about})
    aside = path.with_name(f".{path.name}.new")
    pq.write_table(whole, aside)
    os.replace(aside, path)


def write_text(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    os.chmod(aside, 0o644)
    os.replace(aside, path)


def read_csv(path: Path) -> tuple[list[str], list[Row]]:
    """A table back from its file; numbers are numbers again, empty cells None."""
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        names = next(reader)
        return names, [{name: _value(text) for name, text in zip(names, row, strict=True)}
                       for row in reader]


def _value(text: str) -> Any:
    if text == "":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
