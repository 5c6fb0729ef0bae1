"""Discrepancies as rows that people work on."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_26_discrepancies"
down_revision = "2026_11_26_payouts"


def upgrade() -> None:
    """Create what the file of the same name says."""
    run_sql(Path(__file__).with_suffix(".sql"))
