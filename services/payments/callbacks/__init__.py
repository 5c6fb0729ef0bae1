"""Callbacks: what collecting systems are told, signed and again until they have it."""
