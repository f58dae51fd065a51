"""Which units live where: partition, placement, memory accounting, multicast trees."""

from neurosim.mapping.map import map_network
from neurosim.mapping.model import Mapping, MemoryUse, Slice

__all__ = ["Mapping", "MemoryUse", "Slice", "map_network"]
