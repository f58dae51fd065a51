"""One suite for both engines: tests take the ``engine`` fixture."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from neurosim.engines import compiled, reference
from neurosim.engines.outcome import Outcome

ENGINES = {"compiled": compiled.run, "simpy": reference.run}


@pytest.fixture(params=sorted(ENGINES), scope="session")
def engine(request: pytest.FixtureRequest) -> Callable[..., Outcome]:
    """The run function of an engine."""
    return ENGINES[request.param]
