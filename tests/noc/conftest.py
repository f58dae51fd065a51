"""NoC tests run on every engine, as those of the machine do."""

from tests.engines.conftest import engine

__all__ = ["engine"]
