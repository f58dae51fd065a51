"""What is shipped: complete, small enough, equal to its recipes, and equal on the chip."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import neurosim
from models import cards, figures, table
from neurosim.network.functional import evaluate, run_functional
from neurosim.network.load import load_model
from neurosim.network.reference import round_events
from neurosim.network.workload import from_text
from neurosim.scenario import scenario_from_data

MODELS = figures.HERE
WORDS = sorted(p for p in MODELS.glob("*/*.safetensors")
               if "embedding" not in p.name and p.stem != "lstm" and p.parent.name != "build"
               and p.parent.name != "shakespeare_char")
FLOATS = [p for p in WORDS if not p.stem.endswith("_int8")]


def tokens(folder: Path, count: int) -> np.ndarray:
    return np.load(folder / "heldout.npy")[:count].astype(np.int64)


def test_all_of_it_stays_under_60_megabytes(project: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z", "models"], cwd=project, capture_output=True)
    names = [n for n in listed.stdout.decode().split("\0") if n]
    if not names:
        pytest.skip("no list of the project's files")
    assert sum((project / n).stat().st_size for n in names if (project / n).exists()) < 60e6


def test_the_family_is_complete() -> None:
    stems = {p.stem for p in WORDS}
    for level in ("high", "middle", "low", "gru"):
        for sparsity in ("00", "50", "80", "90", "95"):
            assert f"{level}_{sparsity}" in stems
            assert (f"{level}_{sparsity}_int8" in stems) == (level != "gru" and sparsity != "00")
    assert {"weights", "weights_int8"} <= stems


@pytest.mark.parametrize("path", WORDS, ids=lambda p: p.stem)
def test_weights_load_with_the_sparsity_of_their_card(path: Path) -> None:
    """Loading also checks the sidecar's sha256 of weights and embedding."""
    network = load_model(path)
    sidecar = network.sidecar
    stored = sum(la.kernel.nnz + la.recurrent.nnz for la in network.layers)
    size = sum((la.inputs + la.units) * 3 * la.units for la in network.layers)
    # Rounding loses small weights: int8 everywhere; float16 where decay wiped out unused units.
    slack = 0.2 if path.stem.endswith("_int8") else 2e-3 if path.stem == "low_00" else 1e-3
    assert -slack < stored / size - (1 - sidecar["training"]["weight_sparsity"]) < 1e-3
    assert sidecar["window"] == 70 and len(sidecar["vocabulary"]) == len(network.embedding)
    assert "treebank" not in json.dumps(sidecar["training"])


def test_every_model_equals_its_recipe_over_20000_tokens() -> None:
    """As recorded when it was shipped, over the whole test part; two are scored again here."""
    for folder in ("egru_1350", "family_256"):
        found = json.loads((MODELS / folder / "shipped.json").read_text())
        assert set(found) == {p.stem for p in FLOATS if p.parent.name == folder}
        for stem, record in found.items():
            # low_80 falls into its second mode elsewhere by rounding (docs/reference/models.md).
            bound = 1.2e-3 if stem == "low_80" else 1e-3
            assert record["tokens"] >= 20_000 and abs(record["relative_difference"]) < bound, stem


def test_levels_of_the_family_keep_their_activity() -> None:
    members = json.loads((MODELS / "family_256" / "metrics.json").read_text())["stages"][-1]
    levels = [m for m in members["members"] if m["fire"] == "threshold"]
    assert len(levels) == 25
    for member in levels:
        target = member["activity_target"]
        assert member["operations"]["activity"] == pytest.approx(target, rel=0.05), member["name"]


@pytest.mark.parametrize("stem", ["low_95", "gru_95"])
def test_recorded_perplexity_is_found_again(stem: str) -> None:
    folder = MODELS / "family_256"
    record = json.loads((folder / "shipped.json").read_text())[stem]
    held = tokens(folder, 20_001)
    found = evaluate(load_model(folder / f"{stem}.safetensors"), held[:-1], held[1:], 70)
    assert found.tokens == 20_000
    assert found.perplexity == pytest.approx(record["heldout_perplexity"], rel=1e-6)


