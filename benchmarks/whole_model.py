"""The whole language model on the chip: where the decoder is, streams, and a GPU beside it.

    python -m benchmarks.whole_model run        # about a quarter of an hour: whole_model.json
    python -m benchmarks.whole_model draw       # docs/guides: tables and pictures from it

``run`` generates with the shipped 1350/1350/750 model of 10,000 words (FP32 weights, and int8), for
every place of the decoder that fits, at both performance levels; and with growing numbers of
streams.  ``draw`` needs nothing else and is checked by a test.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
FIGURES = Path(__file__).with_name("whole_model.json")
TOKENS, PROMPT = 12, "and the king said"
LEVELS = ("150MHz", "300MHz")
#: Numbers' format -> model file and what the chip is told of it.
NUMBERS: dict[str, tuple[str, dict[str, Any]]] = {
    "fp32": ("egru_1350/weights.safetensors", {}),
    "int8": ("egru_1350/weights_int8.safetensors", {"core.weight_bytes": 1}),
}
PLACES = ("host", "chip", "dram")
#: Curve of the streams' figure -> (scenario file, prompt, tokens a stream, streams, what differs).
STREAMS: dict[str, tuple[str, str, int, tuple[int, ...], list[str]]] = {
    "characters, dataflow": ("generate_char.yaml", "The king", 60, (1, 2, 3, 4, 6, 8, 12, 16), []),
    "words, dataflow": ("generate_words.yaml", "and the king said", 16, (1, 2, 3, 4, 5, 6, 8, 12),
                        []),
    "words, barrier": ("generate_words.yaml", "and the king said", 16, (1, 2, 3, 4, 5, 6, 8, 12),
                       ["sync=barrier"]),
}


def scenario(numbers: str, level: str, decoder: dict[str, Any] | None) -> dict[str, Any]:
    """One row of the table, as a scenario."""
    model, chip = NUMBERS[numbers]
    # Without a decoder nothing can be generated: the same text is scored, a word at a time.
    what: dict[str, Any] = {
        "mode": "generate", "workload": {"prompt": PROMPT, "steps": TOKENS},
        "decoder": {**decoder, "precision": numbers},
    } if decoder is not None else {
        "workload": {"tokens": str(written(numbers))}, "host": {"closed_loop": True}}
    return {"name": "whole", "network": {"model": str(ROOT / "models" / model)},
            "chip": {"use": "spinnaker2", "level": level, "set": chip}, "sync": "dataflow", **what}


@cache
def written(numbers: str) -> Path:
    """A file of the tokens that the model writes: the prompt, and what it takes greedily."""
    from neurosim.network import load_model
    from neurosim.network.functional import continue_greedily
    from neurosim.network.tokens import prompt_tokens

    network = load_model(ROOT / "models" / NUMBERS[numbers][0])
    given = prompt_tokens(PROMPT, network)
    window = int(network.sidecar["window"])
    path = Path(tempfile.mkdtemp()) / f"{numbers}.npy"
    np.save(path, continue_greedily(network, given, len(given) + TOKENS, window))
    return path


def rows() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(what the row is, its scenario)."""
    for numbers in NUMBERS:
        for level in LEVELS:
            yield ({"numbers": numbers, "level": level, "on": "none", "gated": None},
                   scenario(numbers, level, None))
            for on in PLACES:
                for gated in (True, False):
                    yield ({"numbers": numbers, "level": level, "on": on, "gated": gated},
                           scenario(numbers, level, {"on": on, "gated": gated}))


