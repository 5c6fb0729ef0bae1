"""Closing: the days, months and fiscal years after which only dated corrections change anything."""
