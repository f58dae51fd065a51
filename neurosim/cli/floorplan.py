"""What `neurosim show` prints of a prepared scenario, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurosim.chip import Chip
    from neurosim.mapping.model import Mapping
    from neurosim.pipeline import Prepared

LAYER_MARKS = "0123456789abcdefghijklmnopqrstuvwxyz"
UNUSED, RESERVED, NO_CORES, NO_ROUTER, HOST = ".", "x", "-", " ", "*"
MAX_WIDTH = 60


def overview(prepared: Prepared) -> list[tuple[str, str]]:
    """Label and value of what would run: network, chip, memory, routes."""
    chip, mapping, image = prepared.chip, prepared.mapping, prepared.image
    rows = [("chip", f"{chip.name} at level {chip.default_level}")]
    network, workload = prepared.network, prepared.workload
    if mapping is not None and network is not None and workload is not None:
        totals = [memory.total for memory in mapping.memory]
        rows += [
            ("layers", " / ".join(str(layer.units) for layer in network.layers)),
            *_ends(prepared),
            ("steps", str(workload.steps)),
            ("synchronisation", prepared.scenario.sync.kind),
            ("cores", f"{len(mapping.slices)} of {chip.usable} usable"),
            ("memory of a core", f"{max(totals)} of {mapping.capacity_bytes} bytes at most"),
        ]
        spilled = [memory.dram for memory in mapping.memory if memory.dram]
        if spilled:
            rows.append(("tables in DRAM", f"{sum(spilled)} bytes of {len(spilled)} cores"))
        rows.append(("routing entries", _entries(prepared)))
    copies = image.tree_copies
    if len(copies):
        rows.append(("multicast trees", str(len(copies))))
        rows.append(("copies of a packet", f"{copies.mean():.1f} mean, {copies.max()} at most"))
    return rows


def _ends(prepared: Prepared) -> list[tuple[str, str]]:
    """Embedding, decoder and streams, where the scenario says anything of them."""
    plan, network = prepared.plan, prepared.network
    assert network is not None
    rows = []
    if plan.embedding_on != "host":
        assert network.embedding is not None
        rows.append(("embedding", f"{len(network.embedding)} words on {_place(plan.embedding_on)}, "
                                  f"{plan.embedding_precision}"))
    if plan.decoder_on is not None:
        assert network.decoder_weight is not None
        how = "gated" if plan.gated else "dense"
        rows.append(("decoder", f"{len(network.decoder_weight)} words on "
                                f"{_place(plan.decoder_on)}, {plan.decoder_precision}, {how}"))
    if plan.streams > 1:
        rows.append(("streams", str(plan.streams)))
    return rows


def _place(on: str) -> str:
    return {"host": "the host", "chip": "cores", "dram": "cores, rows in DRAM"}[on]


def _entries(prepared: Prepared) -> str:
    """Entries of the fullest routing table: merged within senders, before compression, and merged
    across senders as well."""
    from neurosim.mapping.tables import table_use

    assert prepared.machine is not None and prepared.mapping is not None
    markers = prepared.scenario.sync.kind == "dataflow"
    use = table_use(prepared.machine, prepared.chip, prepared.mapping, markers, fullest=True)
    fullest = int(use.merged.argmax())
    limit = prepared.chip.noc.table_entries
    room = "" if limit is None else f" of {int(limit)}"
    return f"{use.merged.max()}{room} at most ({use.keys.max()} uncompressed), " \
        f"{use.covered[fullest]} merged across senders"


def floorplan(chip: Chip, mapping: Mapping | None) -> str:
    """The chip's tiles, north up: each core is the number of the layer that it holds.

    Tiles shrink to one mark (their lowest layer) where the full picture is wider than a terminal,
    and the picture is left out where that does not help either.
    """
    layer_of = {s.core: s.layer for s in mapping.slices} if mapping is not None else {}
    nodes = {(node["x"], node["y"]): node for _, node in chip.topology_graph.nodes(data=True)}
    xs = range(min(x for x, _ in nodes), max(x for x, _ in nodes) + 1)
    ys = range(min(y for _, y in nodes), max(y for _, y in nodes) + 1)
    depth = max(len(node["cores"]) for node in nodes.values())
    if (depth + 2) * len(xs) + 4 > MAX_WIDTH:
        depth = 1
    if (depth + 2) * len(xs) + 4 > MAX_WIDTH:
        return f"(floorplan of {len(xs)} x {len(ys)} tiles left out: too wide)"
    lines = []
    for y in reversed(ys):
        tiles = [_tile(nodes.get((x, y)), layer_of, chip.usable, depth) for x in xs]
        lines.append(f"{y:>3} " + "".join(tiles).rstrip())
    lines.append("    " + "".join(f"{x:<{depth + 2}}" for x in xs).rstrip())
    lines.append(
        f"each core: layer it holds, '{UNUSED}' unused, '{RESERVED}' reserved; "
        f"'{NO_CORES}' router only; '{HOST}' host"
    )
    return "\n".join(lines)


def _tile(node: dict | None, layer_of: dict[int, int], usable: int, depth: int) -> str:
    if node is None:
        return NO_ROUTER * (depth + 2)
    marks = [_mark(core, layer_of, usable) for core in node["cores"]]
    if depth == 1:
        marks = sorted(marks, key=lambda mark: (mark in (UNUSED, RESERVED), mark))[:1]
    text = "".join(marks) or NO_CORES * depth
    return f"{text:<{depth}}{HOST if node['host'] else ' '} "


def _mark(core: int, layer_of: dict[int, int], usable: int) -> str:
    if core in layer_of:
        return LAYER_MARKS[layer_of[core] % len(LAYER_MARKS)]
    return UNUSED if core < usable else RESERVED


def layer_rows(prepared: Prepared) -> list[tuple[str, ...]]:
    """Layer, units, cores, mean and largest bytes of a core, and how full the fullest is."""
    network, mapping = prepared.machine, prepared.mapping
    if network is None or mapping is None:
        return []
    rows: list[tuple[str, ...]] = []
    for index, layer in enumerate(network.layers):
        totals = [m.total for s, m in zip(mapping.slices, mapping.memory, strict=True)
                  if s.layer == index]  # fmt: skip
        rows.append((
            layer.name, str(layer.units), str(len(totals)), f"{sum(totals) / len(totals):.0f}",
            str(max(totals)), f"{max(totals) / mapping.capacity_bytes:.0%}",
        ))  # fmt: skip
    return rows


def core_rows(prepared: Prepared) -> list[tuple[str, ...]]:
    """Core, tile, layer, units, bytes, and how full it is, for every used core."""
    chip, mapping = prepared.chip, prepared.mapping
    if mapping is None:
        return []
    rows: list[tuple[str, ...]] = []
    arrays = chip.noc_arrays
    for part, memory in zip(mapping.slices, mapping.memory, strict=True):
        x, y = arrays.router_xy[arrays.core_router[part.core]]
        rows.append((
            str(part.core), f"{x},{y}", str(part.layer), str(len(part.units)), str(memory.total),
            f"{memory.total / mapping.capacity_bytes:.0%}",
        ))  # fmt: skip
    return sorted(rows, key=lambda row: int(row[0]))
