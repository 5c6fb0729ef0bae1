"""The journal for the prefecture's financial system (財務会計システム), by the columns that accounting lays out."""

from __future__ import annotations

import csv
import io
from typing import Final, NamedTuple

from kernel.rows import Transaction
from reconciliation.export_layouts import store
from reconciliation.export_layouts.model import Layout, cells
from reconciliation.exports.csv_text import in_cp932, said
from reconciliation.exports.model import Format
from reconciliation.journal import canonical
from reconciliation.journal.canonical import Journal
from reconciliation.reports.model import Asked, Text

NAME: Final = "journal_prefecture"


class Fed(NamedTuple):
    """The journal, and how it is laid out."""

    journal: Journal
    layout: Layout


async def feed(tx: Transaction, asked: Asked) -> Fed:
    """Read the journal and the newest version of the layout."""
    return Fed(await canonical.read(tx, asked), (await store.versions(tx, NAME))[0].layout)


def write(fed: Fed) -> bytes:
    """Return the file; raise Unmappable for a character that CP932 lacks, where that is its encoding."""
    layout = fed.layout
    headings = [each.heading for each in layout.columns]
    wanted = [row for row in fed.journal.rows if not layout.accounts or row.posting.account in layout.accounts]
    rows = [[said(cell) for cell in cells(layout, row)] for row in wanted]
    if layout.heading:
        rows.insert(0, headings)
    if layout.encoding == "cp932":
        rows = in_cp932(rows, headings, first_row=0 if layout.heading else 1)
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=layout.delimiter, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode(layout.encoding)


FORMAT: Final = Format(
    NAME,
    Text("財務会計システム連携データ", "For the prefecture's financial system"),
    "CSV",
    "text/csv",
    "csv",
    feed,
    write,
    everywhere=True,
)
