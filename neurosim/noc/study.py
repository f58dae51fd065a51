"""Latency against load, and the saturation point by bisection."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from neurosim.errors import ScenarioError
from neurosim.noc.bounds import saturation_bound
from neurosim.scenario import Scenario

if TYPE_CHECKING:
    from neurosim.pipeline import Prepared

#: A network is saturated where packets take this many times the unloaded latency, ...
SATURATED_LATENCY = 3.0
#: ... or where it takes in less than this share of what it is offered.
SATURATED_ACCEPTANCE = 0.95
#: Width of the interval that bisection ends with, in flits per node and cycle.
TOLERANCE = 0.005
#: Called with (points measured, points in all, what is going on).
Progress = Callable[[int, int, str], object]


@dataclass(frozen=True)
class LoadPoint:
    """One load.  Rates are packets per node and cycle, latencies cycles; None: nothing arrived."""

    rate: float
    offered: float
    accepted: float
    mean: float | None
    ci95: tuple[float, float] | None
    p50: float | None
    p99: float | None
    zero_load: float | None
    packets: int

    @property
    def saturated(self) -> bool:
        """Latency beyond three times the unloaded one, or a twentieth of the packets left out."""
        if self.mean is None or self.zero_load is None:
            return self.offered > 0
        return (self.mean > SATURATED_LATENCY * self.zero_load
                or self.accepted < SATURATED_ACCEPTANCE * self.offered)


@dataclass(frozen=True)
class Study:
    """Loads in ascending order, the interval that holds the saturation point (packets per node
    and cycle; None: not looked for, or not found below the bound), and what no network with these
    routes can exceed."""

    name: str
    chip: str
    pattern: str
    flits: int
    engine: str
    points: tuple[LoadPoint, ...]
    saturation: tuple[float, float] | None
    bound: float

    @property
    def peak(self) -> float:
        """Highest rate that was taken in at any load."""
        return max(point.accepted for point in self.points)


def study(
    scenario: Scenario | str | Path,
    rates: Sequence[float] = (),
    overrides: Sequence[str] = (),
    engine: str | None = None,
    bisect: bool = True,
    progress: Progress | None = None,
) -> Study:
    """Measure a traffic scenario at several loads, and bisect for its saturation point.

    Args:
        scenario: with ``workload.traffic``; its rate is replaced.
        rates: packets per node and cycle; none: eight from a tenth of the bound to the bound.
        bisect: look for the saturation point within :data:`TOLERANCE` flits per node and cycle.

    Raises:
        ScenarioError: no traffic, or a rate that is not above 0 and at most 1.
    """
    from neurosim import pipeline

    prepared = pipeline.prepare(scenario, overrides)
    traffic = prepared.scenario.workload.traffic
    if traffic is None:
        raise ScenarioError("workload", "has no traffic", "workload.traffic").at(
            prepared.scenario.locate("workload"))
    if traffic.pattern == "trace-file":
        raise ScenarioError("workload.traffic.pattern", "a list of packets has no rate to vary",
                            "another pattern, or neurosim run").at(
            prepared.scenario.locate("workload.traffic.pattern"))
    for rate in rates:
        if not (math.isfinite(rate) and 0.0 < rate <= 1.0):
            raise ScenarioError("rates", f"{rate:g} packets per node and cycle",
                                "above 0, at most 1")
    bound = saturation_bound(prepared.image)
    wanted = sorted(set(rates)) or [bound * share for share in (
        0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)]
    steps = math.ceil(math.log2(max(2.0, bound * traffic.packet_flits / TOLERANCE)))
    total = len(wanted) + (steps if bisect else 0)
    points: list[LoadPoint] = []

    def at(rate: float) -> LoadPoint:
        if progress is not None:
            progress(len(points), total, f"measuring {rate:.4g}")
        points.append(measure_load(prepared, rate, engine))
        return points[-1]

    for rate in wanted:
        at(rate)
    interval = _bisect(at, points, bound, TOLERANCE / traffic.packet_flits) if bisect else None
    points.sort(key=lambda point: point.rate)
    used = pipeline.select(engine or prepared.scenario.engine, prepared.image)[0]
    return Study(prepared.scenario.name, prepared.chip.name, traffic.pattern,
                 traffic.packet_flits, used, tuple(points), interval, bound)


def measure_loads(scenario: Scenario | str | Path, rates: Sequence[float],
                  engine: str | None = None) -> tuple[LoadPoint, ...]:
    """The given loads alone, ascending."""
    return study(scenario, rates, engine=engine, bisect=False).points


def measure_load(prepared: Prepared, rate: float, engine: str | None = None) -> LoadPoint:
    """Simulate one load of a prepared traffic scenario."""
    from neurosim import pipeline

    image, traffic = prepared.image, prepared.scenario.workload.traffic
    assert traffic is not None
    period = int(image.clock_period[0])
    chance = rate / period if traffic.process == "poisson" else rate
    miss = -math.inf if chance >= 1.0 else math.log1p(-chance)
    loaded = replace(prepared, image=replace(image, traffic_log_miss=miss))
    measured = pipeline.simulate(loaded, engine).data["traffic"]
    waits = measured["traffic_latency_cycles"]
    ci95 = waits["mean_ci95"]
    return LoadPoint(rate, measured["offered_rate"], measured["accepted_rate"], waits["mean"],
                     tuple(ci95) if ci95 else None, waits["p50"], waits["p99"],
                     waits["zero_load"], waits["packets"])


def _bisect(at: Callable[[float], LoadPoint], known: Sequence[LoadPoint], bound: float,
            tolerance: float) -> tuple[float, float] | None:
    """(highest load seen unsaturated, lowest saturated), no further apart than ``tolerance``."""
    low = max((p.rate for p in known if not p.saturated), default=0.0)
    above = [p.rate for p in known if p.saturated and p.rate > low]
    if not above and low < 1.0:
        top = min(1.0, 1.05 * max(bound, low))
        if at(top).saturated:
            above = [top]
    if not above:
        return None
    high = min(above)
    while high - low > tolerance:
        middle = (low + high) / 2
        if at(middle).saturated:
            high = middle
        else:
            low = middle
    return low, high
