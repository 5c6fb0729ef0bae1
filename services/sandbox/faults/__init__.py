"""Faults on demand: what real providers do on bad days, for tests and drills."""
