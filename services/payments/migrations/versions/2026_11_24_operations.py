"""Operations: the indexes that searches of staff need."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_24_operations"
down_revision = "2026_11_24_static_codes"


def upgrade() -> None:
    """Add the indexes."""
    run_sql(Path(__file__).with_suffix(".sql"))
