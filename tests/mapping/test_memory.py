"""Memory accounting against a count that visits every synapse."""

import numpy as np
import pytest

from neurosim.chip import load_chip
from neurosim.errors import MappingError
from neurosim.mapping.map import map_network
from neurosim.mapping.memory import Held, memory_use, unit_bytes
from tests.mapping.networks import layer, network


def count_by_hand(one, units, core, buffers):
    """(weights, indices, row_pointers, lookup, state, sums, queues) of one slice."""
    synapses, rows = 0, 0
    for kernel in (one.kernel.toarray(), one.recurrent.toarray()):
        for row in kernel:
            stored = sum(1 for gate in range(3) for u in units if row[gate * one.units + u] != 0)
            synapses += stored
            rows += stored > 0
    return (synapses * int(core.weight_bytes), synapses * int(core.index_bytes),
            (rows + 1) * int(core.row_pointer_bytes), rows * int(core.lookup_bytes),
            len(units) * int(core.state_bytes_per_unit),
            len(units) * buffers * 4 * int(core.sum_bytes),
            (int(core.fifo_packets) + len(units) + 1) * int(core.queue_entry_bytes))


@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("buffers", [2, 5])
def test_every_byte_of_every_slice(density, buffers):
    rng = np.random.default_rng(2)
    core = load_chip("spinnaker2", overrides={"core.row_pointer_bytes": 3}).core
    one = layer("l", 9, 13, density, rng)
    slice_of_unit = rng.integers(0, 3, 13)
    uses = memory_use(one, slice_of_unit, 4, core, Held(buffers))
    for n, use in enumerate(uses):
        hand = count_by_hand(one, np.flatnonzero(slice_of_unit == n), core, buffers)
        assert (use.weights, use.indices, use.row_pointers, use.lookup, use.state, use.sums,
                use.queues) == hand
        assert use.total == sum(hand)


def test_unit_bytes_add_up_to_what_moves_with_the_units():
    rng = np.random.default_rng(3)
    core = load_chip("spinnaker2").core
    one = layer("l", 9, 13, 0.4, rng)
    use = memory_use(one, np.zeros(13, np.int64), 1, core, Held())[0]
    fixed = (int(core.fifo_packets) + 1) * int(core.queue_entry_bytes)
    expected = use.total - use.row_pointers - use.lookup - fixed
    assert unit_bytes(one, core, Held()).sum() == expected


def test_columns_beyond_the_index_are_refused():
    chip = load_chip("mesh", overrides={"core.index_bytes": 1, "core.data_bytes": "1 MiB"})
    map_network(network([85]), chip, cores=1)
    with pytest.raises(MappingError, match="column index of 1 bytes"):
        map_network(network([86]), chip, cores=1)


def test_more_buffers_take_four_sums_a_unit_each():
    net, chip = network([20]), load_chip("mesh")
    two = map_network(net, chip, cores=2, buffers=2)
    three = map_network(net, chip, cores=2, buffers=3)
    extra = sum(u.total for u in three.memory) - sum(u.total for u in two.memory)
    assert extra == 20 * 4 * int(chip.core.sum_bytes)
