"""Reports on A4 as PDF: headings on every page, sums below, page numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from kernel.refusals import Invalid
from kernel.web.printing import Printer
from reconciliation.reports.model import Cell, Column, Document, Table

TEMPLATE: Final = Path(__file__).parent / "templates" / "report.typ"
# A document carries when it was made; a fixed moment keeps the bytes the same for the same figures.
MADE_AT: Final = datetime(2000, 1, 1, tzinfo=UTC)
ROWS_MAX: Final = 5_000


class TooLongForPaper(Invalid):
    """Nobody prints hundreds of pages."""

    slug = "too-long-for-paper"
    advice = "This PDF would have {rows} rows, and {rows_max} are the most. Choose fewer days, or Excel or CSV."


_PRINTER: Final = Printer(TEMPLATE)


def write(document: Document) -> bytes:
    """Return the file; raise TooLongForPaper or NoJapaneseFont."""
    rows = sum(len(table.rows) for table in document.tables)
    if rows > ROWS_MAX:
        raise TooLongForPaper(rows=f"{rows:,}", rows_max=f"{ROWS_MAX:,}")
    return _PRINTER.pdf(_data(document), at=MADE_AT)


def _data(document: Document) -> dict[str, object]:
    """Return what the template prints, every value a text that is ready to print."""
    return {
        "title": document.title,
        "period": document.period,
        "place": document.place,
        "tables": [_table(each, document.title) for each in document.tables],
        "notes": [f"※ {note}" for note in document.notes],
        "none": "該当するものはありません。",
    }


def _table(table: Table, title: str) -> dict[str, object]:
    shown = [place for place, column in enumerate(table.columns) if column.paper]
    columns = [table.columns[place] for place in shown]
    sums, subtotals = table.totals, table.subtotals
    lines: list[tuple[bool, tuple[Cell, ...]]] = []
    for at, row in enumerate(table.rows):
        lines += [(False, row), *((True, each.cells) for each in subtotals.get(at, ()))]
    return {
        "title": "" if table.title == title else table.title,
        "beside": table.beside,
        "columns": [
            {
                "name": each.name,
                "width": each.width,
                "align": "right" if each.is_number else "left",
                "fit": each.kind != "text" or each.whole,
            }
            for each in columns
        ],
        "rows": [[_said(column, row[place]) for column, place in zip(columns, shown, strict=True)] for _, row in lines],
        "sums": [is_sum for is_sum, _ in lines],
        "totals": []
        if sums is None
        else [
            "合計" if number == 0 and sums[place] is None else _said(table.columns[place], sums[place])
            for number, place in enumerate(shown)
        ],
    }


def _said(column: Column, cell: Cell) -> str:
    """Return a cell as it is printed; a triangle before what is negative, as public accounts write it."""
    match cell:
        case None:
            return ""
        case str():
            return cell
        case date():
            return cell.isoformat()
        case int():
            return f"△{-cell:,}" if cell < 0 and column.kind == "yen" else f"{cell:,}"
