"""Engines: an Image goes in, Counters and a trace come out.

``reference`` (SimPy) is the readable definition of the machine; ``compiled`` (numba) computes the
same, bit for bit, at speed.  Engines never open files, plot or sum energy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from neurosim.errors import ScenarioError

if TYPE_CHECKING:
    from neurosim.engines.outcome import Outcome
    from neurosim.image import Image

NAMES = ("auto", "simpy", "compiled")


def select(name: str, image: Image) -> tuple[str, Callable[..., Outcome]]:
    """The engine to run ``image`` on, and its name: ``auto`` takes the compiled one, which covers
    all that an Image can say.

    Raises:
        ScenarioError: no such engine.
    """
    if name not in NAMES:
        raise ScenarioError("engine", f"there is no engine {name}", ", ".join(NAMES))
    if name == "simpy":
        from neurosim.engines import reference

        return "simpy", reference.run
    from neurosim.engines import compiled

    return "compiled", compiled.run
