"""A chip with its assumed durations at one end of their ranges."""

from __future__ import annotations

from typing import Literal

from neurosim.chip.schema import Chip

End = Literal["low", "high"]
#: Sections and units of the constants that are durations.
_SECTIONS = ("noc", "core", "sync", "host", "dram", "blocked")
_UNITS = ("cycles", "s")


def at_range_end(chip: Chip, end: End) -> Chip:
    """``chip`` with every assumed duration (cycles or seconds) at its ``low`` or ``high`` end.

    Measured and derived values, sizes, rates and energies stay: energies have ranges of their own
    in every result.
    """
    sections = {}
    for name in _SECTIONS:
        section = getattr(chip, name)
        if section is None:
            continue
        moved = {key: constant.model_copy(update={"value": getattr(constant, end)})
                 for key, constant, unit in section.constants()
                 if unit in _UNITS and constant.flag == "assumed"}
        sections[name] = section.model_copy(update=moved)
    return chip.model_copy(update=sections)
