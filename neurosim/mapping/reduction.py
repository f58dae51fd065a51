"""The tree in which decoder cores reduce their candidates."""

from __future__ import annotations

import numpy as np

#: Children of a node where the plan says nothing else.
ARITY = 4


def result_parents(cores: int, arity: int = ARITY) -> np.ndarray:
    """[cores] parent of each decoder core, in the order of its layer's slices; -1: the host.

    A complete tree of ``arity`` children a node: slice 0 is the root, and slice i's parent is
    slice (i - 1) // arity.
    """
    parent = (np.arange(cores, dtype=np.int64) - 1) // arity
    parent[:1] = -1
    return parent
