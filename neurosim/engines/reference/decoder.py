"""Logits and the choice of a token: what decoder cores and the host have in common."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from neurosim import image as im
from neurosim import rules
from neurosim.image import Image

#: What a word is compared by, and the word.
Candidate = tuple[float, int]


def offered_score(image: Image, logit: float, word: int, step: int) -> float:
    """What a word is compared by on its way to the host: a draw from all words needs its noise at
    once, a draw from the k largest logits only among these."""
    if image.choice == im.CHOOSE_SAMPLE:
        return rules.score(logit, image.temperature, image.choice_seed, word, step)
    return logit


def insert(best: list[Candidate], candidate: Candidate, most: int) -> None:
    """Keep the ``most`` best candidates, best first."""
    at = len(best)
    while at > 0 and rules.better(*candidate, *best[at - 1]):
        at -= 1
    best.insert(at, candidate)
    del best[most:]


def choose(image: Image, candidates: Iterable[Candidate], step: int) -> int:
    """The host's choice among candidates that have been reduced."""
    best: list[Candidate] = []
    for value, word in candidates:
        if image.choice == im.CHOOSE_TOP_K:
            value = rules.score(value, image.temperature, image.choice_seed, word, step)
        insert(best, (value, word), 1)
    return best[0][1]


def host_logits(image: Image, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits of all words from the last layer's events, on the host.

    Args:
        values: [output_units] float32, the step's events.

    Returns:
        [V] float64 logits, and the words whose sums left the range.
    """
    some = np.flatnonzero(values)
    entering = values[some].astype(np.float64)
    if image.decoder_levels:
        entering = np.array([rules.round_event(v, image.decoder_levels) for v in entering.tolist()])
    # rules.product of whole columns: the same operations in the same order.
    scaled = image.decoder_weight[:, some].astype(np.float64) * entering * rules.SUM_SCALE
    rounded = np.floor(scaled + 0.5)
    limit = float(rules.SUM_LIMIT)
    wrong = (np.abs(scaled) >= limit).any(axis=1) | (np.abs(rounded.sum(axis=1)) >= limit)
    rounded[wrong] = 0.0
    sums = rounded.astype(np.int64).sum(axis=1)
    return sums / rules.SUM_SCALE + image.decoder_bias, np.flatnonzero(wrong)


class Results:
    """Candidates of a decoder core, by bank of the step: from its own words and its children.

    Those of a step leave when all its words are updated and all its children's results are in.
    """

    def __init__(self, image: Image, core: int) -> None:
        self.image = image
        self.tree = int(image.result_tree[core])
        self.expected = int(image.core_results[core])
        self.best: list[list[Candidate]] = [[] for _ in range(image.n_sums)]
        self.received = [0] * image.n_sums
        self.updated = [False] * image.n_sums
        self.sent = 0  # steps whose candidates have left

    def offer(self, bank: int, value: float, word: int) -> None:
        insert(self.best[bank], (value, word), self.image.candidates)

    def take(self, bank: int) -> list[Candidate] | None:
        """The candidates of a step that is complete, once; else None."""
        if not self.updated[bank] or self.received[bank] < self.expected:
            return None
        best, self.best[bank] = self.best[bank], []
        self.received[bank], self.updated[bank] = 0, False
        self.sent += 1
        return best
