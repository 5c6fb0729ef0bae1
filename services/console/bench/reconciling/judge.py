"""Compares what reconciliation made of the world with its truth: matches, payouts, deposits, faults, sums."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import duckdb
import psycopg

from console.bench.reconciling.books import copy_out

Stage = Literal["alone", "accepted"]
"""alone: what the rules did by themselves. accepted: after a person accepted each suggestion of a deposit that differs.

Nothing that differs is matched without a person, so until then such a deposit is unknown and its payouts are missing.
"""

_LEGS: Final = (
    (
        "SELECT f.file_name AS file, l.record, m.claim_id, m.group_id, m.rule, m.difference FROM match_legs AS m "
        "LEFT JOIN settlement_lines AS l ON l.id = m.line_id LEFT JOIN statement_files AS f ON f.id = l.file_id "
        "WHERE m.stands"
    ),
    ("file VARCHAR", "record INTEGER", "claim_id UUID", "group_id UUID", "rule VARCHAR", "difference BIGINT"),
)
_DEPOSITS: Final = (
    (
        "SELECT f.file_name AS file, b.record, p.provider, p.key, d.group_id, d.rule, d.difference "
        "FROM deposit_legs AS d LEFT JOIN bank_lines AS b ON b.id = d.bank_line_id "
        "LEFT JOIN statement_files AS f ON f.id = b.file_id LEFT JOIN payouts AS p ON p.id = d.payout_id WHERE d.stands"
    ),
    (
        "file VARCHAR",
        "record INTEGER",
        "provider VARCHAR",
        "key VARCHAR",
        "group_id UUID",
        "rule VARCHAR",
        "difference BIGINT",
    ),
)
_ITEMS: Final = (
    (
        "SELECT o.kind, o.amount, fl.file_name AS file, l.record, c.id AS claim_id, p.provider, p.key, "
        "fb.file_name AS bank_file, b.record AS bank_record "
        "FROM (SELECT *, split_part(subject, ':', 1) AS of, CAST(split_part(subject, ':', 2) AS uuid) AS id "
        "FROM open_items) AS o "
        "LEFT JOIN settlement_lines AS l ON o.of = 'line' AND l.id = o.id "
        "LEFT JOIN statement_files AS fl ON fl.id = l.file_id "
        "LEFT JOIN claims AS c ON o.of = 'claim' AND c.id = o.id "
        "LEFT JOIN payouts AS p ON o.of = 'payout' AND p.id = o.id "
        "LEFT JOIN deposit_legs AS d ON o.of = 'deposit' AND d.group_id = o.id AND d.bank_line_id IS NOT NULL "
        "AND d.stands LEFT JOIN bank_lines AS b ON o.of = 'deposit' AND b.id = coalesce(d.bank_line_id, o.id) "
        "LEFT JOIN statement_files AS fb ON fb.id = b.file_id"
    ),
    (
        "kind VARCHAR",
        "amount BIGINT",
        "file VARCHAR",
        "record INTEGER",
        "claim_id UUID",
        "provider VARCHAR",
        "key VARCHAR",
        "bank_file VARCHAR",
        "bank_record INTEGER",
    ),
)
_LINE_SUMS: Final = (
    (
        "SELECT provider, count(*) AS lines, sum(gross)::bigint AS gross, sum(fee)::bigint AS fee, "
        "sum(tax)::bigint AS tax "
        "FROM settlement_lines GROUP BY provider"
    ),
    ("provider VARCHAR", "lines BIGINT", "gross BIGINT", "fee BIGINT", "tax BIGINT"),
)
_PAYOUTS: Final = (
    ("SELECT provider, key, arrives_on, lines, gross, fee, tax, transfer_fee, net, stated_net FROM payouts"),
    (
        "provider VARCHAR",
        "key VARCHAR",
        "arrives_on DATE",
        "lines BIGINT",
        "gross BIGINT",
        "fee BIGINT",
        "tax BIGINT",
        "transfer_fee BIGINT",
        "net BIGINT",
        "stated BIGINT",
    ),
)


@dataclass(frozen=True, slots=True)
class Matches:
    """How two sides were matched. `due`: what both sides tell of; each must be matched, and no other.

    `wrong`: matches that stand between what does not belong together; `missed`: what is due and not matched.
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
    deposits: Matches
    kinds: dict[str, Kind]
    sums: tuple[str, ...]

    @property
    def perfect(self) -> bool:
        """Tell whether nothing was missed, nothing invented and nothing lost."""
        sides = (self.matches, self.deposits)
        clean = not self.sums and all(not each.wrong and not each.missed for each in sides)
        return clean and all(each.right == each.labelled and not each.wrong for each in self.kinds.values())

    def __str__(self) -> str:
        """Return the verdict as a table."""
        rows = [f"{'kind':<26}{'labelled':>10}{'found':>10}{'invented':>10}{'recall %':>10}"]
        for name, each in self.kinds.items():
            figures = (each.labelled, each.right, each.wrong)
            rows.append(f"{name:<26}{''.join(f'{figure:>10,}' for figure in figures)}{each.recall_percent:>10.1f}")
        for name, side in (("claims and lines", self.matches), ("payouts and deposits", self.deposits)):
            rows.append(f"{name}: {side.due:,} due, {side.wrong:,} wrong, {side.missed:,} missed; {side.by_rule}")
        return "\n".join((*rows, *self.sums))


