"""What tracing costs the compiled engine: on, and off.

    python benchmarks/tracing.py        # both tables, about five minutes
    python benchmarks/tracing.py on     # time with a trace over time without
    python benchmarks/tracing.py off    # the program against one without tracing in it

Off: the sources of the engine are copied three times, once without anything that stands behind ``tr
is not None``; all are compiled, and run in turn.  A first run of each is not counted.  Two of the
copies are equal: how much they differ is what such a comparison cannot see (where code happens to
lie in memory).  Times are processor time of the engine alone, as in benchmarks/engines.py, whose
cases these are.  The trace goes to memory, or to a file as ``record: [trace]`` writes it.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.engines import LOADS, computing, header, language_model, mesh_traffic, row
from neurosim.engines import compiled
from neurosim.image import Image
from neurosim.measure.tracefile import TraceFile

ROUNDS = 5
#: Of the comparison of programs, whose differences are small.
TURNS = 15


def cases() -> dict[str, Callable[[], Image]]:
    """Every machine of benchmarks/engines.py, for about a tenth of a second to half a second."""
    found: dict[str, Callable[[], Image]] = {
        f"8 x 8 mesh at {load}": lambda load=load: mesh_traffic(8, load, 20_000)  # type: ignore[misc]
        for load in LOADS}
    for side, cycles in ((16, 5000), (32, 1500), (64, 500)):
        found[f"{side} x {side} mesh"] = lambda side=side, cycles=cycles: (  # type: ignore[misc]
            mesh_traffic(side, 0.3 * 8 / side, cycles))
    found["150 cores, barrier"] = lambda: language_model("barrier", 5)
    found["150 cores, dataflow"] = lambda: language_model("dataflow", 5)
    found["24 cores computing"] = lambda: computing(100)
    return found


def spent(action: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[float, Any]:
    start = time.process_time()
    result = action(*arguments, **named)
    return time.process_time() - start, result


# --- on


def to_file(image: Image) -> int:
    file = TraceFile()
    compiled.run(image, sink=file)
    return len(file.finish())


def table_on() -> None:
    header("case", "records", "without [s]", "to memory", "to a file", "records/s (file)")
    for name, make in cases().items():
        image = make()
        off, memory, file = (sys.float_info.max,) * 3
        for _ in range(ROUNDS):
            off = min(off, spent(compiled.run, image)[0])
            memory = min(memory, spent(compiled.run, image, want_trace=True)[0])
            seconds, count = spent(to_file, image)
            file = min(file, seconds)
        row(name, f"{count:,}", f"{off:.3f}", f"{memory / off:.2f} x", f"{file / off:.2f} x",
            f"{count / file / 1e6:.0f} M")


# --- off


class _WithoutTracing(ast.NodeTransformer):
    """Takes ``tr is not None`` to be false, and leaves out what depends on it."""

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if (isinstance(node.left, ast.Name) and node.left.id in ("tr", "trace")
                and isinstance(node.ops[0], ast.IsNot)):
            return ast.Constant(False)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        either = isinstance(node.op, ast.Or)
        if not either and any(_is_false(value) for value in node.values):
            return ast.Constant(False)
        node.values = [value for value in node.values if not _is_false(value)]
        return node if len(node.values) > 1 else node.values[0]

    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        if not _is_false(node.test):
            return node
        return node.orelse or ast.Pass()


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def copied(folder: Path, name: str, transform: Callable[[ast.AST], Any]) -> Any:
    """The compiled engine, changed by ``transform``, as a package of its own in ``folder``."""
    here = Path(compiled.__file__).parent
    package = folder / name
    package.mkdir()
    for file in here.glob("*.py"):
        tree = transform(ast.parse(file.read_text()))
        text = ast.unparse(ast.fix_missing_locations(tree))
        (package / file.name).write_text(text.replace("neurosim.engines.compiled", name))
    sys.path.insert(0, str(folder))
    return importlib.import_module(name)


def in_turn(programs: Sequence[Any], image: Image) -> list[list[float]]:
    """[program][turn] seconds; programs take turns at being first."""
    times: list[list[float]] = [[] for _ in programs]
    for turn in range(TURNS + 1):
        for i in range(len(programs)):
            which = (i + turn) % len(programs)
            start = time.process_time()
            programs[which].run(image)
            if turn > 0:
                times[which].append(time.process_time() - start)
    return times


def table_off() -> None:
    header("case", "without tracing code [s]", "with it, compiled out", "the same once more")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        programs = (copied(folder, "untraced", _WithoutTracing().visit),
                    copied(folder, "traced", lambda tree: tree),
                    copied(folder, "again", lambda tree: tree))
        left = "".join(file.read_text() for file in (folder / "untraced").glob("*.py"))
        assert "tr is not None" not in left
        ratios: list[list[float]] = [[], []]
        for case, make in cases().items():
            bare, *others = in_turn(programs, make())
            found = [statistics.median(a / b for a, b in zip(other, bare, strict=True))
                     for other in others]
            for all_of_them, ratio in zip(ratios, found, strict=True):
                all_of_them.append(ratio)
            row(case, f"{min(bare):.3f}", *(f"{100 * (ratio - 1):+.1f} %" for ratio in found))
        row("mean", "", *(f"{100 * (statistics.mean(some) - 1):+.1f} %" for some in ratios))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", help="on, off (both)")
    tables = parser.parse_args().tables or ["on", "off"]
    compiled.warm()
    if "on" in tables:
        table_on()
    if "off" in tables:
        table_off()


if __name__ == "__main__":
    main()
