"""What the pages show of a document, worked out before any template: cells as text, bars as lengths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from kernel.web import Language, Pages
from reconciliation.reports.model import Cell, Chart, Column, Document, Table

ROWS_SHOWN_MAX: Final = 500
UNITS: Final = 1000
LABELS_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class ShownCell:
    """One cell: its text, whether it stands to the right, whether it is below zero, and the page behind it."""

    text: str
    number: bool
    negative: bool = False
    link: str = ""


@dataclass(frozen=True, slots=True)
class ShownTable:
    """One table of a page. `left_out`: how many rows only the files have. `sums`: which rows are sums of others."""

    title: str
    headings: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[ShownCell, ...], ...]
    totals: tuple[ShownCell, ...] | None
    left_out: int
    beside: bool
    sums: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ShownBar:
    """One bar. `start` and `length` are in thousandths of the chart; `labelled`: whether its label has room."""

    label: str
    text: str
    start: int
    length: int
    link: str
    labelled: bool
    negative: bool


def tables_of(document: Document, language: Language) -> list[ShownTable]:
    """Return the tables of a document as they are shown."""
    return [_table(each, document.title, language) for each in document.tables]


def _table(table: Table, title: str, language: Language) -> ShownTable:
    places = [place for place, column in enumerate(table.columns) if column.page]
    columns = [table.columns[place] for place in places]
    links = table.links or ("",) * len(table.rows)
    sums, subtotals = table.totals, table.subtotals
    rows: list[tuple[ShownCell, ...]] = []
    sum_rows: list[int] = []
    for at, (row, link) in enumerate(zip(table.rows[:ROWS_SHOWN_MAX], links, strict=False)):
        rows.append(
            tuple(
                _cell(column, row[place], language, _behind(column, link, first=number == 0), first=number == 0)
                for number, (column, place) in enumerate(zip(columns, places, strict=True))
            )
        )
        for each in subtotals.get(at, ()):
            sum_rows.append(len(rows))
            rows.append(
                tuple(
                    _cell(column, each.cells[place], language, "")
                    for column, place in zip(columns, places, strict=True)
                )
            )
    return ShownTable(
        title="" if table.title == title else table.title,
        headings=tuple((column.heading(language.tag), column.is_number) for column in columns),
        rows=tuple(rows),
        sums=frozenset(sum_rows),
        totals=None
        if sums is None
        else tuple(_cell(column, sums[place], language, "") for column, place in zip(columns, places, strict=True)),
        left_out=max(0, len(table.rows) - ROWS_SHOWN_MAX),
        beside=table.beside,
    )


def _behind(column: Column, link: str, *, first: bool) -> str:
    """Return the page behind a cell: of its own entries, of all of the row's behind the first, else none."""
    if not link or not (column.entries or first):
        return ""
    if not column.entries or not link.startswith("/entries"):
        return link if first else ""
    return f"{link}&kind={column.entries}"


def _cell(column: Column, cell: Cell, language: Language, link: str, *, first: bool = False) -> ShownCell:
    match cell:
        case None:
            return ShownCell("", column.is_number)
        case str():
            return ShownCell(cell or "–", number=False, link=link)
        case date():
            return ShownCell(Pages.day(language, cell) if first else cell.isoformat(), number=False, link=link)
        case int():
            return ShownCell(number_of(cell), column.is_number, cell < 0, link if cell else "")


def number_of(amount: int) -> str:
    """Return a number as pages write it, with a true minus sign."""
    return f"{amount:,}".replace("-", "−")


def bars_of(chart: Chart) -> list[ShownBar]:
    """Return a chart's bars; those below zero go the other way from the same line."""
    amounts = [each.amount for each in chart.bars]
    low, high = min(0, *amounts), max(0, *amounts)
    span = high - low or 1
    step = -(-len(amounts) // LABELS_MAX)
    return [
        ShownBar(
            label=each.label,
            text=_amount(each.amount, chart),
            start=(min(0, each.amount) - low) * UNITS // span,
            length=abs(each.amount) * UNITS // span,
            link=each.link,
            labelled=number % step == 0,
            negative=each.amount < 0,
        )
        for number, each in enumerate(chart.bars)
    ]


def top_of(chart: Chart) -> str:
    """Return the largest amount of a chart, in words."""
    return _amount(max((each.amount for each in chart.bars), default=0), chart)


def _amount(amount: int, chart: Chart) -> str:
    return f"{'−' if amount < 0 else ''}¥{abs(amount):,}" if chart.kind == "yen" else number_of(amount)


def facilities_of(known: Iterable[str], scope: list[str] | None) -> list[str]:
    """Return the facilities that somebody may choose among."""
    return sorted(known) if scope is None else scope
