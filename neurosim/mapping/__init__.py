"""Units to cores: partition, placement, memory accounting, multicast trees."""
