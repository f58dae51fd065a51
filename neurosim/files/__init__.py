"""What scenario and chip files have in common: YAML with places, and quantities with units."""
