"""The reference engine: the machine model as SimPy processes, written to be read.

Start with :mod:`.machine` (time, parts, doorbells), then :mod:`.router`, :mod:`.core`,
:mod:`.host`, :mod:`.ends` (traffic sources) and :mod:`.synchroniser`.
"""

from neurosim.engines.reference.machine import run

__all__ = ["run"]
