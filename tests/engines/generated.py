"""Generated machines: every choice is drawn, so that hypothesis can shrink and a loop can count.

The generator leaves what `lower` makes today and perturbs arrays of the Image as well (virtual
channels, link widths, phases, costs that differ between cores), because the engines must agree on
everything that an Image can say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import numpy as np
import scipy.sparse as sp

from neurosim import image as im
from neurosim.chip import Chip
from neurosim.image import Image
from neurosim.lower import SyncPlan, lower_network, lower_traffic
from neurosim.network.machine import Choice, LanguagePlan, machine_network, machine_workload
from neurosim.network.model import Layer, Network, Workload
from tests.engines.generated_routers import listed, router_changes
from tests.engines.machines import mesh, random_layer, spread

T = TypeVar("T")
MHZ = 1e6


class Draw(Protocol):
    """Where choices come from."""

    def integer(self, low: int, high: int) -> int: ...

    def choice(self, options: Sequence[T]) -> T: ...


class Seeded:
    """Choices from a seeded generator."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def choice(self, options: Sequence[T]) -> T:
        return options[self.integer(0, len(options) - 1)]


def machine(draw: Draw) -> Image:
    """A small machine: a network under some discipline, or traffic."""
    image = traffic(draw) if draw.choice((False, False, True)) else network(draw)
    return perturbed(draw, image)


# --- chips


@lru_cache(maxsize=256)
def _base(width: int, height: int, per_tile: int, kind: str, vcs: int, multicast: str) -> Chip:
    chip = mesh(width, height, per_tile, **{
        "topology.kind": kind, "noc.virtual_channels": vcs, "noc.multicast": multicast,
        "noc.check_deadlock": multicast != "central",
        "noc.routing": ("xy", "yx")[(width + height + per_tile) % 2]})
    _ = chip.noc_arrays
    return chip


def _with(section: Any, **values: float) -> Any:
    changed = {key: getattr(section, key).model_copy(update={"value": float(value)})
               for key, value in values.items()}
    return section.model_copy(update=changed)


