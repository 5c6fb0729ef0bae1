"""Which ways to pay there are is a setting; the table takes any name of one."""

from pathlib import Path

from kernel.migrations import run_sql

revision = "2026_11_24_any_method"
down_revision = "2026_11_24_why_refused"


def upgrade() -> None:
    """Widen the constraint."""
    run_sql(Path(__file__).with_suffix(".sql"))
