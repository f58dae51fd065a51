"""The machine embeds, decodes and chooses: token for token what the oracle says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from neurosim import image as im
from neurosim.engines import compiled
from neurosim.engines.outcome import Outcome, raise_unless_finished
from neurosim.errors import ScenarioError
from neurosim.image import Image
from neurosim.lower import SyncPlan
from neurosim.network.machine import Choice, LanguagePlan
from tests.engines.language import Case, case
from tests.engines.machines import mesh

Engine = Callable[..., Outcome]
SYNCS = {
    "skewed": SyncPlan("barrier"),
    "per_layer": SyncPlan("barrier", order="per_layer"),
    "dataflow": SyncPlan("dataflow"),
    "dataflow_closed": SyncPlan("dataflow", buffers=3, closed_loop=True),
}
CHOICES = {
    "greedy": Choice(),
    "top_k": Choice("top_k", k=3, temperature=0.7, seed=5),
    "sample": Choice("sample", temperature=1.3, seed=9),
}
#: Where decoder and embedding are, and how inputs enter.
PLACES = {
    "host": LanguagePlan(decoder_on="host"),
    "host dense currents": LanguagePlan(decoder_on="host", gated=False, input="currents"),
    "chip": LanguagePlan(decoder_on="chip", reduction=2),
    "chip dense int8": LanguagePlan(decoder_on="chip", gated=False, decoder_precision="int8"),
    "dram": LanguagePlan(decoder_on="dram", embedding_on="dram", reduction=1),
    "all on chip": LanguagePlan(decoder_on="chip", embedding_on="chip", decoder_precision="int8"),
}


def image_of(made: Case, sync: SyncPlan, decoder_cores: int = 5, **options: Any) -> Image:
    counts = [2] * made.plan.lookup_layer + [3, 2] + [decoder_cores] * made.plan.decoder_layer
    return made.image(sync, counts, **options)


def equals_oracle(engine: Engine, made: Case, image: Image) -> Outcome:
    told: list[tuple[int, int]] = []
    outcome = engine(image, chosen=lambda step, token: told.append((step, token)))
    raise_unless_finished(image, outcome)
    expected, counters = made.oracle(), outcome.counters
    np.testing.assert_array_equal(counters.chosen, expected.chosen)
    np.testing.assert_array_equal(counters.logits, expected.logits.astype(np.float32))
    np.testing.assert_array_equal(counters.outputs, np.concatenate(expected.outputs, axis=1))
    assert told == list(enumerate(expected.chosen.tolist()))
    assert (np.diff(counters.step_decided) > 0).all()
    return outcome


@pytest.mark.parametrize("place", sorted(PLACES))
@pytest.mark.parametrize("sync", sorted(SYNCS))
@pytest.mark.parametrize("streams", [1, 2, 3, 4])
def test_greedy_generation_is_the_oracles(engine: Engine, place: str, sync: str,
                                          streams: int) -> None:
    plan = replace(PLACES[place], mode="generate", streams=streams)
    made = case(plan, seed=streams, window=(0, 3)[streams % 2])
    outcome = equals_oracle(engine, made, image_of(made, SYNCS[sync]))
    counters = outcome.counters
    # A chosen token enters when it has been chosen.
    entered, prompted = counters.step_offer[streams:], 2 * streams
    after = entered >= counters.step_decided[:-streams]
    assert after[prompted - streams:].all()


@pytest.mark.parametrize("choice", sorted(CHOICES))
@pytest.mark.parametrize("place", ["host", "chip"])
@pytest.mark.parametrize("mode", ["score", "generate"])
def test_every_choice_is_the_oracles(engine: Engine, choice: str, place: str, mode: str) -> None:
    plan = replace(PLACES[place], mode=mode, streams=2, choice=CHOICES[choice])
    made = case(plan, seed=11, steps=10, event_levels=255)
    equals_oracle(engine, made, image_of(made, SYNCS["dataflow"]))


@pytest.mark.parametrize(("place", "shuffle"), [*product(["host", "chip"], [None, 4])])
def test_of_tied_logits_the_lower_word_is_chosen(engine: Engine, place: str,
                                                 shuffle: int | None) -> None:
    made = case(replace(PLACES[place], mode="generate"), seed=2, vocabulary=12, tied=True, steps=12)
    outcome = equals_oracle(engine, made, image_of(made, SYNCS["dataflow"], shuffle=shuffle))
    assert (outcome.counters.chosen % 2 == 0).all()


@pytest.mark.parametrize("place", sorted(PLACES))
def test_two_hundred_tokens(place: str) -> None:
    plan = replace(PLACES[place], mode="generate", streams=2)
    made = case(plan, seed=21, sizes=(20, 12), width=6, vocabulary=50, steps=100, window=30,
                event_levels=255 * (place == "chip dense int8"))
    outcome = equals_oracle(compiled.run, made, image_of(made, SYNCS["dataflow"]))
    assert len(set(outcome.counters.chosen.tolist())) >= 3


@pytest.mark.parametrize("streams", [1, 3])
def test_scoring_under_a_tick(engine: Engine, streams: int) -> None:
    """With a period that nothing overruns the host decodes what the oracle does."""
    made = case(LanguagePlan(decoder_on="host", streams=streams), seed=5, window=2)
    equals_oracle(engine, made, image_of(made, SyncPlan("tick", period_s=1e-3)))


# --- what travels


@pytest.mark.parametrize("choice", ["greedy", "top_k"])
def test_results_go_up_the_tree_once(engine: Engine, choice: str) -> None:
    """11 words on 4 cores (3, 3, 3, 2), a chain; k of top_k is 3."""
    made = case(LanguagePlan(decoder_on="chip", reduction=1, choice=CHOICES[choice]),
                vocabulary=11, steps=4)
    image = image_of(made, SYNCS["dataflow"], decoder_cores=4)
    k = image.candidates
    sends = [min(k, n) for n in (2, 5, 8, 11)]
    assert sorted(image.core_results[image.core_stage == 3].tolist()) == sorted([0, *sends[:3]])
    assert image.host_n_results == k
    counters = engine(image).counters
    assert counters.offered[im.RESULT] == counters.delivered[im.RESULT] == 4 * sum(sends)


def test_currents_travel_to_the_core_that_adds_them(engine: Engine) -> None:
    """Six units on cores of 2, 2, 2: six gate sums each, in packets of four and two."""
    made = case(LanguagePlan(decoder_on="host", input="currents"), steps=3)
    image = image_of(made, SYNCS["skewed"])
    assert len(image.input_tree) == 6 and image.input_width == 4
    assert (image.tree_copies[image.input_tree] == 1).all()
    counters = engine(image).counters
    assert counters.offered[im.CURRENT] == counters.delivered[im.CURRENT] == 3 * 6
    assert counters.synaptic_ops[:, im.ROW_CURRENT].tolist() == [18, 18, 18, 0, 0]
    assert counters.synaptic_ops[:, im.ROW_INPUT].sum() == 0
    bits = image.packet_bits
    assert bits[im.CURRENT] == bits[im.EVENT] - 32 + 128


def test_the_embedding_on_cores_sends_its_values(engine: Engine) -> None:
    made = case(LanguagePlan(decoder_on="host", embedding_on="chip"), steps=3, prompt=3)
    counters = engine(image_of(made, SYNCS["dataflow"])).counters
    assert counters.host_sent == 3 * 2  # a token and a marker a step
    assert counters.layer_events[0] == np.count_nonzero(
        made.network.embedding[made.workload.rows])


def test_eight_bit_events_are_rounded_once_and_zeros_are_not_sent(engine: Engine) -> None:
    made = case(LanguagePlan(decoder_on="host"), seed=3, event_levels=7, fire="always")
    counters = equals_oracle(engine, made, image_of(made, SYNCS["dataflow"])).counters
    assert set(np.round(np.unique(counters.outputs) * 7, 4)) <= set(range(8))
    assert counters.layer_events.sum() == np.count_nonzero(counters.outputs)
    assert (counters.outputs == 0).any()


# --- what is refused, or goes wrong


def test_what_cannot_work_is_refused() -> None:
    def refused(plan: LanguagePlan, sync: str = "barrier", **chip: Any) -> str:
        made = case(plan)
        with pytest.raises(ScenarioError) as caught:
            image_of(made, SyncPlan(sync, period_s=1e-3), chip=mesh(3, 3, 2, **chip))
        return str(caught.value)

    assert refused(LanguagePlan(decoder_on="host", mode="generate"), "tick").startswith("sync:")
    assert refused(LanguagePlan(mode="generate")).startswith("decoder.on: nothing chooses")
    assert "results of a step that is late" in refused(LanguagePlan(decoder_on="chip"), "tick")
    assert "lost" in refused(LanguagePlan(decoder_on="chip"), **{"core.fifo_policy": "drop"})
    assert "is 10 of a vocabulary of 9" in refused(
        LanguagePlan(decoder_on="chip", choice=Choice("top_k", k=10)))
    assert refused(LanguagePlan(embedding_on="chip", input="currents")).startswith("input:")


def test_a_logit_out_of_range_names_its_word(engine: Engine) -> None:
    made = case(LanguagePlan(decoder_on="host"), seed=3)
    assert made.network.decoder_weight is not None
    made.network.decoder_weight[4:6] = 1e9
    image = image_of(made, SYNCS["dataflow"])
    with pytest.raises(Exception, match="the logit of word 4"):
        raise_unless_finished(image, engine(image))
