"""Tables as the text of a CSV file (RFC 4180): CRLF, and no cell that a spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Final

from reconciliation.exports.model import Unmappable
from reconciliation.reports.model import Cell, Document, Table

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
# CP932 has these three under other code points than JIS X 0208's mapping to Unicode gives.
_TO_CP932: Final = {0x301C: 0xFF5E, 0x2212: 0xFF0D, 0x2016: 0x2225}


def guarded(text: str) -> str:
    """Return text that a spreadsheet shows and does not run: an apostrophe goes before what starts a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def said(cell: Cell) -> str:
    """Return a cell as text; numbers, negative ones too, are left as they are."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return guarded(cell)
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def csv_of(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def in_cp932(rows: Sequence[Sequence[str]], columns: Sequence[str], *, first_row: int = 1) -> list[list[str]]:
    """Return rows whose every character CP932 has, look-alikes mapped; raise Unmappable with row and column.

    `first_row` is the number by which the first of the rows goes.
    """
    mapped = [[cell.translate(_TO_CP932) for cell in row] for row in rows]
    for number, row in enumerate(mapped, start=first_row):
        for column, cell in zip(columns, row, strict=True):
            try:
                cell.encode("cp932")
            except UnicodeEncodeError as problem:
                character = cell[problem.start]
                raise Unmappable(
                    row=number, column=column, character=f"{character} (U+{ord(character):04X})", encoding="CP932"
                ) from problem
    return mapped


def _rows_of(table: Table) -> list[list[str]]:
    """Return the heading and all rows as text."""
    return [[column.name for column in table.columns], *([said(cell) for cell in row] for row in table.rows)]


def _tables(document: Document) -> Iterator[tuple[list[list[str]], Table]]:
    """Yield what stands before each table (a blank row and its title, if there are several), and the table."""
    kept = [each for each in document.tables if not each.beside]
    for place, table in enumerate(kept):
        before = [] if len(kept) == 1 else [*([[]] if place else []), [guarded(table.title)]]
        yield before, table


def in_utf8(document: Document) -> bytes:
    """Return the file in UTF-8 with a byte order mark, which spreadsheets need to tell it from CP932."""
    return "".join(csv_of([*before, *_rows_of(table)]) for before, table in _tables(document)).encode("utf-8-sig")


def in_shift_jis(document: Document) -> bytes:
    """Return the file in CP932, for programs that know no other encoding; raise Unmappable. Rows count from 1."""
    parts = []
    for before, table in _tables(document):
        titles = [in_cp932([row], ["-"] * len(row), first_row=0)[0] for row in before]
        parts.append(
            csv_of([*titles, *in_cp932(_rows_of(table), [column.name for column in table.columns], first_row=0)])
        )
    return "".join(parts).encode("cp932")
