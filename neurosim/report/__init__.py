"""Pictures of a result, for people.

``write_figures(result, directory)`` draws all; ``floorplan``, ``cores``, ``energy`` and ``latency``
return one matplotlib figure each, or None where the result has nothing to show.  matplotlib is
imported here and nowhere else, and only when something is drawn.
"""

from neurosim.report.figures import FIGURES, cores, energy, floorplan, latency, write_figures

__all__ = ["FIGURES", "cores", "energy", "floorplan", "latency", "write_figures"]
