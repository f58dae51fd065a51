"""Chip files: what is accepted, what is refused, and where the blame is put."""

import pytest

from neurosim.chip import chip_names, load_chip
from neurosim.errors import ScenarioError

MINIMAL = """\
include: mesh
name: mine
noc:
  link_cycles: 3
"""


def write(folder, text, name="chip.yaml"):
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize("name", chip_names())
def test_packaged_chips_load_and_every_number_has_a_source(name):
    chip = load_chip(name)
    assert chip.name == name
    constants = list(chip.constants())
    assert len(constants) > 40
    for key, constant, _unit in constants:
        assert constant.source, key
        assert constant.flag != "given", key
        assert constant.low <= constant.value <= constant.high, key


def test_spinnaker2_is_the_published_grid():
    chip = load_chip("spinnaker2")
    graph = chip.topology_graph
    assert chip.core_count == 152 and chip.usable == 150
    tiles = {(d["x"], d["y"]) for _, d in graph.nodes(data=True) if d["cores"]}
    assert len(tiles) == 38
    assert {x for x, _ in tiles} == set(range(1, 8))
    assert {y for _, y in tiles} == set(range(1, 7))
    assert tiles.isdisjoint({(4, 3), (4, 4), (7, 3), (7, 4)})
    assert all(len(d["cores"]) in (0, 4) for _, d in graph.nodes(data=True))
    hop_cycles = float(chip.noc.pipeline_cycles) + float(chip.noc.link_cycles)
    assert hop_cycles / float(chip.noc.clock_hz) == pytest.approx(16.7e-9, rel=0.005)


@pytest.mark.parametrize(
    ("level", "asleep_w", "busy_w"), [("150MHz", 0.2354, 0.4246), ("300MHz", 0.5647, 1.2479)]
)
def test_spinnaker2_constants_give_the_measured_power(level, asleep_w, busy_w):
    chip = load_chip("spinnaker2", level=level)
    asleep = float(chip.energy.static_w) + 152 * float(chip.level.core_sleep_w)
    active = float(chip.level.core_active_j_per_cycle) * float(chip.level.core_clock_hz)
    assert asleep == pytest.approx(asleep_w, rel=0.005)
    assert asleep + 152 * active == pytest.approx(busy_w, rel=0.005)


def test_include_merges_sections_and_keeps_the_rest(tmp_path):
    chip = load_chip(write(tmp_path, MINIMAL))
    assert chip.name == "mine"
    assert chip.noc.link_cycles.value == 3 and chip.noc.link_cycles.flag == "given"
    assert chip.noc.flit_bits == load_chip("mesh").noc.flit_bits


def test_relative_paths_start_at_base_dir_and_at_the_including_file(tmp_path):
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", MINIMAL, "base.yaml")
    write(tmp_path, "include: sub/base.yaml\nname: top\n")
    assert load_chip("chip.yaml", base_dir=tmp_path).name == "top"


def test_overrides_by_dotted_key_or_by_section():
    chip = load_chip("mesh", overrides={"topology.width": 8, "topology": {"height": 2},
                                        "noc.clock_hz": "1.5 GHz", "noc.table_entries": 10})
    assert chip.core_count == 16
    assert float(chip.noc.clock_hz) == 1.5e9
    assert (chip.noc.clock_hz.flag, chip.noc.clock_hz.low) == ("given", 1.5e9)
    assert int(chip.noc.table_entries) == 10


def test_an_override_drops_the_range_of_an_assumption():
    plain = load_chip("spinnaker2").core.group_cycles
    assert plain.low < plain.value < plain.high
    changed = load_chip("spinnaker2", overrides={"core.group_cycles": 11}).core.group_cycles
    assert changed.low == changed.value == changed.high == 11


