"""Mapping tests that run a machine do so on every engine."""

from tests.engines.conftest import engine

__all__ = ["engine"]
