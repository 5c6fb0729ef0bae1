"""Reads one sheet of an Excel workbook (.xlsx, ECMA-376) row by row, as text that says what the cells say.

Whole numbers and dates are typed by their format, formulas are their cached results. What cannot be trusted is marked
and not guessed: an error, a formula that nobody computed, a number of more digits than a spreadsheet keeps. Those must
be refused where they are needed; libraries give them as empty cells or as rounded numbers (docs/decisions/0180).
"""

from __future__ import annotations

import math
import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final
from xml.parsers import expat

from kernel.refusals import Words
from reconciliation.statements.model import BrokenWorkbook, SheetMissing

UNPACKED_BYTES_MAX: Final = 600_000_000
TEXTS_BYTES_MAX: Final = 150_000_000
PARTS_MAX: Final = 2_000
COLUMNS_MAX: Final = 16_384
ROWS_MAX: Final = 1_048_576
DIGITS_MAX: Final = 15  # of a number; a spreadsheet rounds the rest away
CHUNK_BYTES: Final = 1 << 16

# What stands before the text of a cell that cannot be trusted: no character of any text (Unicode noncharacters).
ERROR, UNCOMPUTED, ROUNDED = "\ufdd0", "\ufdd1", "\ufdd2"
MARKS: Final = (ERROR, UNCOMPUTED, ROUNDED)

OLD_OR_LOCKED: Final = "it is of Excel's old kind or protected by a password"
DAMAGED: Final = "it is damaged"
TOO_LARGE: Final = "it is too large when unpacked"
PROBLEMS: Final = (OLD_OR_LOCKED, DAMAGED, TOO_LARGE)

ZIP_BEGINS: Final = b"PK\x03\x04"
OLE_BEGINS: Final = b"\xd0\xcf\x11\xe0"

_EPOCHS: Final = (datetime(1899, 12, 30), datetime(1904, 1, 1))  # noqa: DTZ001 - a sheet's times have no zone
_LEAP_BUG: Final = 61  # Serial numbers below are a day off: 1900 had no 29 February.
_LAST_SERIAL: Final = 2_958_466  # 9999-12-31
_DATE_IDS: Final = frozenset({14, 15, 16, 17, 22, *range(27, 32), *range(34, 37), *range(50, 59)})  # as Japan has them
_TIME_IDS: Final = frozenset({18, 19, 20, 21, 22, 32, 33, 45, 46, 47})
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|_.|\*.|[Ee][+-]')
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_PLACE = re.compile(r"^([A-Z]{1,3})([0-9]{1,7})$")


@dataclass(frozen=True, slots=True)
class Row:
    """One row that holds something: its number as the spreadsheet shows it, and its cells from the first column on."""

    number: int
    cells: list[str]


class Workbook:
    """An opened workbook; see `opened`."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = frozenset(archive.namelist())
        main = self._main()
        self._sheets, self._epoch = _sheets_of(self._part(main))
        self._targets = _targets_of(self._part(_relations_of(main)), main)
        by_kind = dict(self._targets.values())
        self._texts_at, self._styles_at = by_kind.get("sharedStrings"), by_kind.get("styles")

    def _main(self) -> str:
        found = _targets_of(self._part("_rels/.rels"), "")
        return next((target for kind, target in found.values() if kind == "officeDocument"), "")

    def _part(self, name: str) -> IO[bytes]:
        if name not in self._names:
            raise BrokenWorkbook(problem=Words(DAMAGED))
        return self._archive.open(name)

    @property
    def sheets(self) -> list[str]:
        """The names of the sheets that are tables, the hidden ones last."""
        shown = [each for each in self._sheets if self._targets.get(each.relation, ("", ""))[0] == "worksheet"]
        return [each.name for each in sorted(shown, key=lambda each: each.hidden)]

    def rows(self, sheet: str | None) -> Iterator[Row]:
        """Yield the rows of a sheet that hold something; None: of the first one. Raises SheetMissing."""
        known = self.sheets
        wanted = sheet if sheet is not None else next(iter(known), "")
        if wanted not in known:
            raise SheetMissing(sheet=wanted, found=", ".join(known)[:500])
        relation = next(each.relation for each in self._sheets if each.name == wanted)
        with _translated():
            texts = _texts_of(self._texts()) if self._texts_at else []
            formats = _formats_of(self._part(self._styles_at)) if self._styles_at else []
            return _rows_of(self._part(self._targets[relation][1]), _Cells(texts, formats, self._epoch))

    def _texts(self) -> IO[bytes]:
        """Return the part of shared texts, which are held in memory."""
        name = self._texts_at or ""
        if name in self._names and self._archive.getinfo(name).file_size > TEXTS_BYTES_MAX:
            raise BrokenWorkbook(problem=Words(TOO_LARGE))
        return self._part(name)


@contextmanager
def opened(file: Path) -> Iterator[Workbook]:
    """Open a workbook. Raises BrokenWorkbook, here or while it is read."""
    with file.open("rb") as source, ExitStack() as held:
        if source.read(len(OLE_BEGINS)) == OLE_BEGINS:
            raise BrokenWorkbook(problem=Words(OLD_OR_LOCKED))
        with _translated():
            archive = held.enter_context(zipfile.ZipFile(source))
            parts = archive.infolist()
            if len(parts) > PARTS_MAX or sum(each.file_size for each in parts) > UNPACKED_BYTES_MAX:
                raise BrokenWorkbook(problem=Words(TOO_LARGE))
            book = Workbook(archive)
        yield book


@contextmanager
def _translated() -> Iterator[None]:
    """Say of whatever a damaged file makes Python's own readers raise that the file is damaged."""
    try:
        yield
    except (
        *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
        *(expat.ExpatError, ValueError, LookupError, OverflowError),
    ) as problem:
        raise BrokenWorkbook(problem=Words(DAMAGED)) from problem


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    relation: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class _Format:
    """How a cell's number is shown, as far as it matters: as a day, with a time."""

    day: bool = False
    time: bool = False


