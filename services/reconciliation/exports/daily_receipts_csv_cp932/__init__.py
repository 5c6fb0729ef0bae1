"""収納日計表 as CSV in CP932, for programs that know no other encoding."""

from reconciliation.exports.csv_text import csv_of, rows_of
from reconciliation.exports.model import Format, Table, Unmappable

# CP932 has these three under other code points than JIS X 0208's mapping to Unicode gives.
_TO_CP932 = {0x301C: 0xFF5E, 0x2212: 0xFF0D, 0x2016: 0x2225}


def write(table: Table) -> bytes:
    """Return the file; raise Unmappable for a character that CP932 lacks. Rows count from 1, below the heading."""
    rows = [[cell.translate(_TO_CP932) for cell in row] for row in rows_of(table)]
    for number, row in enumerate(rows):
        for column, cell in zip(table.columns, row, strict=True):
            _require_mappable(cell, row=number, column=column.name)
    return csv_of(rows).encode("cp932")


def _require_mappable(cell: str, *, row: int, column: str) -> None:
    try:
        cell.encode("cp932")
    except UnicodeEncodeError as problem:
        character = cell[problem.start]
        raise Unmappable(
            row=row, column=column, character=f"{character} (U+{ord(character):04X})", encoding="CP932"
        ) from problem


FORMAT = Format(
    "daily_receipts_csv_cp932",
    "収納日計表(CSV・Shift_JIS)",
    "Daily receipts (CSV, Shift_JIS)",
    "text/csv; charset=Shift_JIS",
    "csv",
    write,
)
