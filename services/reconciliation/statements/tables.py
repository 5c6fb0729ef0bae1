"""Opens a provider's table, CSV or Excel workbook, as one CSV in UTF-8 whose row of headings is known."""

from __future__ import annotations

import codecs
import csv
import io
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from kernel.refusals import Words
from reconciliation.statements import workbook
from reconciliation.statements.columns import Column, Columns
from reconciliation.statements.model import BrokenOrder, HeadingMissing, Undecodable

CHUNK_BYTES: Final = 1 << 20
HEADING_BYTES_MAX: Final = 1 << 16
HEADING_ROWS_MAX: Final = 50  # above the headings there may be a title, a period, a name
ENCODINGS: Final = ("utf-8-sig", "cp932")
DELIMITERS: Final = (",", ";", "\t")
AN_EMPTY_FILE: Final = "an empty file"


@dataclass(frozen=True, slots=True)
class Table:
    """A table as UTF-8 text that begins with its headings. `row` is their number as a spreadsheet counts.

    `sheet` None: it is no workbook; else a last column more than there are headings has the number of each row.
    """

    text: Path
    headings: tuple[str, ...]
    delimiter: str
    row: int
    sheet: str | None = None

    def name_of(self, place: int) -> str:
        """Return what people call a column, counted from 0: its heading, in a workbook with its letters too."""
        if self.sheet is None:
            return self.headings[place]
        return f"{self.headings[place]} ({workbook.column_name(place + 1)})"


def is_workbook(start: bytes) -> bool:
    """Tell by its first bytes whether a file is an Excel workbook, of the new kind or the old."""
    return start.startswith((workbook.ZIP_BEGINS, workbook.OLE_BEGINS))


def opened(file: Path, columns: Columns, *, scratch: Path) -> Table:
    """Return a file's table; what is written goes to `scratch`.

    Raises Undecodable, HeadingMissing, BrokenOrder, BrokenWorkbook and SheetMissing.
    """
    with file.open("rb") as source:
        start = source.read(len(workbook.OLE_BEGINS))
    if is_workbook(start):
        return _from_workbook(file, columns, scratch / "text.csv")
    text = _as_utf8(file, scratch)
    with text.open(encoding="utf-8", newline="") as given:
        found = _found(_csv_rows(given.read(HEADING_BYTES_MAX), columns.delimiter), columns)
    if found.lines:
        text = _without_lines(text, found.lines, scratch / "below.csv")
    return Table(text, found.headings, columns.delimiter, found.row)


def _without_lines(text: Path, count: int, target: Path) -> Path:
    """Write a text again without its first lines, as what reads it has a mind of its own about titles."""
    with text.open(encoding="utf-8", newline="") as source, target.open("w", encoding="utf-8", newline="") as sink:
        for _ in range(count):
            source.readline()
        shutil.copyfileobj(source, sink, CHUNK_BYTES)
    return target


