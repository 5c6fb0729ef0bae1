"""What providers must have on their statements, as it follows from the facts."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_25_claims"
down_revision = "2026_11_24_statements"


def upgrade() -> None:
    """Create the table and fill it from the facts that there are."""
    run_sql(Path(__file__).with_suffix(".sql"))