def judge(
    world: duckdb.DuckDBPyConnection, database: psycopg.Connection[Any], *, scratch: Path, stage: Stage = "alone"
) -> Verdict:
    """Compare the books in a database with the world from which they were made."""
    for table, (query, columns) in {
        "found_legs": _LEGS,
        "found_deposits": _DEPOSITS,
        "found_items": _ITEMS,
        "found_sums": _LINE_SUMS,
        "found_payouts": _PAYOUTS,
    }.items():
        _take(world, database, table, query, columns, scratch)
    return Verdict(_matches(world), _deposits(world, stage), _kinds(world, stage), (*_sums(world), *_payouts(world)))


def digest(world: duckdb.DuckDBPyConnection) -> str:
    """Return a digest of all that the last judgement looked at: the same books, the same digest.

    It names lines by file and record and claims by their own ids, so that two databases can be compared.
    """
    found = []
    for table, left_out in (("found_legs", "group_id"), ("found_deposits", "group_id"), ("found_items", ""),
                            ("found_payouts", "")):  # fmt: skip
        rows = f"SELECT * EXCLUDE ({left_out}) FROM {table}" if left_out else f"SELECT * FROM {table}"
        found.append(
            world.execute(
                "SELECT count(*), coalesce(bit_xor(md5_number_lower(CAST(r AS VARCHAR))), 0), "
                f"coalesce(bit_xor(md5_number_upper(CAST(r AS VARCHAR))), 0) FROM ({rows}) AS r"
            ).fetchone()
        )
    return hashlib.sha256(repr(found).encode()).hexdigest()


def _take(
    world: duckdb.DuckDBPyConnection,
    database: psycopg.Connection[Any],
    table: str,
    query: str,
    columns: tuple[str, ...],
    scratch: Path,
) -> None:
    """Bring a query's rows into the world as a table of these columns."""
    file = scratch / f"{table}.csv"
    copy_out(database, query, file)
    named = ", ".join("'{}': '{}'".format(*each.split()) for each in columns)
    world.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS "
        f"SELECT * FROM read_csv('{file}', header = true, auto_detect = false, columns = {{{named}}})"
    )
    file.unlink()


def _number(world: duckdb.DuckDBPyConnection, query: str) -> int:
    found = world.execute(query).fetchone()
    assert found is not None  # noqa: S101 - an aggregate has one row
    return int(found[0])


