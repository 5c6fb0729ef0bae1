"""Trying a mapping on an example: what lines it makes and where it fails, several places at once; nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from kernel.money import ZERO, Yen
from kernel.refusals import Refusal
from reconciliation.statements import tables, tabular, workbook
from reconciliation.statements.columns import Columns
from reconciliation.statements.tables import Table

LINES_MAX: Final = 20
FAULTS_MAX: Final = 10
MEMORY: Final = "200MB"


@dataclass(frozen=True, slots=True)
class Fault:
    """One cell that is not what its column says. `expected` is a message."""

    row: int
    heading: str
    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class KindSum:
    """The lines of one kind: how many, and what they change."""

    kind: str
    count: int
    net: Yen


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of an example. `refusal`: why it could not even be tried; `skipped`: rows that are passed over."""

    count: int = 0
    skipped: int = 0
    gross: Yen = ZERO
    fee: Yen = ZERO
    tax: Yen = ZERO
    net: Yen = ZERO
    kinds: tuple[KindSum, ...] = ()
    lines: tuple[dict[str, Any], ...] = ()
    faults: tuple[Fault, ...] = ()
    refusal: Refusal | None = None

    @property
    def good(self) -> bool:
        """Tell whether every row became a line, or was to be passed over."""
        return self.refusal is None and not self.faults


def run(file: Path, columns: Columns, *, scratch: Path) -> Trial:
    """Try a mapping on a file; `scratch` is an empty folder."""
    connection = duckdb.connect(
        config={"memory_limit": MEMORY, "temp_directory": str(scratch), "autoinstall_known_extensions": False}
    )
    try:
        table = tables.opened(file, columns, scratch=scratch)
        tabular.load(connection, table, columns)
        faults = _faults(connection, table, columns)
        if faults:
            return Trial(faults=faults)
        connection.execute(tabular.typed_sql(table, columns))
        tabular.make_lines(connection, columns)
        return _trial(connection, columns)
    except Refusal as refusal:
        return Trial(refusal=refusal)
    finally:
        connection.close()


def _faults(connection: duckdb.DuckDBPyConnection, table: Table, columns: Columns) -> tuple[Fault, ...]:
    """Return the first faults by row, at most one for each cell."""
    found: dict[tuple[int, int], Fault] = {}
    row, kept = tabular.record_sql(table), tabular.kept_sql(columns, table)
    for broken, place, expected in tabular.checks(table, columns):
        rows = connection.execute(
            f"SELECT {row}, c{place} FROM raw WHERE ({kept}) AND ({broken}) ORDER BY 1 LIMIT {FAULTS_MAX}"
        ).fetchall()
        for number, said in rows:
            shown = said[1:] if said.startswith(workbook.MARKS) else said
            found.setdefault((number, place), Fault(number, table.headings[place], shown, expected))
    return tuple(found[each] for each in sorted(found)[:FAULTS_MAX])


def _trial(connection: duckdb.DuckDBPyConnection, columns: Columns) -> Trial:
    sums = connection.execute(
        "SELECT count(*), (SELECT count(*) FROM raw) - count(*), coalesce(sum(gross), 0)::BIGINT, "
        "coalesce(sum(fee), 0)::BIGINT, coalesce(sum(tax), 0)::BIGINT, coalesce(sum(net), 0)::BIGINT "
        "FROM lines WHERE kind <> 'payout'"
    ).fetchone()
    kinds = connection.execute(
        "SELECT kind, count(*), sum(net)::BIGINT FROM lines GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    payouts = sum(count for kind, count, _ in kinds if kind == "payout")
    lines = connection.execute(
        f"SELECT {', '.join(tabular.LINE_COLUMNS)} FROM lines ORDER BY record LIMIT {LINES_MAX}"
    ).fetchall()
    unequal = connection.execute(
        "SELECT record, net, gross - fee - tax FROM lines WHERE net <> gross - fee - tax "
        f"ORDER BY record LIMIT {FAULTS_MAX}"
    ).fetchall()
    assert sums is not None  # noqa: S101 - an aggregate has one row
    net = columns.columns.get("net")
    return Trial(
        count=sums[0] + payouts,
        skipped=sums[1] - payouts,
        gross=Yen(sums[2]),
        fee=Yen(sums[3]),
        tax=Yen(sums[4]),
        net=Yen(sums[5]),
        kinds=tuple(KindSum(kind, count, Yen(amount)) for kind, count, amount in kinds),
        lines=tuple(dict(zip(tabular.LINE_COLUMNS, line, strict=True)) for line in lines),
        faults=tuple(
            Fault(row, net.headings[0] if net else "", f"{found:,}", f"{expected:,}")
            for row, found, expected in unequal
        ),
    )
