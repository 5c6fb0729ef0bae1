"""Reads a provider's CSV of any size into settlement lines, by a mapping of columns; set-based, in DuckDB.

The whole file is read and checked before anything of it is taken. A row that is not what the mapping says is refused
with its number as a spreadsheet counts it (the heading is row 1), its column, what was found and what was expected.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import duckdb

from kernel.money import Yen
from kernel.refusals import Words
from reconciliation.statements.columns import DAY_FORMATS, FIELDS, MOMENT_FORMATS, Column, Columns, Parse
from reconciliation.statements.model import (
    BrokenOrder,
    BrokenRow,
    BrokenRowSum,
    HeadingMissing,
    Undecodable,
    broken_cell,
)

CHUNK_BYTES: Final = 1 << 20
HEADING_BYTES_MAX: Final = 1 << 16
ROW_BYTES_MAX: Final = 1 << 20
ENCODINGS: Final = ("utf-8-sig", "cp932")
LINE_COLUMNS: Final = (
    *("id", "record", "provider", "kind", "word", "attempt_id", "reference", "key", "gross", "fee", "tax", "net"),
    *("payout", "arrives_on", "occurred_on", "brand"),
)

WHOLE_YEN: Final = "a whole amount of yen"
A_DAY: Final = "a day such as 2026-11-23"
A_MOMENT: Final = "a day and a time such as 2026-11-23 10:00:00"
SOMETHING: Final = "something; it is empty"
A_KNOWN_KIND: Final = "a kind of booking that the mapping knows"
YEN_ONLY: Final = "jpy"
EXPECTED: Final[Mapping[Parse, str]] = {
    "text": SOMETHING,
    "yen": WHOLE_YEN,
    "day": A_DAY,
    "moment_utc": A_MOMENT,
    "moment_japan": A_MOMENT,
}
EXPECTATIONS: Final = (*EXPECTED.values(), A_KNOWN_KIND, YEN_ONLY)


@dataclass(frozen=True, slots=True)
class Sums:
    """What the lines of a file add up to."""

    gross: Yen
    net: Yen


class Lines:
    """The settlement lines of one file, in a DuckDB of their own; see `read`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    @property
    def count(self) -> int:
        """How many lines there are."""
        found = self._connection.execute("SELECT count(*) FROM lines").fetchone()
        return 0 if found is None else int(found[0])

    @property
    def sums(self) -> Sums:
        """The sums of all lines but transfers to our own bank."""
        found = self._connection.execute(
            "SELECT coalesce(sum(gross), 0)::BIGINT, coalesce(sum(net), 0)::BIGINT FROM lines WHERE kind <> 'payout'"
        ).fetchone()
        assert found is not None  # noqa: S101 - an aggregate has one row
        return Sums(Yen(int(found[0])), Yen(int(found[1])))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the lines in the file's order, as LINE_COLUMNS names them."""
        found = self._connection.execute(f"SELECT {', '.join(LINE_COLUMNS)} FROM lines ORDER BY record")
        while portion := found.fetchmany(1_000):
            yield from portion

    def write(self, file: Path, file_id: UUID) -> None:
        """Write the lines, and last their file's id, for PostgreSQL's COPY, sorted by id: so its index grows fast."""
        self._connection.execute(
            f"COPY (SELECT {', '.join(LINE_COLUMNS)}, '{file_id}' FROM lines ORDER BY id) TO '{_quoted(str(file))}' "
            "(FORMAT csv, HEADER false, NULLSTR '\\N')"
        )

    @property
    def days(self) -> tuple[date, date] | None:
        """The first and the last day on which something occurred; None for no lines."""
        found = self._connection.execute("SELECT min(occurred_on), max(occurred_on) FROM lines").fetchone()
        return None if found is None or found[0] is None else (found[0], found[1])


@contextmanager
def read(file: Path, columns: Columns, *, scratch: Path) -> Iterator[Lines]:
    """Read a file of any size. `scratch` is an empty folder for what does not fit into memory.

    Raises Undecodable, HeadingMissing, BrokenRow, BrokenOrder, BrokenCell and BrokenRowSum.
    """
    text = _as_utf8(file, scratch)
    headings = _headings(text, columns)
    connection = duckdb.connect(
        config={"memory_limit": "800MB", "temp_directory": str(scratch), "autoinstall_known_extensions": False}
    )
    try:
        _take(connection, text, headings, columns)
        _check(connection, headings, columns)
        connection.execute(_lines_sql(headings, columns))
        _check_sums(connection)
        yield Lines(connection)
    finally:
        connection.close()


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
                    sink.write(decoder.decode(chunk))
                    done += len(chunk)
                sink.write(decoder.decode(b"", final=True))
            except UnicodeDecodeError as broken:
                sink.flush()
                problem = max(problem, _place(file, done, broken))
                continue
        return target
    row, column = problem
    raise Undecodable(row=row, column=column, encodings="UTF-8, CP932")


def _place(file: Path, done: int, broken: UnicodeDecodeError) -> tuple[int, int]:
    """Return the row and the cell, both from 1, of the first byte that is no character."""
    with file.open("rb") as source:
        before = source.read(done + broken.start)
    row = before.count(b"\n") + 1
    return row, before[before.rfind(b"\n") + 1 :].count(b",") + 1


