"""Reads a provider's table of any size into settlement lines, by a mapping of columns; set-based, in DuckDB.

The whole file is read and checked before anything of it is taken. A row that is not what the mapping says is refused
with its number as a spreadsheet counts it (the heading is row 1), its column, what was found and what was expected.
"""

from __future__ import annotations

import csv
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
from reconciliation.statements import tables, workbook
from reconciliation.statements.columns import DAY_FORMATS, FIELDS, MOMENT_FORMATS, Column, Columns, Parse
from reconciliation.statements.model import (
    BrokenCell,
    BrokenOrder,
    BrokenRow,
    BrokenRowSum,
    BrokenSheetCell,
    HeadingMissing,
    broken_cell,
)
from reconciliation.statements.tables import Table

ROW_BYTES_MAX: Final = 1 << 20
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
NO_ERROR: Final = "a value; the spreadsheet says that it has none"
A_RESULT: Final = "the result of a formula; open the file in the spreadsheet program and save it again"
SHORT_NUMBER: Final = "a number of at most 15 digits; longer ones are kept as text"
UNTRUSTED: Final[Mapping[str, str]] = {
    workbook.ERROR: NO_ERROR,
    workbook.UNCOMPUTED: A_RESULT,
    workbook.ROUNDED: SHORT_NUMBER,
}
EXPECTATIONS: Final = (*EXPECTED.values(), A_KNOWN_KIND, YEN_ONLY, *UNTRUSTED.values())


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

    Raises Undecodable, BrokenWorkbook, SheetMissing, HeadingMissing, BrokenRow, BrokenOrder, BrokenCell,
    BrokenSheetCell and BrokenRowSum.
    """
    table = tables.opened(file, columns, scratch=scratch)
    connection = duckdb.connect(
        config={"memory_limit": "800MB", "temp_directory": str(scratch), "autoinstall_known_extensions": False}
    )
    try:
        load(connection, table, columns)
        connection.execute(typed_sql(table, columns))
        if connection.execute("SELECT bool_or(broken) FROM typed").fetchone() == (True,):
            raise _first_fault(connection, table, columns)
        connection.execute("DROP TABLE raw")
        make_lines(connection, columns)
        _check_sums(connection)
        yield Lines(connection)
    finally:
        connection.close()


def place_of(column: Column, table: Table) -> int | None:
    """Return the place of a column; raise HeadingMissing for one that the file needs and lacks."""
    for heading in column.headings:
        if heading in table.headings:
            return table.headings.index(heading)
    if column.optional:
        return None
    raise HeadingMissing(heading=column.headings[0], found=", ".join(table.headings)[:500])


def load(connection: duckdb.DuckDBPyConnection, table: Table, columns: Columns) -> None:
    """Load the cells that matter as text, in the file's order."""
    wanted = [*columns.columns.values(), *(each.column for each in columns.skips)]
    wanted += [columns.currency] if columns.currency else []
    places = sorted({place for each in wanted if (place := place_of(each, table)) is not None})
    given = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(table.headings)))
    taken = ", ".join(f"trim(coalesce(c{place}, '')) AS c{place}" for place in places)
    if table.sheet is not None:
        given, taken = f"{given}, 'n': 'BIGINT'", f"{taken}, n"
    try:
        connection.execute(
            f"CREATE TABLE raw AS SELECT {taken} FROM read_csv('{_quoted(str(table.text))}', columns = {{{given}}}, "
            f"auto_detect = false, header = true, delim = '{_quoted(table.delimiter)}', "
            f"quote = '\"', escape = '\"', strict_mode = true, null_padding = false, max_line_size = {ROW_BYTES_MAX})"
        )
    except duckdb.Error as problem:
        raise _broken_row(table) from problem
    count = _count(connection)
    if count + 1 < _lines_of(table.text):  # Line breaks within cells, or empty lines; to be sure, it is counted again.
        with table.text.open(encoding="utf-8", newline="") as source:
            rows = sum(1 for row in csv.reader(source, delimiter=table.delimiter) if row)
        if rows != count + 1:
            raise _broken_row(table)


def _count(connection: duckdb.DuckDBPyConnection) -> int:
    found = connection.execute("SELECT count(*) FROM raw").fetchone()
    return 0 if found is None else int(found[0])


