"""The crossing: what a user says becomes an Image, and nothing else crosses.

Rooms: ``ticks`` (seconds and cycles to ticks), ``channels`` (routers, links and ends), ``trees``
(multicast trees), ``synapses`` (units and tables), ``whole`` (all of it together).
"""

from neurosim.lower.whole import SyncPlan, lower_network, lower_traffic

__all__ = ["SyncPlan", "lower_network", "lower_traffic"]
