"""Discrepancies: what does not agree, why, and who found out."""
