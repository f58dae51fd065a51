"""The command line: one module per command; commands call the pipeline and print."""

from neurosim.cli.app import execute

__all__ = ["execute"]
