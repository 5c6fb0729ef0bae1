"""Which ways to pay rest now."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_24_pauses"
down_revision = "2026_11_24_any_method"


def upgrade() -> None:
    """Add the table."""
    run_sql(Path(__file__).with_suffix(".sql"))
