"""The published EGRU on SpiNNaker2 against a run of its size: rows of the published-figures page.

Three runs: all assumed cycle costs as they stand, at the low, and at the high ends of their ranges.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import neurosim
from neurosim.chip import load_chip

SCENARIO = Path(__file__).resolve().parents[1] / "scenarios" / "published_egru.yaml"
STEPS = 10
PUBLISHED_W, PUBLISHED_KB, IMPLIED_USE = 0.39, 88.3, 0.80


def at_end(end: str) -> list[str]:
    """Overrides that put every assumed cost of a core, in cycles, at one end of its range."""
    return [f"chip.set.core.{name}={getattr(constant, end):g}"
            for name, constant, unit in load_chip("spinnaker2").core.constants()
            if unit == "cycles" and constant.flag == "assumed"]


def simulate(changes: list[str]) -> dict[str, Any]:
    result = neurosim.run(SCENARIO, overrides=[f"workload.steps={STEPS}", *changes])
    data, cores = result.data, result.cores
    seconds = data["latency_s"]["total"]
    jobs = {name: float(cores[f"{name}_s"].mean() / seconds)
            for name in ("receive", "accumulate", "update", "send")}
    gpu = data["gpu_model"][0]
    return {
        "power": data["power_w"], "low": data["energy_low_j"] / seconds,
        "high": data["energy_high_j"] / seconds, "use": float(cores["busy"].mean()),
        "most": float(cores["busy"].max()), "jobs": jobs,
        "link": data["traffic"]["max_link_utilisation"],
        "host": max(data["traffic"]["host_in_utilisation"],
                    data["traffic"]["host_out_utilisation"]),
        "port": data["traffic"]["max_core_channel_utilisation"],
        "mean_kb": data["memory"]["bytes_per_core_mean"] / 1e3,
        "most_kb": data["memory"]["bytes_per_core_max"] / 1e3,
        "token": data["energy_j"]["total"] / data["steps"], "interval":
        data["latency_s"]["interval_mean"], "gpu": gpu,
    }


def language_model_lines() -> list[str]:
    middle, low, high = simulate([]), simulate(at_end("low")), simulate(at_end("high"))
    runs = (middle, low, high)

    def span(key: str, scale: float, digits: int) -> str:
        values = sorted(run[key] * scale for run in (low, high))
        return (f"{middle[key] * scale:.{digits}f} ({values[0]:.{digits}f} to "
                f"{values[1]:.{digits}f})")

    least, most = min(run["low"] for run in runs), max(run["high"] for run in runs)
    jobs, gpu = middle["jobs"], middle["gpu"]
    return [
        "| figure | published | simulated (cycle costs low to high) | ratio | |",
        "|---|---|---|---|---|",
        f"| power, W | {PUBLISHED_W} | {middle['power']:.3f} ({least:.3f} to {most:.3f}) | "
        f"{middle['power'] / PUBLISHED_W:.2f} | prediction between two calibrated ends |",
        f"| mean use of a core | ~{IMPLIED_USE:.2f}, implied by the power | {span('use', 1, 2)} | "
        f"{middle['use'] / IMPLIED_USE:.2f} | prediction |",
        f"| memory of a PE, kB | {PUBLISHED_KB} | {middle['mean_kb']:.1f} mean, "
        f"{middle['most_kb']:.1f} fullest | {middle['mean_kb'] / PUBLISHED_KB:.2f} | prediction |",
        f"| busiest core / link / core port / host link | memory, not communication | "
        f"{middle['most']:.2f} / {middle['link']:.3f} / {middle['port']:.3f} / "
        f"{middle['host']:.3f} of the time | | prediction |",
        f"| time of a core in receive / accumulate / update / send | | {jobs['receive']:.2f} / "
        f"{jobs['accumulate']:.2f} / {jobs['update']:.2f} / {jobs['send']:.2f} | | prediction |",
        f"| interval of tokens, ms | not published | {span('interval', 1e3, 2)} | | |",
        f"| energy per token, mJ | not published | {span('token', 1e3, 2)} | | |",
        f"| {gpu['name']} roofline, energy per token, mJ | not published | "
        f"{gpu['energy_per_token_low_j'] * 1e3:.1f} at 60 W, "
        f"{gpu['energy_per_token_high_j'] * 1e3:.1f} at board power | | model, not a run |",
    ]


if __name__ == "__main__":
    print("\n".join(language_model_lines()))