class _Parser:
    """Calls back for elements and their texts by the names of the root's namespace.

    Refuses a document type: no workbook has one, and XML bombs need it.
    """

    def __init__(
        self,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> None:
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _no_doctype
        self._start, self._end = start, end or (lambda _: None)
        self._parser.StartElementHandler = self._root
        if text is not None:
            self._parser.CharacterDataHandler = text

    def _root(self, name: str, said: dict[str, str]) -> None:
        """See by the first element whether names have a prefix; nearly none do, and cells are many."""
        prefix, colon, local = name.rpartition(":")
        start, end = self._start, self._end
        if colon:
            known = f"{prefix}:"
            self._parser.StartElementHandler = lambda each, attributes: start(each.removeprefix(known), attributes)
            self._parser.EndElementHandler = lambda each: end(each.removeprefix(known))
        else:
            self._parser.StartElementHandler, self._parser.EndElementHandler = start, end
        start(local, said)

    def feed(self, piece: bytes, *, last: bool) -> None:
        """Parse a piece."""
        self._parser.Parse(piece, last)

    def read(self, part: IO[bytes]) -> None:
        """Parse a whole part."""
        with part:
            while piece := part.read(CHUNK_BYTES):
                self.feed(piece, last=False)
            self.feed(b"", last=True)


def _no_doctype(*_: Any) -> None:
    raise BrokenWorkbook(problem=Words(DAMAGED))


def _relation(attributes: dict[str, str]) -> str:
    """Return r:id, whatever the prefix is."""
    return next((value for name, value in attributes.items() if name.endswith(":id")), "")


def _sheets_of(part: IO[bytes]) -> tuple[list[_Sheet], datetime]:
    sheets: list[_Sheet] = []
    epoch = _EPOCHS[0]

    def start(name: str, said: dict[str, str]) -> None:
        nonlocal epoch
        if name == "sheet":
            sheets.append(_Sheet(said.get("name", ""), _relation(said), said.get("state", "visible") != "visible"))
        elif name == "workbookPr" and said.get("date1904", "0") in {"1", "true"}:
            epoch = _EPOCHS[1]

    _Parser(start).read(part)
    return sheets, epoch


def _relations_of(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return posixpath.join(folder, "_rels", f"{file}.rels")


def _targets_of(part: IO[bytes], source: str) -> dict[str, tuple[str, str]]:
    """Return the kind and the part's name of each relation. No name leads out of the archive: it is only looked up."""
    found: dict[str, tuple[str, str]] = {}

    def start(name: str, said: dict[str, str]) -> None:
        if name == "Relationship" and said.get("TargetMode", "Internal") == "Internal":
            target = said.get("Target", "")
            whole = target[1:] if target.startswith("/") else posixpath.join(posixpath.dirname(source), target)
            found[said.get("Id", "")] = (said.get("Type", "").rpartition("/")[2], posixpath.normpath(whole))

    _Parser(start).read(part)
    return found


def _texts_of(part: IO[bytes]) -> list[str]:
    """Return the shared texts: each the sum of its runs, without readings in kana (rPh)."""
    texts: list[str] = []
    pieces: list[str] = []
    inside, reading = False, 0

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal inside, reading
        if name == "si":
            pieces.clear()
        elif name == "rPh":
            reading += 1
        inside = name == "t" and not reading

    def end(name: str) -> None:
        nonlocal inside, reading
        inside = False
        if name == "si":
            texts.append(_unescaped("".join(pieces)))
        elif name == "rPh":
            reading -= 1

    _Parser(start, end, lambda said: pieces.append(said) if inside else None).read(part)
    return texts


def _unescaped(text: str) -> str:
    """Return a text with Excel's own escapes resolved, such as _x000D_; a NUL stays written out."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda found: found.group() if int(found[1], 16) == 0 else chr(int(found[1], 16)), text)


def _formats_of(part: IO[bytes]) -> list[_Format]:
    codes: dict[int, str] = {}
    formats: list[_Format] = []
    inside = False

    def start(name: str, said: dict[str, str]) -> None:
        nonlocal inside
        if name == "numFmt":
            codes[int(said.get("numFmtId", "-1"))] = said.get("formatCode", "")
        elif name == "cellXfs":
            inside = True
        elif name == "xf" and inside:
            number = int(said.get("numFmtId", "0"))
            built_in = _Format(day=number in _DATE_IDS, time=number in _TIME_IDS)
            formats.append(_format_of(codes[number]) if number in codes else built_in)

    def end(name: str) -> None:
        nonlocal inside
        inside = inside and name != "cellXfs"

    _Parser(start, end).read(part)
    return formats


def _format_of(code: str) -> _Format:
    """Return what a format's code shows: letters of days and times outside of quotation marks and brackets."""
    plain = _QUOTED.sub("", code.partition(";")[0]).lower()
    time = bool(re.search("[hs]", plain))
    return _Format(day=bool(re.search("[ydge]", plain)) and "general" not in plain, time=time)


class _Cells:
    """Turns what a cell holds into text."""

    def __init__(self, texts: list[str], formats: list[_Format], epoch: datetime) -> None:
        self._texts = texts
        self._formats = formats
        self._epoch = epoch

    def text(self, kind: str, style: str, value: str, formula: str | None) -> str:
        """Return a cell's text. `kind` and `style` are its attributes t and s; `formula` is None where it has none."""
        match kind:
            case "inlineStr" | "str":
                return _unescaped(value)
            case _ if not value:
                return f"{UNCOMPUTED}={formula}" if formula is not None else ""
            case "s":
                return self._texts[abs(int(value))]
            case "e" | "b":
                return ERROR + value if kind == "e" else str(value in {"1", "true"}).upper()
            case "d":
                return value.replace("T", " ").removesuffix("Z")
            case _:
                return self._number(value, style)

    def _number(self, value: str, style: str) -> str:
        place = int(style) if style.isdigit() else 0
        shown = self._formats[place] if place < len(self._formats) else _Format()
        number = float(value)
        if math.isnan(number):
            raise BrokenWorkbook(problem=Words(DAMAGED))
        if shown.day and _LEAP_BUG <= number < _LAST_SERIAL:
            moment = self._epoch + timedelta(seconds=round(number * 86_400))
            whole = not shown.time and number == int(number)
            return moment.strftime("%Y-%m-%d" if whole else "%Y-%m-%d %H:%M:%S")
        if abs(number) >= 10**DIGITS_MAX:
            return ROUNDED + value
        return str(int(number)) if number == int(number) else f"{number:.{DIGITS_MAX}g}"


def _rows_of(part: IO[bytes], cells: _Cells) -> Iterator[Row]:
    reader = _SheetReader(cells)
    with _translated(), part:
        while piece := part.read(CHUNK_BYTES):
            reader.parser.feed(piece, last=False)
            yield from reader.taken()
        reader.parser.feed(b"", last=True)
        yield from reader.taken()


class _SheetReader:
    """Collects the rows of a sheet while its XML goes by."""

    def __init__(self, cells: _Cells) -> None:
        self.parser = _Parser(self._start, self._end, self._text)
        self._cells = cells
        self._rows: list[Row] = []
        self._number = 0
        self._row: list[str] = []
        self._column = 0
        self._kind = self._style = ""
        self._value: list[str] = []
        self._formula: list[str] | None = None
        self._into: list[str] | None = None
        self._reading = 0

    def taken(self) -> list[Row]:
        """Return the rows that are complete."""
        rows, self._rows = self._rows, []
        return rows

    def _start(self, name: str, said: dict[str, str]) -> None:
        if name == "v" or (name == "t" and not self._reading):
            self._into = self._value
        elif name == "c":
            self._begin_cell(said)
        elif name == "row":
            number = int(said["r"]) if said.get("r", "").isdigit() else self._number + 1
            if not self._number < number <= ROWS_MAX:
                raise BrokenWorkbook(problem=Words(DAMAGED))
            self._number, self._row, self._column = number, [], 0
        elif name == "f":
            self._formula = self._into = []
        elif name == "rPh":
            self._reading += 1

    def _begin_cell(self, said: dict[str, str]) -> None:
        place = _PLACE.match(said.get("r", ""))
        self._column = _column_of(place[1]) if place else self._column + 1
        if not len(self._row) < self._column <= COLUMNS_MAX:
            raise BrokenWorkbook(problem=Words(DAMAGED))
        self._kind, self._style = said.get("t", "n"), said.get("s", "")
        self._value, self._formula, self._into = [], None, None

    def _text(self, said: str) -> None:
        if self._into is not None:
            self._into.append(said)

    def _end(self, name: str) -> None:
        if name in {"v", "f", "t"}:
            self._into = None
        elif name == "c":
            formula = None if self._formula is None else "".join(self._formula)
            text = self._cells.text(self._kind, self._style, "".join(self._value), formula)
            if text:
                self._row.extend("" for _ in range(self._column - 1 - len(self._row)))
                self._row.append(text)
        elif name == "row":
            if any(each.strip() for each in self._row):
                self._rows.append(Row(self._number, self._row))
        elif name == "rPh":
            self._reading -= 1


def _column_of(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def column_name(number: int) -> str:
    """Return the letters of a column, counted from 1."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
