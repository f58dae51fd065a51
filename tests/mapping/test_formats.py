"""Table formats against tables written out entry by entry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurosim.chip import load_chip
from neurosim.lower import SyncPlan, lower_network
from neurosim.mapping.formats import FORMATS, count_fillers
from neurosim.mapping.memory import Held, memory_use
from tests.engines.machines import random_network, random_workload, spread

WEIGHT, INDEX, LANES, GROUP, FIND = 4, 2, 4, 3, 7


def core(table_format, **other):
    return load_chip("mesh", overrides={
        "core.table_format": table_format, "core.weight_bytes": WEIGHT, "core.index_bytes": INDEX,
        "core.lanes": LANES, "core.group_cycles": GROUP, "core.accumulate_cycles": FIND, **other})


def written_out(table_format, columns, size):
    """(bytes of weights, bytes of indices, cycles) of one row, by writing its table."""
    if table_format == "delta8":
        stream, at = [], -1
        for column in columns:
            gap = column - at
            while gap > 255:
                stream.append(255)
                gap -= 255
            stream.append(gap - 1)
            at = column
        assert all(0 <= byte <= 255 for byte in stream)
        entries, indices = len(stream), len(stream)
    else:
        entries = size if table_format == "dense" else len(columns)
        indices = {"csr": INDEX, "csr16": 2, "csr32": 4}.get(table_format, 0) * len(columns)
    weights = (size if table_format == "dense" else len(columns)) * WEIGHT
    cycles = -(-entries // LANES) * GROUP
    if table_format == "bitmap":
        words = -(-size // 32)
        indices, cycles = 4 * words, cycles + words
    return weights, indices, cycles


def rows_of(layer, slices, n_slices):
    """(slice, sorted columns, slice's columns) of every row with a stored weight."""
    for kernel in (layer.kernel, layer.recurrent):
        dense = kernel.toarray()
        for source in range(dense.shape[0]):
            for s in range(n_slices):
                units = np.flatnonzero(slices == s)
                columns = [gate * len(units) + place for gate in range(3)
                           for place, unit in enumerate(units)
                           if dense[source, gate * layer.units + unit]]
                if columns:
                    yield s, columns, 3 * len(units)


@pytest.mark.parametrize("table_format", FORMATS)
@given(st.integers(1, 200), st.floats(0.003, 0.6), st.integers(1, 3), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_bytes_are_those_of_tables_written_out(table_format, units, density, n_slices, seed):
    layer = random_network(seed, 5, [units], density).layers[0]
    n_slices = min(n_slices, units)
    slices = np.random.default_rng(seed).permutation(np.arange(units) % n_slices)
    use = memory_use(layer, slices, n_slices, core(table_format).core, Held())
    weights, indices = np.zeros(n_slices, int), np.zeros(n_slices, int)
    for s, columns, size in rows_of(layer, slices, n_slices):
        w, i, _ = written_out(table_format, columns, size)
        weights[s] += w
        indices[s] += i
    assert [each.weights for each in use] == weights.tolist()
    assert [each.indices for each in use] == indices.tolist()


@pytest.mark.parametrize("table_format", FORMATS)
def test_cycles_are_those_of_tables_written_out(table_format):
    network = random_network(3, 4, [90, 20], 0.05)
    chip = core(table_format)
    mapping = spread(network, [0, 1, 2], [2, 1], seed=5)
    image = lower_network(network, random_workload(0, 2, 4), chip, mapping, SyncPlan())
    period = int(image.clock_period[image.first_core])
    stored = np.diff(image.row_ptr)
    seen = sorted((image.row_ticks[stored > 0] // period).tolist())
    expected = []
    for number, layer in enumerate(network.layers):
        of_unit = np.zeros(layer.units, int)
        members = [s for s in mapping.slices if s.layer == number]
        for n, part in enumerate(members):
            of_unit[part.units] = n
        expected += [FIND + written_out(table_format, columns, size)[2]
                     for _, columns, size in rows_of(layer, of_unit, len(members))]
    assert seen == sorted(expected)


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=30, unique=True))
def test_fillers_bridge_every_gap(columns):
    columns = sorted(columns)
    gaps = np.diff([-1, *columns])
    assert count_fillers(np.zeros(len(columns), np.int64), np.array(columns), 1)[0] == sum(
        (int(gap) - 1) // 255 for gap in gaps)


def test_outputs_do_not_depend_on_the_format(engine):
    network = random_network(1, 4, [12], 0.3)
    outputs = []
    for table_format in FORMATS:
        image = lower_network(network, random_workload(0, 3, 4), core(table_format),
                              spread(network, [0, 1], [2]), SyncPlan(), record_outputs=True)
        outputs.append(engine(image).counters.outputs)
    assert all(np.array_equal(outputs[0], other) for other in outputs[1:])
