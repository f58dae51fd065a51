"""NoC graphs from files: node-link JSON (networkx's) and GraphML.

Nodes may have ``cores`` (default: the chip file's ``cores_per_tile``), ``x``, ``y``, ``chip`` and
``host``; links may have ``cycles`` and ``bits`` in place of the chip file's ``noc.link_cycles`` and
``noc.flit_bits``.  A link of an undirected graph is two, one a direction.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosim.chip.tiles import Topology
from neurosim.errors import Location, ScenarioError

if TYPE_CHECKING:
    import networkx as nx

KEY = "chip.topology.file"
_NODE_KEYS = {"cores", "x", "y", "chip", "host", "id", "label"}
_LINK_KEYS = {"cycles", "bits", "source", "target", "id", "key", "weight"}


def read_graph(topology: Topology) -> nx.DiGraph:
    """The graph that ``topology.file`` holds, routers numbered in the file's order of nodes.

    Raises:
        ScenarioError: unreadable; a link to a missing node; a node or link given twice; an unknown
            attribute; a length, width or number of cores that cannot be; no cores; two hosts.
    """
    import networkx as nx

    assert topology.file is not None
    path = Path(topology.file)
    nodes, links = _graphml(path) if path.suffix == ".graphml" else _node_link(path)
    graph = nx.DiGraph()
    number = {name: n for n, (name, _) in enumerate(nodes)}
    if len(number) < len(nodes):
        seen: set[str] = set()
        twice = next(name for name, _ in nodes if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _refused(path, f"gives node {twice} twice", "every node once")
    if not nodes:
        raise _refused(path, "has no nodes", "a graph of routers")
    for n, (name, data) in enumerate(nodes):
        _known(path, f"node {name}", data, _NODE_KEYS)
        cores = _whole(path, f"node {name}", data, "cores", topology.cores_per_tile, 0)
        graph.add_node(n, x=_whole(path, f"node {name}", data, "x", n, None),
                       y=_whole(path, f"node {name}", data, "y", 0, None),
                       chip=_whole(path, f"node {name}", data, "chip", 0, 0),
                       cores=[-1] * cores, host=_flag(data.get("host")), name=name)
    hosts = [n for n in graph if graph.nodes[n]["host"]]
    if len(hosts) > 1:
        raise _refused(path, f"has hosts at nodes {nodes[hosts[0]][0]} and {nodes[hosts[1]][0]}",
                       "one host")
    graph.nodes[hosts[0] if hosts else 0]["host"] = True
    if not any(graph.nodes[n]["cores"] for n in graph):
        raise _refused(path, "has no cores", "a node with cores")
    _add_links(graph, path, number, links)
    return graph


def _add_links(graph: nx.DiGraph, path: Path, number: dict[str, int],
               links: list[tuple[str, str, dict[str, Any]]]) -> None:
    for a, b, data in links:
        what = f"link {a} - {b}"
        for end in (a, b):
            if end not in number:
                raise _refused(path, f"{what} needs node {end}, which is missing", "known nodes")
        _known(path, what, data, _LINK_KEYS)
        if a == b:
            raise _refused(path, f"{what} joins a node to itself", "two nodes")
        if graph.has_edge(number[a], number[b]):
            raise _refused(path, f"{what} is given twice", "every link once")
        edge = {key: _whole(path, what, data, key, 0, 1) for key in ("cycles", "bits")
                if key in data}
        chips = {graph.nodes[number[end]]["chip"] for end in (a, b)}
        graph.add_edge(number[a], number[b], **edge, wraps=False,
                       kind="on_chip" if len(chips) == 1 else "chip_link")
    for a, b in graph.edges:
        if not graph.has_edge(b, a):
            names = graph.nodes[a]["name"], graph.nodes[b]["name"]
            raise _refused(path, f"link {names[0]} - {names[1]} has no way back",
                           "links in both directions")
    width = 0
    for n in graph:
        for port, other in enumerate(sorted(graph.successors(n))):
            graph.edges[n, other].update(port=port, direction=f"port {port}")
            width = max(width, port + 1)
    graph.graph["directions"] = tuple(f"port {port}" for port in range(width))


def _node_link(path: Path) -> tuple[list, list]:
    """Nodes and directed links of networkx's node-link JSON (``links`` or ``edges``)."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(path, f"cannot be read: {error}", "a node-link JSON or GraphML file") \
            from None
    except (json.JSONDecodeError, RecursionError) as error:
        line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
        raise ScenarioError(KEY, f"is no JSON: {getattr(error, 'msg', 'nested too deeply')}",
                            "node-link JSON", Location(path, line, column)) from None
    rows = data.get("links", data.get("edges")) if isinstance(data, dict) else None
    lists = isinstance(data, dict) and isinstance(data.get("nodes"), list)
    if not (lists and isinstance(rows, list)
            and all(isinstance(item, dict) for item in [*data["nodes"], *rows])):
        raise _refused(path, "is no node-link graph", "an object with lists nodes and links")
    if any("id" not in node for node in data["nodes"]) or any(
            not {"source", "target"} <= link.keys() for link in rows):
        raise _refused(path, "has a node without id, or a link without source and target",
                       "nodes with id, links with source and target")
    nodes = [(str(node["id"]), node) for node in data["nodes"]]
    links = [(str(link["source"]), str(link["target"]), link) for link in rows]
    return nodes, links if data.get("directed") else _both_ways(links)


def _graphml(path: Path) -> tuple[list, list]:
    from xml.etree.ElementTree import ParseError

    import networkx as nx

    try:
        graph = nx.read_graphml(path)
    except (OSError, ParseError, nx.NetworkXError, ValueError, KeyError) as error:
        raise _refused(path, f"cannot be read as GraphML: {error}", "a GraphML file") from None
    nodes = [(str(n), dict(data)) for n, data in graph.nodes(data=True)]
    links = [(str(a), str(b), dict(data)) for a, b, data in graph.edges(data=True)]
    return nodes, links if graph.is_directed() else _both_ways(links)


def _both_ways(links: list) -> list:
    return [link for a, b, data in links for link in ((a, b, data), (b, a, data))]


def _flag(raw: Any) -> bool:
    return raw is True or raw == 1 or raw == "true"


def _known(path: Path, what: str, data: dict[str, Any], known: set[str]) -> None:
    unknown = sorted(set(data) - known)
    if unknown:
        raise _refused(path, f"{what} has the unknown attribute {unknown[0]!r}",
                       ", ".join(sorted(known - {"id", "label", "source", "target", "key"})))


def _whole(path: Path, what: str, data: dict[str, Any], key: str, default: int,
           least: int | None) -> int:
    raw = data.get(key, default)
    fits = isinstance(raw, int | float) and not isinstance(raw, bool) and raw == int(raw) \
        if not isinstance(raw, float) or abs(raw) < 1e15 else False
    if not fits or (least is not None and raw < least):
        raise _refused(path, f"{what} has {key} {raw!r}",
                       f"a whole number{'' if least is None else f', {least} or more'}")
    return int(raw)


def _refused(path: Path, why: str, allowed: str) -> ScenarioError:
    return ScenarioError(KEY, why, allowed, Location(path, 1, 1))
