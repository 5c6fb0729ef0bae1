"""Matches between claims and the lines of providers' statements."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_25_matching"
down_revision = "2026_11_25_claims"


def upgrade() -> None:
    """Create the tables and the rules."""
    run_sql(Path(__file__).with_suffix(".sql"))
