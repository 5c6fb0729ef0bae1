"""Accounting staff: signing in and out."""
