"""A transfer fee is a kind of its own among a provider's lines."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_28_lines"
down_revision = "2026_11_28_desk"


def upgrade() -> None:
    """Change what the file of the same name says."""
    run_sql(Path(__file__).with_suffix(".sql"))