def test_level_argument_selects():
    assert float(load_chip("spinnaker2", level="300MHz").level.core_clock_hz) == 300e6


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("noc.link_cycles", 0, "zero"),
        ("noc.link_cycles", -2, "negative"),
        ("noc.local_cycles", 0, "zero"),
        ("noc.pipeline_cycles", -1, "negative"),
        ("noc.link_cycles", 1.5, "whole"),
        ("noc.clock_hz", "3 ns", "unit"),
        ("noc.clock_hz", 0, "zero"),
        ("noc.clock_hz", True, "must be a frequency"),
        ("noc.clock_hz", float("nan"), "finite"),
        ("noc.flit_bits", 0, "zero"),
        ("noc.link_cycels", 2, "known key"),
        ("noc.link_cycles.value", 2, "no keys below"),
        ("nok.link_cycles", 2, "known key"),
        ("energy.noc_j_per_bit_hop", -1e-13, "negative"),
        ("energy.static_w", "-1 mW", "negative"),
        ("host.link_bits_per_cycle", 0, "zero"),
        ("dram.bandwidth_bytes_per_s", 0, "zero"),
        ("dram.bandwidth_bytes_per_s", "-1 GB/s", "negative"),
        ("dram.latency_s", 0, "zero"),
        ("dram.latency_s", "100 MHz", "time"),
        ("dram.burst_bytes", 0, "zero"),
        ("dram.burst_bytes", 2.5, "whole"),
        ("dram.bytes", 0, "zero"),
        ("dram.outstanding", 0, "zero"),
        ("dram.outstanding", 65, "65"),
        ("dram.tiles", [[9, 9]], "no router"),
        ("dram.tiles", [[0, 0], [1, 0], [0, 0]], "twice"),
        ("dram.tiles", [[0]], "is"),
        ("packet.events_per_packet", 0, "zero"),
        ("core.fifo_policy", "explode", "explode"),
        ("packet.event_bits", 2000, "less than a packet"),
        ("usable_cores", 17, "17"),
        ("default_level", "warp", "warp"),
        ("topology.width", 0, "0"),
        ("topology.host", [9, 9], "missing"),
        ("topology.without", [[1, 1], [1, 1]], "twice"),
        ("topology.without", [[7, 7]], "missing"),
        ("topology.links", [[[0, 0], [7, 0]]], "missing"),
        ("topology.links", [[[0, 0], [2, 0]]], "not neighbours"),
        ("topology.links", [[[0, 0], [1, 0]], [[1, 0], [0, 0]]], "twice"),
        ("topology.links", [[[0, 0], [1, 0]]], "not connected"),
    ],
)
def test_a_bad_override_is_blamed_on_its_key(key, value, why):
    with pytest.raises(ScenarioError) as caught:
        load_chip("mesh", overrides={key: value})
    assert caught.value.location is None
    shown = str(caught.value)
    assert why in shown and "\n" not in shown
    assert caught.value.key == f"chip.set.{key}"


def test_no_latency_loop_is_left():
    """Every effect on another part takes a cycle at least, whatever is set to its minimum."""
    chip = load_chip("mesh", overrides={"noc.pipeline_cycles": 0, "noc.link_cycles": 1,
                                        "noc.local_cycles": 1, "noc.credit_cycles": 1})
    assert float(chip.noc.link_cycles) > 0


@pytest.mark.parametrize(
    ("text", "line", "key", "why"),
    [
        ("include: mesh\nnoc:\n  link_cycels: 2\n", 3, "chip.noc.link_cycels", "known key"),
        ("include: mesh\nnoc:\n  link_cycles: 0\n", 3, "chip.noc.link_cycles", "zero"),
        ("include: mesh\nnoc:\n  link_cycles:\n    {value: 2, flag: assumed, source: x}\n", 3,
         "chip.noc.link_cycles", "no range"),
        ("include: mesh\nnoc:\n  link_cycles: {value: 9, range: [1, 2]}\n", 3,
         "chip.noc.link_cycles", "outside"),
        ("include: mesh\nnoc:\n  link_cycles: {value: 2, flag: guessed}\n", 3,
         "chip.noc.link_cycles", "flag"),
        ("include: mesh\nnoc:\n  link_cycles: {value: 2, unit: s}\n", 3,
         "chip.noc.link_cycles", "unknown key"),
        ("include: mesh\nname: a\nname: b\n", 3, "chip.name", "duplicate"),
        ("include: chip.yaml\n", 1, "chip.include", "cycle"),
        ("include: nowhere\n", 1, "chip.include", "no chip named"),
        ("include: [mesh]\n", 1, "chip.include", "mesh"),
        (f"a: &a [{'1,' * 999} 1]\nb: [{'*a,' * 99} *a]\n", 2, "chip.b.98", "expands to more"),
        ("include: mesh\nnoc: [\n", 3, "chip.use", "bad YAML syntax"),
        ("- a\n- b\n", 1, "chip.use", "mapping"),
        ("name: x\n", 1, "chip.topology", "missing"),
        ("", 1, "chip.use", "empty"),
    ],
)
def test_a_bad_file_is_blamed_on_its_line(tmp_path, text, line, key, why):
    path = write(tmp_path, text)
    with pytest.raises(ScenarioError) as caught:
        load_chip(path)
    error = caught.value
    assert error.key == key
    assert why in str(error) and "\n" not in str(error)
    assert error.location is not None
    assert (str(error.location.file), error.location.line) == (str(path), line)


def test_an_include_cycle_over_two_files_names_both(tmp_path):
    write(tmp_path, "include: b.yaml\n", "a.yaml")
    write(tmp_path, "include: a.yaml\n", "b.yaml")
    with pytest.raises(ScenarioError, match=r"a\.yaml -> b\.yaml -> a\.yaml"):
        load_chip(tmp_path / "a.yaml")


def test_unknown_names_paths_and_levels(tmp_path):
    with pytest.raises(ScenarioError, match="spinnaker2"):
        load_chip("spinaker2")
    with pytest.raises(ScenarioError, match="does not exist"):
        load_chip(tmp_path / "none.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ScenarioError, match="directory"):
        load_chip(tmp_path / "folder.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match="UTF-8"):
        load_chip(tmp_path / "binary.yaml")
    with pytest.raises(ScenarioError, match="150MHz, 300MHz") as caught:
        load_chip("spinnaker2", level="turbo")
    assert caught.value.key == "chip.level"
