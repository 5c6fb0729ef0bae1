"""Days whose figures are to be compared with their closing."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_28_desk"
down_revision = "2026_11_27_fetched"


def upgrade() -> None:
    """Create what the file of the same name says."""
    run_sql(Path(__file__).with_suffix(".sql"))
