"""The double-entry journal, its chain, and the revenue accounts."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_26_journal"
down_revision = "2026_11_26_discrepancies"


def upgrade() -> None:
    """Create what the file of the same name says."""
    run_sql(Path(__file__).with_suffix(".sql"))
