"""Published energy, power and time figures against small runs (docs/background).

    python benchmarks/published_figures.py            # all rows, minutes
    python benchmarks/published_figures.py --quick    # without the language model's runs

A row is a *calibration* if a constant of the chip file came from the very figure, so that the run
shows the way from constant to result to be whole; it is a *prediction* if none did.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import neurosim

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "background" / "published-figures.md"
CALIBRATION, PREDICTION = "calibration", "prediction"


@dataclass(frozen=True)
class Row:
    """A figure, its published value, and how a run gives it."""

    chip: str
    figure: str
    published: float
    unit: str
    simulate: Callable[[], float]
    kind: str
    source: str
    quick: bool = True


def run(name: str, *changes: str) -> dict[str, Any]:
    """``result.json`` of one of the scenarios, with changes."""
    return neurosim.run(PROJECT / "scenarios" / f"{name}.yaml", overrides=list(changes)).data


def at_level(level: str) -> str:
    return f"chip.level={level}"


def power_mw(name: str, *changes: str) -> float:
    return run(name, *changes)["power_w"] * 1e3


# --- one NoC hop: two tiles apart, less one tile apart


def line(chip: str, tiles: int, vertical: bool, rate: str = "0.001", cycles: int = 20000,
         *more: str) -> dict[str, Any]:
    """Traffic between the ends of a line of tiles."""
    width, height = (1, tiles) if vertical else (tiles, 1)
    grid = (f"{{first: [0, 0], width: {width}, height: {height}, without: [], host: [0, 0], "
            "cores_per_tile: 1}")
    return run("published_hop", f"chip.use={chip}", f"chip.set.topology={grid}",
               "chip.set.usable_cores=null", "workload.traffic.pattern=bit_complement",
               f"workload.traffic.rate={rate}", f"workload.traffic.cycles={cycles}", *more)


def hop_ns(chip: str, clock_hz: float, vertical: bool = False) -> float:
    far, near = (line(chip, n, vertical)["traffic"]["traffic_latency_cycles"]["mean"]
                 for n in (3, 2))
    return (far - near) / clock_hz * 1e9


def hop_pj(chip: str, bits: int, flit_bits: int, vertical: bool = False) -> float:
    """Energy of one packet of so many bits over one link."""
    data = line(chip, 2, vertical)
    per_flit = data["energy_detail_j"]["links"] / data["traffic"]["hops"]
    return per_flit / flit_bits * bits * 1e12


def link_rate(chip: str, clock_hz: float) -> float:
    """Packets of one flit a second over one saturated link."""
    data = line(chip, 2, False, "1.0", 2000, "workload.traffic.warmup=200")
    return data["traffic"]["accepted_rate"] * clock_hz


# --- single operations: differences of runs of the same events


def operations(chip: str, *changes: str) -> dict[str, Any]:
    return run("published_operations", f"chip.use={chip}", *changes)


def synaptic_op_j(chip: str) -> float:
    few, many = (operations(chip, f"network.synthetic.fan_in={n}") for n in (96, 192))
    ops = [data["operations"]["synaptic_ops"] for data in (few, many)]
    joules = [data["energy_j"]["core_active"] for data in (few, many)]
    return (joules[1] - joules[0]) / (ops[1] - ops[0])


def update_j(chip: str) -> float:
    data = operations(chip, "network.synthetic.activity=0.0")
    return data["energy_j"]["core_active"] / data["operations"]["neuron_updates"]


def barrier_ns() -> float:
    """What a barrier over 32 tiles takes beyond one over a single tile."""
    times = [operations("loihi1", f"chip.cores={n}", f"network.synthetic.layers=[{n}]",
                        "network.synthetic.fan_in=1", "network.synthetic.activity=0.0",
                        "sync=barrier")["latency_s"]["interval_mean"] for n in (128, 4)]
    return (times[0] - times[1]) * 1e9


def per_core_rate() -> float:
    """Synaptic operations a second of one core while it accumulates."""
    result = neurosim.run(PROJECT / "scenarios" / "published_operations.yaml", overrides=[
        "chip.use=spinnaker2", "network.synthetic.fan_in=192"])
    return float(result.cores["synaptic_ops"].sum() / result.cores["accumulate_s"].sum())


def mac_pj(level: str) -> float:
    data = run("published_mac", at_level(level))
    return data["energy_j"]["total"] / data["operations"]["synaptic_ops"] * 1e12


def truenorth_mw() -> float:
    return power_mw("published_truenorth") * 256


def spinnaker1_packet_nj() -> float:
    """A 72-bit packet over one link between two chips."""
    data = spinnaker1_line(2)
    return data["energy_detail_j"]["chip_links"] / data["traffic"]["hops"] * 1e9


def spinnaker1_hop_us() -> float:
    far, near = (spinnaker1_line(n)["traffic"]["traffic_latency_cycles"]["mean"] for n in (3, 2))
    return (far - near) / 200e6 * 1e6


def spinnaker1_line(chips: int) -> dict[str, Any]:
    row = f"{{kind: mesh, width: {chips}, height: 1, wrap: null, without: [], gateway: [0, 0]}}"
    return run("published_hop", "chip.use=spinnaker1-board", f"chip.set.topology.chips={row}",
               "workload.traffic.pattern=bit_complement")


def spinnaker1_idle_w() -> float:
    data = run("calibration_asleep", "chip.use=spinnaker1", "chip.level=null", "chip.set={}",
               "chip.cores=16", "network.synthetic.layers=[16]")
    return data["power_w"]


SP2, LM = "chip paper, arXiv 2607.24396", "Nazeer et al., arXiv 2312.09084"
SP1, LOIHI = "Painkras 2013, Furber 2012", "Davies 2018, table 2"

ROWS = [
    Row("SpiNNaker2", "chip, all PEs asleep, 0.5 V", 235.4, "mW",
        lambda: power_mw("calibration_asleep"), CALIBRATION, SP2),
    Row("SpiNNaker2", "chip, all PEs asleep, 0.8 V", 564.7, "mW",
        lambda: power_mw("calibration_asleep", at_level("300MHz")), CALIBRATION, SP2),
    Row("SpiNNaker2", "chip, all PEs busy, 0.5 V", 424.6, "mW",
        lambda: power_mw("calibration_busy"), CALIBRATION, SP2, quick=False),
    Row("SpiNNaker2", "chip, all PEs busy, 0.8 V", 1247.9, "mW",
        lambda: power_mw("calibration_busy", at_level("300MHz")), CALIBRATION, SP2, quick=False),
    Row("SpiNNaker2", "int8 MAC, everything in, 0.5 V", 0.72, "pJ",
        lambda: mac_pj("150MHz"), CALIBRATION, SP2, quick=False),
    Row("SpiNNaker2", "int8 MAC, everything in, 0.8 V", 0.97, "pJ",
        lambda: mac_pj("300MHz"), CALIBRATION, SP2, quick=False),
    Row("SpiNNaker2", "NoC hop", 16.7, "ns",
        lambda: hop_ns("spinnaker2", 300e6), CALIBRATION, SP2),
    Row("SpiNNaker2", "NoC link, raw", 57.6, "Gbit/s",
        lambda: link_rate("spinnaker2", 300e6) * 192 / 1e9, CALIBRATION, SP2),
    Row("SpiNNaker2", "synaptic events of a core, 0.5 V", 12.0, "M/s",
        lambda: per_core_rate() / 1e6, PREDICTION, SP2),
    Row("Loihi 1", "synaptic operation", 23.6, "pJ",
        lambda: synaptic_op_j("loihi1") * 1e12, CALIBRATION, LOIHI),
    Row("Loihi 1", "neuron update, active", 81.0, "pJ",
        lambda: update_j("loihi1") * 1e12, CALIBRATION, LOIHI),
    Row("Loihi 1", "hop east or west", 4.1, "ns",
        lambda: hop_ns("loihi1", 10e9), CALIBRATION, LOIHI),
    Row("Loihi 1", "hop north or south", 6.5, "ns",
        lambda: hop_ns("loihi1", 10e9, True), CALIBRATION, LOIHI),
    Row("Loihi 1", "hop east or west, 32 bit", 3.0, "pJ",
        lambda: hop_pj("loihi1", 32, 11), CALIBRATION, LOIHI),
    Row("Loihi 1", "hop north or south, 32 bit", 4.0, "pJ",
        lambda: hop_pj("loihi1", 32, 11, True), CALIBRATION, LOIHI),
    Row("Loihi 1", "barrier, 32 tiles beyond one", 352.0, "ns", barrier_ns, CALIBRATION, LOIHI),
    Row("TrueNorth", "chip at 20 Hz, 128 synapses (the fit)", 70.6, "mW", truenorth_mw,
        CALIBRATION, "Merolla 2014", quick=False),
    Row("SpiNNaker1", "idle chip", 0.35, "W", spinnaker1_idle_w, CALIBRATION, SP1),
    Row("SpiNNaker1", "synaptic event", 13.3, "nJ",
        lambda: synaptic_op_j("spinnaker1") * 1e9, CALIBRATION, SP1),
    Row("SpiNNaker1", "neuron update", 26.0, "nJ",
        lambda: update_j("spinnaker1") * 1e9, CALIBRATION, SP1),
    Row("SpiNNaker1", "72-bit packet over a link", 1.8, "nJ", spinnaker1_packet_nj,
        CALIBRATION, SP1),
    Row("SpiNNaker1", "hop between chips", 0.1, "us", spinnaker1_hop_us, CALIBRATION, SP1),
]


def shown(row: Row, value: float) -> str:
    return (f"| {row.chip} | {row.figure} | {row.published:g} {row.unit} | {value:.4g} {row.unit} "
            f"| {value / row.published:.2f} | {row.kind} | {row.source} |")


def replace_block(name: str, lines: list[str]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- begin {name} -->\n", f"\n<!-- end {name} -->"
    head, rest = text.split(begin)
    PAGE.write_text(head + begin + "\n".join(lines) + end + rest.split(end)[1], encoding="utf-8")


def main() -> None:
    quick = "--quick" in sys.argv
    old = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    lines = ["| chip | figure | published | simulated | ratio | | source |",
             "|---|---|---|---|---|---|---|"]
    for row in ROWS:
        kept = [line for line in old if line.startswith(f"| {row.chip} | {row.figure} |")]
        lines.append(kept[0] if quick and not row.quick and kept else shown(row, row.simulate()))
        print(lines[-1], flush=True)
    replace_block("figures", lines)
    if not quick:
        from language_model import language_model_lines

        replace_block("language model", language_model_lines())


if __name__ == "__main__":
    main()
