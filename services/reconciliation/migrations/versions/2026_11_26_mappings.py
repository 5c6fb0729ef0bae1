"""Mappings of columns that accounting makes."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_26_mappings"
down_revision = "2026_11_25_matching"


def upgrade() -> None:
    """Create the table."""
    run_sql(Path(__file__).with_suffix(".sql"))
