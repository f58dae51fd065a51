"""Texts, token files and inputs become workloads; what is wrong is told with its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurosim.errors import ModelError
from neurosim.network import Network
from neurosim.network.synthetic import random_egru
from neurosim.network.workload import (
    from_inputs,
    from_text,
    from_tokens,
    synthetic_inputs,
    text_tokens,
)


def language(tokenisation: str, vocabulary: list[str]) -> Network:
    network = random_egru([4], 3, vocabulary=len(vocabulary))
    return replace(network, sidecar={"format": 1, "tokenisation": tokenisation,
                                     "vocabulary": vocabulary})


CHAR = ("char", ["a", "b", "\n"])
WORD = ("word", ["<eos>", "the", "cat", "sat"])


def text(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "text.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_characters(tmp_path: Path) -> None:
    network = language(*CHAR)
    work = from_text(text(tmp_path, "ab\nba"), network)
    np.testing.assert_array_equal(work.tokens, [0, 1, 2, 1])
    np.testing.assert_array_equal(work.targets, [1, 2, 1, 0])
    np.testing.assert_array_equal(work.inputs, network.embedding[[0, 1, 2, 1]])
    assert work.steps == 4 and work.window == 0
    work = from_text(text(tmp_path, "ab\r\nba"), network, steps=2, start=1, window=7)
    np.testing.assert_array_equal(work.tokens, [1, 2])
    np.testing.assert_array_equal(work.targets, [2, 1])
    assert work.window == 7


def test_words_end_lines_with_eos(tmp_path: Path) -> None:
    path = text(tmp_path, " the  cat\nsat \n\nthe")
    np.testing.assert_array_equal(text_tokens(path, language(*WORD)), [1, 2, 0, 3, 0, 0, 1])
    np.testing.assert_array_equal(text_tokens(path, language(*WORD), 3), [1, 2, 0])


def test_unknown_words(tmp_path: Path) -> None:
    path = text(tmp_path, "the cat\nsat the dog")
    with pytest.raises(ModelError, match=r"text\.txt:2:9: token 'dog'") as caught:
        from_text(path, language(*WORD))
    assert caught.value.key == "workload.text"
    with_unknown = language("word", [*WORD[1], "<unk>"])
    np.testing.assert_array_equal(text_tokens(path, with_unknown), [1, 2, 0, 3, 1, 4])


def test_unknown_characters_have_no_escape(tmp_path: Path) -> None:
    network = language(*CHAR)
    path = text(tmp_path, "ab\nbx")
    with pytest.raises(ModelError, match=r"text\.txt:2:2: token 'x' is not in"):
        from_text(path, network)
    assert from_text(path, network, steps=3).steps == 3  # 'x' lies beyond what is used


@pytest.mark.parametrize(("content", "steps", "start", "key", "message"), [
    ("", None, 0, "workload.text", "is empty"),
    ("a", None, 0, "workload.text", "nothing left from step 0.*1 tokens"),
    ("abab", 4, 0, "workload.steps", r"4 steps from step 0.*\(allowed: at most 3\)"),
    ("abab", 3, 1, "workload.steps", "at most 2"),
    ("abab", None, 3, "workload.start", "nothing left from step 3"),
    ("abab", None, 99, "workload.start", "nothing left from step 99"),
    ("abab", 0, 0, "workload.steps", "0 steps"),
    ("abab", None, -1, "workload.start", "-1 is negative"),
    (b"ab\xff", None, 0, "workload.text", "not UTF-8 at byte 2"),
])
def test_texts_that_do_not_do(
    tmp_path: Path, content: str | bytes, steps: int | None, start: int, key: str, message: str
) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        from_text(text(tmp_path, content), language(*CHAR), steps, start)
    assert caught.value.key == key
    assert "\n" not in str(caught.value)


def test_texts_need_a_vocabulary_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no tokenisation and vocabulary"):
        from_text(text(tmp_path, "ab"), random_egru([4], 3, vocabulary=3))
    with pytest.raises(ModelError, match="no such file"):
        from_text(tmp_path / "none.txt", language(*CHAR))
    with pytest.raises(ModelError, match="is a directory"):
        from_text(tmp_path, language(*CHAR))
    with pytest.raises(ModelError, match=r"workload\.window"):
        from_text(text(tmp_path, "ab"), language(*CHAR), window=-1)


def test_token_files(tmp_path: Path) -> None:
    network = random_egru([4], 3, vocabulary=5)
    path = tmp_path / "t.npy"
    np.save(path, np.array([4, 0, 2, 1], np.uint16))
    work = from_tokens(path, network, 2, 1)
    np.testing.assert_array_equal(work.tokens, [0, 2])
    np.testing.assert_array_equal(work.targets, [2, 1])
    assert work.tokens is not None and work.tokens.dtype == np.int64
    for bad, message in (
            (np.array([1, 5]), "token 5 at position 1"), (np.array([-1, 2]), "token -1 at"),
            (np.array([0.0, 1.0]), "is float64"), (np.zeros((2, 2), int), r"shape \[2, 2\]"),
            (np.array([], int), "is empty"), (np.array([2]), "nothing left"),
            (np.array([None, 1]), "cannot be read")):
        np.save(path, bad, allow_pickle=True)
        with pytest.raises(ModelError, match=message) as caught:
            from_tokens(path, network)
        assert caught.value.key == "workload.tokens"
    np.save(path, np.array([0, 1]))
    with pytest.raises(ModelError, match="no embedding"):
        from_tokens(path, random_egru([4], 3))


def test_input_files(tmp_path: Path) -> None:
    network = random_egru([4], 3)
    path = tmp_path / "x.npy"
    values = np.arange(12.0).reshape(4, 3)
    np.save(path, values)
    work = from_inputs(path, network, 2, 1, window=5)
    np.testing.assert_array_equal(work.inputs, values[1:3])
    assert work.inputs.dtype == np.float32 and work.targets is None and work.window == 5
    assert from_inputs(path, network).steps == 4
    values[2, 1] = np.nan
    for bad, message in ((np.ones((4, 2)), "has 2 values a step, but layer 0 takes 3"),
                         (np.ones(3), r"shape \[3\]"), (values, r"not finite at \[2, 1\]"),
                         (np.ones((0, 3)), "nothing left"), (np.ones((2, 3), bool), "is bool"),
                         (np.full((1, 3), 1e39), "not finite")):
        np.save(path, bad)
        with pytest.raises(ModelError, match=message) as caught:
            from_inputs(path, network)
        assert caught.value.key == "workload.inputs"
    path.write_bytes(b"\x93NUMPY rest is noise")
    with pytest.raises(ModelError, match="cannot be read"):
        from_inputs(path, network)
    np.savez(tmp_path / "x.npz", a=values)
    with pytest.raises(ModelError, match="archive"):
        from_inputs(tmp_path / "x.npz", network)


@pytest.mark.parametrize("activity", [0.0, 0.25, 1.0])
def test_synthetic_inputs(activity: float) -> None:
    work = synthetic_inputs(random_egru([4], 40), 6, activity, seed=1)
    assert work.inputs.shape == (6, 40) and work.inputs.dtype == np.float32
    assert (np.count_nonzero(work.inputs, axis=1) == round(40 * activity)).all()
    again = synthetic_inputs(random_egru([4], 40), 6, activity, seed=1)
    np.testing.assert_array_equal(work.inputs, again.inputs)


def test_synthetic_inputs_refused() -> None:
    with pytest.raises(ModelError, match="input_activity"):
        synthetic_inputs(random_egru([4], 4), 6, 1.5)
    with pytest.raises(ModelError, match=r"workload\.steps"):
        synthetic_inputs(random_egru([4], 4), 0)
