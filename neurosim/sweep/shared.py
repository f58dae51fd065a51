"""What points of a sweep have in common, made once in each worker.

:data:`IGNORES` names what each thing does not depend on; everything else in the scenario, keys that
do not exist yet included, tells two of them apart.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from neurosim.scenario import Scenario

_WORDS = ("name", "description")
_MACHINE = (*_WORDS, "chip", "mapping", "host", "sync", "engine", "record", "generate",
            "decoder.on", "decoder.gated", "decoder.cores", "decoder.reduction", "embedding.on",
            "embedding.cores")
_EVALUATION = "workload.evaluate_tokens"
_LANGUAGE = ("mode", "streams", "embedding", "decoder", "generate")
#: What -> dotted keys of the scenario that make no difference to it.
IGNORES: dict[str, tuple[str, ...]] = {
    "chip": (*_WORDS, "network", "workload", "mapping", "host", "sync", "engine", "record", "seed",
             "chip.cores", *_LANGUAGE),
    "network": (*_MACHINE, *_LANGUAGE, _EVALUATION),
    "workload": (*_MACHINE, _EVALUATION),
    "rates": (*_MACHINE, _EVALUATION),
    "reference": (*_MACHINE, _EVALUATION),
    "task": _MACHINE,
    "mapping": (*_WORDS, "host.closed_loop", "engine", "record", _EVALUATION, "sync.kind",
                "sync.order", "sync.base", "sync.per_core", "sync.period"),
}
#: A trained network is the same whatever enters it, and nothing about it is drawn.
_TRAINED = ("workload", "seed")
#: How many of each are kept; the one used longest ago goes first.
KEPT = {"network": 2, "workload": 2, "rates": 4, "reference": 2, "task": 256, "mapping": 4,
        "chip": 8}


class Shared:
    """The ``share`` of :func:`neurosim.pipeline.prepare`, with bounded memory."""

    def __init__(self) -> None:
        self._kept: dict[str, OrderedDict[str, Any]] = {what: OrderedDict() for what in KEPT}
        self.made = dict.fromkeys(KEPT, 0)

    def __call__(self, what: str, scenario: Scenario, make: Callable[[], Any]) -> Any:
        kept = self._kept.get(what)
        if kept is None:  # something that nobody has said the dependences of
            return make()
        key = dependence(what, scenario)
        if key not in kept:
            self.made[what] += 1
            kept[key] = make()
            while len(kept) > KEPT[what]:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]

    def clear(self) -> None:
        """Forget everything but small results."""
        for what, kept in self._kept.items():
            if what != "task":
                kept.clear()


def dependence(what: str, scenario: Scenario) -> str:
    """Everything in the scenario that ``what`` depends on, as text."""
    said = scenario.resolved()
    ignored = IGNORES[what]
    network = said["network"]
    if what == "network" and network is not None and network["model"] is not None:
        ignored += _TRAINED
    for key in ignored:
        *sections, last = key.split(".")
        here: Any = said
        for section in sections:
            here = here.get(section) or {}
        here.pop(last, None)
    return json.dumps([said, str(scenario.base_dir)], sort_keys=True, default=str)
