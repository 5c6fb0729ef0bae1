"""The first schema of reconciliation."""

from pathlib import Path

from kernel.migrations import kernel_schema, run_sql

revision = "2026_11_23_first"
down_revision = None


def upgrade() -> None:
    """Create the kernel's tables and this service's own."""
    run_sql(kernel_schema("2026_11_23_kernel"))
    run_sql(Path(__file__).with_suffix(".sql"))
