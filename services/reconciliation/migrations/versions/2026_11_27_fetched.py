"""Which payouts payments was asked for."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_27_fetched"
down_revision = "2026_11_26_board"


def upgrade() -> None:
    """Create what the file of the same name says."""
    run_sql(Path(__file__).with_suffix(".sql"))
