"""Decoder, generation and streams: what cannot be is one line, exit code 2, and nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_bad_input import GOOD, Case, folder, refused_in_one_line

__all__ = ["folder"]

CHAR = "network: {model: m/shakespeare_char/weights.safetensors}\n"
SMALL = "chip: {use: spinnaker2, cores: 40}\n"
SCORE = CHAR + SMALL + "workload: {text: m/shakespeare_char/heldout.txt, steps: 2}\n"
WRITE = CHAR + SMALL + "mode: generate\nworkload: {prompt: The king, steps: 3}\n"
LANGUAGE = {
    "a character outside the vocabulary": Case(
        WRITE.replace("The king", "The kïng"), "workload.prompt",
        r"character .ï. \(number 6\) is not in the model.s vocabulary \(allowed: the 73", "4:20",
    ),
    "a word outside the vocabulary": Case(
        WRITE.replace("shakespeare_char", "egru_1350").replace("The king", "the kyng said"),
        "workload.prompt", r"word 'kyng' \(number 2\) is not in the model's vocabulary",
    ),
    "no prompt": Case(WRITE.replace("prompt: The king, ", ""), "workload.prompt", "is missing"),
    "an empty prompt": Case(
        WRITE.replace("The king", '""'), "workload.prompt", "must be a text of at least one token"
    ),
    "a prompt of blanks to a model of words": Case(
        WRITE.replace("shakespeare_char", "egru_1350").replace("The king", '"  "'),
        "workload.prompt", "has no token",
    ),
    "a prompt while scoring": Case(
        WRITE.replace("mode: generate\n", ""), "workload.prompt", "belongs to mode: generate"
    ),
    "no number of tokens": Case(WRITE.replace(", steps: 3", ""), "workload.steps", "is missing"),
    "text to generate from": Case(
        SCORE + "mode: generate\n", "workload.text", "generate begins with workload.prompt"
    ),
    "no stream": Case(WRITE + "streams: 0\n", "streams", r"out of range: 0 \(allowed: at least 1"),
    "prompts of other streams": Case(
        WRITE.replace("The king", "[The, king]") + "streams: 3\n", "streams",
        r"is 3, but workload.prompt lists 2 texts",
    ),
    "streams beyond the text": Case(
        SCORE.replace("steps: 2", "steps: 100000") + "streams: 3\n", "workload.steps",
        r"100000 steps of 3 streams from step 0, but .* has \d+ tokens.*allowed: at most \d+",
    ),
    "temperature of 0": Case(
        WRITE + "generate: {choice: sample, temperature: 0}\n", "generate.temperature",
        r"out of range: 0 \(allowed: greater than 0",
    ),
    "negative temperature": Case(
        WRITE + "generate: {choice: sample, temperature: -0.5}\n", "generate.temperature",
        r"out of range: -0.5 \(allowed: greater than 0",
    ),
    "temperature of a greedy choice": Case(
        WRITE + "generate: {temperature: 0.5}\n", "generate.temperature", "greedy draws nothing"
    ),
    "top-k of 0": Case(
        WRITE + "generate: {choice: top_k, k: 0}\n", "generate.k", "out of range: 0"
    ),
    "top-k above the vocabulary": Case(
        WRITE + "generate: {choice: top_k, k: 74}\n", "generate.k",
        r"is 74, above the 73 words of the vocabulary \(allowed: 1 to 73\)", "5:30",
    ),
    "top-k without its number": Case(
        WRITE + "generate: {choice: top_k}\n", "generate.k", "top_k needs its number of words"
    ),
    "k of another choice": Case(
        WRITE + "generate: {choice: sample, k: 3}\n", "generate.k", "belongs to top_k"
    ),
    "generate under a tick": Case(
        WRITE + "sync: {kind: tick, period: 1 ms}\n", "sync.kind",
        r"under a tick the next token would enter before it was chosen",
    ),
    "generate without a model": Case(
        GOOD + "mode: generate\nworkload: {prompt: a, steps: 1}\n", "mode",
        "only a trained model generates",
    ),
    "generate without a vocabulary": Case(
        "network: {model: bare.safetensors}\nmode: generate\nworkload: {prompt: a, steps: 1}\n",
        "workload.prompt", "sidecar has no tokenisation and vocabulary|no embedding or no decoder",
    ),
    "choices while scoring": Case(
        SCORE + "generate: {choice: sample}\n", "generate", "belongs to mode: generate"
    ),
    "currents into an embedding on the chip": Case(
        SCORE + "host: {input: currents}\nembedding: {on: chip}\n", "host.input",
        "the host multiplies currents out of the embedding, which is on the chip",
    ),
    "cores of a decoder on the host": Case(
        SCORE + "decoder: {on: host, cores: 3}\n", "decoder.cores", "on the host takes no cores"
    ),
    "a decoder of a synthetic network": Case(
        GOOD + "decoder: {on: chip}\n", "decoder", "a synthetic network has no decoder"
    ),
    "an embedding of a synthetic network": Case(
        GOOD + "embedding: {on: chip}\n", "embedding.on", "dense inputs do not pass an embedding"
    ),
    "a decoder on the chip under a tick": Case(
        SCORE + "decoder: {on: chip}\nsync: {kind: tick, period: 1 ms}\n", "decoder.on",
        "under a tick the results of a late step would meet the next's",
    ),
    "an int8 decoder of units that always fire": Case(
        SCORE.replace("{model", "{fire: always, model") + "decoder: {precision: int8}\n",
        "decoder.precision", "units that always fire also send negative values",
    ),
    "a decoder that does not fit": Case(
        SCORE.replace("shakespeare_char", "egru_1350").replace("heldout.txt", "heldout.npy")
        .replace("text:", "tokens:").replace("cores: 40", "cores: 150")
        + "decoder: {on: chip}\n", "decoder.on",
        r"does not fit beside the recurrent layers: its rows take \d+ bytes, and the \d+ cores? "
        r"left have room for \d+, \d+ too many \(allowed: \d+ cores in all .*precision int8.*dram",
    ),
    "thresholds of units that always fire": Case(
        SCORE.replace("{model", "{fire: always, threshold_offset: 0.1, model"),
        "network.threshold_offset", "units that always fire have no threshold to move",
    ),
    "resets of units that always fire": Case(
        SCORE.replace("{model", "{fire: always, reset_offset: 0.1, model"),
        "network.reset_offset", "units that always fire have no threshold to move",
    ),
    "fan-in and weight sparsity": Case(
        GOOD.replace("inputs: 4", "inputs: 4, fan_in: 3, weight_sparsity: 0.5"),
        "network.synthetic.fan_in", "both fan_in and weight_sparsity are given",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LANGUAGE)
def test_language_models_are_refused_in_one_line_too(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str], project: Path
):
    (folder / "m").symlink_to(project / "models")
    if "bare" in LANGUAGE[name].text:  # type: ignore[operator]
        from neurosim.network import save_model, synthetic

        save_model(synthetic.random_egru([4], 3, vocabulary=5), folder / "bare.safetensors")
    refused_in_one_line(LANGUAGE[name], folder, capsys)
