"""neurosim: trained event-based networks on simulated many-core neuromorphic chips.

    >>> import neurosim
    >>> result = neurosim.run("scenarios/quickstart.yaml")      # doctest: +SKIP
    >>> result.write("results/quickstart")                      # doctest: +SKIP

The public names are imported when first used, so that ``import neurosim`` costs milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from neurosim._version import __version__
from neurosim.errors import (
    Location,
    MappingError,
    ModelError,
    ScenarioError,
    SimulationError,
    UserError,
)

if TYPE_CHECKING:
    from neurosim.measure import Result as Result
    from neurosim.pipeline import check as check
    from neurosim.pipeline import prepare as prepare
    from neurosim.pipeline import run as run
    from neurosim.scenario import Scenario as Scenario
    from neurosim.scenario import load_scenario as load_scenario
    from neurosim.sweep import run_sweep as run_sweep

_HOMES = {
    "Result": "neurosim.measure",
    "Scenario": "neurosim.scenario",
    "check": "neurosim.pipeline",
    "load_scenario": "neurosim.scenario",
    "prepare": "neurosim.pipeline",
    "run": "neurosim.pipeline",
    "run_sweep": "neurosim.sweep",
}

__all__ = [
    "Location",
    "MappingError",
    "ModelError",
    "Result",
    "Scenario",
    "ScenarioError",
    "SimulationError",
    "UserError",
    "__version__",
    "check",
    "load_scenario",
    "prepare",
    "run",
    "run_sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'neurosim' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
