"""Facilities: what is sold, when, for how much, and to how many."""
