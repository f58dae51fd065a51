"""docs/reference/chip-files.md lists every field, and every value of spinnaker2, as they are."""

import pytest

from neurosim.chip import load_chip
from neurosim.chip.schema import (
    Blocked,
    ChipLink,
    Core,
    Dram,
    Energy,
    Host,
    Level,
    Noc,
    Packet,
    Sync,
)

SECTIONS = {"levels.NAME": Level, "noc": Noc, "chip_link": ChipLink, "blocked": Blocked,
            "packet": Packet, "core": Core, "sync": Sync,
            "host": Host, "energy": Energy, "dram": Dram}


def fields_table():
    lines = ["| key | unit | meaning |", "|---|---|---|"]
    for section, model in SECTIONS.items():
        for name, field in model.model_fields.items():
            extra = field.json_schema_extra
            if extra is None:
                continue  # a choice, described in the text
            limits = [word for word in ("positive", "whole") if extra[word]]
            unit = ", ".join([extra["unit"] or "1", *limits])
            lines.append(f"| `{section}.{name}` | {unit} | {field.description} |")
    return "\n".join(lines)


def values_table(name):
    chip = load_chip(name)
    lines = ["| key | value | flag | range | source |", "|---|---|---|---|---|"]
    for key, c, unit in chip.constants():
        span = f"{c.low:g} to {c.high:g}" if c.low < c.high else ""
        lines.append(f"| `{key}` | {c.value:g} {unit}".rstrip()
                     + f" | {c.flag} | {span} | {c.source} |")
    for key, source in chip.sources.items():
        value = chip
        for part in key.split("."):
            value = getattr(value, part)
        shown = [list(tile) for tile in value] if key == "topology.without" else value
        shown = list(shown) if key == "topology.host" else shown
        lines.append(f"| `{key}` | {shown} | | | {source} |")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("block", "render"),
    [("fields", fields_table), ("spinnaker2", lambda: values_table("spinnaker2"))],
)
def test_the_page_is_up_to_date(block, render, project):
    page = (project / "docs" / "reference" / "chip-files.md").read_text()
    shown = page.split(f"<!-- begin {block} -->\n")[1].split(f"\n<!-- end {block} -->")[0]
    assert shown == render()


@pytest.mark.parametrize("choice", ["noc.routing", "core.fifo_policy", "energy.unused_cores"])
def test_choices_are_described(choice, project):
    assert f"`{choice}`" in (project / "docs" / "reference" / "chip-files.md").read_text()
