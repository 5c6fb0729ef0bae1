"""Counted cash as a table: month, facility, cash, payments, paper tickets. Read whole or not at all; pure."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from kernel.money import YEN_MAX, Yen
from kernel.refusals import Invalid, Words

COLUMNS: Final = ("month", "facility", "cash_yen", "payments", "paper_tickets")
TITLES_JA: Final = ("年月", "施設", "現金", "件数", "紙の券")
ROWS_MAX: Final = 5_000
COUNT_MAX: Final = 10_000_000
_MONTH: Final = re.compile(r"([0-9]{4})(?:[-/]([0-9]{1,2})|年([0-9]{1,2})月)")
MONTH_WORDS: Final = Words("a month such as 2026-11")
FACILITY_WORDS: Final = Words("the code of a facility, such as hpam")
NUMBER_WORDS: Final = Words("a whole number from 0 on")


@dataclass(frozen=True, slots=True)
class CashRow:
    """One facility's month as somebody counted it, or that it is not known after all."""

    month: date
    facility: str
    amount: Yen
    payments: int
    paper_tickets: int
    known: bool = True


class CashFileUnreadable(Invalid):
    """Not such a table."""

    slug = "cash-file-unreadable"
    advice = (
        "This is no table of counted cash. It is CSV in UTF-8 or Shift_JIS, and its first row names the columns: "
        "{columns}. Nothing was taken."
    )


class CashRowWrong(Invalid):
    """One cell cannot be right."""

    slug = "cash-row-wrong"
    advice = "Row {row}, column {column}: found “{found}”, expected {expected}. Correct it and send the file again."


class CashRowTwice(Invalid):
    """Two rows of one file say something of the same facility and month."""

    slug = "cash-row-twice"
    advice = (
        "Row {row} is about {facility} in {month}, and so is an earlier one. Leave one of them, then send it again."
    )


def read(content: bytes) -> list[CashRow]:
    """Return the rows of a file. Raises CashFileUnreadable, CashRowWrong or CashRowTwice."""
    rows = list(csv.reader(io.StringIO(_text(content), newline="")))
    head = tuple(cell.strip() for cell in rows[0]) if rows else ()
    if head not in (COLUMNS, TITLES_JA):
        raise CashFileUnreadable(columns=", ".join(COLUMNS))
    found: dict[tuple[str, date], CashRow] = {}
    for number, cells in enumerate(_filled(rows), start=2):
        if not cells:
            continue
        row = _row(number, cells)
        if (row.facility, row.month) in found:
            raise CashRowTwice(row=number, facility=row.facility, month=f"{row.month:%Y-%m}")
        found[row.facility, row.month] = row
    return list(found.values())


def _text(content: bytes) -> str:
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CashFileUnreadable(columns=", ".join(COLUMNS))


def _filled(rows: list[list[str]]) -> Iterator[list[str]]:
    """Yield the rows below the heading, an empty one as []."""
    if len(rows) > ROWS_MAX:
        raise CashFileUnreadable(columns=", ".join(COLUMNS))
    for cells in rows[1:]:
        stripped = [cell.strip() for cell in cells]
        yield [*stripped, *[""] * (len(COLUMNS) - len(stripped))] if any(stripped) else []


def _row(number: int, cells: list[str]) -> CashRow:
    return row_of(month_of(cells[0], row=number), facility_of(cells[1], row=number), cells[2:5], row=number)


def row_of(month: date, facility: str, cells: Sequence[str], *, row: int) -> CashRow:
    """Return what three cells say: cash, payments, paper; all empty: not known. Raises CashRowWrong."""
    cash, payments, paper = (
        number_of(cell or "0", row=row, column=column, most=most)
        for cell, column, most in zip(cells, COLUMNS[2:], (YEN_MAX, COUNT_MAX, COUNT_MAX), strict=True)
    )
    return CashRow(month, facility, Yen(cash), payments, paper, known=any(cells))


def month_of(said: str, *, row: int = 0) -> date:
    """Return a month by its first day. Raises CashRowWrong."""
    found = _MONTH.fullmatch(unicodedata.normalize("NFKC", said))
    try:
        if found:
            return date(int(found[1]), int(found[2] or found[3]), 1)
    except ValueError:
        pass
    raise CashRowWrong(row=row, column=COLUMNS[0], found=said[:40], expected=MONTH_WORDS)


def facility_of(said: str, *, row: int) -> str:
    """Return the code of a facility. Raises CashRowWrong."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", said):
        raise CashRowWrong(row=row, column=COLUMNS[1], found=said[:40], expected=FACILITY_WORDS)
    return said


def number_of(said: str, *, row: int, column: str, most: int) -> int:
    """Return a whole number as people write it: 12,300 or 12300円. Raises CashRowWrong."""
    digits = unicodedata.normalize("NFKC", said).replace(",", "").removeprefix("¥").removesuffix("円")
    if not re.fullmatch(r"[0-9]{1,16}", digits) or int(digits) > most:
        raise CashRowWrong(row=row, column=column, found=said[:40], expected=NUMBER_WORDS)
    return int(digits)
