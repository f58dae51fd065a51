"""Text that the machine generated: while it runs, and in the result."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from neurosim.network.model import Network, Workload
from neurosim.network.tokens import token_piece, token_text
from neurosim.pipeline.base import Prepared, Told


def prompt_lengths(workload: Workload) -> list[int]:
    """Tokens given to each stream before those that it chose."""
    assert workload.rows is not None
    given = workload.rows.reshape(-1, workload.streams) >= 0
    return [int(count) for count in given.sum(axis=0)]


def teller(prepared: Prepared, told: Told) -> Callable[[int, int], None] | None:
    """What an engine calls with (step, token): tells the text of generated tokens, stream by
    stream; None where the scenario generates nothing."""
    network, workload = prepared.network, prepared.workload
    if network is None or workload is None or prepared.plan.mode != "generate":
        return None
    streams, lengths = workload.streams, prompt_lengths(workload)
    assert workload.rows is not None
    before = [int(workload.rows[(length - 1) * streams + s]) for s, length in enumerate(lengths)]

    def chosen(step: int, token: int) -> None:
        time, stream = divmod(step, streams)
        if time >= lengths[stream] - 1:
            told(stream, token_piece(token, before[stream], network))
            before[stream] = token

    return chosen


def generation(network: Network, workload: Workload, chosen: np.ndarray) -> dict[str, Any]:
    """``task`` of a run that generated: each stream's prompt, tokens and text.

    ``chosen`` [steps] may end early (an interrupted run).  ``generated_tokens`` and
    ``generated_text`` are those of the first stream.
    """
    assert workload.rows is not None
    streams = []
    for stream, length in enumerate(prompt_lengths(workload)):
        tokens = chosen[stream :: workload.streams][length - 1 :]
        prompt = workload.rows[stream :: workload.streams][:length]
        streams.append({
            "prompt": token_text(prompt, network), "prompt_tokens": len(prompt),
            "generated_tokens": [int(token) for token in tokens],
            "generated_text": "".join(
                token_piece(int(token), int(last), network)
                for last, token in pairwise([prompt[-1], *tokens])),
        })
    return {"generated_tokens": streams[0]["generated_tokens"],
            "generated_text": streams[0]["generated_text"], "streams": streams}
