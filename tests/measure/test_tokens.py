"""Latency of tokens, the busiest part's bound, and Little's law, on the shipped character model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim import pipeline
from neurosim.image import DECODE_NONE
from neurosim.measure import Result
from neurosim.measure.facts import Facts
from neurosim.measure.latency import completions, offers, stage_names, stage_ticks
from neurosim.pipeline.base import Prepared
from neurosim.scenario import scenario_from_data


def generating(project: Path, streams: int, steps: int, **sections: Any) -> Prepared:
    return pipeline.prepare(scenario_from_data({
        "name": "tokens", "mode": "generate", "streams": streams,
        "network": {"model": str(project / "models/shakespeare_char/weights.safetensors")},
        "workload": {"prompt": "The king", "steps": steps}, "decoder": {"on": "chip"},
        "generate": {"choice": "sample"}, "chip": {"use": "spinnaker2", "cores": 32},
        "sync": "dataflow", **sections}))


def facts_of(prepared: Prepared) -> Facts:
    from neurosim.engines import compiled

    counters = compiled.run(prepared.image).counters
    return Facts(prepared.network, prepared.workload, prepared.chip, prepared.mapping,
                 prepared.image, counters, prepared.machine, prepared.plan)


@pytest.mark.parametrize(("decoder", "names"), [
    ({"on": "chip"}, ["layer0", "layer1", "decoder", "output", "decision"]),
    ({"on": "host"}, ["layer0", "layer1", "output", "decision"])], ids=["chip", "host"])
def test_one_streams_latency_is_the_sum_of_its_stages(
    project: Path, decoder: dict[str, Any], names: list[str]
) -> None:
    """In ticks, exactly; and a token enters at the tick at which the one before was decided, or at
    the host's next edge."""
    facts = facts_of(generating(project, 1, 12, decoder=decoder))
    assert facts.image.decode != DECODE_NONE
    assert stage_names(facts) == names
    stages, latency = stage_ticks(facts), completions(facts) - offers(facts)
    np.testing.assert_array_equal(stages.sum(axis=1), latency)
    # From the first generated token on every stage takes its time, and none of them none.
    assert (stages[8:] > 0).all()
    entered, decided = offers(facts)[8:], completions(facts)[7:-1]
    period = int(facts.image.clock_period[facts.image.first_host])
    assert (entered >= decided).all() and (entered - decided <= period).all()


def steady(result: Result, streams: int) -> tuple[float, float, float]:
    """(throughput, mean latency, mean time from word to word of one stream) while every stream is
    under way."""
    table = result.steps[np.argsort(result.steps["complete_s"])]
    inner = table[8 * streams: len(table) - streams]
    span = float(inner["complete_s"][-1] - inner["complete_s"][0])
    turns = [np.diff(inner["complete_s"][inner["step"] % streams == stream]).mean()
             for stream in range(streams)]
    return (len(inner) - 1) / span, float(inner["latency_s"].mean()), float(np.mean(turns))


def test_throughput_rises_to_the_bound_and_stays_and_littles_law_holds(project: Path) -> None:
    shares = {}
    for streams in (1, 4, 12, 16):
        result = pipeline.simulate(generating(project, streams, 40))
        rate, latency, turn = steady(result, streams)
        bound = result["bound"]
        assert bound["part"].startswith("core ")
        assert bound["throughput_steps_per_s"] == pytest.approx(1 / bound["busy_s_per_step"])
        shares[streams] = rate / bound["throughput_steps_per_s"]
        # Little's law: S tokens are under way, each for as long as its stream's turn takes; a part
        # of that it may wait at the host for a bank of sums, which is no latency of the machine.
        assert rate * turn == pytest.approx(streams, rel=0.03)
        assert latency <= 1.02 * turn
    assert shares[1] < 0.9 < shares[4]
    assert 0.95 <= shares[12] <= 1.01 and 0.95 <= shares[16] <= 1.01


def test_operations_of_decoder_and_layers_are_apart(project: Path) -> None:
    """Gated products are words x events of the last layer, wherever they are made; dense ones all
    positions; the recurrent layers' counts do not move."""
    found = {}
    for name, decoder in (("host", {"on": "host"}), ("chip", {"on": "chip"}),
                          ("dense", {"on": "chip", "gated": False})):
        result = pipeline.simulate(generating(project, 1, 6, decoder=decoder,
                                              generate={"choice": "greedy"}))
        found[name] = result["operations"]
    assert found["host"]["decoder_macs_done"] == found["host"]["decoder_macs_gated"] > 0
    assert found["chip"]["decoder_macs_done"] == found["host"]["decoder_macs_done"]
    assert found["dense"]["decoder_macs_done"] == found["dense"]["decoder_macs"] == 13 * 73 * 192
    for key in ("events", "synaptic_ops", "macs_effective", "macs_effective_recurrent"):
        assert len({ops[key] for ops in found.values()}) == 1, key


def test_operations_do_not_depend_on_how_inputs_enter(project: Path) -> None:
    """Embedding on the chip, or currents: the same counts of the recurrent layers' products."""
    found = [pipeline.simulate(generating(project, 1, 6, generate={"choice": "greedy"},
                                          **sections))
             for sections in ({}, {"embedding": {"on": "chip"}},
                              {"host": {"input": "currents"}})]
    plain, lookup, currents = (result["operations"] for result in found)
    for key in ("input_macs", "macs_effective", "macs_dense", "decoder_macs"):
        assert plain[key] == lookup[key] == currents[key], key
    assert lookup["embedding_reads"] == 13 * 192 and plain["embedding_reads"] == 0
    assert currents["current_adds"] > 0
    assert currents["synaptic_ops"] == plain["synaptic_ops"] - plain["input_macs"]
    assert found[2]["host.currents_j"] > 0 == found[0]["host.currents_j"]


def test_the_host_is_paid_for_where_it_decodes(project: Path) -> None:
    on_host, on_chip = (pipeline.simulate(generating(project, 1, 6, decoder={"on": on}))
                        for on in ("host", "chip"))
    assert on_host["host.decoder_j"] == pytest.approx(
        on_host["operations.decoder_macs_done"] * 1e-10)
    assert on_chip["host.decoder_j"] == 0.0
    assert on_host["energy_per_step_whole_j"] > on_host["energy_per_step_j"]
    assert on_chip["energy_per_step_whole_j"] == on_chip["energy_per_step_j"]
    assert on_chip["gpu_model"][0]["break_even_batch"]["bf16"] >= 1
