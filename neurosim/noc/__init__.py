"""Studies of a network on chip alone: latency against load, saturation, and what bounds it."""

from neurosim.noc.bounds import channel_loads, saturation_bound
from neurosim.noc.study import LoadPoint, Study, measure_loads, study

__all__ = ["LoadPoint", "Study", "channel_loads", "measure_loads", "saturation_bound", "study"]
