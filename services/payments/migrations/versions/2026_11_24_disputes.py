"""Payers who contest a card payment with their bank."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_24_disputes"
down_revision = "2026_11_24_operations"


def upgrade() -> None:
    """Add the table."""
    run_sql(Path(__file__).with_suffix(".sql"))
