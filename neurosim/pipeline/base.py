"""What the rooms of the pipeline share: what is prepared, who is told, where errors stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurosim.chip import Chip
from neurosim.errors import UserError
from neurosim.image import Image
from neurosim.mapping.model import Mapping
from neurosim.network.machine import LanguagePlan
from neurosim.network.model import Network, Workload
from neurosim.scenario import Scenario, load_scenario

#: Called with (steps done, steps in all, what is going on); True stops a simulation where it is.
Progress = Callable[[int, int, str], object]
#: Called as ``share(what, scenario, make)``: what ``make()`` returns, perhaps from an earlier call.
Share = Callable[[str, Scenario, Callable[[], Any]], Any]

#: Called as ``told(stream, text)`` with a generated token's text, as soon as it was chosen.
Told = Callable[[int, str], object]


def afresh(what: str, scenario: Scenario, make: Callable[[], Any]) -> Any:
    """Share nothing: every run makes its own.  Sweeps pass something better."""
    return make()


@dataclass(frozen=True)
class Prepared:
    """Everything before the simulation; without a network, ``network``, ``workload`` and
    ``mapping`` are None (traffic).

    ``network`` and ``workload`` are the model's, with embedding and decoder at the precisions of
    ``plan``; ``machine`` and ``entering`` are what runs: the ends that are on the chip are layers.
    """

    scenario: Scenario
    network: Network | None
    workload: Workload | None
    chip: Chip
    mapping: Mapping | None
    image: Image
    plan: LanguagePlan = LanguagePlan()
    machine: Network | None = None
    entering: Workload | None = None


def loaded(scenario: Scenario | str | Path, overrides: Sequence[str]) -> Scenario:
    if isinstance(scenario, Scenario):
        if overrides:
            raise ValueError("overrides go to load_scenario, not to a loaded scenario")
        return scenario
    return load_scenario(scenario, overrides)


@contextmanager
def located(scenario: Scenario) -> Iterator[None]:
    """Give errors from below their place in the scenario file."""
    try:
        yield
    except UserError as error:
        raise error.at(scenario.locate(error.key)) from None
