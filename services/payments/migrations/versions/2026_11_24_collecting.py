"""Collecting systems with their keys, the messages to them, and batches of notices."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_24_collecting"
down_revision = "2026_11_24_cases"


def upgrade() -> None:
    """Add the tables."""
    run_sql(Path(__file__).with_suffix(".sql"))