def _headings(file: Path, columns: Columns) -> list[str]:
    with file.open(encoding="utf-8", newline="") as source:
        first = next(csv.reader(io.StringIO(source.read(HEADING_BYTES_MAX)), delimiter=columns.delimiter), None)
    if not first:
        raise BrokenOrder(record=1, found=Words("an empty file"), expected=Words("a row of headings"))
    return [each.strip() for each in first]


def has_headings(start: bytes, columns: Columns) -> bool:
    """Tell by the first bytes of a file whether it has all headings that a mapping needs."""
    for encoding in ENCODINGS:
        try:
            # A cut last character is no reason to doubt the first row.
            text = codecs.getincrementaldecoder(encoding)().decode(start)
        except UnicodeDecodeError:
            continue
        headings = [each.strip() for each in next(csv.reader(io.StringIO(text), delimiter=columns.delimiter), [])]
        wanted = [*columns.columns.values(), *(each.column for each in columns.skips)]
        if all(each.optional or set(each.headings) & set(headings) for each in wanted):
            return True
    return False


def _where(column: Column, headings: list[str]) -> int | None:
    """Return the place of a column; raise HeadingMissing for one that the file needs and lacks."""
    for heading in column.headings:
        if heading in headings:
            return headings.index(heading)
    if column.optional:
        return None
    raise HeadingMissing(heading=column.headings[0], found=", ".join(headings)[:500])


def _take(connection: duckdb.DuckDBPyConnection, file: Path, headings: list[str], columns: Columns) -> None:
    """Load the cells that matter as text, in the file's order."""
    wanted = [*columns.columns.values(), *(each.column for each in columns.skips)]
    wanted += [columns.currency] if columns.currency else []
    places = sorted({place for each in wanted if (place := _where(each, headings)) is not None})
    given = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(headings)))
    taken = ", ".join(f"trim(coalesce(c{place}, '')) AS c{place}" for place in places)
    try:
        connection.execute(
            f"CREATE TABLE raw AS SELECT {taken} FROM read_csv('{_quoted(str(file))}', columns = {{{given}}}, "
            f"auto_detect = false, header = true, delim = '{_quoted(columns.delimiter)}', quote = '\"', escape = '\"', "
            f"strict_mode = true, null_padding = false, max_line_size = {ROW_BYTES_MAX})"
        )
    except duckdb.Error as problem:
        raise _broken_row(file, headings, columns.delimiter) from problem


def _broken_row(file: Path, headings: list[str], delimiter: str) -> BrokenRow | BrokenOrder:
    """Return what is wrong with a row; the file is read once more, slowly, to say it exactly."""
    number = 0
    with file.open(encoding="utf-8", newline="") as source:
        try:
            for number, row in enumerate(csv.reader(source, delimiter=delimiter, strict=True), start=1):
                if row and len(row) != len(headings):
                    return BrokenRow(row=number, found=len(row), expected=len(headings))
        except csv.Error:
            number += 1
    return BrokenOrder(
        record=max(number, 1),
        found=Words("a row that cannot be read"),
        expected=Words("cells whose quotation marks are closed"),
    )


def _parse_of(name: str, column: Column) -> Parse:
    return column.parse or FIELDS[name]


def _sql(name: str, column: Column, headings: list[str]) -> str:
    """Return the SQL of one field's value, NULL where the cell is not what it should be."""
    place = _where(column, headings)
    parse = _parse_of(name, column)
    if place is None:
        return {"text": "''", "yen": "NULL::BIGINT"}.get(parse, "NULL::DATE")
    cell = f"c{place}"
    match parse:
        case "text":
            return cell
        case "yen":
            plain = f"translate({cell}, '△▲−-¥¥,', '----')"
            whole = f"regexp_full_match({plain}, '-?[0-9]{{1,15}}([.]0{{1,2}})?')"
            value = f"CASE WHEN {whole} THEN CAST(split_part({plain}, '.', 1) AS BIGINT) END"
            return f"-({value})" if column.negated else value
        case "day":
            return f"CAST(try_strptime({cell}, {_list(DAY_FORMATS)}) AS DATE)"
        case "moment_japan":
            return f"CAST(try_strptime({cell}, {_list((*MOMENT_FORMATS, *DAY_FORMATS))}) AS DATE)"
        case "moment_utc":
            return f"CAST(try_strptime({cell}, {_list(MOMENT_FORMATS)}) + INTERVAL 9 HOUR AS DATE)"


def _kind_sql(columns: Columns, headings: list[str]) -> tuple[str, str]:
    """Return the SQL of a row's own word for what it is, and of ours for it (NULL: unknown)."""
    if "kind" in columns.columns:
        word = _sql("kind", columns.columns["kind"], headings)
    else:
        word = f"CASE WHEN {_sql('gross', columns.columns['gross'], headings)} < 0 THEN '-' ELSE '+' END"
    known = " ".join(f"WHEN '{_quoted(each)}' THEN '{kind}'" for each, kind in columns.kinds.items())
    otherwise = f" ELSE '{columns.otherwise}'" if columns.otherwise else ""
    return word, f"CASE {word} {known}{otherwise} END"


