"""The run in a few lines for a person, at most 60 columns wide."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

WIDTH = 60
#: Relative difference of perplexities up to which simulation and functional model agree.
TASK_TOLERANCE = 1e-5
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"),
             (1e-12, "p"))


def si(value: float | None, unit: str) -> str:
    """A value with three digits and a prefix: ``1.23 ms``; a dash for None."""
    if value is None:
        return "-"
    if value == 0:
        return f"0 {unit}".rstrip()
    # 0.9995 of a unit is written as 1.00 of it, not as 1000 of the next smaller one.
    fitting = (pair for pair in _PREFIXES if abs(value) >= pair[0] * 0.9995)
    scale, prefix = next(fitting, _PREFIXES[-1])
    scaled = value / scale
    digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
    return f"{scaled:.{digits}f} {prefix}{unit}".rstrip()


def count(value: float | None) -> str:
    """A count in full up to 99,999, with a prefix beyond."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) < 1e5 else si(value, "")


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def rows(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and value, most asked for first."""
    found = [*_task(data), *_time(data), *_energy(data), *_work(data), *_traffic(data)]
    memory = data["memory"]
    if data["cores_used"]:
        full = memory["bytes_per_core_max"] / memory["capacity_bytes"]
        found.append(("fullest core", f"{memory['bytes_per_core_max']:,} B, {percent(full)}"))
        found.append(("cores", f"{data['cores_used']} used, {data['cores_powered']} powered"))
    dram = memory.get("dram")
    if dram:
        found.append(("DRAM", f"{dram['bytes']:,} B held, {dram['bytes_fetched']:,} B fetched, "
                      f"ports {percent(dram['max_utilisation'])} busy"))
    assumed = len(data["provenance"]["chip"]["assumed"])
    if assumed:
        found.append(("assumed constants", f"{assumed} (see the chip file)"))
    return found


def _task(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    task = data.get("task") or {}
    found = []
    if task.get("generated_tokens") is not None:
        each = [len(stream["generated_tokens"]) for stream in task["streams"]]
        of = f" in {len(each)} streams" if len(each) > 1 else ""
        found.append(("generated", f"{sum(each):,} tokens{of}"))
    if task.get("perplexity") is not None:
        over = f" over {task['tokens']:,} tokens" if task.get("tokens") else ""
        found.append(("perplexity", f"{task['perplexity']:.4g}{over}"))
    if task.get("bits_per_token") is not None:
        found.append(("bits per token", f"{task['bits_per_token']:.4f}"))
    simulated = task.get("simulated")
    if simulated:
        found.append(("  simulated", f"{simulated['bits_per_token']:.4f}"
                                     f" over {simulated['tokens']:,} tokens"))
        if simulated.get("functional_perplexity"):
            ratio = simulated["perplexity"] / simulated["functional_perplexity"]
            same = "equals" if abs(ratio - 1) <= TASK_TOLERANCE else "differs from"
            found.append(("", f"{same} the functional model"))
    return found


def _time(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    latency = data["latency_s"]
    steps = f", {data['steps']} steps" if data["steps"] else ""
    found = [("simulated time", si(latency["total"], "s") + steps)]
    if latency["per_step_mean"] is not None:
        found.append(("latency of a step", f"{si(latency['per_step_mean'], 's')} mean, "
                                           f"{si(latency['per_step_p99'], 's')} p99"))
        found += _between(data, "per_step_mean")
        found.append(("interval of steps", si(latency["interval_mean"], "s")))
        found += _between(data, "interval_mean")
        found.append(("throughput", si(data["throughput_steps_per_s"], "steps/s")))
        bound = data.get("bound")
        if bound and data.get("streams", 1) > 1:
            found.append(("  at most", f"{si(bound['throughput_steps_per_s'], 'steps/s')},"
                                       f" {bound['part']}"))
    return found


def _between(data: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    """The range of a time, where the run had its bounds simulated."""
    bounds = data.get("bounds")
    if not bounds:
        return []
    low, high = (si(bounds[end]["latency_s"][key], "s") for end in ("low", "high"))
    return [("  range", f"{low} to {high}")]


def _energy(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    each = (("energy of a step", data["steps"]) if data["steps"] else ("energy", 1))
    label, steps = each
    ends = data.get("bounds") or {"low": data, "high": data}
    low, high = ends["low"]["energy_low_j"] / steps, ends["high"]["energy_high_j"] / steps
    found = [(label, si(data["energy_j"]["total"] / steps, "J")),
             ("  range", f"{si(low, 'J')} to {si(high, 'J')}")]
    shares = sorted(((joule, name) for name, joule in data["energy_j"].items() if name != "total"),
                    reverse=True)[:2]
    total = data["energy_j"]["total"]
    if total > 0:
        text = ", ".join(f"{name.replace('_', ' ')} {100 * j / total:.0f} %" for j, name in shares)
        found.append(("  most of it", text))
    found.append(("power", si(data["power_w"], "W")))
    whole = data.get("energy_per_step_whole_j")
    if data["operations"].get("decoder_macs_done") and whole:
        found.append(("energy with the host", si(whole, "J")))
    return found


def _work(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    per_step, sparse = data["operations_per_step"], data["sparsity"]
    if not data["operations"]["neuron_updates"]:
        return []
    fewer = data["reduction"]
    found = [
        ("events a step", count(per_step["events"])),
        ("MACs a step", f"{count(per_step['macs_effective'])}"
                        f" of {count(per_step['macs_dense'])} dense"),
    ]
    if fewer["recurrent_layers"]:
        text = f"{fewer['recurrent_layers']:.1f} x layers"
        if per_step["decoder_macs"]:
            text += f", {fewer['whole_model']:.1f} x with decoder"
        found.append(("  fewer", text))
    found.append(("sparsity", f"weights {percent(sparse['weight'])},"
                              f" activity {percent(sparse['activity'])}"))
    return found


def _traffic(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    traffic = data["traffic"]
    found = [
        ("packets", f"{count(traffic['packets'])}, {count(traffic['deliveries'])} delivered"),
        ("hops", count(traffic["hops"])),
        ("busiest link", percent(traffic["max_link_utilisation"])),
    ]
    if traffic["dropped"]:
        found.append(("dropped", count(traffic["dropped"])))
    if traffic["late_cores"] or traffic["late_events"]:
        found.append(("late", f"{count(traffic['late_cores'])} cores,"
                              f" {count(traffic['late_events'])} events"))
    waits = traffic.get("traffic_latency_cycles")
    if waits:
        rate = f"{traffic['accepted_rate']:.4f} of {traffic['offered_rate']:.4f}"
        found.append(("accepted rate", rate))
        mean = "-" if waits["mean"] is None else f"{waits['mean']:.1f}"
        zero = "-" if waits["zero_load"] is None else f"{waits['zero_load']:.1f}"
        found.append(("packet latency", f"{mean} cycles, {zero} unloaded"))
    return found


def text(data: Mapping[str, Any]) -> str:
    """The rows as plain text under the scenario's name."""
    pairs = rows(data)
    width = max(len(label) for label, _ in pairs)
    lines = [str(data["scenario"]["name"])[:WIDTH]]
    lines += [f"  {label:<{width}}  {value}".rstrip() for label, value in pairs]
    return "\n".join(lines)


def html(data: Mapping[str, Any]) -> str:
    """The rows as an HTML table, in whatever colours its surroundings have."""
    cells = "".join(
        f"<tr><th scope='row' style='text-align:left'>{escape(label.strip())}</th>"
        f"<td style='text-align:left'>{escape(value)}</td></tr>" for label, value in rows(data))
    return f"<table><caption>{escape(str(data['scenario']['name']))}</caption>{cells}</table>"
