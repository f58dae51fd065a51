"""docs/reference/models.md and its picture, from the committed metrics: ``python -m models.table``.
"""

from __future__ import annotations

import json
import re
import statistics
import textwrap
from collections.abc import Sequence
from pathlib import Path

from models import figures
from models.export import write_bytes
from models.figures import Row

DOCS = figures.HERE.parent / "docs"
PAGE = DOCS / "reference" / "models.md"
PICTURE = DOCS / "reference" / "models.svg"
TEXT = figures.HERE / "table.md"

HEAD = ("| | weight sparsity | activity | backward sparsity | MACs, M | reduction "
        "| whole model, decoder dense / gated | valid | test | test, h never reset |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n")


def table(rows: Sequence[Row]) -> str:
    """One group of networks as a table."""
    lines = []
    for r in rows:
        backward = "-" if r.backward is None else f"{100 * r.backward:.0f} %"
        lines.append(
            f"| {r.name} | {100 * r.weight_sparsity:.0f} % | {100 * r.activity:.1f} % | {backward} "
            f"| {r.effective:.3f} | {r.reduction:.1f} | {r.reduction_whole:.1f} / "
            f"{r.reduction_gated:.1f} | {r.valid:.2f} | {r.test:.2f} | {r.continuous:.2f} |")
    return HEAD + "\n".join(lines)


def composition(rows: Sequence[Row], which: str) -> str:
    """How well the two simple estimates of effective MACs do."""
    exact = [r.by_matrices / r.effective for r in rows]
    naive = [r.effective / r.naive for r in rows if r.activity < 1.0]
    return (f"- {which}: the sum over matrices is {min(exact):.2f} to {max(exact):.2f} times "
            f"the counted MACs (median {statistics.median(exact):.2f}); the counted MACs are "
            f"{min(naive):.2f} to {max(naive):.2f} times the naive product (median "
            f"{statistics.median(naive):.2f}).")


def answer(rows: Sequence[Row], reference: Row, limit: float = 0.05) -> str:
    """Whether 20 times fewer MACs cost less than ``limit`` against ``reference``."""
    row = figures.best_within(rows, limit, reference.test)
    place = f"against *{reference.name}* (test {reference.test:.2f})"
    if row is None:
        return f"- {place}: no network stays within {100 * limit:.0f} %."
    word = "reached" if row.reduction >= 20 else "not reached"
    return (f"- {place}: 20x at 5 % is **{word}**. The largest reduction within 5 % is "
            f"{row.reduction:.1f}x in the recurrent layers (*{row.name}*, test {row.test:.2f}, "
            f"{100 * (row.test / reference.test - 1):+.1f} %); in the whole model "
            f"{row.reduction_whole:.1f}x with a dense decoder, {row.reduction_gated:.1f}x with a "
            "gated one.")


def spread(seeds: dict[str, list[Row]]) -> str:
    """Test perplexity over the seeds."""
    lines = ["| weight sparsity | test perplexity, three seeds | mean | spread (max - min) "
             "| activity |", "|---|---|---|---|---|"]
    for key, rows in sorted(seeds.items()):
        tests = [r.test for r in rows]
        lines.append(
            f"| {int(key)} % | {', '.join(f'{t:.2f}' for t in tests)} "
            f"| {statistics.mean(tests):.2f} | {max(tests) - min(tests):.2f} | "
            f"{', '.join(f'{100 * r.activity:.1f} %' for r in rows)} |")
    return "\n".join(lines)


def shipped() -> str:
    """Shipped files against their recipes, and what int8 costs."""
    lines = ["| | recipe's test perplexity | neurosim's | difference | held-out 20,000 | int8 "
             "weights | int8 weights and events | loss |", "|---|---|---|---|---|---|---|---|"]
    for folder in ("egru_1350", "family_256"):
        for stem, v in json.loads((figures.HERE / folder / "shipped.json").read_text()).items():
            coarse = "- | - | -"
            if "int8_loss" in v:
                coarse = (f"{v['int8_weights_heldout_perplexity']:.2f} | "
                          f"{v['int8_heldout_perplexity']:.2f} | {100 * v['int8_loss']:+.2f} %")
            lines.append(f"| {folder}/{stem} | {v['recipe_perplexity']:.3f} "
                         f"| {v['perplexity']:.3f} | {100 * v['relative_difference']:+.4f} % | "
                         f"{v['heldout_perplexity']:.2f} | {coarse} |")
    return "\n".join(lines)


