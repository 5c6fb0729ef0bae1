"""Records of 200 bytes as 全銀協 lays them out: cutting a file, reading and writing fields by one table, era dates.

A byte is a character: JIS X 0201 with half-width kana, or EBCDIC with kana (IBM code page 290). The first byte tells
which: every file begins with a header, whose first column is `1`. Records may be followed by CRLF, by LF, by EBCDIC's
own new line, or by nothing, and a Ctrl-Z may end the file, as transmission programs add it.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal

import ebcdic  # noqa: F401 - registers the code pages

from kernel.refusals import Words
from reconciliation.statements.model import BrokenLetter, BrokenOrder, broken_field

RECORD_BYTES: Final = 200
RECORDS_MAX: Final = 5_000_000
Encoding = Literal["jis", "ebcdic"]
LineEnd = Literal["crlf", "lf", "none"]
Kind = Literal["digits", "number", "number?", "date", "date?", "text", "blank"]

_BLANK: Final = " "
_ENDS: Final[Mapping[tuple[Encoding, LineEnd], bytes]] = {
    ("jis", "crlf"): b"\r\n",
    ("jis", "lf"): b"\n",
    ("jis", "none"): b"",
    ("ebcdic", "crlf"): b"\r\x25",
    ("ebcdic", "lf"): b"\x25",
    ("ebcdic", "none"): b"",
}
_SKIPPED: Final[Mapping[Encoding, tuple[bytes, ...]]] = {
    "jis": (b"\r\n", b"\n"),
    "ebcdic": (b"\r\x25", b"\r\n", b"\x25", b"\x15", b"\n"),
}
_FILE_ENDS: Final[Mapping[Encoding, bytes]] = {"jis": b"\x1a", "ebcdic": b"\x3f"}
_KANA_FIRST, _KANA_LAST, _KANA_OFFSET = 0xA1, 0xDF, 0xFF61 - 0xA1
_PRINTED_FIRST, _PRINTED_LAST = 0x20, 0x7E

_JIS: Final[Mapping[int, str]] = {
    **{byte: chr(byte) for byte in range(_PRINTED_FIRST, _PRINTED_LAST + 1)},
    **{byte: chr(byte + _KANA_OFFSET) for byte in range(_KANA_FIRST, _KANA_LAST + 1)},
}


def _ebcdic() -> dict[int, str]:
    decoder = codecs.getdecoder("cp290")
    letters = frozenset(_JIS.values())
    said = {byte: decoder(bytes([byte]), "replace")[0] for byte in range(256)}
    # The code page has a yen sign and an overline where JIS X 0201 has them under ASCII's backslash and tilde.
    alike = {"¥": "\\", "‾": "~"}
    return {byte: alike.get(each, each) for byte, each in said.items() if alike.get(each, each) in letters}


_TABLES: Final[Mapping[Encoding, Mapping[int, str]]] = {"jis": _JIS, "ebcdic": _ebcdic()}
_BYTES: Final[Mapping[Encoding, Mapping[str, int]]] = {
    name: {letter: byte for byte, letter in table.items()} for name, table in _TABLES.items()
}
LETTERS: Final = frozenset(_BYTES["jis"]) & frozenset(_BYTES["ebcdic"])

DIGITS: Final = "digits"
A_DATE: Final = "a date as YYMMDD in the era's years"
FITTING: Final = "no more columns than the field has"
EXPECTATIONS: Final = (DIGITS, A_DATE, FITTING)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record: columns `first` to `last`, counted from 1, both inclusive; `said` is its name in words.

    digits: text of digits only; number: an integer, zero-filled; date: YYMMDD of the era; text: filled with spaces.
    A question mark: blanks or zeros say that there is none.
    """

    name: str
    first: int
    last: int
    kind: Kind
    said: str

    @property
    def width(self) -> int:
        """How many columns it takes."""
        return self.last - self.first + 1


Layout = tuple[Field, ...]
_ERA_YEARS_BEFORE: Final = (2018, 1988, 1925)  # 令和, 平成, 昭和: the year 1 of an era is this many plus one


class Era:
    """Resolves YYMMDD without an era's letter: the newest reading that is not after `latest`."""

    def __init__(self, latest: date) -> None:
        self._latest = latest
        self._known: dict[str, date | None] = {}

    def day(self, text: str) -> date | None:
        """Return the day, or None for what is none.

        A bank may go on counting the old era's years for a while after a new one began: no era's years end here.
        """
        if text not in self._known:
            self._known[text] = self._resolve(text)
        return self._known[text]

    def _resolve(self, text: str) -> date | None:
        year, month, day = int(text[:2]), int(text[2:4]), int(text[4:])
        readings = []
        for before in _ERA_YEARS_BEFORE:
            try:
                readings.append(date(before + year, month, day))
            except ValueError:  # A 29 February of one era may not exist in another.
                continue
        return next((each for each in readings if year and each <= self._latest), None)


