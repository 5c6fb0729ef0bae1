"""Static codes: the QR codes that lie on counters."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_24_static_codes"
down_revision = "2026_11_24_transfers"


def upgrade() -> None:
    """Add the table."""
    run_sql(Path(__file__).with_suffix(".sql"))
