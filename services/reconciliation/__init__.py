"""Reconciliation: every fact kept, every day compared."""