def _lines_of(text: Path) -> int:
    with text.open("rb") as source:
        return sum(piece.count(b"\n") for piece in iter(lambda: source.read(ROW_BYTES_MAX), b""))


def _broken_row(table: Table) -> BrokenRow | BrokenOrder:
    """Return what is wrong with a row; the file is read once more, slowly, to say it exactly."""
    number, width = table.row, len(table.headings) + (table.sheet is not None)
    with table.text.open(encoding="utf-8", newline="") as source:
        try:
            for number, row in enumerate(csv.reader(source, delimiter=table.delimiter, strict=True), start=table.row):
                if row and len(row) != width:
                    return BrokenRow(row=number, found=len(row), expected=width)
        except csv.Error:
            number += 1
    return BrokenOrder(
        record=max(number, 1),
        found=Words("a row that cannot be read"),
        expected=Words("cells whose quotation marks are closed"),
    )


def record_sql(table: Table) -> str:
    """Return the SQL of a row's number as a spreadsheet counts."""
    return "n" if table.sheet is not None else f"rowid + {table.row + 1}"


def _parse_of(name: str, column: Column) -> Parse:
    return column.parse or FIELDS[name]


def _sql(name: str, column: Column, table: Table) -> str:
    """Return the SQL of one field's value, NULL where the cell is not what it should be."""
    place = place_of(column, table)
    parse = _parse_of(name, column)
    if place is None:
        return {"text": "''", "yen": "NULL::BIGINT"}.get(parse, "NULL::DATE")
    cell = f"c{place}"
    filled = f"nullif({cell}, '')"  # An empty text would be tried by every format, each time at the cost of an error.
    match parse:
        case "text":
            return cell
        case "yen":
            plain = f"translate({cell}, '△▲−-¥¥,', '----')"
            whole = f"regexp_full_match({plain}, '-?[0-9]{{1,15}}([.]0{{1,2}})?')"
            value = f"CASE WHEN {whole} THEN CAST(split_part({plain}, '.', 1) AS BIGINT) END"
            return f"-({value})" if column.negated else value
        case "day":
            return f"CAST(try_strptime({filled}, {_list(DAY_FORMATS)}) AS DATE)"
        case "moment_japan":
            return f"CAST(try_strptime({filled}, {_list((*MOMENT_FORMATS, *DAY_FORMATS))}) AS DATE)"
        case "moment_utc":
            return f"CAST(try_strptime({filled}, {_list(MOMENT_FORMATS)}) + INTERVAL 9 HOUR AS DATE)"


def _kind_sql(columns: Columns, table: Table) -> tuple[str, str]:
    """Return the SQL of a row's own word for what it is, and of ours for it (NULL: unknown)."""
    if "kind" in columns.columns:
        word = _sql("kind", columns.columns["kind"], table)
    else:
        word = f"CASE WHEN {_sql('gross', columns.columns['gross'], table)} < 0 THEN '-' ELSE '+' END"
    known = (
        " ".join(f"WHEN '{_quoted(each)}' THEN '{kind}'" for each, kind in columns.kinds.items()) or "WHEN NULL THEN ''"
    )
    otherwise = f" ELSE '{columns.otherwise}'" if columns.otherwise else ""
    return word, f"CASE {word} {known}{otherwise} END"


def kept_sql(columns: Columns, table: Table) -> str:
    """Return the SQL that tells which rows say anything about money."""
    tests = ["true"]
    for each in columns.skips:
        place = place_of(each.column, table)
        if place is not None:
            tests.append(f"c{place} NOT IN ({', '.join(_literal(word) for word in sorted(each.words))})")
    return " AND ".join(tests)


def checks(table: Table, columns: Columns) -> list[tuple[str, int, str]]:
    """Return the SQL of where a cell is broken, the place of its column, and what was expected."""
    tests: list[tuple[str, int, str]] = []
    for name, column in columns.columns.items():
        place = place_of(column, table)
        if place is None:
            continue
        if table.sheet is not None:
            tests += [(f"starts_with(c{place}, '{mark}')", place, said) for mark, said in UNTRUSTED.items()]
        parse = _parse_of(name, column)
        if name == "kind":
            tests.append((f"({_kind_sql(columns, table)[1]}) IS NULL", place, A_KNOWN_KIND))
        elif parse != "text":
            filled = f"c{place} <> '' AND " if column.optional else ""
            tests.append((f"{filled}({_sql(name, column, table)}) IS NULL", place, EXPECTED[parse]))
        elif name == "line":
            tests.append((f"c{place} = ''", place, SOMETHING))
    if columns.currency is not None and (place := place_of(columns.currency, table)) is not None:
        tests.append((f"lower(c{place}) <> 'jpy'", place, YEN_ONLY))
    return tests


