"""Workbooks to print on A4: real numbers and dates, sums that follow a filter, a sheet for each table."""

from __future__ import annotations

import io
import re
from datetime import date, datetime
from typing import Any, Final

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell

from reconciliation.reports.model import Cell, CellKind, Document, Table

HEADING_ROW: Final = 3
A4: Final = 9
SHEET_NAME_CHARACTERS_MAX: Final = 31
FOOTER_CHARACTERS_MAX: Final = 200
# A workbook carries when it was made; a fixed moment keeps the bytes the same for the same table.
MADE_AT: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - the file format knows no offset
NUMBER_FORMATS: Final[dict[CellKind, str]] = {
    "date": "yyyy-mm-dd",
    "text": "@",
    "percent": "0",
    "count": "#,##0",
    "yen": "#,##0;[Red]-#,##0",
}
_FONT: Final = {"font_name": "Yu Gothic", "font_size": 10}


def write(document: Document) -> bytes:
    """Return the file."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    book.set_properties({"title": document.title, "created": MADE_AT})
    styles = _Styles(book)
    names: set[str] = set()
    for place, table in enumerate(document.tables):
        sheet = book.add_worksheet(_sheet_name(table.title, names))
        _Sheet(sheet, styles, document, table).fill(notes=document.notes if place == 0 else ())
    book.close()
    return out.getvalue()


def _sheet_name(title: str, taken: set[str]) -> str:
    """Return a name that a workbook may use and that no other sheet has."""
    name = re.sub(r"[\[\]:*?/\\']", "・", title)[:SHEET_NAME_CHARACTERS_MAX]
    number = 2
    while name.casefold() in taken:
        suffix = f"({number})"
        name = name[: SHEET_NAME_CHARACTERS_MAX - len(suffix)] + suffix
        number += 1
    taken.add(name.casefold())
    return name


class _Styles:
    """The formats that every sheet of a workbook shares."""

    def __init__(self, book: Any) -> None:
        self.heading = book.add_format(
            {**_FONT, "bold": True, "bg_color": "#E8F1FE", "border": 1, "text_wrap": True, "align": "center"}
        )
        self.title = book.add_format({**_FONT, "bold": True, "font_size": 16})
        self.plain = book.add_format(_FONT)
        self.cells = {
            kind: book.add_format({**_FONT, "num_format": number_format, "border": 1, "border_color": "#CCCCCC"})
            for kind, number_format in NUMBER_FORMATS.items()
        }
        self.totals = {
            kind: book.add_format({**_FONT, "num_format": number_format, "bold": True, "top": 2})
            for kind, number_format in NUMBER_FORMATS.items()
        }


class _Sheet:
    """One table on its sheet."""

    def __init__(self, sheet: Any, styles: _Styles, document: Document, table: Table) -> None:
        self._sheet, self._styles, self._document, self._table = sheet, styles, document, table
        self._first = HEADING_ROW + 1
        self._subtotals = table.subtotals
        self._last = HEADING_ROW + len(table.rows) + sum(map(len, self._subtotals.values()))

    def fill(self, *, notes: tuple[str, ...]) -> None:
        """Write everything, row by row."""
        sheet, table = self._sheet, self._table
        title = self._document.title
        said = title if table.title == title else f"{title}　{table.title}"
        sheet.write_string(0, 0, said, self._styles.title)
        sheet.write_string(1, 0, self._document.period, self._styles.plain)
        sheet.write_string(2, 0, self._document.place, self._styles.plain)
        for place, column in enumerate(table.columns):
            sheet.set_column(place, place, column.width)
            sheet.write_string(HEADING_ROW, place, column.name, self._styles.heading)
        self._write_rows()
        end = self._write_totals() if table.has_totals else self._last
        for number, note in enumerate(notes, start=end + 2):
            sheet.write_string(number, 0, f"※ {note}", self._styles.plain)
            end = number
        self._print_on_a4(end)

    def _write_rows(self) -> None:
        """Write the rows, and below those that belong together their sums, which the sum of all leaves out."""
        number, places = self._first, list[int]()
        for at, row in enumerate(self._table.rows):
            places.append(number)
            for place, (column, cell) in enumerate(zip(self._table.columns, row, strict=True)):
                self._write(number, place, column.kind, cell)
            number += 1
            for each in self._subtotals.get(at, ()):
                self._write_sums(number, each.cells, first=places[each.first], last=number - 1)
                number += 1

    def _write_sums(self, row: int, cells: tuple[Cell, ...], *, first: int, last: int) -> None:
        for place, (column, value) in enumerate(zip(self._table.columns, cells, strict=True)):
            if isinstance(value, int):
                span = f"{xl_rowcol_to_cell(first, place)}:{xl_rowcol_to_cell(last, place)}"
                # 109 leaves out rows that a filter hides, and other sums by SUBTOTAL; the value is kept for readers
                # that do not calculate.
                self._sheet.write_formula(row, place, f"=SUBTOTAL(109,{span})", self._styles.totals[column.kind], value)
            else:
                self._sheet.write_string(row, place, str(value or ""), self._styles.totals["text"])

    def _write(self, row: int, place: int, kind: CellKind, cell: Cell) -> None:
        style = self._styles.cells[kind]
        match cell:
            case str():
                self._sheet.write_string(row, place, cell, style)
            case int():
                self._sheet.write_number(row, place, cell, style)
            case date():
                moment = datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - as above
                self._sheet.write_datetime(row, place, moment, style)
            case None:
                self._sheet.write_blank(row, place, None, style)

    def _write_totals(self) -> int:
        """Write the sums below the rows; return their row."""
        row, sums = self._last + 1, self._table.totals or (None,) * len(self._table.columns)
        named = tuple("合計" if place == 0 and not isinstance(cell, int) else cell for place, cell in enumerate(sums))
        self._write_sums(row, named, first=self._first, last=self._last)
        return row

    def _print_on_a4(self, end: int) -> None:
        sheet, columns = self._sheet, self._table.columns
        if self._table.rows:
            sheet.autofilter(HEADING_ROW, 0, self._last, len(columns) - 1)
        sheet.freeze_panes(HEADING_ROW + 1, 0)
        sheet.repeat_rows(0, HEADING_ROW)
        sheet.print_area(f"A1:{xl_col_to_name(len(columns) - 1)}{end + 1}")
        sheet.set_landscape()
        sheet.set_paper(A4)
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
        left = f"{self._document.title}　{self._document.period}".replace("&", "&&")
        sheet.set_footer(f"&L&8{left}"[:FOOTER_CHARACTERS_MAX] + "&R&8&P / &N")
