"""Exports: one folder for each file format, found by discovery."""