def _kept_sql(columns: Columns, headings: list[str]) -> str:
    """Return the SQL that tells which rows say anything about money."""
    tests = ["true"]
    for each in columns.skips:
        place = _where(each.column, headings)
        if place is not None:
            tests.append(f"c{place} NOT IN ({', '.join(_literal(word) for word in sorted(each.words))})")
    return " AND ".join(tests)


def _check(connection: duckdb.DuckDBPyConnection, headings: list[str], columns: Columns) -> None:
    """Raise the refusal of the first cell that is not what it should be."""
    checks: list[tuple[str, str, str]] = []  # where it is broken, its cell, what was expected
    for name, column in columns.columns.items():
        place = _where(column, headings)
        if place is None or name == "kind":
            continue
        parse = _parse_of(name, column)
        if parse == "text":
            if name == "line":
                checks.append((f"c{place} = ''", f"c{place}", SOMETHING))
            continue
        filled = f"c{place} <> '' AND " if column.optional else ""
        checks.append((f"{filled}({_sql(name, column, headings)}) IS NULL", f"c{place}", EXPECTED[parse]))
    _, kind = _kind_sql(columns, headings)
    place = _where(columns.columns["kind"], headings) if "kind" in columns.columns else None
    if place is not None:
        checks.append((f"({kind}) IS NULL", f"c{place}", A_KNOWN_KIND))
    if columns.currency is not None and (place := _where(columns.currency, headings)) is not None:
        checks.append((f"lower(c{place}) <> 'jpy'", f"c{place}", YEN_ONLY))
    firsts = ", ".join(f"min(rowid) FILTER (WHERE {broken})" for broken, _, _ in checks)
    found = connection.execute(f"SELECT {firsts} FROM raw WHERE {_kept_sql(columns, headings)}").fetchone() or ()
    broken = [(row, *check) for row, check in zip(found, checks, strict=True) if row is not None]
    if not broken:
        return
    row, _, cell, expected = min(broken, key=lambda each: each[0])
    said = connection.execute(f"SELECT {cell} FROM raw WHERE rowid = {row}").fetchone()
    heading = headings[int(cell.removeprefix("c"))]
    raise broken_cell(row + 2, heading, "" if said is None else str(said[0]), expected)


def _lines_sql(headings: list[str], columns: Columns) -> str:
    word, kind = _kind_sql(columns, headings)
    values = {name: _sql(name, column, headings) for name, column in columns.columns.items() if name != "kind"}
    value = {name: values.get(name, "''") for name in ("line", "attempt", "key", "payout", "brand")}
    value |= {name: values.get(name, "NULL::BIGINT") for name in ("fee", "tax", "net")}
    value["arrives_on"] = values.get("arrives_on", "NULL::DATE")
    # A line's id is made of what names it, and of its place among lines that are named alike in one file.
    named = f"concat_ws(chr(31), '{_quoted(columns.provider)}', line, kind)"
    return (
        "CREATE TABLE lines AS WITH typed AS ("
        f"SELECT rowid + 2 AS record, {value['line']} AS line, {kind} AS kind, {word} AS word, "
        f"{value['attempt']} AS reference, {value['key']} AS key, {values['gross']} AS gross, "
        f"coalesce({value['fee']}, 0) AS fee, coalesce({value['tax']}, 0) AS tax, {value['net']} AS net, "
        f"{value['payout']} AS payout, {value['arrives_on']} AS arrives_on, {values['occurred_on']} AS occurred_on, "
        f"{value['brand']} AS brand "
        f"FROM raw WHERE {_kept_sql(columns, headings)}), "
        f"ranked AS (SELECT *, {named} AS named, row_number() OVER (PARTITION BY {named} ORDER BY record) AS place "
        "FROM typed) "
        "SELECT CAST(md5(concat_ws(chr(31), named, place)) AS UUID) AS id, record, "
        f"'{_quoted(columns.provider)}' AS provider, kind, word, try_cast(reference AS UUID) AS attempt_id, reference, "
        "key, gross, fee, tax, coalesce(net, gross - fee - tax) AS net, payout, arrives_on, occurred_on, brand "
        "FROM ranked"
    )


def _check_sums(connection: duckdb.DuckDBPyConnection) -> None:
    """Raise the refusal of the first row whose net is not its gross without fee and tax."""
    found = connection.execute(
        "SELECT record, net, gross - fee - tax FROM lines WHERE net <> gross - fee - tax ORDER BY record LIMIT 1"
    ).fetchone()
    if found is not None:
        raise BrokenRowSum(row=int(found[0]), found=f"{found[1]:,}", expected=f"{found[2]:,}")


def _quoted(text: str) -> str:
    return re.sub("'", "''", text)


def _literal(text: str) -> str:
    return f"'{_quoted(text)}'"


def _list(texts: tuple[str, ...]) -> str:
    return f"[{', '.join(_literal(each) for each in texts)}]"
