"""Tables in DRAM in the results: bytes, energy, waits; and bytes that formats add."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurosim
from neurosim.cli import execute
from neurosim.mapping.formats import FORMATS
from neurosim.measure.memory import row_bytes
from neurosim.pipeline import prepare
from neurosim.scenario import load_scenario, scenario_from_data

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"


def data(spill: bool = True, cores: int = 4, kib: int = 10, **sets: Any) -> dict[str, Any]:
    chip = {"core.data_bytes": f"{kib} KiB", **sets}
    return {
        "name": "small", "chip": {"use": "spinnaker2", "cores": cores, "set": chip},
        "network": {"synthetic": {"layers": [40, 24], "inputs": 16, "weight_sparsity": 0.2,
                                  "activity": 0.4}},
        "workload": {"steps": 5}, "mapping": {"spill": spill}, "sync": "dataflow",
    }


def test_what_is_counted() -> None:
    scenario = scenario_from_data(data())
    result = neurosim.run(scenario)
    prepared = prepare(scenario)
    found, memory = result.data, result.data["memory"]
    dram, image = memory["dram"], prepared.image
    assert prepared.mapping is not None
    assert dram["bytes"] == image.row_dram_bytes.sum() == sum(
        use.dram for use in prepared.mapping.memory)
    assert dram["capacity_bytes"] == 2 * 2**30 and dram["ports"] == 1
    assert dram["slices"] == sum(part.dram for part in prepared.mapping.slices) > 0
    assert dram["bytes_fetched"] == found["traffic"]["dram_bytes"]
    assert dram["requests"] == found["traffic"]["dram_requests"]
    assert dram["bytes_transferred"] % 64 == 0
    assert dram["bytes_fetched"] <= dram["bytes_transferred"] < dram["bytes_fetched"] + 64 * dram[
        "requests"]
    busy = dram["bytes_transferred"] / 6.4e9
    assert dram["max_utilisation"] == pytest.approx(busy / found["latency_s"]["total"], rel=1e-3)
    assert dram["waiting_s"] == pytest.approx(result.cores["waiting_s"].sum())
    assert dram["bytes_fetched"] == result.cores["fetched_bytes"].sum()
    assert found["energy_j"]["dram"] == pytest.approx(8 * 8e-12 * dram["bytes_transferred"])
    # Bits times hops of their way, at the NoC's energy, as well.
    ids = [part.core for part in prepared.mapping.slices]
    arrays, ports = prepared.chip.noc_arrays, prepared.chip.dram_ports
    hops = dict(zip(ids, ports.hops[arrays.core_router[ids]].tolist(), strict=True))
    bits = sum(8 * row["fetched_bytes"] * hops[int(row["core"])] for row in result.cores)
    assert found["energy_detail_j"]["dram_way"] == pytest.approx(0.15e-12 * bits)
    assert bits > 0


def test_spilling_changes_time_and_energy_only() -> None:
    """The same cores and tables, in memory and in DRAM."""
    one = {"dram.outstanding": 1, "dram.latency_s": "5 us"}
    near, far = (neurosim.run(scenario_from_data(data(kib=kib, **one))).data for kib in (96, 10))
    assert near["memory"]["dram"] is None and near["energy_j"]["dram"] == 0.0
    assert near["operations"] == far["operations"]
    assert near["traffic"]["packets"] == far["traffic"]["packets"]
    assert far["latency_s"]["total"] > near["latency_s"]["total"]
    assert far["energy_j"]["dram"] > 0
    assert "memory port 0" not in near["bound"]["part"]
    slow = data(kib=10, **{"dram.bandwidth_bytes_per_s": "20 MB/s"})
    bound = neurosim.run(scenario_from_data(slow)).data["bound"]
    assert bound["part"] == "memory port 0" and bound["utilisation"] > 0.9


@pytest.mark.parametrize("table_format", FORMATS)
def test_bytes_that_formats_add(table_format: str) -> None:
    """Against a count over the rows that were worked on: every source's events times its rows."""
    from neurosim.engines import compiled
    from neurosim.measure.facts import Facts

    scenario = scenario_from_data(data(kib=96, spill=False,
                                       **{"core.table_format": table_format}))
    prepared = prepare(scenario)
    image = prepared.image
    counters = compiled.run(image).counters
    facts = Facts(prepared.network, prepared.workload, prepared.chip, prepared.mapping, image,
                  counters, prepared.machine)
    core, expected = prepared.chip.core, 0
    assert prepared.mapping is not None
    for c, part in enumerate(prepared.mapping.slices):
        rows, columns = int(counters.job_count[c, 1]), 3 * len(part.units)
        if table_format == "bitmap":
            expected += rows * -(-columns // 32) * 4
        if table_format == "dense":
            zeros = rows * columns - int(counters.synaptic_ops[c].sum())
            expected += zeros * (int(core.weight_bytes) + 2 * int(core.sum_bytes))
    assert row_bytes(facts) == expected
    assert (expected > 0) == (table_format in ("bitmap", "dense"))


def test_sweeps_over_spilling_and_its_constants(tmp_path: Path) -> None:
    """Points that do not fit are recorded as failed, with the way out; the others have columns."""
    import yaml

    sweep = {**data(), "sweep": {"axes": {
        "mapping.spill": [True, False],
        "chip.set.dram.bandwidth_bytes_per_s": ["0.1 GB/s", "6.4 GB/s"]}}}
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(sweep), encoding="utf-8")
    execute(["sweep", str(path), "-o", str(tmp_path / "out"), "--workers", "1"])
    rows = list(csv.DictReader((tmp_path / "out" / "table.csv").open(encoding="utf-8")))
    done = [row for row in rows if row["status"] == "done"]
    assert len(done) == 2
    busy = [float(row["memory.dram.max_utilisation"]) for row in done]
    assert busy[0] > 8 * busy[1] > 0
    failed = [row for row in rows if row["status"] != "done"]
    assert len(failed) == 2 and all("mapping.spill" in row["reason"] for row in failed)
    assert np.isfinite(busy).all()


@pytest.mark.parametrize("gated", [True, False])
def test_decoder_and_embedding_in_dram(gated: bool) -> None:
    """Dense: every word's row on every step.  Gated: a row for every event of the last layer.  And
    the row of every token."""
    scenario = load_scenario(SCENARIOS / "generate_char.yaml", (
        "decoder.on=dram", f"decoder.gated={gated}".lower(), "embedding.on=dram",
        "workload.steps=6"))
    near = load_scenario(SCENARIOS / "generate_char.yaml", ("workload.steps=6",))
    prepared, data = prepare(scenario), neurosim.run(scenario).data
    first, last = prepared.machine.layers[0], prepared.machine.layers[-1]
    words, inputs, steps = last.units, last.inputs, data["steps"]
    products = data["operations"]["decoder_macs_done"]
    assert (products == words * inputs * steps) == (not gated)
    assert data["memory"]["dram"]["bytes_fetched"] == 4 * (products + first.units * steps)
    assert data["task"]["generated_text"] == neurosim.run(near).data["task"]["generated_text"]