def _by_rule(world: duckdb.DuckDBPyConnection, table: str, of: str) -> dict[str, int]:
    rows = world.execute(f"SELECT rule, count(DISTINCT {of}) FROM {table} GROUP BY rule ORDER BY rule").fetchall()
    return dict(rows)


def _wrong_sql(table: str, left: str, right: str) -> str:
    """Return the SQL that counts matches of what does not belong together.

    A pair is wrong by itself; a group is wrong, once, if its parts are not all of one.
    """
    return (
        f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE group_id IS NULL "
        f"AND ({left} IS NULL OR {left} IS DISTINCT FROM {right}) "
        f"UNION ALL SELECT 1 FROM {table} WHERE group_id IS NOT NULL GROUP BY group_id "
        f"HAVING count(DISTINCT coalesce({left}, {right})) <> 1 OR bool_or({left} IS NULL AND {right} IS NULL))"
    )


def _matches(world: duckdb.DuckDBPyConnection) -> Matches:
    world.execute(
        "CREATE OR REPLACE TEMP TABLE judged AS SELECT g.*, l.deed AS line_deed, c.deed AS claim_deed "
        "FROM found_legs AS g LEFT JOIN places AS p USING (file, record) LEFT JOIN lines AS l USING (number) "
        "LEFT JOIN claims AS c ON c.id = g.claim_id"
    )
    both = "SELECT DISTINCT deed FROM claims JOIN lines USING (deed)"
    missed = (
        f"SELECT count(DISTINCT deed) FROM claims JOIN ({both}) USING (deed) "
        "WHERE id NOT IN (SELECT claim_id FROM judged WHERE claim_id IS NOT NULL)"
    )
    return Matches(
        due=_number(world, f"SELECT count(*) FROM ({both})"),
        wrong=_number(world, _wrong_sql("judged", "line_deed", "claim_deed")),
        missed=_number(world, missed),
        by_rule=_by_rule(world, "judged", "coalesce(line_deed, claim_deed)"),
    )


def _deposits(world: duckdb.DuckDBPyConnection, stage: Stage) -> Matches:
    """Judge the matches of transfers with payouts: of those that are booked in a file, and of their payouts all."""
    world.execute(
        "CREATE OR REPLACE TEMP TABLE judged_deposits AS SELECT d.*, b.transfer AS booked, p.transfer AS paid "
        "FROM found_deposits AS d LEFT JOIN bank_places AS b USING (file, record) "
        "LEFT JOIN payouts AS p ON p.provider = d.provider AND p.key = d.key"
    )
    differing = "SELECT transfer FROM payouts WHERE role = 'differs'"
    due = (
        "SELECT p.provider, p.key FROM payouts AS p JOIN bank_places AS b USING (transfer) "
        + (f"WHERE p.transfer NOT IN ({differing})" if stage == "alone" else "")
    )  # fmt: skip
    missed = f"SELECT count(*) FROM ({due} EXCEPT SELECT provider, key FROM found_deposits WHERE key IS NOT NULL)"
    return Matches(
        due=_number(world, f"SELECT count(*) FROM ({due})"),
        wrong=_number(world, _wrong_sql("judged_deposits", "booked", "paid")),
        missed=_number(world, missed),
        by_rule=_by_rule(world, "judged_deposits", "coalesce(booked, paid)"),
    )


_UNTIL_ACCEPTED: Final = """
SELECT kind, subject, amount FROM faults WHERE kind <> 'deposit_differs'
UNION ALL SELECT 'unknown_deposit', concat('transfer:', transfer), amount FROM transfers
    WHERE transfer IN (SELECT transfer FROM payouts WHERE role = 'differs')
UNION ALL SELECT 'deposit_missing', concat('payout:', provider, '/', key), net FROM payouts
    WHERE transfer IN (SELECT transfer FROM payouts WHERE role = 'differs')
"""


