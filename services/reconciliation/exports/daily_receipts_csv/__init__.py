"""収納日計表 as CSV in UTF-8 with a byte order mark, which spreadsheets need to tell it from CP932."""

from reconciliation.exports.csv_text import csv_of, rows_of
from reconciliation.exports.model import Format, Table


def write(table: Table) -> bytes:
    """Return the file."""
    return csv_of(rows_of(table)).encode("utf-8-sig")


FORMAT = Format(
    "daily_receipts_csv", "収納日計表(CSV)", "Daily receipts (CSV)", "text/csv; charset=utf-8", "csv", write
)
