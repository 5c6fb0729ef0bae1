"""A file is known by its provider, whose runs of matching need not wait for those of others."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_28_providers"
down_revision = "2026_11_28_owners"


def upgrade() -> None:
    """Change what the file of the same name says."""
    run_sql(Path(__file__).with_suffix(".sql"))
