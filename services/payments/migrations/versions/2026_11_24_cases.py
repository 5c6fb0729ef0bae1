"""Cases, attempts that a bank took back, charges that hold money without a place, history as kinds and fields."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_24_cases"
down_revision = "2026_11_23_first"


def upgrade() -> None:
    """Add the tables and widen the checks."""
    run_sql(Path(__file__).with_suffix(".sql"))
