"""Matching in SQL, set-based: what is open is joined by one rule after the other, each once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.matching.model import IN_KINDS, OUT_KINDS, RULE_VERSION, Leg, OpenItem, Rule, Run

_KINDS: Final = ", ".join(f"'{each}'" for each in (*IN_KINDS, *OUT_KINDS))
_IN: Final = ", ".join(f"'{each}'" for each in IN_KINDS)
_LINES: Final = (
    f"SELECT l.id, l.attempt_id, l.kind, l.gross AS amount, l.occurred_on AS day, l.kind IN ({_IN}) AS came "
    f"FROM settlement_lines AS l WHERE l.attempt_id IS NOT NULL AND l.kind IN ({_KINDS}) "
    "AND NOT EXISTS (SELECT FROM match_legs AS m WHERE m.line_id = l.id AND m.stands)"
)
_CLAIMS: Final = (
    f"SELECT c.id, c.attempt_id, c.kind, c.amount, c.business_date AS day, c.kind IN ({_IN}) AS came "
    "FROM claims AS c WHERE c.attempt_id IS NOT NULL "
    "AND NOT EXISTS (SELECT FROM match_legs AS m WHERE m.claim_id = c.id AND m.stands)"
)
_NOT_FALLEN: Final = (
    "NOT EXISTS (SELECT FROM match_legs AS f WHERE NOT f.stands AND f.line_id = l.id AND f.claim_id = c.id)"
)
_INSERT: Final = "INSERT INTO match_legs (line_id, claim_id, group_id, rule, rule_version, run_id, difference) "


def _pairs(rule: Rule, by: str, lines: str, claims: str) -> str:
    """Return the statement that matches one with one: those that are alike are told apart by their order in time."""
    alike = f"attempt_id, {by}, amount"
    place = f"row_number() OVER (PARTITION BY {alike} ORDER BY day, id) AS place"
    return (
        f"{_INSERT} SELECT l.id, c.id, NULL, '{rule}', {RULE_VERSION}, :run_id, 0 "
        f"FROM (SELECT *, {place} FROM ({lines}) AS one) AS l "
        f"JOIN (SELECT *, {place} FROM ({claims}) AS one) AS c USING ({alike}, place) WHERE {_NOT_FALLEN}"
    )


# What a person took apart is not put together again: neither the pair nor the group.
_IN_SUM: Final = (
    "WITH l AS (SELECT attempt_id, came, sum(amount) AS amount, array_agg(id) AS ids FROM left_lines GROUP BY 1, 2), "
    "c AS (SELECT attempt_id, came, sum(amount) AS amount, array_agg(id) AS ids FROM left_claims GROUP BY 1, 2), "
    "found AS (SELECT CAST(md5(concat_ws('/', :run_id, attempt_id, came)) AS uuid) AS group_id, l.ids AS lines, "
    "c.ids AS claims FROM l JOIN c USING (attempt_id, came, amount) WHERE NOT EXISTS (SELECT FROM match_legs AS f "
    "WHERE NOT f.stands AND (f.line_id = ANY(l.ids) OR f.claim_id = ANY(c.ids)))) "
    f"{_INSERT} SELECT line_id, NULL, group_id, 'same_payment_in_sum', {RULE_VERSION}, CAST(:run_id AS uuid), 0 "
    "FROM found, unnest(lines) AS line_id UNION ALL "
    f"SELECT NULL, claim_id, group_id, 'same_payment_in_sum', {RULE_VERSION}, CAST(:run_id AS uuid), 0 "
    "FROM found, unnest(claims) AS claim_id"
)
_OTHER_AMOUNT: Final = (
    "WITH l AS (SELECT attempt_id, came, (array_agg(id))[1] AS id, sum(amount) AS amount FROM left_lines "
    "GROUP BY 1, 2 HAVING count(*) = 1), "
    "c AS (SELECT attempt_id, came, (array_agg(id))[1] AS id, sum(amount) AS amount FROM left_claims "
    "GROUP BY 1, 2 HAVING count(*) = 1) "
    f"{_INSERT} SELECT l.id, c.id, NULL, 'same_payment_other_amount', {RULE_VERSION}, :run_id, l.amount - c.amount "
    f"FROM l JOIN c USING (attempt_id, came) WHERE l.amount <> c.amount AND {_NOT_FALLEN}"
)
_LEFT: Final = (
    f"CREATE TEMPORARY TABLE left_lines ON COMMIT DROP AS {_LINES} "
    "AND l.attempt_id IN (SELECT attempt_id FROM left_claims)"
)


async def lock(tx: Transaction) -> None:
    """Let no other run match at the same time."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('matching', 13))")


async def match(tx: Transaction, run_id: UUID) -> None:
    """Ask every rule, in its order, about what is open."""
    await tx.execute("SET LOCAL work_mem = '128MB'")
    await tx.execute(_pairs("same_payment_same_kind", "kind", _LINES, _CLAIMS), run_id=run_id)
    await tx.execute(f"CREATE TEMPORARY TABLE left_claims ON COMMIT DROP AS {_CLAIMS}")
    await tx.execute(_LEFT)
    for statement in (
        _pairs("same_payment_other_kind", "came", "SELECT * FROM left_lines", "SELECT * FROM left_claims"),
        _IN_SUM,
        _OTHER_AMOUNT,
    ):
        await tx.execute(statement, run_id=run_id)
        for table, column in (("left_lines", "line_id"), ("left_claims", "claim_id")):
            await tx.execute(
                f"DELETE FROM {table} WHERE id IN (SELECT {column} FROM match_legs WHERE run_id = :run_id AND stands)",
                run_id=run_id,
            )
    await tx.execute("DROP TABLE left_lines, left_claims")  # Another run may follow in the same transaction.