def _first_fault(connection: duckdb.DuckDBPyConnection, table: Table, columns: Columns) -> BrokenCell | BrokenSheetCell:
    """Return the refusal of the first cell that is not what it should be; of one row's, the first check's."""
    tests = checks(table, columns)
    firsts = ", ".join(f"min({record_sql(table)}) FILTER (WHERE {broken})" for broken, _, _ in tests)
    found = connection.execute(f"SELECT {firsts} FROM raw WHERE {kept_sql(columns, table)}").fetchone() or ()
    broken = [(row, *check) for row, check in zip(found, tests, strict=True) if row is not None]
    row, _, place, expected = min(broken, key=lambda each: each[0])
    said = connection.execute(f"SELECT c{place} FROM raw WHERE {record_sql(table)} = {row}").fetchone()
    return _fault(int(row), place, "" if said is None else str(said[0]), expected, table)


def _fault(row: int, place: int, said: str, expected: str, table: Table) -> BrokenCell | BrokenSheetCell:
    shown = said[1:] if said.startswith(workbook.MARKS) else said
    return broken_cell(row, table.name_of(place), shown, expected, sheet=table.sheet)


def typed_sql(table: Table, columns: Columns) -> str:
    """Return the SQL that makes the table `typed` of what was loaded: each cell parsed once, and whether one is broken.

    DuckDB computes what the values and the checks have in common one time for both.
    """
    word, kind = _kind_sql(columns, table)
    values = {name: _sql(name, column, table) for name, column in columns.columns.items() if name != "kind"}
    value = {name: values.get(name, "''") for name in ("line", "attempt", "key", "payout", "brand")}
    value |= {name: values.get(name, "NULL::BIGINT") for name in ("fee", "tax", "net")}
    value["arrives_on"] = values.get("arrives_on", "NULL::DATE")
    broken = " OR ".join(f"({each})" for each, _, _ in checks(table, columns))
    return (
        f"CREATE TABLE typed AS SELECT {record_sql(table)} AS record, {value['line']} AS line, {kind} AS kind, "
        f"{word} AS word, {value['attempt']} AS reference, {value['key']} AS key, {values['gross']} AS gross, "
        f"coalesce({value['fee']}, 0) AS fee, coalesce({value['tax']}, 0) AS tax, {value['net']} AS net, "
        f"{value['payout']} AS payout, {value['arrives_on']} AS arrives_on, {values['occurred_on']} AS occurred_on, "
        f"{value['brand']} AS brand, {broken} AS broken FROM raw WHERE {kept_sql(columns, table)}"
    )


def make_lines(connection: duckdb.DuckDBPyConnection, columns: Columns) -> None:
    """Make the table `lines` of `typed`, in which nothing is broken.

    A line's id is made of what names it, and of its place among lines that are named alike in one file. So few are that
    only those are put in order.
    """
    named = f"concat_ws(chr(31), '{_quoted(columns.provider)}', line, kind)"
    connection.execute(
        "CREATE TABLE alike AS SELECT record, row_number() OVER (PARTITION BY line, kind ORDER BY record) AS place "
        "FROM typed JOIN (SELECT line, kind FROM typed GROUP BY 1, 2 HAVING count(*) > 1) USING (line, kind)"
    )
    connection.execute(
        f"CREATE TABLE lines AS SELECT CAST(md5(concat_ws(chr(31), {named}, coalesce(place, 1))) AS UUID) AS id, "
        f"record, '{_quoted(columns.provider)}' AS provider, kind, word, try_cast(reference AS UUID) AS attempt_id, "
        "reference, key, gross, fee, tax, coalesce(net, gross - fee - tax) AS net, payout, arrives_on, occurred_on, "
        "brand FROM typed LEFT JOIN alike USING (record)"
    )
    connection.execute("DROP TABLE typed; DROP TABLE alike")


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
