"""Tables that do not fit go to DRAM, byte by byte, and no others do."""

from __future__ import annotations

import numpy as np
import pytest

from neurosim.chip import load_chip
from neurosim.errors import MappingError
from neurosim.lower import SyncPlan, lower_network
from neurosim.mapping.formats import FORMATS
from neurosim.mapping.map import map_network
from neurosim.mapping.memory import Held, memory_use, table_bytes
from neurosim.mapping.partition import expected_work
from neurosim.network.model import Network, Workload
from tests.mapping.networks import layer


def two_layers(density: float = 0.6) -> Network:
    """The second layer's tables are larger."""
    rng = np.random.default_rng(5)
    return Network((layer("small", 12, 24, density, rng), layer("large", 24, 40, density, rng)))


def chip(data_bytes: int, **sets: object):
    return load_chip("mesh", overrides={"core.data_bytes": data_bytes, "core.fifo_packets": 4,
                                        **sets})


def test_nothing_goes_where_all_fits() -> None:
    net, roomy = two_layers(), chip(1 << 20)
    plain = map_network(net, roomy, cores=4)
    spilling = map_network(net, roomy, cores=4, spill=True)
    assert spilling.memory == plain.memory
    assert not any(part.dram for part in spilling.slices)


def test_the_largest_table_goes_first() -> None:
    """On a core each: room for the small layer's table, not for the large one's."""
    net = two_layers()
    needs = [memory_use(one, np.zeros(one.units, np.int64), 1, chip(1 << 20).core, Held())[0]
             for one in net.layers]
    room = chip((needs[0].total + needs[1].total) // 2)
    with pytest.raises(MappingError, match=r"does not fit.*mapping\.spill true"):
        map_network(net, room, cores=2)
    mapping = map_network(net, room, cores=2, spill=True)
    assert [part.dram for part in mapping.slices] == [False, True]
    assert mapping.memory[0] == needs[0]
    there, before = mapping.memory[1], needs[1]
    assert there.dram == before.weights + before.indices
    assert (there.row_pointers, there.lookup, there.state, there.sums, there.queues) == (
        before.row_pointers, before.lookup, before.state, before.sums, before.queues)
    # Two rows at a time: the longest has the most synapses of one source.
    longest = max(int(np.diff(kernel.indptr).max())
                  for kernel in (net.layers[1].kernel, net.layers[1].recurrent))
    assert (there.weights, there.indices) == (2 * 6 * longest, 0)
    assert there.total <= mapping.capacity_bytes


def test_what_does_not_fit_even_so_is_an_error() -> None:
    tiny = chip(700)
    with pytest.raises(MappingError, match="does not fit"):
        map_network(two_layers(), tiny, cores=2, spill=True)
    small = chip(5000, **{"dram.bytes": 100})
    with pytest.raises(MappingError, match=r"chip\.dram\.bytes: tables of \d+ bytes"):
        map_network(two_layers(), small, cores=2, spill=True)


def test_a_chip_without_dram_cannot_spill() -> None:
    with pytest.raises(MappingError, match=r"mapping\.spill: .*truenorth has no DRAM"):
        map_network(two_layers(), load_chip("truenorth"), cores=2, spill=True)
    with pytest.raises(MappingError) as caught:
        small = load_chip("loihi1", overrides={"core.data_bytes": 9000})
        map_network(two_layers(), small, cores=2)
    assert "mapping.spill" not in str(caught.value)


@pytest.mark.parametrize("table_format", FORMATS)
def test_fetched_rows_are_the_table(table_format: str) -> None:
    """The bytes of all rows are those that the mapping puts into DRAM, in every format."""
    net = two_layers(0.2)
    device = chip(1 << 20, **{"core.table_format": table_format})
    full = map_network(net, device, cores=6)
    smallest = min(use.total for use in full.memory)
    mapping = map_network(net, replace_bytes(device, smallest - 1), cores=6, spill=True)
    assert any(part.dram for part in mapping.slices)
    image = lower_network(net, Workload(np.ones((1, 12), np.float32)), device, mapping, SyncPlan())
    assert image.row_dram_bytes.sum() == sum(use.dram for use in mapping.memory)


def replace_bytes(device, data_bytes: int):
    core = device.core.model_copy(update={
        "data_bytes": device.core.data_bytes.model_copy(update={"value": float(data_bytes)})})
    return device.model_copy(update={"core": core})


@pytest.mark.parametrize("table_format", FORMATS)
def test_table_bytes_are_a_lower_bound(table_format: str) -> None:
    """What a unit brings with it is never more than it takes, and all of it for weights alone."""
    core = chip(1 << 20, **{"core.table_format": table_format}).core
    for one in two_layers(0.1).layers:
        for count in (1, 3, one.units):
            slices = np.arange(one.units) % count
            stored = sum(use.weights + use.indices
                         for use in memory_use(one, slices, count, core, Held()))
            assert table_bytes(one, core).sum() <= stored
        if table_format in ("csr", "csr16", "csr32"):
            assert table_bytes(one, core).sum() == stored
        if table_format == "dense":  # a unit a core: only its own sources have rows there
            assert table_bytes(one, core).sum() == stored


def test_expected_work_knows_the_format() -> None:
    """Dense rows cost every unit alike; a bitmap adds its scan; the rest is stored weights."""
    one = two_layers(0.3).layers[1]
    inputs, own = np.full(24, 0.5), np.full(40, 0.25)
    work = {}
    for table_format in FORMATS:
        core = chip(1 << 20, **{"core.table_format": table_format}).core
        work[table_format] = expected_work(one, inputs, own, core) - float(core.update_cycles)
    met = 24 * 0.5 + 40 * 0.25  # every source has a synapse somewhere
    assert np.allclose(work["dense"], met * 3 * 15)
    assert np.allclose(work["bitmap"] - work["csr"], met * 3 / 32)
    assert np.allclose(work["csr16"], work["csr"]) and (work["csr"] < work["dense"]).all()
