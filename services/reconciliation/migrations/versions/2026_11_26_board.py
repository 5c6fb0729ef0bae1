"""What the board of the digital plan needs beyond the ledger, and rebuilding beside the ledger."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_26_board"
down_revision = "2026_11_26_drops"


def upgrade() -> None:
    """Create what the file of the same name says."""
    run_sql(Path(__file__).with_suffix(".sql"))
