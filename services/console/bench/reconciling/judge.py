"""Compares what reconciliation made of the world with the truth of the world: matches, faults, sums."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb
import psycopg

from console.bench.reconciling.books import copy_out

_LEGS: Final = (
    "SELECT f.file_name AS file, l.record, m.claim_id, m.group_id, m.rule, m.difference FROM match_legs AS m "
    "LEFT JOIN settlement_lines AS l ON l.id = m.line_id LEFT JOIN statement_files AS f ON f.id = l.file_id "
    "WHERE m.stands"
)
_LEG_TYPES: Final = {
    "file": "VARCHAR",
    "record": "INTEGER",
    "claim_id": "UUID",
    "group_id": "UUID",
    "rule": "VARCHAR",
    "difference": "BIGINT",
}
_SUM_TYPES: Final = {"provider": "VARCHAR", "lines": "BIGINT", "gross": "BIGINT", "fee": "BIGINT", "tax": "BIGINT"}
_LINES: Final = (
    "SELECT provider, count(*) AS lines, sum(gross)::bigint AS gross, sum(fee)::bigint AS fee, sum(tax)::bigint AS tax "
    "FROM settlement_lines GROUP BY provider"
)


@dataclass(frozen=True, slots=True)
class Matches:
    """How claims and lines were matched. `due`: deeds that both sides tell of; each must be matched, and no other.

    `wrong`: matches that stand between different deeds; `missed`: deeds of both sides with a claim that is not matched.
    """

    due: int
    wrong: int
    missed: int
    by_rule: dict[str, int]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: how many there are, how many of them were found, and how many were found that are none."""

    labelled: int
    right: int
    wrong: int

    @property
    def recall_percent(self) -> float:
        """How many of those that there are were found."""
        return 100 * self.right / self.labelled if self.labelled else 100.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge found. `sums`: what does not add up, in words; empty if everything does."""

    matches: Matches
    kinds: dict[str, Kind] = field(default_factory=dict)
    sums: tuple[str, ...] = ()

    @property
    def perfect(self) -> bool:
        """Tell whether nothing was missed, nothing invented and nothing lost."""
        return (
            not (self.matches.wrong or self.matches.missed or self.sums)
            and all(each.right == each.labelled and not each.wrong for each in self.kinds.values())
        )  # fmt: skip


def judge(world: duckdb.DuckDBPyConnection, database: psycopg.Connection[Any], *, scratch: Path) -> Verdict:
    """Compare the books in a database with the world from which they were made."""
    take(world, database, "found_legs", _LEGS, scratch, types=_LEG_TYPES)
    world.execute(
        "CREATE OR REPLACE TEMP TABLE judged AS SELECT g.*, l.deed AS line_deed, c.deed AS claim_deed "
        "FROM found_legs AS g LEFT JOIN places AS p USING (file, record) LEFT JOIN lines AS l USING (number) "
        "LEFT JOIN claims AS c ON c.id = g.claim_id"
    )
    return Verdict(_matches(world), sums=tuple(_sums(world, database, scratch)))


def take(
    world: duckdb.DuckDBPyConnection,
    database: psycopg.Connection[Any],
    table: str,
    query: str,
    scratch: Path,
    *,
    types: dict[str, str],
) -> None:
    """Bring a query's rows into the world as a table of these columns."""
    file = scratch / f"{table}.csv"
    copy_out(database, query, file)
    columns = ", ".join(f"'{name}': '{type_}'" for name, type_ in types.items())
    world.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS "
        f"SELECT * FROM read_csv('{file}', header = true, auto_detect = false, columns = {{{columns}}})"
    )
    file.unlink()


def _number(world: duckdb.DuckDBPyConnection, query: str) -> int:
    found = world.execute(query).fetchone()
    assert found is not None  # noqa: S101 - an aggregate has one row
    return int(found[0])


def _matches(world: duckdb.DuckDBPyConnection) -> Matches:
    both = "SELECT DISTINCT deed FROM claims JOIN lines USING (deed)"
    # A pair is wrong by itself; a group is wrong, once, if its parts are not all of one deed.
    wrong = (
        "SELECT count(*) FROM (SELECT 1 FROM judged WHERE group_id IS NULL AND line_deed IS DISTINCT FROM claim_deed "
        "UNION ALL SELECT 1 FROM judged WHERE group_id IS NOT NULL GROUP BY group_id "
        "HAVING count(DISTINCT coalesce(line_deed, claim_deed)) <> 1 "
        "OR bool_or(line_deed IS NULL AND claim_deed IS NULL))"
    )
    missed = (
        f"SELECT count(DISTINCT deed) FROM claims JOIN ({both}) USING (deed) "
        "WHERE id NOT IN (SELECT claim_id FROM judged WHERE claim_id IS NOT NULL)"
    )
    rules = world.execute(
        "SELECT rule, count(DISTINCT coalesce(line_deed, claim_deed)) FROM judged GROUP BY rule ORDER BY rule"
    ).fetchall()
    return Matches(
        due=_number(world, f"SELECT count(*) FROM ({both})"),
        wrong=_number(world, wrong),
        missed=_number(world, missed),
        by_rule=dict(rules),
    )


def _sums(world: duckdb.DuckDBPyConnection, database: psycopg.Connection[Any], scratch: Path) -> list[str]:
    take(world, database, "found_sums", _LINES, scratch, types=_SUM_TYPES)
    world.execute(
        "CREATE OR REPLACE TEMP TABLE true_sums AS SELECT provider, count(*) AS lines, sum(gross) AS gross, "
        "sum(fee) AS fee, sum(tax) AS tax FROM lines JOIN (SELECT DISTINCT number FROM places) USING (number) "
        "GROUP BY provider"
    )
    apart = world.execute(
        "SELECT provider, t.lines, t.gross, t.fee, t.tax, f.lines, f.gross, f.fee, f.tax FROM true_sums AS t "
        "FULL JOIN found_sums AS f USING (provider) WHERE (t.lines, t.gross, t.fee, t.tax) IS DISTINCT FROM "
        "(f.lines, f.gross, f.fee, f.tax) ORDER BY provider"
    ).fetchall()
    return [f"lines of {provider}: {figures[:4]} sent, {figures[4:]} kept" for provider, *figures in apart]
