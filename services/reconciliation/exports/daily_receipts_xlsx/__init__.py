"""収納日計表 as a workbook to print on A4: real numbers and dates, and sums that follow a filter."""

from __future__ import annotations

import io
from datetime import datetime

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell

from reconciliation.exports.model import CellKind, Format, Table

HEADING_ROW = 3
A4 = 9
SUMMED: frozenset[CellKind] = frozenset({"count", "yen"})
# A workbook carries when it was made; a fixed moment keeps the bytes the same for the same table.
MADE_AT = datetime(2000, 1, 1)  # noqa: DTZ001 - the file format knows no offset
NUMBER_FORMATS: dict[CellKind, str] = {
    "date": "yyyy-mm-dd",
    "text": "@",
    "percent": "0",
    "count": "#,##0",
    "yen": "#,##0;[Red]-#,##0",
}


def write(table: Table) -> bytes:
    """Return the file."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    book.set_properties({"title": table.title, "created": MADE_AT})
    sheet = book.add_worksheet(table.title)
    font = {"font_name": "Yu Gothic", "font_size": 10}
    heading = book.add_format(
        {**font, "bold": True, "bg_color": "#E8F1FE", "border": 1, "text_wrap": True, "align": "center"}
    )
    sheet.write_string(0, 0, table.title, book.add_format({**font, "bold": True, "font_size": 16}))
    sheet.write_string(1, 0, table.period, book.add_format(font))
    formats = {
        kind: book.add_format({**font, "num_format": number_format, "border": 1, "border_color": "#CCCCCC"})
        for kind, number_format in NUMBER_FORMATS.items()
    }
    bold = {
        kind: book.add_format({**font, "num_format": number_format, "bold": True, "top": 2})
        for kind, number_format in NUMBER_FORMATS.items()
    }
    first, last = HEADING_ROW + 1, HEADING_ROW + len(table.rows)
    for position, column in enumerate(table.columns):
        sheet.set_column(position, position, column.width)
        sheet.write_string(HEADING_ROW, position, column.name, heading)
        for number, row in enumerate(table.rows):
            cell = row[position]
            if isinstance(cell, str):
                sheet.write_string(first + number, position, cell, formats[column.kind])
            elif isinstance(cell, int):
                sheet.write_number(first + number, position, cell, formats[column.kind])
            else:
                sheet.write_datetime(
                    first + number,
                    position,
                    datetime(cell.year, cell.month, cell.day),  # noqa: DTZ001 - as above
                    formats[column.kind],
                )
        if column.kind in SUMMED and table.rows:
            span = f"{xl_rowcol_to_cell(first, position)}:{xl_rowcol_to_cell(last, position)}"
            value = sum(cell for row in table.rows if isinstance(cell := row[position], int))
            # 109 leaves out rows that a filter hides; the value is kept for readers that do not calculate.
            sheet.write_formula(last + 1, position, f"=SUBTOTAL(109,{span})", bold[column.kind], value)
        else:
            sheet.write_string(last + 1, position, "合計" if position == 0 else "", bold["text"])
    if table.rows:
        sheet.autofilter(HEADING_ROW, 0, last, len(table.columns) - 1)
    sheet.freeze_panes(HEADING_ROW + 1, 0)
    sheet.repeat_rows(0, HEADING_ROW)
    sheet.print_area(f"A1:{xl_col_to_name(len(table.columns) - 1)}{last + 2}")
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
    sheet.set_footer("&C&P / &N")
    book.close()
    return out.getvalue()


FORMAT = Format(
    "daily_receipts_xlsx",
    "収納日計表(Excel)",
    "Daily receipts (Excel)",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xlsx",
    write,
)
