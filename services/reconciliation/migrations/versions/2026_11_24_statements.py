"""Statements of banks and providers: the files as they came, and their lines."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_24_statements"
down_revision = "2026_11_23_first"


def upgrade() -> None:
    """Create the tables."""
    run_sql(Path(__file__).with_suffix(".sql"))
