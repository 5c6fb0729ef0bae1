"""Business days: what was sold, taken, given back and who entered, and whether all of it agrees."""
