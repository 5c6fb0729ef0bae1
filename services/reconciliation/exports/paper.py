"""Reports on A4 as PDF, by typst: headings on every page, sums below, page numbers, a Japanese font within.

What is printed reaches the template as data, never as markup, so that no name can break it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Lock
from typing import Final

import typst

from kernel.refusals import Invalid, Unavailable
from kernel.web.pages import BUILT
from reconciliation.reports.model import Cell, Column, Document, Table

TEMPLATE: Final = Path(__file__).parent / "templates" / "report.typ"
# Japanese fonts by preference: the first comes with the web build, the others may be the machine's own.
FAMILIES: Final = ("BIZ UDPGothic", "Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic", "IPAPGothic", "Hiragino Sans")
# A document carries when it was made; a fixed moment keeps the bytes the same for the same figures.
MADE_AT: Final = datetime(2000, 1, 1, tzinfo=UTC)
ROWS_MAX: Final = 5_000


class NoReportFont(Unavailable):
    """No Japanese font is on this machine; a paper of empty boxes is never made."""

    slug = "no-report-font"
    advice = (
        "PDF reports need a Japanese font. Run 'make web', which brings one, or install fonts-noto-cjk. "
        "The other formats do not need it."
    )


class TooLongForPaper(Invalid):
    """Nobody prints hundreds of pages."""

    slug = "too-long-for-paper"
    advice = "This PDF would have {rows} rows, and {rows_max} are the most. Choose fewer days, or Excel or CSV."


def write(document: Document) -> bytes:
    """Return the file; raise TooLongForPaper or NoReportFont."""
    return _PRINTER.pdf(document)


@dataclass(slots=True)
class Printer:
    """Makes the PDFs, one at a time; its compiler remembers the fonts."""

    folders: Sequence[Path] = (BUILT / "fonts",)
    system_fonts: bool = True
    _ready: tuple[typst.Compiler, str] | None = None
    _lock: Lock = field(default_factory=Lock)

    def pdf(self, document: Document) -> bytes:
        """Return the PDF of a document; raise TooLongForPaper or NoReportFont."""
        rows = sum(len(table.rows) for table in document.tables)
        if rows > ROWS_MAX:
            raise TooLongForPaper(rows=f"{rows:,}", rows_max=f"{ROWS_MAX:,}")
        with self._lock:
            compiler, family = self._compiler()
            data = json.dumps(_data(document, family), ensure_ascii=False)
            made = compiler.compile(format="pdf", sys_inputs={"data": data}, pdf_standards="ua-1", timestamp=MADE_AT)
        assert isinstance(made, bytes)  # noqa: S101 - a PDF is one file
        return made

    def _compiler(self) -> tuple[typst.Compiler, str]:
        if self._ready is None:
            fonts, family = self._fonts()
            self._ready = typst.Compiler(str(TEMPLATE), root=str(TEMPLATE.parent), font_paths=fonts), family
        return self._ready

    def _fonts(self) -> tuple[typst.Fonts, str]:
        present = [str(folder) for folder in self.folders if folder.is_dir()]
        for with_system in (False, True) if self.system_fonts else (False,):
            fonts = typst.Fonts(
                include_system_fonts=with_system, include_embedded_fonts=False, font_paths=list(present)
            )
            families = set(fonts.families())
            family = next((each for each in FAMILIES if each in families), None)
            if family is not None:
                return fonts, family
        raise NoReportFont


_PRINTER: Final = Printer()


def _data(document: Document, family: str) -> dict[str, object]:
    """Return what the template prints, every value a text that is ready to print."""
    return {
        "font": family,
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
    sums = table.totals
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
        "rows": [
            [_said(column, row[place]) for column, place in zip(columns, shown, strict=True)] for row in table.rows
        ],
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
