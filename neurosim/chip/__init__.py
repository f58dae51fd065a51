"""What hardware exists: chip files, NoC graphs and routing."""

from neurosim.chip.constant import Constant
from neurosim.chip.load import chip_names, load_chip
from neurosim.chip.schema import Chip

__all__ = ["Chip", "Constant", "chip_names", "load_chip"]