def _kinds(world: duckdb.DuckDBPyConnection, stage: Stage) -> dict[str, Kind]:
    """Compare what is open with the labels, one by one; several lines of one deed are one and the same there."""
    labels = _UNTIL_ACCEPTED if stage == "alone" else "SELECT kind, subject, amount FROM faults"
    world.execute(
        "CREATE OR REPLACE TEMP TABLE found_faults AS SELECT o.kind, CASE "
        "WHEN coalesce(l.deed, c.deed) IS NOT NULL THEN concat('deed:', coalesce(l.deed, c.deed)) "
        "WHEN o.key IS NOT NULL THEN concat('payout:', o.provider, '/', o.key) "
        "WHEN b.transfer IS NOT NULL THEN concat('transfer:', b.transfer) ELSE '?' END AS subject, o.amount "
        "FROM found_items AS o LEFT JOIN places AS p USING (file, record) LEFT JOIN lines AS l USING (number) "
        "LEFT JOIN claims AS c ON c.id = o.claim_id "
        "LEFT JOIN bank_places AS b ON b.file = o.bank_file AND b.record = o.bank_record"
    )
    world.execute(f"CREATE OR REPLACE TEMP TABLE labels AS {labels}")
    rows = world.execute(
        "SELECT kind, sum(l), sum(least(l, f)), sum(greatest(f - l, 0)) FROM ("
        "SELECT kind, subject, amount, sum(l) AS l, sum(f) AS f FROM ("
        "SELECT kind, subject, amount, 1 AS l, 0 AS f FROM labels UNION ALL "
        "SELECT kind, subject, amount, 0, 1 FROM found_faults) AS told GROUP BY ALL) AS each "
        "GROUP BY kind ORDER BY kind"
    ).fetchall()
    return {kind: Kind(int(labelled), int(right), int(wrong)) for kind, labelled, right, wrong in rows}


def _sums(world: duckdb.DuckDBPyConnection) -> list[str]:
    apart = world.execute(
        "WITH true_sums AS (SELECT provider, count(*) AS lines, sum(gross) AS gross, sum(fee) AS fee, sum(tax) AS tax "
        "FROM lines JOIN (SELECT DISTINCT number FROM places) USING (number) GROUP BY provider) "
        "SELECT provider, t.lines, t.gross, t.fee, t.tax, f.lines, f.gross, f.fee, f.tax FROM true_sums AS t "
        "FULL JOIN found_sums AS f USING (provider) WHERE (t.lines, t.gross, t.fee, t.tax) IS DISTINCT FROM "
        "(f.lines, f.gross, f.fee, f.tax) ORDER BY provider"
    ).fetchall()
    return [f"lines of {provider}: {figures[:4]} sent, {figures[4:]} kept" for provider, *figures in apart]


def _payouts(world: duckdb.DuckDBPyConnection) -> list[str]:
    """Compare payouts to the yen. A provider that tells what it sent says so of every payout."""
    figures = ("arrives_on", "lines", "gross", "fee", "tax", "transfer_fee", "net", "stated")
    ours, theirs = (", ".join(f"{side}.{name}" for name in figures) for side in ("t", "f"))
    apart = world.execute(
        "WITH true_payouts AS (SELECT * REPLACE (CASE provider WHEN 'stripe' THEN coalesce(stated, net) END AS stated) "
        f"FROM payouts) SELECT provider, key, {ours}, {theirs} FROM true_payouts AS t "
        f"FULL JOIN found_payouts AS f USING (provider, key) WHERE ({ours}) IS DISTINCT FROM ({theirs}) "
        "ORDER BY provider, key LIMIT 20"
    ).fetchall()
    middle = len(figures)
    return [
        f"payout {provider}/{key}: {tuple(map(str, said[:middle]))} paid, {tuple(map(str, said[middle:]))} kept"
        for provider, key, *said in apart
    ]
