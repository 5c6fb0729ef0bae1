"""Names of revenue owners beside those of facilities, products and categories."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_28_owners"
down_revision = "2026_11_28_names"


def upgrade() -> None:
    """Create what the file of the same name says."""
    run_sql(Path(__file__).with_suffix(".sql"))