def era_text(day: date) -> str:
    """Return YYMMDD of the era in which a day lies (令和 from 2019-05-01, 平成 from 1989-01-08, 昭和 before)."""
    before = 2018 if day >= date(2019, 5, 1) else 1988 if day >= date(1989, 1, 8) else 1925
    return f"{day.year - before:02}{day:%m%d}"


def encoding_of(body: bytes) -> Encoding:
    """Return how a file is encoded, by its first byte; raises BrokenOrder for a file that begins with no header."""
    match body[:1]:
        case b"1":
            return "jis"
        case b"\xf1":
            return "ebcdic"
        case first:
            found = Words("an empty file") if not first else f"0x{first.hex()}"
            raise BrokenOrder(record=1, found=found, expected=Words("a header record, which begins with 1"))


def records(body: bytes) -> Iterator[str]:
    """Yield the records as text of 200 characters. Raises BrokenField and BrokenOrder for what is none."""
    encoding = encoding_of(body)
    table, skipped, file_end = _TABLES[encoding], _SKIPPED[encoding], _FILE_ENDS[encoding]
    wide = {byte: table.get(byte, "\ufffd") for byte in range(256)}
    mapping = "".join(wide[byte] for byte in range(256))
    at, number, end = 0, 0, len(body)
    if body.endswith(file_end):
        end -= len(file_end)
    while at < end:
        number += 1
        record = body[at : min(at + RECORD_BYTES, end)]
        text, _ = codecs.charmap_decode(record, "strict", mapping)
        if len(record) < RECORD_BYTES:
            raise BrokenOrder(
                record=number, found=len(record), expected=Words("200 bytes, then the next record or the end")
            )
        if "\ufffd" in text:
            column = text.index("\ufffd") + 1
            raise BrokenLetter(record=number, column=column, found=f"0x{record[column - 1]:02X}")
        yield text
        at += RECORD_BYTES
        for ending in skipped:
            if body.startswith(ending, at):
                at += len(ending)
                break


def parse(record: str, layout: Layout, number: int, era: Era) -> dict[str, Any]:
    """Return a record's fields by name, all but blanks. Raises BrokenField for a field that is not of its kind."""
    return {
        each.name: _value(record[each.first - 1 : each.last], each, number, era)
        for each in layout
        if each.kind != "blank"
    }


def _value(text: str, field: Field, number: int, era: Era) -> str | int | date | None:
    if field.kind == "text":
        return text.rstrip(_BLANK)
    if field.kind in {"number?", "date?"} and not text.strip(" 0"):
        return None
    if not (text.isascii() and text.isdigit()):
        raise broken_field(number, field.said, text, DIGITS)
    match field.kind:
        case "digits":
            return text
        case "number" | "number?":
            return int(text)
        case "date" | "date?":
            day = era.day(text)
            if day is None:
                raise broken_field(number, field.said, text, A_DATE)
            return day
        case _:
            raise AssertionError(field)


def build(values: Mapping[str, Any], layout: Layout, number: int) -> str:
    """Return a record of 200 characters. Raises BrokenField for a value that does not fit its field."""
    parts = [_written(None if each.kind == "blank" else values[each.name], each, number) for each in layout]
    return "".join(parts)


def _written(value: Any, field: Field, number: int) -> str:
    if value is None:
        return _BLANK * field.width if field.kind in {"blank", "date?"} else "0" * field.width
    text = era_text(value) if isinstance(value, date) else str(value)
    filled = text.ljust(field.width) if field.kind == "text" else text.zfill(field.width)
    if len(filled) != field.width:
        raise broken_field(number, field.said, text, FITTING)
    return filled


def encode(lines: Sequence[str], encoding: Encoding, line_end: LineEnd, *, last_end: bool = True) -> bytes:
    """Return a file of records. Raises BrokenField for a character that bank files do not hold."""
    table, ending = _BYTES[encoding], _ENDS[encoding, line_end]
    written = []
    for number, line in enumerate(lines, start=1):
        try:
            written.append(bytes(table[letter] for letter in line))
        except KeyError as missing:
            letter = str(missing.args[0])
            raise BrokenLetter(record=number, column=line.index(letter) + 1, found=letter) from None
    body = ending.join(written)
    return body + ending if last_end else body


def soon_after(day: date) -> date:
    """Return the latest day that a record made on a day may speak of: a value date lies a few days ahead."""
    return day + timedelta(days=31)