async def add_run(tx: Transaction, run_id: UUID, *, at: datetime) -> Run:
    """Write down what a run matched, if it matched anything."""
    found = await tx.execute(
        "SELECT count(line_id) AS lines, count(claim_id) AS claims, "
        "count(*) FILTER (WHERE difference <> 0) AS differing FROM match_legs WHERE run_id = :run_id",
        run_id=run_id,
    )
    row = found.one()
    run = Run(run_id, at, row.lines, row.claims, row.differing)
    if run.lines or run.claims:
        await tx.execute(
            "INSERT INTO match_runs (id, began_at, lines, claims, differing) "
            "VALUES (:id, :at, :lines, :claims, :differing)",
            id=run_id,
            at=at,
            lines=run.lines,
            claims=run.claims,
            differing=run.differing,
        )
    return run


def _leg(row: Any) -> Leg:
    return Leg(row.line_id, row.claim_id, row.group_id, row.rule, row.rule_version, row.run_id, Yen(row.difference))


async def standing(tx: Transaction, match_id: UUID) -> list[Leg]:
    """Return the legs of a match that stands, by its line or its group, locked for a change."""
    rows = await tx.execute(
        "SELECT * FROM match_legs WHERE stands AND (group_id = :id OR (group_id IS NULL AND line_id = :id)) FOR UPDATE",
        id=match_id,
    )
    return [_leg(row) for row in rows]


async def take_back(
    tx: Transaction, match_id: UUID, legs: Sequence[Leg], *, reversal_id: UUID, by: str, reason: str, at: datetime
) -> None:
    """Let a match fall, and write down who did it and why."""
    one = legs[0]
    alone = one.group_id is None
    await tx.execute(
        "INSERT INTO match_reversals (id, line_id, claim_id, group_id, reversed_by, reversed_at, reason) "
        "VALUES (:id, :line_id, :claim_id, :group_id, :by, :at, :reason)",
        id=reversal_id,
        line_id=one.line_id if alone else None,
        claim_id=one.claim_id if alone else None,
        group_id=one.group_id,
        by=by,
        at=at,
        reason=reason,
    )
    await tx.execute(
        "UPDATE match_legs SET stands = false "
        "WHERE stands AND (group_id = :id OR (group_id IS NULL AND line_id = :id))",
        id=match_id,
    )


# A claim may be missed only where the provider's own statements reach beyond its day.
_OPEN: Final = f"""
WITH covered AS (SELECT provider, max(occurred_on) AS until FROM settlement_lines GROUP BY provider)
SELECT CASE WHEN EXISTS (SELECT FROM claims AS k WHERE k.attempt_id = l.attempt_id AND k.kind IN ({_IN}) = l.came)
            THEN 'paid_again_at_provider' ELSE 'missing_here' END AS kind,
       l.id AS line_id, CAST(NULL AS uuid) AS claim_id, l.provider, l.reference, l.occurred_on AS day, l.gross AS amount
FROM (SELECT *, kind IN ({_IN}) AS came FROM settlement_lines WHERE kind IN ({_KINDS})) AS l
WHERE NOT EXISTS (SELECT FROM match_legs AS m WHERE m.line_id = l.id AND m.stands)
UNION ALL
SELECT 'missing_at_provider', NULL, c.id, p.provider, coalesce(CAST(c.attempt_id AS text), ''), c.business_date,
       c.amount
FROM claims AS c JOIN unnest(CAST(:methods AS text[]), CAST(:providers AS text[])) AS p (method, provider)
    ON p.method = c.method JOIN covered ON covered.provider = p.provider
WHERE c.business_date < covered.until - CAST(:lag_days AS integer)
  AND NOT EXISTS (SELECT FROM match_legs AS m WHERE m.claim_id = c.id AND m.stands)
UNION ALL
SELECT 'amounts_differ', m.line_id, m.claim_id, l.provider, l.reference, l.occurred_on, m.difference
FROM match_legs AS m JOIN settlement_lines AS l ON l.id = m.line_id WHERE m.stands AND m.difference <> 0
ORDER BY day, kind, line_id, claim_id LIMIT :limit
"""


async def open_items(tx: Transaction, *, provider_of: dict[str, str], lag_days: int, limit: int) -> list[OpenItem]:
    """Return what is open, oldest first. `provider_of` a method; a claim may be `lag_days` late at its provider."""
    rows = await tx.execute(
        _OPEN,
        methods=list(provider_of),
        providers=list(provider_of.values()),
        lag_days=lag_days,
        limit=limit,
    )
    return [
        OpenItem(row.kind, row.line_id, row.claim_id, row.provider, row.reference, row.day, Yen(row.amount))
        for row in rows
    ]


async def covered_until(tx: Transaction) -> dict[str, date]:
    """Return until which day each provider's statements reach."""
    rows = await tx.execute("SELECT provider, max(occurred_on) AS until FROM settlement_lines GROUP BY provider")
    return {row.provider: row.until for row in rows}
