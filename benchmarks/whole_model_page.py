"""Tables and pictures of docs/guides/whole-language-model.md, from benchmarks/whole_model.json."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from benchmarks.whole_model import FIGURES, LEVELS, NUMBERS, PLACES, ROOT, STREAMS
from neurosim.measure.gpu import GPUS, energy_per_token_j
from neurosim.measure.gpu import NUMBERS as GPU_NUMBERS
from neurosim.report.style import (
    BLUE,
    DARK,
    GREEN,
    MIDDLE,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    look,
    new_figure,
    save,
)

PAGE = ROOT / "docs" / "guides" / "whole-language-model.md"
PICTURES = ROOT / "docs" / "pictures" / "whole_model"
MEASURED = Path(__file__).with_name("gpu_batch_h200.json")
#: Positions of the kernels and of the decoder of the 1350/1350/750 model of 10,000 words.
WEIGHTS = 24_165_000 + 7_500_000
PLACE_NAMES = {"none": "none", "host": "host", "chip": "cores", "dram": "DRAM"}
COLOURS = dict(zip(STREAMS, (GREEN, BLUE, VERMILION), strict=True))
FINAL = {"fp32": "FP32", "int8": "int8"}


def table(rows: list[dict[str, Any]], level: str) -> list[str]:
    """Markdown rows of one performance level."""
    lines = ["| numbers | decoder | | latency | chip | chip + host | NoC | host link | DRAM | "
             "MACs: recurrent layers | decoder | fewer: recurrent layers | whole |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        if row["level"] != level:
            continue
        gated = {True: "gated", False: "dense", None: ""}[row["gated"]]
        head = f"| {FINAL[row['numbers']]} | {PLACE_NAMES[row['on']]} | {gated} |"
        if "refused" in row:
            over = re.search(r"(\d+) too many", row["refused"])
            cores = re.search(r"(\d+) cores in all", row["refused"])
            assert over and cores
            lines.append(f"{head} does not fit: {int(over[1]) / 1e6:.1f} MB too many, {cores[1]} "
                         "cores would do | | | | | | | | | |")
            continue
        whole = row["macs_recurrent"] + (row["decoder_macs"] or row["decoder_dense"])
        dense = row["macs_dense"] + row["decoder_dense"]
        dram = f"{row['dram_bytes'] / 1e6:.2f} MB" if row["dram_bytes"] else ""
        decoder = f"{row['decoder_macs'] / 1e6:.2f} M" if row["decoder_macs"] else "(7.50 M)"
        lines.append(
            f"{head} {row['latency_s'] * 1e3:.2f} ms | {row['chip_j'] * 1e6:.0f} uJ | "
            f"{row['whole_j'] * 1e6:.0f} uJ | {row['noc_bytes'] / 1e3:.0f} kB | "
            f"{row['host_bytes'] / 1e3:.1f} kB | {dram} | {row['macs_recurrent'] / 1e6:.2f} M | "
            f"{decoder} | {row['macs_dense'] / row['macs_recurrent']:.0f} x | "
            f"{dense / whole:.1f} x |")
    return lines


def streams_table(rows: list[dict[str, Any]]) -> list[str]:
    """Markdown: throughput and latency against streams."""
    lines = ["| | streams | tokens/s | bound | share | latency | token to token | busiest part |",
             "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        if "refused" in row:
            continue
        bound, flow = row["bound"], row["steady"]
        lines.append(
            f"| {row['model']} | {row['streams']} | {flow['throughput']:.0f} | "
            f"{bound['throughput_steps_per_s']:.0f} | "
            f"{100 * flow['throughput'] / bound['throughput_steps_per_s']:.0f} % | "
            f"{flow['latency_s'] * 1e3:.2f} ms | "
            f"{row['streams'] / flow['throughput'] * 1e3:.2f} ms | {bound['part']} |")
    return lines


def draw_streams(rows: list[dict[str, Any]]) -> None:
    """Throughput over streams with the bound, and latency over streams with Little's law."""
    with look():
        figure = new_figure(10.0, 3.6)
        panels = figure.subplots(1, 3)
        for model, colour in COLOURS.items():
            own = [row for row in rows if row["model"] == model and "refused" not in row]
            counts = [row["streams"] for row in own]
            flow = [row["steady"]["throughput"] for row in own]
            axes = panels[0] if model.startswith("char") else panels[1]
            axes.plot(counts, flow, color=colour, marker="o", markersize=3, label=model)
            axes.plot(counts, [row["bound"]["throughput_steps_per_s"] for row in own],
                      color=colour, linestyle="--", linewidth=1.0)
            panels[2].plot(counts, [row["steady"]["latency_s"] * 1e3 for row in own], color=colour,
                           marker="o", markersize=3, label=model)
            panels[2].plot(counts, [1e3 * n / rate for n, rate in zip(counts, flow, strict=True)],
                           color=colour, linestyle=":", linewidth=1.2)
        for axes in panels:
            axes.xaxis.get_major_locator().set_params(integer=True)
        for axes, title in zip(panels, (
                "Tokens/s; dashed: busiest part", "Tokens/s; dashed: busiest part",
                "Latency [ms]; dotted: streams / rate"), strict=True):
            axes.set_xlabel("streams")
            axes.set_title(title)
            axes.set_ylim(bottom=0)
            axes.grid(True)
            axes.legend()
        save(figure, PICTURES, "streams")


