"""The matches of a run are found by it."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_28_runs"
down_revision = "2026_11_28_lines"


def upgrade() -> None:
    """Change what the file of the same name says."""
    run_sql(Path(__file__).with_suffix(".sql"))
