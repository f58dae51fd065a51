"""What does not fit: by how many bytes, and what would."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from neurosim.errors import MappingError

if TYPE_CHECKING:
    from neurosim.chip.schema import Chip
    from neurosim.mapping.fit import LayerPlan

_ON = {"lookup": "embedding.on", "decoder": "decoder.on"}
_PRECISION = {"lookup": "embedding.precision", "decoder": "decoder.precision"}


def does_not_fit(
    plans: Sequence[LayerPlan], counts: list[int], chip: Chip, cores: int | None
) -> MappingError:
    """The error for a network that no sharing of the cores makes fit.

    ``counts`` are the cores by work.  Where the recurrent layers alone would fit, the decoder or
    embedding is to blame; otherwise the layer that is furthest over.
    """
    enough = [plan.enough() for plan in plans]
    ends = [n for n, plan in enumerate(plans) if plan.end]
    inner = [enough[n] for n in range(len(plans)) if n not in ends]
    available = chip.usable if cores is None else cores
    if ends and None not in inner and sum(c for c in inner if c) <= available - len(ends):
        left = available - sum(c for c in inner if c)
        worst = max(ends, key=lambda n: int(plans[n].unit_bytes.sum()))
        return _end_misfit(plans, enough, worst, left, chip)
    worst = max(range(len(plans)), key=lambda n: plans[n].fullest(counts[n]).total)
    total = None if None in enough else sum(count for count in enough if count)
    what = cores_that_do(total, f"in all ({chip.name} has {chip.usable})")
    return misfit("chip" if cores is None else "chip.cores", plans[worst], counts[worst], what,
                  chip.dram is not None)


def _end_misfit(
    plans: Sequence[LayerPlan], enough: Sequence[int | None], worst: int, left: int, chip: Chip
) -> MappingError:
    """The recurrent layers fit, but what they leave is too little for decoder and embedding."""
    plan = plans[worst]
    others = sum(int(p.unit_bytes.sum()) for p in plans if p.end and p is not plan)
    need = int(plan.unit_bytes.sum())
    room = max(0, left * (plan.capacity - plan.fixed_bytes) - others)
    ways = []
    total = None if None in enough else sum(count for count in enough if count)
    if total is not None:
        ways.append(cores_that_do(total, f"in all ({chip.name} has {chip.usable})"))
    if plan.layer.weight_bits == 32:
        ways.append(f"{_PRECISION[plan.layer.kind]} int8, about a quarter of the bytes")
    ways += [f"{_ON[plan.layer.kind]} dram or host", "a chip file of several chips"]
    over = f"{need - room} too many" if need > room else "in too few cores"
    return MappingError(
        _ON[plan.layer.kind],
        f"the {plan.layer.name} does not fit beside the recurrent layers: its rows take {need} "
        f"bytes, and the {left} core{'s' * (left != 1)} left have room for {room}, {over}",
        ", or ".join(ways))


def misfit(key: str, plan: LayerPlan, count: int, cores_that_do: str,
           has_dram: bool = False) -> MappingError:
    """The error for one layer on a given number of cores."""
    use = plan.fullest(count)
    over = use.total - plan.capacity
    ways = [cores_that_do] if cores_that_do else []
    table = use.weights + use.indices
    if plan.end and plan.layer.weight_bits == 32 and not plan.held.dram:
        ways.append(f"{_PRECISION[plan.layer.kind]} int8")
    elif over < table and not plan.end:
        percent = math.ceil(100 * over / table)
        ways.append(f"pruning {percent} % more of its stored weights")
    if has_dram and not plan.end and not plan.held.spill and plan.spilling().fits(count):
        ways.append("mapping.spill true, which keeps tables in DRAM")
    ways.append(f"core.data_bytes of {use.total}")
    return MappingError(
        key,
        f"layer {plan.layer.name!r} does not fit on {count} core{'s' * (count > 1)}: the fullest "
        f"takes {use.total} of {plan.capacity} bytes, {over} too many",
        ", or ".join(ways),
    )


def cores_that_do(count: int | None, scope: str) -> str:
    """``12 cores in all``, or nothing where no number would do."""
    return "" if count is None else f"{count} cores {scope}"
