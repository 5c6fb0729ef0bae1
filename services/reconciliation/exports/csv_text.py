"""Tables as the text of a CSV file (RFC 4180): CRLF, and no cell that a spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from datetime import date

from reconciliation.exports.model import Cell, Table

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def guarded(text: str) -> str:
    """Return text that a spreadsheet shows and does not run: an apostrophe goes before what starts a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def said(cell: Cell) -> str:
    """Return a cell as text; numbers, negative ones too, are left as they are."""
    if isinstance(cell, str):
        return guarded(cell)
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def rows_of(table: Table) -> list[list[str]]:
    """Return the heading and all rows as text."""
    return [[column.name for column in table.columns], *([said(cell) for cell in row] for row in table.rows)]


def csv_of(rows: list[list[str]]) -> str:
    """Return rows as CSV."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
