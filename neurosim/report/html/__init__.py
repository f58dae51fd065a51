"""The report: one HTML file that needs no network and no other file.

``write_report(path, result, detail)`` writes the report of a run, ``write_sweep_report`` that of a
sweep.  ``detail`` is what a trace adds (``details``): utilisation step by step and the traffic
matrix.  The page is made of ``../templates``: a skeleton with all tables as text, styles, and
scripts that draw and switch; docs/guides/find-your-bottleneck.md shows it.
"""

from neurosim.report.html.detail import details
from neurosim.report.html.page import write_report, write_sweep_report

__all__ = ["details", "write_report", "write_sweep_report"]
