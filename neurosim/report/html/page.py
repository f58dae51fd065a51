"""The page as text: skeleton, styles, scripts and data in one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosim.explain import parts
from neurosim.measure import Result
from neurosim.measure.folder import plain
from neurosim.report.html.payload import as_script, cards, columns, payload, percent, si

if TYPE_CHECKING:
    from jinja2 import Environment

_SCRIPTS = ("common.js", "floor.js", "charts.js", "main.js")
#: Columns of cores.csv that are fractions or bytes, for the table of cores.
_CORE_COLUMNS = ("core", "x", "y", "layer", "units", "memory_bytes", "busy", "stalled_s",
                 "synaptic_ops", "received", "sent", "fifo_max", "dropped")
_LINK_COLUMNS = ("from_x", "from_y", "to_x", "to_y", "direction", "packets", "bits", "utilisation")


def write_report(path: str | Path, result: Result,
                 detail: Mapping[str, Any] | None = None) -> Path:
    """Write the report of a run.

    Args:
        result: of the run; its ``critical_path`` and ``activity`` are shown if they are there.
        detail: :func:`neurosim.report.html.details` of the run, if it kept a trace.
    """
    data = result.data
    text = _environment().get_template("report.html").render(
        title=data["scenario"]["name"], data=data, cards=cards(data), si=si, percent=percent,
        path=data.get("critical_path"), detail=detail, activity=result.activity,
        tables=[_table("cores", "Cores and their slices", result.cores, _CORE_COLUMNS),
                _table("links", "Links", result.links, _LINK_COLUMNS)],
        scenario=json.dumps(plain(data["provenance"]["resolved_scenario"]), indent=2,
                            sort_keys=True),
        classes=parts.CLASSES, meanings=dict(zip(parts.NAMES, parts.MEANINGS, strict=True)),
        origin=_origin(data), payload=as_script(payload(result, detail)),
        style=_read("report.css"), script="\n".join(_read(name) for name in _SCRIPTS))
    target = Path(path)
    target.write_text(text, encoding="utf-8")
    return target


def write_sweep_report(path: str | Path, name: str, table: Sequence[Mapping[str, Any]],
                       pictures: Sequence[tuple[str, str]], axes: Sequence[str] = ()) -> Path:
    """Write the report of a sweep.

    Args:
        table: one row a point: column -> number, text or None.
        pictures: (caption, SVG text) of the sweep's plots.
        axes: columns that the sweep varied; they come first.
    """
    names = list(axes) + [n for n in (table[0] if table else {}) if n not in axes]
    rows = [[row.get(n) for n in names] for row in table]
    text = _environment().get_template("sweep.html").render(
        title=name, names=names, rows=rows, pictures=[(c, _inline(svg)) for c, svg in pictures],
        style=_read("report.css"), script=_read("common.js") + "\n" + _read("sweep.js"))
    target = Path(path)
    target.write_text(text, encoding="utf-8")
    return target


def _inline(svg: str) -> str:
    """An SVG file's picture as a data URI, so that ids of several pictures do not meet."""
    import base64

    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")


def _table(key: str, title: str, table: Any, names: Sequence[str]) -> dict[str, Any]:
    values = columns(table)
    kept = [name for name in names if name in values]
    return {"id": key, "title": title, "names": kept,
            "rows": list(zip(*(values[name] for name in kept), strict=True))}


def _origin(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where the numbers come from, as rows."""
    found = data["provenance"]
    rows = [("scenario", f"{data['scenario']['name']}, sha256 {data['scenario']['sha256']}"),
            ("engine", data["engine"])]
    rows += [(name, str(found[name])) for name in ("neurosim", "python", "numpy", "seed")
             if found.get(name) is not None]
    if found.get("model_sha256"):
        rows.append(("model", f"sha256 {found['model_sha256']}"))
    chip = found["chip"]
    rows.append(("chip", f"{chip['name']} at {chip['level']}, sha256 {chip['sha256']}"))
    return rows


def _read(name: str) -> str:
    return (files("neurosim.report") / "templates" / name).read_text(encoding="utf-8")


def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(loader=FunctionLoader(_read), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)