def fits(file: Path, columns: Columns) -> bool:
    """Tell by the beginning of a file whether it has all headings that a mapping needs."""
    with file.open("rb") as source:
        start = source.read(HEADING_BYTES_MAX)
    if is_workbook(start):
        with workbook.opened(file) as book:
            if columns.sheet is not None and columns.sheet not in book.sheets:
                return False
            return _has_headings(((row.number, row.number, row.cells) for row in book.rows(columns.sheet)), columns)
    for encoding in ENCODINGS:
        try:
            # A cut last character is no reason to doubt the first rows.
            text = codecs.getincrementaldecoder(encoding)().decode(start)
        except UnicodeDecodeError:
            continue
        if _has_headings(_csv_rows(text, columns.delimiter), columns):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first rows of a file that no mapping explains yet, each with its number; empty ones are not among them."""

    sheets: tuple[str, ...]  # of a workbook
    sheet: str | None
    delimiter: str
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def beginning(file: Path, *, scratch: Path, delimiter: str | None, sheet: str | None, rows_max: int) -> Beginning:
    """Return how a file begins. Without a delimiter it is the one that makes the most columns.

    Raises Undecodable, BrokenWorkbook and SheetMissing.
    """
    with file.open("rb") as source:
        start = source.read(len(workbook.OLE_BEGINS))
    if is_workbook(start):
        with workbook.opened(file) as book:
            known = book.sheets
            rows = tuple((row.number, _plain(row.cells)) for row in islice(book.rows(sheet), rows_max))
            return Beginning(tuple(known), sheet if sheet is not None else next(iter(known), None), ",", rows)
    text = _as_utf8(file, scratch)
    with text.open(encoding="utf-8", newline="") as given:
        said = given.read()
    if delimiter is None:
        first = {each: [row for _, _, row in islice(_csv_rows(said, each), HEADING_ROWS_MAX)] for each in DELIMITERS}
        delimiter = max(DELIMITERS, key=lambda each: max(map(len, first[each]), default=0))
    found = ((number, _plain(cells)) for number, _, cells in _csv_rows(said, delimiter) if any(cells))
    return Beginning((), None, delimiter, tuple(islice(found, rows_max)))


def _plain(cells: Iterable[str]) -> tuple[str, ...]:
    return tuple((each[1:] if each.startswith(workbook.MARKS) else each).strip() for each in cells)


@dataclass(frozen=True, slots=True)
class _Headings:
    row: int
    lines: int  # of text before it
    headings: tuple[str, ...]


_Rows = Iterator[tuple[int, int, Sequence[str]]]  # the row's number, the lines before it, its cells


def _csv_rows(text: str, delimiter: str) -> _Rows:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    number, before = 0, 0
    while True:
        try:
            cells = next(rows)
        except (StopIteration, csv.Error):
            return
        number += 1
        yield number, before, cells
        before = rows.line_num


def _needed(columns: Columns) -> list[Column]:
    wanted = [*columns.columns.values(), *(each.column for each in columns.skips)]
    wanted += [columns.currency] if columns.currency else []
    return [each for each in wanted if not each.optional]


def _first_rows(rows: _Rows) -> Iterator[_Headings]:
    for number, lines, cells in islice(rows, HEADING_ROWS_MAX):
        yield _Headings(number, lines, told_apart(each.strip() for each in cells))


def told_apart(headings: Iterable[str]) -> tuple[str, ...]:
    """Return headings of which none is there twice: the second of a name is called `name (2)`."""
    seen: Counter[str] = Counter()
    found = []
    for each in headings:
        seen[each] += 1
        found.append(each if seen[each] == 1 or not each else f"{each} ({seen[each]})")
    return tuple(found)


def _has_headings(rows: _Rows, columns: Columns) -> bool:
    needed = _needed(columns)
    return any(all(set(each.headings) & set(row.headings) for each in needed) for row in _first_rows(rows))


def _found(rows: _Rows, columns: Columns) -> _Headings:
    """Return the row of headings: the first that has all of them.

    Raises BrokenOrder for an empty table, and HeadingMissing by the row that has the most of them.
    """
    needed = _needed(columns)
    closest: tuple[int, _Headings] | None = None
    for row in _first_rows(rows):
        there = sum(1 for each in needed if set(each.headings) & set(row.headings))
        if there == len(needed):
            return row
        if row.headings and (closest is None or there > closest[0]):
            closest = there, row
    if closest is None:
        raise BrokenOrder(record=1, found=Words(AN_EMPTY_FILE), expected=Words("a row of headings"))
    headings = closest[1].headings
    missing = next(each for each in needed if not set(each.headings) & set(headings))
    raise HeadingMissing(heading=missing.headings[0], found=", ".join(each for each in headings if each)[:500])


def _as_utf8(file: Path, scratch: Path) -> Path:
    """Return the file in UTF-8 without a byte order mark; raise Undecodable naming row and column."""
    problem: tuple[int, int] = (1, 1)
    for encoding in ENCODINGS:
        target = scratch / "text.csv"
        decoder = codecs.getincrementaldecoder(encoding)()
        done = 0
        with file.open("rb") as source, target.open("w", encoding="utf-8", newline="") as sink:
            try:
                while chunk := source.read(CHUNK_BYTES):
                    sink.write(decoder.decode(_without_nul(chunk, encoding)))
                    done += len(chunk)
                sink.write(decoder.decode(b"", final=True))
            except UnicodeDecodeError as broken:
                sink.flush()
                problem = max(problem, _place(file, done, broken))
                continue
        return target
    row, column = problem
    raise Undecodable(row=row, column=column, encodings="UTF-8, CP932")


def _without_nul(chunk: bytes, encoding: str) -> bytes:
    """Return a piece; raise UnicodeDecodeError for a NUL: no character of a table, and none that a database keeps."""
    at = chunk.find(b"\0")
    if at >= 0:
        raise UnicodeDecodeError(encoding, b"", at, at + 1, "NUL")
    return chunk


def _place(file: Path, done: int, broken: UnicodeDecodeError) -> tuple[int, int]:
    """Return the row and the cell, both from 1, of the first byte that is no character."""
    with file.open("rb") as source:
        before = source.read(done + broken.start)
    row = before.count(b"\n") + 1
    return row, before[before.rfind(b"\n") + 1 :].count(b",") + 1


def _from_workbook(file: Path, columns: Columns, target: Path) -> Table:
    """Write the rows of a workbook's sheet, from its headings on, each with its number behind it."""
    with workbook.opened(file) as book:
        sheet = columns.sheet if columns.sheet is not None else next(iter(book.sheets), "")
        found = _found(((row.number, row.number, row.cells) for row in book.rows(columns.sheet)), columns)
        width = len(found.headings)
        with target.open("w", encoding="utf-8", newline="") as sink:
            writer = csv.writer(sink, quoting=csv.QUOTE_ALL, delimiter=columns.delimiter)
            writer.writerow([*found.headings, ""])
            for row in book.rows(columns.sheet):
                if row.number > found.row:
                    cells = row.cells[:width]
                    writer.writerow([*cells, *([""] * (width - len(cells))), row.number])
    return Table(target, found.headings, columns.delimiter, found.row, sheet)