def draw_gpu(found: dict[str, Any]) -> None:
    """Energy of a token over the batch: chip and GPUs."""
    measured = json.loads(MEASURED.read_text())
    with look():
        figure = new_figure(8.0, 4.6)
        axes = figure.subplots()
        batches = [2**n for n in range(11)]
        styles = {"fp32": "-", "bf16": "--"}
        for gpu, colour in zip(GPUS[::2], (ORANGE, PURPLE), strict=True):
            for numbers in GPU_NUMBERS:
                axes.plot(batches, [1e3 * energy_per_token_j(WEIGHTS, gpu, b, numbers)
                                    for b in batches], color=colour, linestyle=styles[numbers],
                          linewidth=1.0, label=f"{gpu.name}, {numbers}, roofline")
        for numbers in ("fp32", "bf16"):
            rows = [r for r in measured["rows"] if r["weights"] == numbers and r["form"] == "graph"]
            axes.plot([r["batch"] for r in rows], [1e3 * r["energy_per_token_j"] for r in rows],
                      color=DARK, linestyle=styles[numbers], marker="s", markersize=3,
                      label=f"H200, {numbers}, measured")
        own = [r for r in found["streams"] if r["model"] == "words, dataflow"
               and "refused" not in r]
        axes.plot([r["streams"] for r in own], [1e3 * r["whole_j"] for r in own], color=BLUE,
                  marker="o", markersize=4, label="SpiNNaker2, int8, decoder on cores")
        axes.axhline(1e3 * min(r["whole_j"] for r in own), color=SKY, linewidth=0.8)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(batches, [str(batch) for batch in batches])
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xlabel("streams, or batch")
        axes.set_ylabel("energy of a token [mJ]")
        axes.set_title("Where the chip stops winning")
        axes.grid(True, which="both")
        axes.legend(fontsize=7)
        save(figure, PICTURES, "gpu")


def draw_places(rows: list[dict[str, Any]]) -> None:
    """Latency and energy of a token for every place of the decoder."""
    with look():
        figure = new_figure(9.0, 4.2)
        left, right = figure.subplots(1, 2, sharey=True)
        labels, latency, chip, host, colours = [], [], [], [], []
        for numbers in NUMBERS:
            for on in ("none", *PLACES):
                for row in rows:
                    if (row["numbers"], row["on"], row["level"]) != (numbers, on, LEVELS[0]) \
                            or "refused" in row:
                        continue
                    gated = {True: ", gated", False: ", dense", None: ""}[row["gated"]]
                    labels.append(f"{FINAL[numbers]}, {PLACE_NAMES[on]}{gated}")
                    latency.append(row["latency_s"] * 1e3)
                    chip.append(row["chip_j"] * 1e6)
                    host.append((row["whole_j"] - row["chip_j"]) * 1e6)
                    colours.append(BLUE if numbers == "int8" else VERMILION)
        places = range(len(labels))
        left.barh(places, latency, color=colours)
        right.barh(places, chip, color=colours, label="chip")
        right.barh(places, host, left=chip, color=MIDDLE, hatch="//", label="host's arithmetic")
        left.set_yticks(list(places), labels)
        left.invert_yaxis()
        left.set_title(f"Latency of a token [ms], {LEVELS[0]}")
        right.set_title("Energy of a token [uJ]")
        right.legend()
        for axes in (left, right):
            axes.grid(True, axis="x")
        save(figure, PICTURES, "places")


def blocks(found: dict[str, Any]) -> dict[str, str]:
    """The page's generated blocks by name."""
    made = {level: "\n".join(table(found["table"], level)) for level in LEVELS}
    return {**made, "streams": "\n".join(streams_table(found["streams"]))}


def filled(page: str, found: dict[str, Any]) -> str:
    """The page with its blocks replaced by what the figures say."""
    for name, text in blocks(found).items():
        begin, end = f"<!-- begin {name} -->\n", f"\n<!-- end {name} -->"
        head, rest = page.split(begin)
        page = head + begin + text + end + rest.split(end)[1]
    return page


def main() -> None:
    """Write the pictures, and the tables into the page."""
    found = json.loads(FIGURES.read_text())
    PICTURES.mkdir(parents=True, exist_ok=True)
    draw_streams(found["streams"])
    draw_gpu(found)
    draw_places(found["table"])
    PAGE.write_text(filled(PAGE.read_text(), found))


if __name__ == "__main__":
    main()
