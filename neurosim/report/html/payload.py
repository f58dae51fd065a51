"""What the page's scripts draw from, as JSON, and its tables as text."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from neurosim.measure import Result, summary
from neurosim.measure.folder import plain
from neurosim.measure.summary import count
from neurosim.measure.tables import stage_columns

#: Most bits of activity in a page, all layers together; 1 MB of text.
MOST_BITS = 6_000_000
#: Most steps of the latency chart; longer runs show means of neighbouring steps.
MOST_STEPS = 300


def si(value: float | None, unit: str) -> str:
    """A value with three digits and a prefix, micro as in print."""
    return summary.si(value, unit).replace(" u", " \u00b5")


def percent(value: float | None) -> str:
    """A fraction with one decimal, or two digits where that would show nothing."""
    if value is not None and 0 < value < 0.001:
        return f"{100 * value:.2g} %"
    return summary.percent(value)


def payload(result: Result, detail: Mapping[str, Any] | None) -> dict[str, Any]:
    """Everything that the page draws."""
    kept = ("floorplan", "energy_j", "energy_range_j", "memory", "latency_s", "steps")
    path = result.data.get("critical_path")
    return plain({
        "result": _sorted({key: result.data.get(key) for key in kept}),
        "cores": columns(result.cores),
        "links": columns(result.links),
        "latency": _latency(result),
        "path": _path(path),
        "windows": detail["windows"] if detail else None,
        "matrix": detail["matrix"] if detail else None,
        "activity": _activity(result.activity),
    })


def _sorted(data: dict[str, Any]) -> Any:
    """Keys in the order of result.json, so that a page made from the file is the same."""
    return json.loads(json.dumps(plain(data), sort_keys=True))


def as_script(data: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def columns(table: np.ndarray) -> dict[str, list[Any]]:
    """Columns of a table; floats to six digits, which is more than anyone sees."""
    result = {}
    for name in table.dtype.names or ():
        values = table[name].tolist()
        if table.dtype[name].kind == "f":
            values = [float(f"{value:.6g}") for value in values]
        result[name] = values
    return result


def _latency(result: Result) -> dict[str, Any]:
    """Latency of the steps by what they waited for: [steps] and {name: [steps] seconds}."""
    rows = result.steps
    stages = stage_columns(rows)
    if not len(rows) or not stages:
        return {"step": [], "parts": {}}
    return _means(rows["step"], np.stack([rows[n] for n in stages], axis=1),
                  list(stages.values()))


def _path(path: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if path is None or not path.get("steps"):
        return None
    return _means(np.array(path["steps"]), np.array(path["parts_s"]), list(path["parts"]))


def _means(step: np.ndarray, parts: np.ndarray, names: list[str]) -> dict[str, Any]:
    """Steps, or means of neighbouring ones where they are many."""
    groups = np.array_split(np.arange(len(step)), min(len(step), MOST_STEPS))
    means = [parts[group].mean(axis=0) for group in groups]
    return {"step": [int(step[group[0]]) for group in groups],
            "parts": {name: [float(f"{m[i]:.6g}") for m in means] for i, name in enumerate(names)}}


def _activity(activity: Mapping[str, np.ndarray] | None) -> list[dict[str, Any]] | None:
    """Which unit fired when: a bit each, step by step; the first steps where there are many."""
    if not activity:
        return None
    units = sum(y.shape[1] for y in activity.values())
    steps = min(len(next(iter(activity.values()))), max(1, MOST_BITS // max(1, units)))
    result = []
    for name, y in activity.items():
        bits = np.packbits(y[:steps] != 0, axis=None)
        result.append({"name": f"layer {name.removeprefix('layer')}", "units": y.shape[1],
                       "steps": steps, "of": len(y),
                       "bits": base64.b64encode(bits.tobytes()).decode("ascii")})
    return result


def cards(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an architect reads first: label, value with unit, range or remark, and the dotted key
    and exact value in result.json behind it."""
    steps = data["steps"]
    per_step = data.get("operations_per_step") or {}
    rows = [
        _card(data, "Perplexity", "task.perplexity", lambda v: f"{v:.4g}", _tokens(data)),
        _card(data, "Latency of a step", "latency_s.per_step_mean", _seconds,
              _p99(data), _bounds(data, "latency_low_s", "latency_high_s", "s")),
        _card(data, "Interval of steps", "latency_s.interval_mean", _seconds),
        _card(data, "Throughput", "throughput_steps_per_s", lambda v: si(v, "steps/s")),
        _card(data, "Simulated time", "latency_s.total", _seconds,
              f"{steps:,} steps" if steps else ""),
        _card(data, "Energy of a step", "energy_per_step_j", lambda v: si(v, "J"),
              _energy_range(data, steps)),
        _card(data, "Energy", "energy_j.total", lambda v: si(v, "J"), _energy_range(data, 1)),
        _card(data, "Power", "power_w", lambda v: si(v, "W")),
        _card(data, "Events a step", "operations_per_step.events", count),
        _card(data, "MACs a step", "operations_per_step.macs_effective", count,
              f"of {count(per_step.get('macs_dense'))} dense"),
        _card(data, "Weight sparsity", "sparsity.weight", percent),
        _card(data, "Activity sparsity", "sparsity.activity", percent),
        _card(data, "Packets", "traffic.packets", count,
              f"{count(data['traffic']['deliveries'])} delivered"),
        _card(data, "Dropped", "traffic.dropped", count) if data["traffic"]["dropped"] else None,
        _card(data, "Busiest link", "traffic.max_link_utilisation", percent),
        _card(data, "Packet latency", "traffic.traffic_latency_cycles.mean",
              lambda v: f"{v:.1f} cycles"),
        _card(data, "Fullest core", "memory.bytes_per_core_max", lambda v: f"{v:,} B",
              f"of {data['memory']['capacity_bytes']:,} B"),
        _card(data, "Cores used", "cores_used", str),
    ]
    return [row for row in rows if row is not None]


def _card(data: Mapping[str, Any], label: str, key: str, show: Any,
          *notes: str) -> dict[str, Any] | None:
    value: Any = data
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None:
        return None
    return {"label": label, "key": key, "value": json.dumps(plain(value)), "text": show(value),
            "note": ", ".join(filter(None, notes))}


def _seconds(value: float) -> str:
    return si(value, "s")


def _tokens(data: Mapping[str, Any]) -> str:
    tokens = (data.get("task") or {}).get("tokens")
    return f"over {tokens:,} tokens" if tokens else ""


def _p99(data: Mapping[str, Any]) -> str:
    return f"{si(data['latency_s'].get('per_step_p99'), 's')} p99"


def _bounds(data: Mapping[str, Any], low: str, high: str, unit: str) -> str:
    bounds = data.get("bounds") or data
    if bounds.get(low) is None or bounds.get(high) is None:
        return ""
    return f"{si(bounds[low], unit)} to {si(bounds[high], unit)}"


def _energy_range(data: Mapping[str, Any], steps: int) -> str:
    if not steps:
        return ""
    return f"{si(data['energy_low_j'] / steps, 'J')} to {si(data['energy_high_j'] / steps, 'J')}"
