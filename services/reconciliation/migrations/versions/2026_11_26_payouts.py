"""Contracts with providers, payouts, and the deposits they are matched with."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_26_payouts"
down_revision = "2026_11_26_mappings"


def upgrade() -> None:
    """Create what the file of the same name says."""
    run_sql(Path(__file__).with_suffix(".sql"))
