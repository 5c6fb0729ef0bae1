"""How a report's document is written: each writer makes one format of each report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reconciliation.exports import csv_text, paper, workbook
from reconciliation.exports.model import Format
from reconciliation.reports.model import Document, Report


@dataclass(frozen=True, slots=True)
class Writer:
    """One way to write a document; a report's format is named `<report>_<writer>`."""

    name: str
    writing: str
    media_type: str
    suffix: str
    write: Callable[[Document], bytes]


WRITERS: Final = (
    Writer("csv", "CSV (UTF-8)", "text/csv; charset=utf-8", "csv", csv_text.in_utf8),
    Writer("csv_cp932", "CSV (Shift_JIS)", "text/csv; charset=Shift_JIS", "csv", csv_text.in_shift_jis),
    Writer(
        "xlsx",
        "Excel",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsx",
        workbook.write,
    ),
    Writer("pdf", "PDF", "application/pdf", "pdf", paper.write),
)


def formats_of(report: Report) -> tuple[Format[Document], ...]:
    """Return the formats of a report, one for each writer."""
    return tuple(
        Format(
            f"{report.name}_{each.name}",
            report.title,
            each.writing,
            each.media_type,
            each.suffix,
            report.read,
            each.write,
            everywhere=report.everywhere,
            report=report.name,
        )
        for each in WRITERS
    )
