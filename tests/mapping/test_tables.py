"""Routing table sizes against tables built entry by entry from multicast trees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.chip import load_chip
from neurosim.errors import MappingError
from neurosim.mapping import tables
from neurosim.mapping.covering import cover, look_up
from neurosim.mapping.map import map_network
from neurosim.mapping.tables import _aligned_ranges, require_tables_fit, table_use
from neurosim.mapping.trees import multicast_tree
from tests.mapping.networks import network


def destinations(net, mapping, arrays):
    """For the host and each slice: (router, one {(router, end)} a key)."""
    def reached(kernel, row, layer):
        columns = np.flatnonzero(kernel.toarray()[row])
        hit = set((columns % net.layers[layer].units).tolist())
        return {(int(arrays.core_router[s.core]), s.core) for s in mapping.slices
                if s.layer == layer and hit & set(s.units.tolist())}

    yield arrays.host_router, [reached(net.layers[0].kernel, i, 0)
                               for i in range(net.layers[0].inputs)]
    last = len(net.layers) - 1
    for s in mapping.slices:
        keys = []
        for u in s.units:
            ends = reached(net.layers[s.layer].recurrent, u, s.layer)
            ends |= ({(arrays.host_router, "host")} if s.layer == last
                     else reached(net.layers[s.layer + 1].kernel, u, s.layer + 1))
            keys.append(ends)
        if mapping.keys == "core":
            keys = [set().union(*keys)]
        yield int(arrays.core_router[s.core]), keys


def tables_by_hand(net, chip, mapping, markers):
    """[R, 2] entries before and after default routing; {(router, sender): {key: outputs}}."""
    graph, arrays = chip.topology_graph, chip.noc_arrays
    counts = np.zeros((len(graph), 2), int)
    tables = {}
    for sender, (source, keys) in enumerate(destinations(net, mapping, arrays)):
        if markers:
            keys = [*keys, set().union(*keys)]
        for key, ends in enumerate(keys):
            tree = multicast_tree(chip.routes, source, [router for router, _ in ends])
            came_by = {b: graph.edges[a, b]["direction"] for a in tree for b in tree[a]}
            for router, following in tree.items() if ends else ():
                local = frozenset(end for r, end in ends if r == router)
                links = frozenset(graph.edges[router, b]["direction"] for b in following)
                straight = not local and links == {came_by.get(router)}
                counts[router] += (1, not straight)
                tables.setdefault((router, sender), {})[key] = (local, links, straight)
    return counts, tables


CASES = st.tuples(st.integers(1, 9), st.integers(1, 7), st.floats(0.05, 0.9), st.integers(0, 99))


@given(CASES, st.sampled_from(["unit", "core"]), st.booleans(), st.sampled_from(["xy", "yx"]))
@settings(max_examples=40, deadline=None)
def test_counts_equal_tables_built_by_hand(case, keys, markers, routing):
    first, second, density, seed = case
    chip = load_chip("mesh", overrides={"topology.width": 3, "topology.height": 3,
                                        "topology.cores_per_tile": 2, "noc.routing": routing})
    net = network([first, second], inputs=4, density=density, seed=seed)
    mapping = map_network(net, chip, placement="random", seed=seed, keys=keys)
    use = table_use(net, chip, mapping, markers)
    counts, tables = tables_by_hand(net, chip, mapping, markers)
    assert use.keys.tolist() == counts[:, 0].tolist()
    assert use.routed.tolist() == counts[:, 1].tolist()
    assert (use.merged <= use.routed).all()
    # As many entries at least as there are different output sets from each sender.
    least = np.zeros(len(chip.topology_graph), int)
    for (router, _), table in tables.items():
        least[router] += len({(local, links) for local, links, straight in table.values()
                              if not straight})
    assert (least <= use.merged).all()


@given(st.integers(0, 40), st.integers(0, 40))
def test_aligned_ranges_are_the_fewest(low, length):
    high = low + length
    fewest = [0] * (length + 1)  # fewest ranges that make up [high - n, high)
    for n in range(1, length + 1):
        at = high - n
        sizes = [s for s in (1, 2, 4, 8, 16, 32, 64) if at % s == 0 and at + s <= high]
        fewest[n] = 1 + min(fewest[n - s] for s in sizes)
    assert _aligned_ranges(np.array([low]), np.array([high])).tolist() == [fewest[length]]


def test_a_full_broadcast_needs_one_entry_a_sender():
    """Every unit of a dense network has the same destinations, so that a slice's block of keys is
    one range at every router."""
    chip = load_chip("mesh")
    net = network([32], density=1.0)
    mapping = map_network(net, chip)
    use = table_use(net, chip, mapping)
    assert use.merged.max() <= 1 + len(mapping.slices)
    assert use.keys.max() == net.layers[0].inputs + 32


def test_an_overflow_names_the_router():
    net = network([40], density=0.2)
    roomy = load_chip("mesh")
    mapping = map_network(net, roomy)
    use = table_use(net, roomy, mapping, compress=True)
    need = int(use.covered.max())
    exact = load_chip("mesh", overrides={"noc.table_entries": need})
    map_network(net, exact)
    require_tables_fit(use, exact)
    with pytest.raises(MappingError, match=f"needs {need} routing entries") as caught:
        map_network(net, load_chip("mesh", overrides={"noc.table_entries": need - 1}))
    x, y = roomy.noc_arrays.router_xy[int(np.argmax(use.covered))]
    assert f"tile [{x}, {y}]" in str(caught.value)


@given(CASES, st.sampled_from(["unit", "core"]), st.booleans())
@settings(max_examples=30, deadline=None)
def test_covered_tables_send_every_key_where_it_should_go(case, keys, markers):
    """Looked up key by key: the outputs of its entries are its own, and keys that pass by default
    match nothing."""
    first, second, density, seed = case
    chip = load_chip("mesh", overrides={"topology.width": 3, "topology.height": 2,
                                        "topology.cores_per_tile": 3})
    net = network([first, second], inputs=5, density=density, seed=seed)
    mapping = map_network(net, chip, placement="random", seed=seed, keys=keys)
    use = table_use(net, chip, mapping, markers, compress=True)
    assert (use.covered <= use.merged).all()
    passing = []
    for sender in tables._senders(net, chip, mapping):
        if markers:
            sender = tables._with_key(sender, tables._union(sender.wanted))
        if sender.wanted.nnz:
            passing.append(tables._passages(chip, sender))
    for router in range(len(chip.topology_graph)):
        covered = cover(tables.routing_table(passing, router))
        assert len(covered) >= len(set(covered.outputs.tolist()) - {-1})
        named, start = {}, 0
        for p in passing:
            start = -(-start // p.block) * p.block
            at = p.router == router
            found = look_up(covered, start + p.key[at])
            for outputs, signature, default in zip(
                    found, p.signature[at].tolist(), p.default[at].tolist(), strict=True):
                assert outputs == set() if default else len(outputs) == 1
                if not default:  # one number a set of outputs, and no two sets share one
                    assert named.setdefault(signature, outputs) == outputs
            start += p.block
        assert len({min(o) for o in named.values()}) == len(named)


def test_senders_with_the_same_destinations_share_entries():
    """A dense layer on one side of a line: at the far end all senders' blocks go to the same
    cores, so that few entries cover many senders'."""
    chip = load_chip("mesh", overrides={"topology.width": 8, "topology.height": 1})
    net = network([32], inputs=8, density=1.0)
    mapping = map_network(net, chip, placement="linear")
    use = table_use(net, chip, mapping, compress=True)
    assert use.covered[-1] == 3 < use.merged[-1] == 9