def chip(draw: Draw, policy: str, width: int, height: int, per_tile: int) -> Chip:
    kind = draw.choice(("mesh", "mesh", "torus", "triangular_torus")) \
        if min(width, height) > 2 else "mesh"
    base = _base(width, height, per_tile, kind,
                 draw.choice((1, 1, 2) if kind == "mesh" else (2, 3)),
                 draw.choice(("tree",) * 4 + ("central", "unicast")))
    flit = draw.choice((192, 64, 32))
    bits = {kind: draw.integer(1, 100) for kind in (
        "event_bits", "marker_bits", "ack_bits", "result_bits")}
    currents = bits["event_bits"] - int(base.packet.payload_bits) + 4 * 32
    need = max(-(-b // flit) for b in (*bits.values(), currents))
    noc = _with(
        base.noc, clock_hz=draw.choice((300, 200, 150, 333)) * MHZ, flit_bits=flit,
        pipeline_cycles=draw.integer(0, 3), link_cycles=draw.integer(1, 3),
        local_cycles=draw.integer(1, 2), buffer_flits=need + draw.choice((0, 0, 1, 3)),
        credit_cycles=draw.integer(1, 3), sync_cycles=draw.integer(0, 1))
    core = _with(
        base.core, fifo_packets=draw.choice((1, 1, 2, 5)), receive_cycles=draw.integer(1, 9),
        marker_cycles=draw.integer(1, 5), accumulate_cycles=draw.integer(0, 4),
        group_cycles=draw.integer(1, 3), lanes=draw.integer(1, 4),
        update_cycles=draw.integer(1, 30), send_cycles=draw.integer(1, 9),
        wake_cycles=draw.choice((0, 3)), sync_cycles=draw.integer(0, 2))
    host = _with(
        base.host, clock_hz=draw.choice((100, 200, 300)) * MHZ,
        link_bits_per_cycle=draw.choice((1, 8, 32, 192)), latency_cycles=draw.integer(1, 4),
        packet_cycles=draw.integer(0, 3))
    dram = _with(
        base.dram, burst_bytes=draw.choice((1, 8, 64)), outstanding=draw.integer(1, 4),
        bandwidth_bytes_per_s=draw.choice((1e8, 6.4e9, 1.3e9)),
        latency_s=draw.choice((1e-9, 5e-8, 1.23e-7)))
    tiles = [(x, y) for x in range(width) for y in range(height)]
    level = _with(base.level, core_clock_hz=draw.choice((150, 150, 300, 100)) * MHZ)
    return base.model_copy(update={
        "dram": dram.model_copy(update={"tiles": tuple(tiles[: draw.integer(1, 3)])}),
        "noc": noc, "host": host, "core": core.model_copy(update={"fifo_policy": policy}),
        "packet": _with(base.packet, **bits),
        "levels": {**base.levels, base.default_level: level}})


# --- networks


def network(draw: Draw) -> Image:
    kind = draw.choice(("barrier", "dataflow", "tick"))
    policy = "stall" if kind == "dataflow" else draw.choice(("stall", "stall", "drop", "overwrite"))
    sizes = [draw.integer(1, 6) for _ in range(draw.integer(1, 3))]
    cores_of_layer = [draw.integer(1, min(3, n)) for n in sizes]
    ends = language(draw, kind, policy)
    words = draw.integer(2, 9)
    on_cores = {end: draw.integer(1, 3) for end in ("lookup", "decoder")}
    total = sum(cores_of_layer) + sum(on_cores.values())
    width, height = draw.integer(1, 4), draw.integer(1, 4)
    per_tile = max(draw.integer(1, 3), -(-total // (width * height)))
    device = chip(draw, policy, width, height, per_tile)
    seed = draw.integer(0, 2**31)
    rng = np.random.default_rng(seed)
    inputs = draw.integer(1, 5)
    model = _layers(draw, rng, inputs, sizes)
    steps = draw.integer(1, 4)
    x = rng.normal(0, 1, (steps, inputs)) * (rng.random((steps, inputs)) < draw.choice((0.7, 0, 1)))
    if draw.integer(0, 39) == 0:
        x *= 1e6  # overflows a gate sum sooner or later
    workload = Workload(x.astype(np.float32), window=draw.choice((0, 0, 1, 2)),
                        streams=ends.streams)
    if ends.decoder_on or ends.embedding_on == "chip" or draw.integer(0, 1):
        model, workload = _with_words(draw, rng, model, workload, words, ends)
    model, workload = machine_network(model, ends), machine_workload(model, workload, ends)
    kinds = [layer.kind for layer in model.layers]
    cores_of_layer = [
        min(on_cores[kind], layer.units) if kind in on_cores else cores_of_layer.pop(0)
        for kind, layer in zip(kinds, model.layers, strict=True)]
    places = rng.permutation(device.core_count).tolist()
    mapping = spread(model, places, cores_of_layer, draw.choice(("unit", "core")),
                     draw.choice((None, seed)))
    if draw.integer(0, 2) == 0:
        spilled = rng.random(len(mapping.slices)) < 0.7
        mapping = replace(mapping, slices=tuple(
            replace(part, dram=bool(there))
            for part, there in zip(mapping.slices, spilled, strict=True)))
    plan = SyncPlan(kind=kind, order=draw.choice(("skewed", "per_layer")),
                    base_s=draw.choice((1e-12, 1e-8, 1.234567e-7)),
                    per_core_s=draw.choice((0.0, 1e-9)), buffers=draw.integer(2, 4),
                    period_s=draw.choice((2e-9, 1e-7, 1.2345e-6, 5e-6)),
                    closed_loop=draw.choice((False, True)))
    return lower_network(model, workload, device, mapping, plan,
                         record_outputs=draw.choice((True, False)),
                         record_host=draw.choice((True, False)), language=ends,
                         record_logits=draw.choice((True, False)))


def language(draw: Draw, sync: str, policy: str) -> LanguagePlan:
    """Where a language model's ends are; for half of the machines nowhere."""
    streams = draw.choice((1, 1, 1, 2, 3, 4))
    if draw.integer(0, 1):
        return LanguagePlan(streams=streams)
    reduces = sync != "tick" and policy == "stall"
    embedding = draw.choice(("host", "host", "chip"))
    kind = draw.choice(("greedy", "sample", "top_k"))
    choice = Choice(kind, draw.integer(1, 2) if kind == "top_k" else 1,
                    draw.choice((0.5, 1.0, 2.0)), draw.integer(0, 99))
    return LanguagePlan(
        decoder_on=draw.choice(("host", "chip", "chip") if reduces else ("host",)),
        gated=draw.choice((True, False)), decoder_precision=draw.choice(("fp32", "int8")),
        reduction=draw.integer(1, 3), embedding_on=embedding,
        input="packets" if embedding == "chip" else draw.choice(("packets", "currents")),
        mode="score" if sync == "tick" else draw.choice(("score", "generate")),
        streams=streams, choice=choice)


def _with_words(draw: Draw, rng: np.random.Generator, model: Network, workload: Workload,
                words: int, ends: LanguagePlan) -> tuple[Network, Workload]:
    """The model with an embedding and a decoder, and tokens that enter."""
    width, steps = model.layers[0].inputs, workload.steps + draw.integer(0, 3)
    tied = draw.integer(0, 3) == 0
    weight = rng.normal(0, 1, (words, model.layers[-1].units)).astype(np.float32)
    if tied:
        weight[:] = weight[0]
    if draw.integer(0, 39) == 0:
        weight *= np.float32(1e8)  # overflows a logit
    levels = draw.choice((0, 0, 255, 3))
    model = replace(
        model, embedding=rng.normal(0, 1, (words, width)).astype(np.float32),
        decoder_weight=weight, decoder_bias=None if tied else np.ones(words, np.float32),
        layers=tuple(replace(layer, event_levels=levels) for layer in model.layers))
    tokens = rng.integers(0, words, steps)
    if ends.mode == "generate":
        tokens[draw.integer(1, 2) * ends.streams:] = -1
    return model, replace(workload, inputs=model.embedding, tokens=tokens, rows=tokens)


def _layers(draw: Draw, rng: np.random.Generator, inputs: int, sizes: list[int]) -> Network:
    rows = draw.integer(1, 3)
    layers = []
    for i, units in enumerate(sizes):
        density = draw.choice((0.5, 0.5, 0.2, 1.0, 0.0))
        layer = random_layer(rng, f"layer{i}", inputs, units, density,
                             zoneout=draw.choice((0.0, 0.1)),
                             fire=draw.choice(("threshold", "threshold", "always")))
        if draw.integer(0, 3) == 0:
            fires = rng.random((rows, units)) < 0.4
            layer = replace(layer, kind="replay",
                            replay=(fires * rng.normal(0, 1, fires.shape)).astype(np.float32))
        layers.append(layer if draw.integer(0, 7) else _without_input(layer))
        inputs = units
    return Network(tuple(layers))


def _without_input(layer: Layer) -> Layer:
    return replace(layer, kernel=sp.csr_array(layer.kernel.shape, dtype=np.float32))


# --- traffic


def traffic(draw: Draw) -> Image:
    pattern = draw.choice(("uniform", "transpose", "bit_complement", "hotspot", "neighbour"))
    width = draw.integer(1, 4)
    height = width if pattern == "transpose" else draw.integer(1, 4)
    if width * height < 2:
        width = height = 2
    device = chip(draw, "stall", width, height, 1)
    packet_flits = draw.integer(1, min(3, int(device.noc.buffer_flits)))
    return lower_traffic(device, pattern, draw.choice((0.05, 0.2, 0.3, 0.5, 1.0)), packet_flits,
                         draw.integer(1, 30), draw.integer(0, 15), seed=draw.integer(0, 2**31),
                         process=draw.choice(("bernoulli",) * 5 + ("poisson",)))


# --- what an Image can say beyond what `lower` makes


def perturbed(draw: Draw, image: Image) -> Image:
    rng = np.random.default_rng(draw.integer(0, 2**31))
    changes: dict[str, Any] = {}
    links = image.ch_port[: image.n_outputs] >= 0
    if image.n_vcs > 1 and draw.integer(0, 1):  # on a torus this may deadlock
        on_link = image.ch_port[image.br_channel] >= 0
        changes["br_vc"] = rng.integers(0, image.n_vcs, len(image.br_vc)) * on_link
        vcs = rng.integers(0, image.n_vcs, image.route_vc.shape)
        changes["route_vc"] = np.where(image.ch_port[image.route_channel] >= 0, vcs, 0)
    if draw.integer(0, 3) == 0:
        width = image.ch_width.copy()
        width[: image.n_outputs][links] = rng.choice([16, 64, 192], int(links.sum()))
        changes["ch_width"] = width
    if draw.integer(0, 3) == 0:
        changes["ch_latency"] = image.ch_latency * rng.integers(1, 4, len(image.ch_latency))
    if draw.integer(0, 7) == 0:
        phase = (rng.random(len(image.clock_phase)) * image.clock_period).astype(np.int64)
        phase[image.sync_part] = 0
        changes["clock_phase"] = phase
    if image.n_cores:
        changes.update(_core_changes(draw, rng, image))
    if draw.integer(0, 24) == 0:
        credits = changes.get("ch_credits", image.ch_credits).copy()
        stuck = rng.choice(np.flatnonzero(credits >= 0))
        credits[stuck] = 0  # nothing ever passes here
        changes["ch_credits"] = credits
    image = replace(image, **changes)
    if draw.integer(0, 2) == 0:
        image = replace(image, **router_changes(draw, rng, image))
    if image.n_sources and draw.integer(0, 4) == 0:
        image = listed(draw, rng, image)
    return image


def _core_changes(draw: Draw, rng: np.random.Generator, image: Image) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if draw.integer(0, 3) == 0:
        n = image.n_cores
        changes["receive_ticks"] = image.receive_ticks * rng.integers(1, 4, (n, 1))
        changes["update_ticks"] = image.update_ticks * rng.integers(1, 4, n)
        changes["send_ticks"] = image.send_ticks * rng.integers(1, 4, n)
    changes["packet_events"] = draw.choice((1, 1, 1, 2, 3))
    if image.n_ports:
        changes.update(_memory_changes(draw, rng, image))
    if image.sync != im.SYNC_DATAFLOW and draw.integer(0, 9) == 0:
        credits = image.ch_credits.copy()
        policy = rng.integers(0, 3, image.n_cores)
        credits[image.core_channel] = np.where(policy == im.STALL, image.core_fifo, -1)
        changes.update(core_policy=policy, ch_credits=credits)
    if draw.integer(0, 5) == 0:
        changes["finish_first"] = not image.finish_first
    if draw.integer(0, 19) == 0:
        changes["end_tick"] = draw.integer(0, 3_000_000)
    if image.sync == im.SYNC_DATAFLOW and draw.integer(0, 29) == 0:
        changes["n_markers"] = image.n_markers + 1  # a step that never completes
    return changes


def _memory_changes(draw: Draw, rng: np.random.Generator, image: Image) -> dict[str, Any]:
    """Rows of a core in both memories, data for updates, and any number of fetches."""
    changes: dict[str, Any] = {}
    if draw.integer(0, 2) == 0:
        here = rng.random(len(image.row_dram_bytes)) < 0.5
        changes["row_dram_bytes"] = image.row_dram_bytes * here
    if draw.integer(0, 1):
        asks = np.repeat(image.core_port >= 0, np.diff(image.unit_ptr))
        some = asks & (rng.random(len(asks)) < draw.choice((0.5, 1.0)))
        changes["unit_dram_bytes"] = some * rng.integers(1, 200, len(asks))
    if draw.integer(0, 3) == 0:
        changes["core_fetches"] = rng.integers(1, 5, image.n_cores)
    return changes
