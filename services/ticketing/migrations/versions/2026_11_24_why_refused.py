"""Why the last payment of an order was refused."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_24_why_refused"
down_revision = "2026_11_23_first"


def upgrade() -> None:
    """Add the column."""
    run_sql(Path(__file__).with_suffix(".sql"))
