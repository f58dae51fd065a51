"""Small language models on small machines, with the oracle's answer beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurosim.image import Image
from neurosim.lower import SyncPlan, lower_network
from neurosim.network.generate import Generated, generate
from neurosim.network.machine import LanguagePlan, machine_network, machine_workload
from neurosim.network.model import Network, Workload
from tests.engines.machines import mesh, random_network, spread


@dataclass(frozen=True)
class Case:
    """A model, what enters it, and where its ends are computed."""

    network: Network
    workload: Workload
    plan: LanguagePlan

    def oracle(self) -> Generated:
        return generate(self.network, self.workload, self.plan, keep_logits=True)

    def image(self, sync: SyncPlan, cores: list[int], chip: Any = None, keys: str = "unit",
              shuffle: int | None = None, **records: bool) -> Image:
        """On ``cores`` of each layer of the machine's network."""
        machine = machine_network(self.network, self.plan)
        chip = chip or mesh(3, 3, 2)
        places = [(5 * i + 2) % chip.core_count for i in range(chip.core_count)]
        places = list(dict.fromkeys(places + list(range(chip.core_count))))
        counts = [min(n, layer.units) for n, layer in zip(cores, machine.layers, strict=False)]
        mapping = spread(machine, places, counts, keys, shuffle)
        entering = machine_workload(self.network, self.workload, self.plan)
        return lower_network(machine, entering, chip, mapping, sync, record_outputs=True,
                             language=self.plan, record_logits=True, **records)


def case(plan: LanguagePlan, seed: int = 0, sizes: tuple[int, ...] = (6, 5), width: int = 4,
         vocabulary: int = 9, steps: int = 6, prompt: int = 2, window: int = 0,
         event_levels: int = 0, tied: bool = False, **layers: Any) -> Case:
    """A random model and, by stream, ``prompt`` tokens and then what ``plan.mode`` says.

    ``tied``: every word has an equal twin, so that logits tie.
    """
    rng = np.random.default_rng(seed + 77)
    network = random_network(seed, width, list(sizes), **layers)
    weight = rng.normal(0, 1, (vocabulary, sizes[-1])).astype(np.float32)
    bias = rng.normal(0, 0.1, vocabulary).astype(np.float32)
    if tied:
        weight[1::2], bias[1::2] = weight[: vocabulary // 2 * 2: 2], bias[: vocabulary // 2 * 2: 2]
    embedding = rng.normal(0, 1, (vocabulary, width)).astype(np.float32)
    network = replace(
        network, embedding=embedding, decoder_weight=weight, decoder_bias=bias,
        layers=tuple(replace(layer, event_levels=event_levels) for layer in network.layers))
    streams = plan.streams
    tokens = rng.integers(0, vocabulary, steps * streams)
    rows = tokens.copy()
    if plan.mode == "generate":
        rows[prompt * streams:] = -1
        tokens[prompt * streams:] = -1
    return Case(network, Workload(embedding, tokens, window=window, streams=streams, rows=rows),
                plan)
