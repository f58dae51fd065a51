"""The numbers of docs/guides/sweep-findings.md, out of the main sweep's folder.

    neurosim sweep scenarios/sweep_family.yaml -o results/sweep_family
    neurosim plot results/sweep_family -o docs/pictures/sweep_family
    neurosim sweep scenarios/sweep_family_sync.yaml -o results/sweep_family_sync
    neurosim sweep scenarios/sweep_trained.yaml -o results/sweep_trained
    python benchmarks/sweep_findings.py results/sweep_family results/sweep_family_sync \\
        results/sweep_trained

Replaces what stands between the page's markers by tables; the sentences around them are a person's.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from neurosim.sweep import analysis
from neurosim.sweep.table import read_csv

PAGE = Path(__file__).resolve().parents[1] / "docs" / "guides" / "sweep-findings.md"
WEIGHTS, OFFSET, CORES = "zeros", "network.threshold_offset", "chip.cores"
LATENCY, INTERVAL = "latency_s.per_step_mean", "latency_s.interval_mean"
ENERGY, MACS = "energy_per_step_j", "operations_per_step.macs_effective"
SHARES = ("core_active", "core_idle", "noc", "host_link", "static")
Rows = Sequence[dict[str, Any]]


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fits(rows: Rows) -> str:
    """Fewest cores that hold each model, and its perplexity and activity at each offset."""
    found = []
    for zeros, own in analysis.group(rows, lambda row: row[WEIGHTS]).items():
        done = [row for row in own if row["status"] == "done"]
        least = min(row[CORES] for row in done)
        task = [f"{row['task.perplexity']:.1f} ({100 * (1 - row['sparsity.activity']):.0f} %)"
                for row in done if row[CORES] == max(r[CORES] for r in done)]
        found.append([f"{zeros} %", str(least), *task])
    offsets = analysis.levels(rows, OFFSET)
    return markdown(["zero weights", "fewest cores",
                     *(f"perplexity (activity), offset {o:g}" for o in offsets)], found)


def scaling(rows: Rows) -> str:
    """Latency and interval over the cores without an offset, and where the knee is."""
    cores = analysis.levels(rows, CORES)
    found = []
    for measure, name in ((LATENCY, "latency"), (INTERVAL, "interval")):
        for zeros in analysis.levels(rows, WEIGHTS):
            own = {row[CORES]: row[measure] for row in rows if row["status"] == "done"
                   and row[WEIGHTS] == zeros and row[OFFSET] == 0}
            x, y = list(own), list(own.values())
            bend = analysis.knee(x, y)
            found.append([name, f"{zeros} %",
                          *(f"{1e6 * own[c]:.0f}" if c in own else "-" for c in cores),
                          "-" if bend is None else str(x[bend])])
    return markdown(["us of a step", "zero weights", *(f"{c} cores" for c in cores), "knee"], found)


def energy(rows: Rows) -> str:
    """Energy of a step and its shares on the most cores."""
    most = max(row[CORES] for row in rows)
    chosen = [row for row in rows if row["status"] == "done" and row[CORES] == most
              and row[OFFSET] in (min(r[OFFSET] for r in rows), max(r[OFFSET] for r in rows))]
    found = [[f"{row[WEIGHTS]} %", f"{row[OFFSET]:g}", f"{row[MACS] / 1e3:.0f} k",
              f"{1e6 * row[ENERGY]:.0f}",
              *(f"{100 * row[f'energy_j.{s}'] / row['energy_j.total']:.1f}" for s in SHARES)]
             for row in chosen]
    return markdown(["zero weights", "offset", "MACs a step", f"uJ a step, {most} cores",
                     *(f"{s.replace('_', ' ')} %" for s in SHARES)], found)


def realised(rows: Rows) -> str:
    """Reductions against the dense twin, on each number of cores that holds it."""
    found = []
    for row in rows:
        if row["latency_reduction"] and row[OFFSET] == 0:
            found.append([str(row[CORES]), f"{row[WEIGHTS]} %", f"{row['mac_reduction']:.1f}",
                          *(f"{row[f'{w}_reduction']:.1f}" for w in
                            ("latency", "interval", "energy")),
                          *(f"{row[f'realisation.{w}']:.2f}" for w in
                            ("latency", "interval", "energy"))])
    found.sort(key=lambda line: (int(line[0]), float(line[2])))
    return markdown(["cores", "zero weights", "MACs / x", "latency / x", "interval / x",
                     "energy / x", "realised: latency", "interval", "energy"], found)


def traffic(rows: Rows) -> str:
    """Traffic of a step over the cores, and how busy the busiest link is."""
    found = []
    for zeros in analysis.levels(rows, WEIGHTS):
        for row in rows:
            if row["status"] == "done" and row[WEIGHTS] == zeros and row[OFFSET] == 0:
                found.append([f"{zeros} %", str(row[CORES]),
                              f"{row['traffic.deliveries'] / row['steps']:.0f}",
                              f"{row['traffic.hops'] / row['steps']:.0f}",
                              f"{100 * row['traffic.max_link_utilisation']:.1f}"])
    return markdown(["zero weights", "cores", "deliveries a step", "link traversals a step",
                     "busiest link, % of the time"], found)


def handshake(rows: Rows) -> str:
    """Barrier and dataflow side by side."""
    found = []
    for (zeros, cores), own in analysis.group(
            rows, lambda row: (row[WEIGHTS], row[CORES])).items():
        by = {row["sync"]: row for row in own}
        cells = [[f"{1e6 * by[s][INTERVAL]:.0f}", f"{1e6 * by[s][LATENCY]:.0f}",
                  f"{1e6 * by[s][ENERGY]:.0f}",
                  f"{by[s]['traffic.deliveries'] / by[s]['steps'] / cores:.0f}",
                  f"{by[s]['realisation.interval']:.2f}"] for s in ("barrier", "dataflow")]
        found.append([f"{zeros} %", str(cores),
                      *(f"{a} / {b}" for a, b in zip(*cells, strict=True))])
    return markdown(["zero weights", "cores", "interval, us", "latency, us", "energy, uJ",
                     "packets a core and step", "realised (interval)"], found)


def trained(rows: Rows) -> str:
    """The trained levels of activity and the GRU, against the dense GRU."""
    found = [[row["activity"], f"{row[WEIGHTS]} %", f"{100 * (1 - row['sparsity.activity']):.0f} %",
              f"{row['task.perplexity']:.1f}", f"{1e6 * row[INTERVAL]:.0f}",
              f"{1e6 * row[ENERGY]:.0f}", f"{row['mac_reduction']:.1f}",
              f"{row['energy_reduction']:.1f}",
              "-" if row["realisation.energy"] is None else f"{row['realisation.energy']:.2f}"]
             for row in rows]
    return markdown(["model", "zero weights", "activity", "perplexity", "interval, us",
                     "energy, uJ", "MACs / x", "energy / x", "realised (energy)"], found)


PARTS = {"fits": fits, "scaling": scaling, "energy": energy, "realised": realised,
         "traffic": traffic}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("family", type=Path, help="results of scenarios/sweep_family.yaml")
    parser.add_argument("sync", type=Path, help="results of scenarios/sweep_family_sync.yaml")
    parser.add_argument("trained", type=Path, help="results of scenarios/sweep_trained.yaml")
    folders = parser.parse_args()
    rows = read_csv(folders.family / "table.csv")[1]
    text = PAGE.read_text(encoding="utf-8")
    for name, part in PARTS.items():
        text = filled(text, name, part(rows))
    text = filled(text, "handshake", handshake(read_csv(folders.sync / "table.csv")[1]))
    text = filled(text, "trained", trained(read_csv(folders.trained / "table.csv")[1]))
    PAGE.write_text(text, encoding="utf-8")


def filled(page: str, name: str, table: str) -> str:
    """The page with a table between the marker ``name`` and the next end."""
    before, marker, rest = page.partition(f"<!-- {name} -->\n")
    if not marker:
        raise SystemExit(f"{PAGE} has no marker {name}")
    return before + marker + table + "\n<!-- end -->" + rest.partition("<!-- end -->")[2]


if __name__ == "__main__":
    main()
