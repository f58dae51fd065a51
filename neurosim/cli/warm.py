"""``neurosim warm``: compile the compiled engine ahead of its first use."""

from __future__ import annotations


def warm() -> None:
    """Compile the engine ahead, so that no run has to wait for it."""
    from neurosim.engines import compiled

    compiled.warm()
    print("the compiled engine is ready")