def lstm() -> str:
    """The baseline's line."""
    m = json.loads((figures.HERE / "family_256" / "lstm_metrics.json").read_text())
    n0, n1, n2 = 256, 256, 128
    macs = 4 * ((n2 + n0) * n0 + (n0 + n1) * n1 + (n1 + n2) * n2) / 1e6
    return (f"LSTM baseline of the same sizes, dense: {m['parameters'] / 1e6:.2f} M parameters, "
            f"{macs:.2f} M MACs in the recurrent layers, validation "
            f"{m['valid']['perplexity']:.2f}, test {m['test']['perplexity']:.2f} after "
            f"{m['minutes']:.1f} minutes ({m['updates']} updates: less training than the family's, "
            "so not a fair race).")


def budget(name: str) -> str:
    """Minutes, updates and epochs of a recipe's stages."""
    stages = figures.load(name)["stages"]
    return ", ".join(f"{s['minutes']:.1f} min ({s['updates']:,} updates, {s['epochs']:.0f} epochs)"
                     for s in stages)


def decay() -> str:
    """Short GRU runs at several weight decays."""
    (stage,) = figures.load("treebank_gru_decay")["stages"]
    runs = [f"{m['test']['perplexity']:.1f} at weight decay {m['weight_decay']:g}"
            for m in stage["members"]]
    return (f"a test perplexity of {', '.join(runs)} after only {stage['epochs']:.0f} epochs "
            f"(three side by side in {stage['minutes']:.1f} minutes).")


def page() -> str:
    """The whole document: models/table.md with its {{places}} filled in."""
    egru = figures.large("treebank_1350", "PTB", "EGRU")
    gru = figures.large("treebank_1350_gru", "PTB", "GRU")
    classics = figures.large("egru_1350", "classics", "EGRU")
    small, seeds = figures.family()
    twin = next(r for r in small if r.name == "gru_00")
    own = next(r for r in small if r.name == "middle_00")
    sparse = [r for r in small if not r.name.startswith("gru")]
    fill = {"ptb": table([*egru, *gru]), "classics": table(classics), "family": table(small),
            "composition": composition([*egru, *classics], "1350/1350/750") + "\n"
            + composition(sparse, "256/256/128"), "lstm": lstm(), "decay": decay(),
            "answer_ptb": answer(egru, egru[0]) + "\n" + answer(egru, gru[0]),
            "answer_family": answer(small, twin) + "\n" + answer(small, own),
            "answer_classics": answer(classics, classics[0]),
            "spread": spread(seeds), "shipped": shipped(),
            "budget_ptb": budget("treebank_1350"), "budget_gru": budget("treebank_1350_gru"),
            "budget_classics": budget("egru_1350"), "budget_family": budget("family_256")}
    text = TEXT.read_text()
    for key, value in fill.items():
        text = text.replace("{{" + key + "}}", value)
    return "\n\n".join(wrapped(part) for part in text.split("\n\n"))


def wrapped(paragraph: str) -> str:
    """Prose in lines of at most 100 characters; tables, headings, lists' items each for itself."""
    if paragraph.startswith(("|", "#", "!")):
        return paragraph
    items = re.split(r"\n(?=- )", paragraph)
    return "\n".join(textwrap.fill(" ".join(item.split()), 100, break_long_words=False,
                                   break_on_hyphens=False,
                                   subsequent_indent="  " if item.startswith("- ") else "")
                     for item in items) + ("\n" if paragraph.endswith("\n") else "")


def draw(path: Path) -> None:
    """Perplexity against effective MACs, and the curves of the Penn Treebank pair."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"svg.hashsalt": "neurosim", "svg.fonttype": "none", "font.size": 9})
    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(12, 4), layout="constrained")
    for name, label, mark in (("treebank_1350", "EGRU", "o"),
                              ("treebank_1350_gru", "GRU twin", "s")):
        rows = figures.large(name, "PTB", label)
        left.plot([r.effective for r in rows], [r.test for r in rows], mark + "-", label=label)
        curve = figures.load(name)["stages"][0]["curve"]
        right.plot([c["minutes"] for c in curve], [c["valid"][0] for c in curve], label=label)
    small, _ = figures.family()
    for level, label in (("high", "EGRU, 30 % active"), ("middle", "EGRU, 13 % active"),
                         ("low", "EGRU, 5 % active"), ("gru", "GRU twin")):
        rows = [r for r in small if r.name.startswith(level)]
        middle.plot([r.effective for r in rows], [r.test for r in rows], "o-", label=label)
    for axes, title in ((left, "1350/1350/750, Penn Treebank"), (middle, "256/256/128, classics")):
        axes.set(xscale="log", xlabel="effective MACs a token, recurrent layers (M)",
                 ylabel="test perplexity", title=title)
    right.set(yscale="log", xlabel="minutes of one H200 GPU", title="Dense training, Penn Treebank",
              ylabel="validation perplexity, first 20,000 tokens", ylim=(60, 400))
    for axes in (left, middle, right):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main() -> None:
    """Write the page and the picture."""
    write_bytes(PAGE, page().encode())
    draw(PICTURE)


if __name__ == "__main__":
    main()