def facts(result: Any) -> dict[str, Any]:
    """What the table and the pictures take from a result."""
    data, steps = result.data, result["steps"]
    # The words of the prompt enter without waiting, so their latency has queueing in it.
    own = result.steps[result.steps["step"] >= len(PROMPT.split()) * data["streams"]]
    each = data["operations_per_step"]
    return {
        "latency_s": float(own["latency_s"].mean()), "stages": data["latency_s"]["stages"],
        "stages_s": [float(own[f"{name}_s"].mean()) for name in data["latency_s"]["stages"]],
        "throughput": data["throughput_steps_per_s"], "bound": data["bound"],
        "chip_j": data["energy_per_step_j"], "whole_j": data["energy_per_step_whole_j"],
        "chip_low_j": data["energy_low_j"] / steps, "chip_high_j": data["energy_high_j"] / steps,
        "power_w": data["power_w"],
        "host_bytes": data["energy_j"]["host_link"] and _host_bytes(data) / steps,
        "noc_bytes": data["traffic"]["bits"] / 8 / steps,
        "dram_bytes": data["traffic"].get("dram_bytes", 0) / steps,
        "memory_bytes": data["memory"]["bytes_total"],
        "macs_recurrent": each["macs_effective"], "macs_dense": each["macs_dense"],
        "decoder_macs": each["decoder_macs_done"], "decoder_dense": each["decoder_macs"],
        "cores": data["cores_used"], "steps": steps,
        "gpu": [{key: gpu[key] for key in ("name", "break_even_batch")}
                for gpu in data["gpu_model"]],
    }


def _host_bytes(data: dict[str, Any]) -> float:
    per_bit = data["provenance"]["resolved_scenario"]["chip"]["set"].get(
        "energy.host_link_j_per_bit", 1e-11)
    return float(data["energy_j"]["host_link"]) / per_bit / 8


def steady(result: Any, streams: int) -> dict[str, float]:
    """Throughput and latency between the prompts and the emptying of the machine: generated tokens
    before any stream has ended."""
    table = result.steps
    done = table["complete_s"].argsort()
    given = max(stream["prompt_tokens"] for stream in result["task.streams"])
    inner = table[done][given * streams: len(table) - streams]
    span = float(inner["complete_s"][-1] - inner["complete_s"][0])
    return {"throughput": (len(inner) - 1) / span, "latency_s": float(inner["latency_s"].mean())}


def run() -> None:
    """Simulate everything; done rows are kept, so that it can be interrupted."""
    from neurosim import pipeline
    from neurosim.errors import UserError
    from neurosim.scenario import scenario_from_data
    from neurosim.sweep.shared import Shared

    found = json.loads(FIGURES.read_text()) if FIGURES.exists() else {"table": [], "streams": []}
    share = Shared()
    _run_streams(found)
    for what, data in rows():
        if any(all(row[k] == what[k] for k in what) for row in found["table"]):
            continue
        try:
            prepared = pipeline.prepare(scenario_from_data(data), share=share)
            row = {**what, **facts(pipeline.simulate(prepared, share=share))}
        except UserError as error:
            row = {**what, "refused": f"{error.key}: {error.why} ({error.allowed})"}
        found["table"].append(row)
        _keep(found, row)


def _run_streams(found: dict[str, Any]) -> None:
    from neurosim import pipeline
    from neurosim.errors import UserError
    from neurosim.scenario import load_scenario
    from neurosim.sweep.shared import Shared

    share = Shared()
    for model, (file, prompt, tokens, counts, other) in STREAMS.items():
        for streams in counts:
            if any(row["model"] == model and row["streams"] == streams
                   for row in found["streams"]):
                continue
            begun = load_scenario(ROOT / "scenarios" / file, [
                f"streams={streams}", f"workload.prompt={prompt}", f"workload.steps={tokens}",
                *other])
            try:
                prepared = pipeline.prepare(begun, share=share)
                result = pipeline.simulate(prepared, share=share)
                row = {"model": model, "streams": streams, **facts(result),
                       "steady": steady(result, streams)}
            except UserError as error:
                row = {"model": model, "streams": streams,
                       "refused": f"{error.key}: {error.why} ({error.allowed})"}
            found["streams"].append(row)
            _keep(found, row)


def _keep(found: dict[str, Any], last: dict[str, Any]) -> None:
    FIGURES.write_text(json.dumps(found, indent=1) + "\n")
    print(time.strftime("%H:%M:%S"), {k: last[k] for k in list(last)[:6]}, flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["run"]:
        run()
    elif sys.argv[1:] == ["draw"]:
        from benchmarks.whole_model_page import main

        main()
    else:
        raise SystemExit(__doc__)
