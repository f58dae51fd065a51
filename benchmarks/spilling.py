"""What keeping synapse tables in DRAM costs: docs/guides/spilling.md.

    python benchmarks/spilling.py

Runs ``scenarios/spill.yaml`` with other bandwidths, with more rows on their way, and with memory
enough in the cores; draws the picture and writes the table of the page anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import neurosim
from neurosim.report.style import BLUE, DARK, GREEN, VERMILION, look, new_figure, save

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "guides" / "spilling.md"
SCENARIO = ROOT / "scenarios" / "spill.yaml"
BANDWIDTHS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)  # GB/s
OUTSTANDING = {1: VERMILION, 2: BLUE, 4: GREEN}
LANES = (1, 16)
TICKS = (200, 500, 1000, 2000)  # us


def run(lanes: int, **sets: Any) -> dict[str, Any]:
    """Result of the scenario with other constants; dots in keys are written as two underscores."""
    overrides = [f"chip.set.core.lanes={lanes}"]
    overrides += [f"chip.set.{key.replace('__', '.')}={value}" for key, value in sets.items()]
    return neurosim.run(neurosim.load_scenario(SCENARIO, overrides)).data


def interval_us(data: dict[str, Any]) -> float:
    return 1e6 * float(data["latency_s"]["interval_mean"])


def main() -> None:
    rows = []
    with look():
        figure = new_figure(8.0, 3.6)
        for panel, lanes in enumerate(LANES):
            axes = figure.add_subplot(1, 2, panel + 1)
            near = run(lanes, core__data_bytes="256 KiB")
            fetched = 0.0
            for outstanding, colour in OUTSTANDING.items():
                found = [run(lanes, dram__outstanding=outstanding,
                             dram__bandwidth_bytes_per_s=f"{rate} GB/s") for rate in BANDWIDTHS]
                axes.plot(BANDWIDTHS, [interval_us(d) for d in found], "o-", color=colour,
                          label=f"{outstanding} on the way")
                fetched = found[-1]["memory"]["dram"]["bytes_transferred"] / found[-1]["steps"]
                rows += [row(lanes, outstanding, rate, data, near)
                         for rate, data in zip(BANDWIDTHS, found, strict=True)
                         if rate in (0.2, 0.8, 6.4)]
            axes.axhline(interval_us(near), color=DARK, linestyle="--", label="in the cores")
            axes.plot(BANDWIDTHS, [fetched / rate / 1e3 for rate in BANDWIDTHS], ":", color=DARK,
                      label="bytes / bandwidth")
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xticks(BANDWIDTHS, [f"{rate:g}" for rate in BANDWIDTHS])
            axes.set_yticks(TICKS, [str(tick) for tick in TICKS])
            axes.minorticks_off()
            axes.set_ylim(0.4 * interval_us(near), 1.3 * interval_us(found[0]))
            axes.set_xlabel("bandwidth of the port (GB/s)")
            axes.set_ylabel("interval of steps (us)")
            axes.set_title(f"{lanes} lane{'s' * (lanes > 1)}", loc="left")
            if panel == 0:
                axes.legend()
        save(figure, PAGE.parent, "spilling")
    head = ["| lanes | rows on the way | bandwidth | interval | of that in the cores "
            "| energy a step | port busy |", "|---|---|---|---|---|---|---|"]
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split("<!-- begin spilling -->\n")
    after = rest.split("<!-- end spilling -->")[1]
    PAGE.write_text(before + "<!-- begin spilling -->\n" + "\n".join([*head, *rows])
                    + "\n<!-- end spilling -->" + after, encoding="utf-8")


def row(lanes: int, outstanding: int, rate: float, data: dict[str, Any],
        near: dict[str, Any]) -> str:
    """A line of the page's table."""
    slower = interval_us(data) / interval_us(near)
    more = data["energy_per_step_j"] / near["energy_per_step_j"]
    busy = data["memory"]["dram"]["max_utilisation"]
    return (f"| {lanes} | {outstanding} | {rate} GB/s | {interval_us(data):.0f} us | "
            f"{slower:.2f} x | {more:.2f} x | {busy:.0%} |")


if __name__ == "__main__":
    main()
