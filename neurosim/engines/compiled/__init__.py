"""The compiled engine: the meaning of the reference engine at a few hundred times its speed.

A good reading order: :mod:`.layout` (what the words of the state mean), :mod:`.loop` (the wheel of
ticks), :mod:`.hop` and :mod:`.router`, :mod:`.fifo`, :mod:`.core`, :mod:`.stage`, then
:mod:`.sources`, :mod:`.host`, :mod:`.synchroniser`; docs/background/compiled-engine.md tells why.
"""

from neurosim.engines.compiled.drive import run, warm

__all__ = ["run", "warm"]
