"""Closings of days, months and years, and how they are opened again."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_26_closings"
down_revision = "2026_11_26_journal"


def upgrade() -> None:
    """Create what the file of the same name says."""
    run_sql(Path(__file__).with_suffix(".sql"))
