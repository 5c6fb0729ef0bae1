"""Refunds to bank accounts: the transfers, their files and their history."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_24_transfers"
down_revision = "2026_11_24_collecting"


def upgrade() -> None:
    """Add the tables; refunds that wait for an account get their transfer."""
    run_sql(Path(__file__).with_suffix(".sql"))
