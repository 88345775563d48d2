"""The expert: a rule-based driver that sees the simulator's state, from whose drives learned agents learn."""
