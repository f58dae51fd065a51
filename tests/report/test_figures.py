"""Pictures: the same bytes each time, nothing written over anything, units on every axis."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from neurosim.engines import reference
from neurosim.lower import lower_traffic
from neurosim.measure import Result, measure
from neurosim.report import FIGURES, bars, floorplan, style, write_figures
from tests.engines.machines import mesh
from tests.measure import cases
from tests.report.shapes import shaped

SHAPES = {
    "one core": (1, 1, 1, 1, 1),
    "8 cores": (4, 2, 1, 2, 20),
    "8 cores high": (1, 8, 1, 8, 3),
    "150 cores": (7, 6, 4, 3, 100),
    "256 cores": (16, 16, 1, 6, 1000),
    "7,296 cores": (48, 38, 4, 3, 50),
}


#: Longer than a heading has room for, and no formula.
NAME = "a_scenario's $name$ $ of many more letters than fit a narrow picture"


def draw(name: str, what: str) -> Result:
    return shaped(*SHAPES[name], name=what)


def shown(figure) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Every text on the page with its box in pixels; what lies beyond an axis' limits is not."""
    with style.look():
        figure.canvas.draw()
        hidden = {id(label) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)
                  for label in _beyond_limits(axis)}
        renderer = figure.canvas.get_renderer()
        return [(text.get_text(), text.get_window_extent(renderer).extents)
                for text in figure.findobj(Text)
                if id(text) not in hidden and text.get_visible() and text.get_text().strip()
                # A title's empty second line only makes room for the line below it.
                and not text.get_text().endswith("\n")]


def _beyond_limits(axis) -> list[Text]:
    low, high = sorted(axis.get_view_interval())
    slack = 1e-6 * (high - low)
    return [label for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            for label in (tick.label1, tick.label2)
            if not low - slack <= tick.get_loc() <= high + slack]


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    slack = 1.0  # pixel
    return (a[0] < b[2] - slack and b[0] < a[2] - slack
            and a[1] < b[3] - slack and b[1] < a[3] - slack)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FIGURES)
def test_no_text_over_text_or_off_the_page(shape: str, name: str):
    figure = FIGURES[name](draw(shape, NAME))
    assert figure is not None
    found = shown(figure)
    assert found
    clashes = [(a[0], b[0]) for a, b in itertools.combinations(found, 2) if overlap(a[1], b[1])]
    assert not clashes
    width, height = figure.canvas.get_width_height()
    outside = [text for text, box in found
               if box[0] < -1 or box[1] < -1 or box[2] > width + 1 or box[3] > height + 1]
    assert not outside


@pytest.mark.parametrize("shape", ["8 cores", "7,296 cores"])
@pytest.mark.parametrize("name", FIGURES)
def test_every_axis_has_a_unit(shape: str, name: str):
    figure = FIGURES[name](draw(shape, "units"))
    assert figure is not None
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            numbers = [t.get_text() for t in axis.get_ticklabels() if t.get_text()]
            if any(text.replace(".", "").isdigit() for text in numbers) and axis.get_visible():
                assert "(" in axis.label.get_text(), (name, axis.axis_name)


def test_same_bytes(tmp_path: Path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_figures(draw("8 cores", "same"), tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg"))
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_same_bytes_in_another_process(tmp_path: Path, project: Path):
    program = ("import sys; from tests.report.shapes import shaped\n"
               "from neurosim.report import write_figures\n"
               "write_figures(shaped(4, 2, 1, 2, 20, name='same'), sys.argv[1])\n")
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder, seed in zip(folders, "12", strict=True):
        folder.mkdir()
        subprocess.run([sys.executable, "-c", program, str(folder)], cwd=project, check=True,
                       env={"PYTHONHASHSEED": seed, "PATH": "", "HOME": str(tmp_path)})
    for path in folders[0].iterdir():
        assert path.read_bytes() == (folders[1] / path.name).read_bytes(), path.name


def test_the_users_own_settings_change_nothing(tmp_path: Path):
    import matplotlib

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write_figures(draw("8 cores", "same"), tmp_path / "a")
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red", "svg.hashsalt": None}):
        write_figures(draw("8 cores", "same"), tmp_path / "b")
        assert matplotlib.rcParams["font.size"] == 20
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_bars_show_what_the_table_says():
    result = draw("8 cores", "bars")
    figure = bars.cores(result)
    assert figure is not None
    tops: dict[float, float] = {}
    for patch in figure.axes[0].patches:
        middle = round(patch.get_x() + patch.get_width() / 2, 6)
        tops[middle] = tops.get(middle, 0.0) + patch.get_height()
    assert len(tops) == 8
    assert list(tops.values()) == pytest.approx([100.0] * 8)


def test_many_cores_share_bars_without_losing_time():
    result = draw("7,296 cores", "bars")
    figure = bars.cores(result)
    assert figure is not None
    first = bars._first_of_bars(np.sort(result.cores["layer"]), 37)
    counts = np.diff(np.append(first, len(result.cores)))
    heights = [p.get_height() for p in figure.axes[0].patches[: len(first)]]  # accumulate
    expected = 100 * result.cores["accumulate_s"].sum() / result.data["latency_s"]["total"]
    assert np.dot(heights, counts) == pytest.approx(expected)


def test_energy_bars_carry_the_range():
    result = cases.result()
    figure = bars.energy(result)
    assert figure is not None
    assert "µJ" in figure.axes[0].get_xlabel()
    total = [result.data["energy_low_j"], result.data["energy_high_j"]]
    lines = [segment[:, 0] for segment in figure.axes[0].collections[0].get_segments()]
    assert lines[-1] == pytest.approx([joule / cases.STEPS * 1e6 for joule in total])
    assert total[0] < result.data["energy_j"]["total"] < total[1]


def test_traffic_alone_has_links_and_energy(tmp_path: Path):
    chip = mesh(2, 2, 1)
    image = lower_traffic(chip, "uniform", 0.2, 1, 100, 10)
    counters = reference.run(image).counters
    result = measure("t", "", {}, "simpy", 0, None, None, chip, None, image, counters)
    names = {path.name for path in write_figures(result, tmp_path)}
    assert names == {"floorplan.png", "floorplan.svg", "energy.png", "energy.svg"}


def test_holes_and_host_are_marked():
    result = shaped(3, 3, 1, 1, 5, without=((1, 1),))
    figure = floorplan(result)
    assert figure is not None
    hatched = [patch for patch in figure.axes[0].patches if patch.get_hatch()]
    assert len(hatched) == 1
    assert "host" in [text for text, _ in shown(figure)]


def lightness(colour: str) -> float:
    """Relative luminance (Rec. 709) of a colour, gamma left in: what a grey printer shows."""
    return float(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)))


def test_neighbouring_states_differ_in_grey():
    for (_, _, a, hatch_a), (_, _, b, hatch_b) in itertools.pairwise(bars._STATES):
        assert abs(lightness(a) - lightness(b)) > 0.15 or hatch_a != hatch_b


def test_measures_need_no_matplotlib(project: Path):
    program = "import sys, neurosim.measure; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=project).returncode == 0
