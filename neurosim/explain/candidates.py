"""Changes worth trying: for each thing that the critical path spends time on, one that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurosim.chip import Chip
from neurosim.explain import parts
from neurosim.explain.path import CriticalPath
from neurosim.explain.whatif import Change
from neurosim.image import SYNC_BARRIER, SYNC_TICK, UNIT_LOGIT, UNIT_LOOKUP, Image
from neurosim.mapping.model import Mapping as CoreMapping

#: Sections that give the cores of layers that are no recurrent ones, by kind of unit.
_ENDS = {UNIT_LOOKUP: "embedding", UNIT_LOGIT: "decoder"}
#: Share of the latency from which on a part is worth a change.
WORTH = 0.01
#: Chip constants in cycles that a change halves, and the parts that they make up.
_HALVED: tuple[tuple[str, tuple[str, ...], tuple[int, ...]], ...] = (
    ("multiply-accumulates twice as fast", ("core.group_cycles",), (parts.ACCUMULATE,)),
    ("row look-up twice as fast", ("core.accumulate_cycles",), (parts.ACCUMULATE,)),
    ("updates twice as fast", ("core.update_cycles",), (parts.UPDATE,)),
    ("packets handled twice as fast",
     ("core.receive_cycles", "core.marker_cycles", "core.send_cycles"),
     (parts.RECEIVE, parts.SEND)),
    ("host sends twice as fast", ("host.packet_cycles",), (parts.HOST_SEND,)),
    ("host latency halved", ("host.latency_cycles",), (parts.HOST_LINK,)),
    ("router pipeline halved", ("noc.pipeline_cycles",), (parts.PIPELINE,)),
)
#: Widths in bits that a change doubles.
_DOUBLED: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("link width x2", "noc.flit_bits",
     (parts.SERIAL, parts.BUSY, parts.ARBITRATION, parts.QUEUE, parts.CREDIT)),
    ("host link width x2", "host.link_bits_per_cycle", (parts.HOST_LINK, parts.HOST_SEND)),
)


def candidates(path: CriticalPath, image: Image, chip: Chip, mapping: CoreMapping | None,
               scenario: Mapping[str, Any]) -> list[Change]:
    """Changes for everything with more than :data:`WORTH` of the latency.

    Args:
        scenario: the resolved scenario, as result.json keeps it.
    """
    ticks = path.by_part().sum(axis=0)
    shares = ticks / max(1, int(ticks.sum()))

    def share(of: tuple[int, ...]) -> float:
        return float(shares[list(of)].sum())

    found = []
    for name, keys, of in _HALVED:
        values = {key: _constant(chip, key) for key in keys}
        smaller = {key: max(1, value // 2) for key, value in values.items() if value > 1}
        if share(of) > WORTH and smaller:
            found.append(Change(name, tuple(f"chip.set.{k}={v}" for k, v in smaller.items())))
    for name, key, of in _DOUBLED:
        if share(of) > WORTH:
            found.append(Change(name, (f"chip.set.{key}={2 * _constant(chip, key)}",)))
    if share(parts.CORE_WORK) > WORTH:
        found += [Change(f"cores at level {level}", (f"chip.level={level}",))
                  for level in chip.levels if level != chip.default_level]
    if image.n_ports:
        found += _memory(share, chip)
    if mapping is not None:
        found += _synchronisation(share, image)
        if share(parts.CORE_WORK) > WORTH:
            found += _more_cores(path, image, chip, scenario)
    return found


def _constant(chip: Chip, key: str) -> int:
    section, name = key.split(".")
    return int(getattr(getattr(chip, section), name))


def _memory(share, chip: Chip) -> list[Change]:  # type: ignore[no-untyped-def]
    assert chip.dram is not None
    found = []
    if share((parts.MEMORY_QUEUE, parts.MEMORY_TRANSFER)) > WORTH:
        twice = 2 * float(chip.dram.bandwidth_bytes_per_s)
        found.append(Change("memory ports of twice the bandwidth",
                            (f"chip.set.dram.bandwidth_bytes_per_s={twice:.6e}",)))
    if share((parts.MEMORY_LATENCY,)) > WORTH:
        half = float(chip.dram.latency_s) / 2
        found.append(Change("DRAM latency halved", (f"chip.set.dram.latency_s={half:.6e}",)))
    return found


def _synchronisation(share, image: Image) -> list[Change]:  # type: ignore[no-untyped-def]
    if image.sync == SYNC_BARRIER and share((parts.BARRIER,)) > WORTH:
        half = image.barrier_ticks / image.tick_hz / 2
        return [Change("barrier twice as fast",
                       (f"sync.base={half:.6e}", "sync.per_core=0"))]
    if image.sync == SYNC_TICK and share((parts.TICK,)) > WORTH:
        half = image.tick_period / image.tick_hz / 2
        return [Change("tick twice as fast", (f"sync.period={half:.6e}",))]
    return []


def _more_cores(path: CriticalPath, image: Image, chip: Chip,
                scenario: Mapping[str, Any]) -> list[Change]:
    """The layer whose cores hold most of the path on twice as many, as far as cores are free;
    with none free, a quarter of the cores of the layer that holds least go to it."""
    work = np.isin(path.part, parts.CORE_WORK) & (path.layer >= 0)
    if not work.any():
        return []
    held = np.bincount(path.layer[work], weights=path.ticks[work], minlength=image.n_layers)
    cores = np.bincount(image.core_stage - 1, minlength=image.n_layers)
    units = np.bincount(image.unit_layer, minlength=image.n_layers)
    most = int(held.argmax())
    room = chip.usable - int(cores.sum())
    wanted = cores.copy()
    extra = int(min(cores[most], units[most] - cores[most], room))
    if extra <= 0:
        least = int((held / cores).argmin())
        extra = int(min(max(1, cores[least] // 4), cores[least] - 1, units[most] - cores[most]))
        if least == most or extra <= 0:
            return []
        wanted[least] -= extra
    wanted[most] += extra
    kinds = image.unit_kind[np.unique(image.unit_layer, return_index=True)[1]]
    inner = [str(n) for n, kind in zip(wanted, kinds, strict=True) if kind not in _ENDS]
    name = f"layer {most} on {wanted[most]} cores instead of {cores[most]}"
    texts = [f"mapping.cores_per_layer=[{','.join(inner)}]"]
    texts += [f"{_ENDS[int(kind)]}.cores={n}" for n, kind in zip(wanted, kinds, strict=True)
              if kind in _ENDS]
    if scenario["chip"].get("cores") is not None:
        texts.insert(0, f"chip.cores={int(wanted.sum())}")
    return [Change(name, tuple(texts))]
