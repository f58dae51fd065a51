"""The worked case of docs/reference/memory.md: the published language model on 150 PEs."""

import re

import numpy as np
import pytest
import scipy.sparse as sp

from neurosim.chip import load_chip
from neurosim.mapping.map import map_network
from neurosim.network.model import Layer, Network

PURPOSES = ("weights", "indices", "row_pointers", "lookup", "state", "sums", "queues")
PUBLISHED_BYTES = 88_300
BEGIN = "<!-- worked case: checked by tests/mapping/test_memory_case.py -->\n"
END = "<!-- end of worked case -->"


def language_model(density=0.05):
    """Layers of 1350, 1350 and 750 on an input of 750, weights stored at random places."""
    rng = np.random.default_rng(0)
    layers = []
    for n, (inputs, units) in enumerate([(750, 1350), (1350, 1350), (1350, 750)]):
        def kernel(rows, units=units):
            stored = round(density * rows * 3 * units)
            place = rng.choice(rows * 3 * units, stored, replace=False, shuffle=False)
            row, column = np.divmod(place, 3 * units)
            return sp.csr_array((np.ones(stored, np.float32), (row, column)),
                                shape=(rows, 3 * units))

        zeros = np.zeros(3 * units, np.float32)
        layers.append(Layer(f"layer{n}", "egru", inputs, units, kernel(inputs), kernel(units),
                            zeros, zeros, np.zeros(units, np.float32)))
    return Network(tuple(layers))


@pytest.fixture(scope="module")
def cases():
    """(mean, fullest) bytes by purpose for 16-bit and 32-bit column indices."""
    net = language_model()
    found = {}
    for index_bytes in (2, 4):
        chip = load_chip("spinnaker2", overrides={"core.index_bytes": index_bytes})
        memory = map_network(net, chip, cores=150).memory
        assert len(memory) == 150
        fullest = max(memory, key=lambda use: use.total)
        for name in (*PURPOSES, "total"):
            mean = np.mean([getattr(use, name) for use in memory])
            found[index_bytes, name] = (mean, getattr(fullest, name))
    return found


def table(cases):
    """The table of the documentation."""
    lines = ["| kB per PE | 16-bit, mean | 16-bit, fullest | 32-bit, mean | 32-bit, fullest |",
             "|---|---|---|---|---|"]

    def line(name, values):
        lines.append(f"| {name} | " + " | ".join(f"{v / 1000:.1f}" for v in values) + " |")

    for name in (*PURPOSES, "total"):
        line(name.replace("_", " "), [*cases[2, name], *cases[4, name]])
    line("unexplained of 88.3",
         [PUBLISHED_BYTES - v for v in (*cases[2, "total"], *cases[4, "total"])])
    return "\n".join(lines) + "\n"


def test_what_the_sizes_alone_fix(cases):
    """1,208,250 stored weights of 4 bytes on 150 PEs; 16- or 32-bit indices; 23 units a PE."""
    for index_bytes in (2, 4):
        assert cases[index_bytes, "weights"][0] == pytest.approx(1_208_250 / 150 * 4)
        assert cases[index_bytes, "indices"][0] == pytest.approx(1_208_250 / 150 * index_bytes)
        assert cases[index_bytes, "state"][0] == pytest.approx(3450 / 150 * 28)
        assert cases[index_bytes, "sums"][0] == pytest.approx(3450 / 150 * 2 * 4 * 4)


def test_the_documentation_shows_the_accounting(cases, project, capsys):
    expected = table(cases)
    with capsys.disabled():
        print(f"\n{expected}")
    text = (project / "docs" / "reference" / "memory.md").read_text()
    shown = text.split(BEGIN)[1].split(END)[0]

    def numbers(rows):
        return [float(x) for x in re.findall(r"(?<= )-?\d+\.\d(?= \|)", rows)]

    # Random places differ between library versions in the last digit.
    assert numbers(shown) == pytest.approx(numbers(expected), abs=0.25)
    assert re.sub(r"[-\d.]+", "", shown).split() == re.sub(r"[-\d.]+", "", expected).split()
