"""Unusable models, workloads, chips and fits: one line, exit code 2, nothing written."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from neurosim.cli import execute

LINE = re.compile(r"^(?P<place>.+:\d+:\d+): (?P<key>[\w.]+): (?P<why>.+)$")
UNITS, INPUTS, VOCABULARY = (6, 4), 4, "abc \n"
Arrays = dict[str, np.ndarray]

SCENARIO = "network: {model: m.safetensors}\nworkload: {text: t.txt}\nchip: mesh\n"
TOKENS = SCENARIO.replace("text: t.txt", "tokens: t.npy")
INPUT_ROWS = SCENARIO.replace("text: t.txt", "inputs: t.npy")
SYNTHETIC = "network: {synthetic: {layers: [8], inputs: 4}}\n"


def arrays() -> Arrays:
    """A small tied language model in the official layout."""
    rng = np.random.default_rng(1)
    found: Arrays = {}
    inputs = INPUTS
    for layer, units in enumerate(UNITS):
        name = f"rnns.{layer}."
        found |= {
            name + "kernel": rng.normal(size=(inputs, 3 * units)),
            name + "recurrent_kernel": rng.normal(size=(units, 3 * units)),
            name + "bias": rng.normal(size=3 * units),
            name + "recurrent_bias": rng.normal(size=3 * units),
            name + "thr": rng.uniform(0, 0.1, size=units),
        }
        inputs = units
    found["embeddings.weight"] = rng.normal(size=(len(VOCABULARY), INPUTS))
    found["decoder.decoder.bias"] = np.zeros(len(VOCABULARY))
    return {name: array.astype(np.float32) for name, array in found.items()}


def write_model(folder: Path, changed: Arrays | None = None) -> None:
    (folder / "m.safetensors").write_bytes(save(arrays() | (changed or {})))
    sidecar = {"format": 1, "tokenisation": "char", "vocabulary": list(VOCABULARY)}
    (folder / "m.json").write_text(json.dumps(sidecar))
    (folder / "t.txt").write_text("abc cab\n")
    (folder / "s.yaml").write_text(SCENARIO)


def change(name: str, alter: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    return lambda folder: write_model(folder, {name: alter(arrays()[name])})


def with_value(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def alter(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array.flat[3] = value
        return array

    return alter


def file(name: str, content: str | bytes | np.ndarray) -> Callable[[Path], None]:
    def put(folder: Path) -> None:
        if isinstance(content, np.ndarray):
            np.save(folder / name, content)
        elif isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            (folder / name).write_text(content)

    return put


def cut(share: float) -> Callable[[Path], None]:
    def truncate(folder: Path) -> None:
        path = folder / "m.safetensors"
        raw = path.read_bytes()
        path.write_bytes(raw[: int(len(raw) * share)])

    return truncate


def tokens(*numbers: float) -> tuple[Callable[[Path], None], ...]:
    return (file("s.yaml", TOKENS), file("t.npy", np.array(numbers)))


def inputs(array: np.ndarray) -> tuple[Callable[[Path], None], ...]:
    return (file("s.yaml", INPUT_ROWS), file("t.npy", array))


def chip(text: str) -> tuple[Callable[[Path], None], ...]:
    return (file("chip.yaml", text), file("s.yaml", SYNTHETIC + "chip: chip.yaml\n"))


MESH = "include: mesh\nname: mine\n"
HUGE = "network: {synthetic: {layers: [400], inputs: 400}}\nchip: {use: mesh, cores: 2}\n"
CASES: dict[str, tuple[tuple[Callable[[Path], None], ...], str, str]] = {
    "truncated safetensors": ((cut(0.5),), "network.model", "m.safetensors"),
    "hardly any safetensors": ((cut(0.001),), "network.model", "m.safetensors"),
    "corrupt safetensors": (
        (file("m.safetensors", b"\xff" * 400),), "network.model", "m.safetensors"),
    "a pickle as model": (
        (file("m.safetensors", pickle.dumps({"a": 1})),), "network.model", "pickle"),
    "NaN weights": (
        (change("rnns.0.kernel", with_value(np.nan)),), "network.model", r"rnns\.0\.kernel"),
    "infinite weights": (
        (change("rnns.1.bias", with_value(np.inf)),), "network.model", r"rnns\.1\.bias"),
    "layers that don't chain": (
        (change("rnns.1.kernel", lambda a: a[:-1]),), "network.model", "do not chain"),
    "gates missing": (
        (change("rnns.0.recurrent_kernel", lambda a: a[:, :-1]),), "network.model", "recurrent"),
    "sidecar is no JSON": ((file("m.json", "{"),), "network.model", "m.json is not JSON"),
    "character outside the vocabulary": (
        (file("t.txt", "ab\ncaé"),), "workload.text", r"t\.txt:2:3: token 'é' is not in"),
    "empty text": ((file("t.txt", ""),), "workload.text", "is empty"),
    "text that is not UTF-8": ((file("t.txt", b"\xff"),), "workload.text", "not UTF-8"),
    "token outside the vocabulary": (
        tokens(0, 1, 5), "workload.tokens", r"\b5\b"),
    "no tokens": (tokens(), "workload.tokens", "t.npy"),
    "tokens that are no integers": (tokens(0.5, 1.5), "workload.tokens", "t.npy"),
    "inputs of the wrong width": (
        inputs(np.zeros((3, 5), np.float32)), "workload.inputs", "5 values a step"),
    "no inputs": (inputs(np.zeros((0, 4), np.float32)), "workload.inputs", "t.npy"),
    "NaN inputs": (inputs(np.full((3, 4), np.nan)), "workload.inputs", "not finite"),
    "inputs that are no array": (
        (file("s.yaml", INPUT_ROWS), file("t.npy", b"hello")), "workload.inputs", "t.npy"),
    "more steps than text": (
        (file("s.yaml", SCENARIO.replace("t.txt", "t.txt, steps: 99")),), r"workload\.\w+", "99|8"),
    "does not fit": ((file("s.yaml", HUGE),), r"(chip|network|mapping)[\w.]*", r"\bbytes\b"),
    "more cores than the chip has": (
        (file("s.yaml", SYNTHETIC + "chip: {use: mesh, cores: 9999}\n"),), "chip.cores", "9999"),
    "unknown chip": (
        (file("s.yaml", SYNTHETIC + "chip: abacus\n"),), "chip.use", "no chip named 'abacus'"),
    "unknown performance level": (
        (file("s.yaml", SYNTHETIC + "chip: {use: mesh, level: warp}\n"),), "chip.level", "warp"),
    "unknown chip constant": (
        (file("s.yaml", SYNTHETIC + "chip: {use: mesh, set: {noc.lnk_cycles: 1}}\n"),),
        r"chip\.set\.noc\.lnk_cycles", "not a known key"),
    "negative latency": (
        (file("s.yaml", SYNTHETIC + "chip: {use: mesh, set: {noc.link_cycles: -1}}\n"),),
        r"chip\.set\.noc\.link_cycles", "negative"),
    "zero latency": (
        (file("s.yaml", SYNTHETIC + "chip: {use: mesh, set: {noc.link_cycles: 0}}\n"),),
        r"chip\.set\.noc\.link_cycles", "0"),
    "a zero-time cycle": (
        (file("s.yaml", SYNTHETIC + "chip: mesh\nsync: {base: 0, per_core: 0}\n"),),
        r"sync\.\w+", "zero-time cycle"),
    "a chip file with an unknown key": (
        chip(MESH + "noc: {colour: red}\n"), r"chip\.noc\.colour", "not a known key"),
    "a chip file with a wrong unit": (
        chip(MESH + "noc: {clock_hz: 3 ns}\n"), r"chip\.noc\.clock_hz", "'ns'"),
    "a chip file that is no YAML": (chip("a: ["), r"chip\.use", "bad YAML syntax"),
    "a NoC that is not connected": (
        chip(MESH + "topology: {width: 3, height: 1, without: [[1, 0]], router_at_holes: false}\n"),
        r"chip\.topology[\w.]*", "cannot reach|not connected"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a model, its sidecar, a text and a scenario that runs."""
    write_model(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", CASES)
def test_one_line_exit_2_and_nothing_written(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
):
    damages, key, why = CASES[name]
    for damage in damages:
        damage(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    code = execute(["run", "s.yaml"])

    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert len(printed.err.splitlines()) == 1, printed.err
    line = LINE.match(printed.err)
    assert line, printed.err
    assert re.search(r"(s|chip)\.yaml:\d+:\d+$", line["place"]), printed.err
    assert re.fullmatch(key, line["key"]), printed.err
    assert re.search(why, line["why"]), printed.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_undamaged_scenario_passes(folder: Path, capsys: pytest.CaptureFixture[str]):
    """What the cases damage is good: they fail for the reason that they name."""
    assert execute(["check", "s.yaml"]) == 0
    assert capsys.readouterr() == ("s.yaml: ok\n", "")


def test_a_fit_that_fails_says_by_how_much_and_what_would_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    file("s.yaml", HUGE)(folder)
    assert execute(["check", "s.yaml"]) == 2
    line = capsys.readouterr().err
    assert re.search(r"\d[\d,]* bytes", line)
    assert re.search(r"\(allowed: .*(bytes|cores|sparsity).*\)", line)