def test_character_model_equals_its_recipe() -> None:
    """PyTorch on the shipped weights and neurosim, over the held-out text, within 1e-5."""
    torch = pytest.importorskip("torch")
    from models.language_model import evaluate as recipe_evaluate
    from models.recipes import load_recipe
    from models.training import build

    folder = MODELS / "shakespeare_char"
    network = load_model(folder / "weights.safetensors")
    work = from_text(folder / "heldout.txt", network, window=100)
    assert work.steps >= 20_000
    ours = evaluate(network, work.tokens, work.targets, 100)
    model = build(load_recipe(folder / "recipe.yaml", len(network.embedding)))
    state = {"embeddings.weight": network.embedding, "decoder.decoder.bias": network.decoder_bias}
    for index, layer in enumerate(network.layers):
        state |= {f"rnns.{index}.{name}": value for name, value in (
            ("kernel", layer.kernel.toarray()), ("recurrent_kernel", layer.recurrent.toarray()),
            ("bias", layer.bias), ("recurrent_bias", layer.recurrent_bias),
            ("thr", layer.threshold))}
    model.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in state.items()})
    text = torch.from_numpy(np.append(work.tokens, work.targets[-1]))
    theirs = recipe_evaluate(model, text, 100)
    assert ours.nll_mean == pytest.approx(theirs.nll, rel=1e-5)
    last = json.loads((folder / "metrics.json").read_text())["stages"][-1]["test"]
    assert ours.bits_per_token == pytest.approx(last["bits_per_token"], abs=0.1)  # part of it


@pytest.mark.parametrize("path", [p for p in FLOATS if "95" in p.stem and "gru" not in p.stem],
                         ids=lambda p: p.stem)
def test_recorded_activity_is_what_the_network_does(path: Path) -> None:
    network = load_model(path)
    sample = np.load(path.parent / f"{path.stem}.activity.npz")
    steps = sample["layer0"].shape[0]
    outputs = run_functional(network, network.embedding[tokens(path.parent, steps)], 70)
    for index, y in enumerate(outputs):
        np.testing.assert_allclose(sample[f"layer{index}"], y, atol=1e-5)


@pytest.mark.parametrize("model", WORDS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_chip_computes_what_the_functional_model_does(model: Path) -> None:
    """Every shipped model on SpiNNaker2: the host receives the functional model's outputs."""
    large = model.parent.name == "egru_1350"
    scenario = scenario_from_data({
        "name": "shipped", "network": {"model": str(model)},
        "workload": {"tokens": str(model.parent / "heldout.npy"), "steps": 8},
        "chip": {"use": "spinnaker2", "cores": 150 if large else 48,
                 "set": {} if large else {"core.data_bytes": "1 MiB"}},
        "sync": "dataflow", "record": ["activity"]})
    result = neurosim.run(scenario)
    network = load_model(model)
    window = int(network.sidecar["window"])
    outputs = run_functional(network, network.embedding[tokens(model.parent, 8)], window)
    for index, y in enumerate(outputs):
        recorded = result.activity[f"layer{index}"]
        np.testing.assert_allclose(recorded, y, atol=1e-5)
        assert (recorded != 0).any()
    simulated = result["task"]["simulated"]
    assert simulated["perplexity"] == pytest.approx(simulated["functional_perplexity"], rel=1e-5)


def test_int8_weights_are_within_half_a_step_and_load_as_such() -> None:
    folder = MODELS / "family_256"
    exact, coarse = (load_model(folder / f"middle_90{form}.safetensors") for form in ("", "_int8"))
    for a, b in zip(exact.layers, coarse.layers, strict=True):
        for full, rounded in ((a.kernel, b.kernel), (a.recurrent, b.recurrent)):
            full, rounded = full.toarray(), rounded.toarray()
            step = np.abs(full).max(0) / 127
            assert (np.abs(full - rounded) <= step / 2 * 1.001).all()
            ratio = rounded / np.where(step > 0, step, 1)
            np.testing.assert_allclose(ratio, np.rint(ratio), atol=1e-3)
    y = np.linspace(0, 1, 1001, dtype=np.float32)
    events = round_events(y, 255)
    assert np.abs(events - y).max() <= 0.5 / 255 + 1e-7 and len(np.unique(events)) == 256


def test_page_picture_and_cards_are_those_of_the_metrics(tmp_path: Path) -> None:
    assert table.PAGE.read_text() == table.page(), "run python -m models.table"
    table.draw(tmp_path / "models.svg")
    assert (tmp_path / "models.svg").stat().st_size > 10_000
    for folder, text in cards.all_cards().items():
        assert (folder / "CARD.md").read_text() == text, "run python -m models.cards"
