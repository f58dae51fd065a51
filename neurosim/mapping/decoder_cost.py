"""What decoder and look-up layers cost: cycles on a core, seconds on the host.

A decoder's products are those of a dense matrix, words by inputs.  An int8 decoder is computed on
the core's MAC array where the chip has one, at its measured utilisation for fully connected
products (one use of each weight, so that memory feeds it, event by event or a whole row at once);
everything else on the scalar unit, at ``core.dense_cycles`` a product.  All costs are whole cycles
of the core's clock.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from neurosim.chip.schema import Chip, Core
    from neurosim.network.model import Layer

Unit = Literal["mac", "scalar"]
_INT8_BITS = 8


def unit_of(layer: Layer, core: Core) -> Unit:
    """Which unit computes a decoder layer: the MAC array takes int8 only."""
    return "mac" if layer.weight_bits == _INT8_BITS and core.mac_lanes is not None else "scalar"


def product_cycles(layer: Layer, core: Core, products: int) -> int:
    """Cycles of that many products with consecutive weights, without set-up."""
    if unit_of(layer, core) == "scalar":
        return products * dense_cycles(core)
    assert core.mac_lanes is not None
    share = 1.0 if core.mac_utilisation is None else float(core.mac_utilisation)
    # A millionth is taken off so that rounding of the quotient never adds a cycle.
    return math.ceil(products / (int(core.mac_lanes) * share) - 1e-6)


def setup_cycles(layer: Layer, core: Core) -> int:
    """Cycles to start the MAC array once; 0 on the scalar unit."""
    if unit_of(layer, core) == "scalar" or core.mac_setup_cycles is None:
        return 0
    return int(core.mac_setup_cycles)


def dense_cycles(core: Core) -> int:
    """Cycles of a product with consecutive weights on the scalar unit, or of moving a value."""
    return int(core.group_cycles if core.dense_cycles is None else core.dense_cycles)


def word_cycles(core: Core) -> int:
    """Cycles to offer one word's logit to the best so far."""
    return dense_cycles(core) if core.word_cycles is None else int(core.word_cycles)


def row_cycles(layer: Layer, core: Core, words: int) -> int:
    """Accumulate job of one event at a core that holds ``words`` words of a decoder.

    Gated: the row is found and multiplied into the words' sums.  Dense: the value is stored in the
    vector that the products take when the step is complete.
    """
    if not layer.gated:
        return dense_cycles(core)
    return int(core.accumulate_cycles) + setup_cycles(layer, core) \
        + product_cycles(layer, core, words)


def decoder_update_cycles(layer: Layer, core: Core, words: int) -> int:
    """Update job of one word: its logit is offered to the best; dense: its products come first.

    The array's set-up is shared by the words of a core, rounded up to whole cycles a word.
    """
    if layer.gated:
        return word_cycles(core)
    return word_cycles(core) + -(-setup_cycles(layer, core) // max(1, words)) \
        + product_cycles(layer, core, layer.inputs)


def lookup_row_cycles(core: Core) -> int:
    """Accumulate job of a token at a core of the embedding: its row of the table is found."""
    return max(1, int(core.accumulate_cycles))


def lookup_update_cycles(core: Core) -> int:
    """Update job of one value of the embedding: it is read and queued."""
    return max(1, dense_cycles(core))


def current_row_cycles(core: Core, values: int) -> int:
    """Accumulate job of a packet of ``values`` input currents: each is added to a gate sum."""
    return max(1, int(core.accumulate_cycles) + values * dense_cycles(core))


def host_decode_s(chip: Chip, vocabulary: int, inputs: int, gated: bool) -> tuple[float, float]:
    """(seconds a step, seconds an event) of a decoder on the host, at ``host.macs_per_s``.

    A gated decoder multiplies event by event; a dense one all at once.  Either compares the logits
    of all words at the end, one operation a word.
    """
    rate = float(chip.host.macs_per_s)
    if gated:
        return vocabulary / rate, vocabulary / rate
    return (vocabulary * inputs + vocabulary) / rate, 0.0


def choose_s(chip: Chip, results: int) -> float:
    """Seconds in which the host chooses among the candidates that decoder cores have sent."""
    return results / float(chip.host.macs_per_s)


def mac_cycles(layer: Layer, core: Core, words: int, rows: int, updates: int) -> int:
    """Cycles that the MAC array of a core was busy, for its energy.

    Args:
        words: held by the core; rows: accumulate jobs done; updates: words updated.
    """
    if unit_of(layer, core) == "scalar":
        return 0
    if layer.gated:
        return rows * product_cycles(layer, core, words)
    return updates * product_cycles(layer, core, layer.inputs)
