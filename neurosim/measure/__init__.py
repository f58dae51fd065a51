"""Counters to latency, traffic, operations, energy, sparsity and memory.

Rooms: ``facts`` (what a run hands over, in one place), ``latency``, ``traffic``, ``operations``,
``energy``, ``memory``, ``tables`` (per core, link and step), ``result`` (what users hold),
``folder`` (what lands on disk).  docs/reference/results.md defines every number.
"""

from neurosim.measure.result import Result
from neurosim.measure.whole import measure

__all__ = ["Result", "measure"]
