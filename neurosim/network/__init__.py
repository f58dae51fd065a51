"""What was trained: layers and their reference semantics, model files, variants, workloads.

Submodules: :mod:`reference` (the oracle), :mod:`functional` (the same, faster), :mod:`load`,
:mod:`save`, :mod:`checkpoint` (model files), :mod:`prune` (variants), :mod:`synthetic` (networks
without a model), :mod:`workload` (what enters), :mod:`counts` (operations from recorded activity).
"""

from __future__ import annotations

from neurosim.network import counts, prune, synthetic, workload
from neurosim.network.checkpoint import import_checkpoint
from neurosim.network.counts import OperationCounts, Sparsity, count_operations
from neurosim.network.functional import evaluate, run_functional
from neurosim.network.load import load_model
from neurosim.network.model import GATES, Layer, Network, Workload
from neurosim.network.prune import (
    MatrixDensity,
    densities,
    offset_thresholds,
    with_fire,
    with_zoneout,
)
from neurosim.network.reference import LayerStates, run_reference
from neurosim.network.save import save_model
from neurosim.network.task import TaskResult, logits, task_from_outputs

__all__ = [
    "GATES",
    "Layer",
    "LayerStates",
    "MatrixDensity",
    "Network",
    "OperationCounts",
    "Sparsity",
    "TaskResult",
    "Workload",
    "count_operations",
    "counts",
    "densities",
    "evaluate",
    "import_checkpoint",
    "load_model",
    "logits",
    "offset_thresholds",
    "prune",
    "run_functional",
    "run_reference",
    "save_model",
    "synthetic",
    "task_from_outputs",
    "with_fire",
    "with_zoneout",
    "workload",
]
