"""Names of the bank's lines, folded once, to be searched."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_28_names"
down_revision = "2026_11_28_runs"


def upgrade() -> None:
    """Create what the file of the same name says."""
    run_sql(Path(__file__).with_suffix(".sql"))
