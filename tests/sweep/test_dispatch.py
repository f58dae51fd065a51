"""Which worker gets which point, and what becomes of workers and files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from neurosim.sweep.dispatch import Queue, execute
from neurosim.sweep.identity import Hashes, assets
from neurosim.sweep.points import Point, load_sweep
from neurosim.sweep.pool import LocalPool
from neurosim.sweep.task import make_task

Write = Callable[..., Path]


def point(number: int, group: str, cost: float = 1.0) -> Point:
    return Point(number, {}, (), str(number), group, cost)


def test_a_worker_stays_with_its_network():
    queue = Queue([point(n, "abc"[n % 3]) for n in range(9)])
    first = [queue.take(worker).group for worker in (0, 1)]
    assert first == ["a", "b"]
    assert [queue.take(0).number for _ in range(2)] == [3, 6]
    assert queue.take(0).group == "c"  # nobody's yet
    assert [queue.take(1).number for _ in range(2)] == [4, 7]
    assert queue.take(1).group == "c"  # all are somebody's: help where most is left
    assert queue


def test_helpers_go_where_most_is_left():
    queue = Queue([point(0, "a"), point(1, "a"), point(2, "b", 10.0), point(3, "b", 10.0),
                   point(4, "c"), point(5, "c")])
    for worker in (0, 1, 2):
        queue.take(worker)
    queue.take(0)
    assert queue.take(0).group == "b"


def test_every_point_is_taken_once_also_when_put_back():
    queue = Queue([point(n, str(n % 4)) for n in range(40)])
    taken, lost = [], set()
    while queue:
        found = queue.take(len(taken) % 3)
        if found.number % 5 == 0 and found.number not in lost:
            lost.add(found.number)
            queue.back(found)
            continue
        taken.append(found.number)
    assert sorted(taken) == list(range(40))


def test_a_worker_that_holds_too_much_is_replaced(sweep_file: Write):
    """With room for one byte every worker is too large after its first point."""
    plan = load_sweep(sweep_file("  axes: {chip.cores: [1, 2, 3]}\n"))
    pool = LocalPool(1, memory_bytes=1)
    used, outcomes = [], []
    try:
        execute(plan.points, pool, lambda p: make_task(p.key, p.group, plan.scenario(p), ()),
                lambda p, outcome: outcomes.append(outcome), lambda: used.append(pool.processes[0]))
    finally:
        pool.close()
    assert all(outcome.result for outcome in outcomes)
    assert len(set(used)) >= 3


def test_a_models_sidecar_and_shared_embedding_belong_to_it(sweep_file: Write, tmp_path: Path):
    models = tmp_path / "models"
    models.mkdir()
    for name in ("a.safetensors", "shared.safetensors"):
        (models / name).write_bytes(name.encode())
    (models / "a.json").write_text(json.dumps({"embedding": "shared.safetensors"}))
    (tmp_path / "t.txt").write_text("text")
    base = "network: {model: models/a.safetensors}\nworkload: {text: t.txt}\n"
    path = sweep_file("  axes: {chip.cores: [8]}\n", base)
    plan = load_sweep(path)
    model, text = assets(plan.scenario(plan.points[0]), Hashes())
    assert [relative for relative, _, _ in model.files] == [
        "a.safetensors", "a.json", "shared.safetensors"]
    assert text.main == str(tmp_path / "t.txt")
    (models / "shared.safetensors").write_bytes(b"other")
    assert load_sweep(path).points[0].key != plan.points[0].key
