"""The rules in SQL, set-based: what is new and what is still open is joined by one after the other, each once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from kernel.rows import Transaction
from reconciliation.matching.model import RULE_VERSION, Rule, Taken
from reconciliation.matching.scratch import lay, planned
from reconciliation.matching.store import IN, KINDS, OPEN_LINES

_INSERT: Final = (
    "INSERT INTO match_legs (line_id, claim_id, group_id, rule, rule_version, run_id, difference, days_late) "
)
# A provider is late by what is more than its contract tolerates; `late` has one row for each provider and day.
_LINES: Final = (
    f"SELECT l.id, l.attempt_id, l.kind, l.gross AS amount, l.occurred_on AS day, l.kind IN ({IN}) AS came, "
    "coalesce(late.days, 0) AS tolerated FROM settlement_lines AS l "
    "LEFT JOIN {late} ON late.provider = l.provider AND late.day = l.occurred_on "
    f"WHERE l.attempt_id IS NOT NULL AND l.kind IN ({KINDS}) "
)
# What no run has seen, which is in no match, and what is open.
_LINES_TO_MATCH: Final = (
    f"{_LINES} AND l.file_id = ANY(CAST(:files AS uuid[])) UNION ALL {_LINES} "
    f"AND l.id IN ({OPEN_LINES}) "
    "AND NOT EXISTS (SELECT FROM match_legs AS m WHERE m.line_id = l.id AND m.stands)"
)
_DAYS: Final = (
    "unnest(CAST(:providers AS text[]), CAST(:days AS date[]), CAST(:late AS integer[])) "
    "AS {name} (provider, day, days)"
)
_CLAIM: Final = (
    f"SELECT c.id, c.attempt_id, c.kind, c.amount, c.business_date AS day, c.kind IN ({IN}) AS came FROM claims AS c "
)
_ALL_CLAIMS: Final = (
    f"{_CLAIM} WHERE c.attempt_id IS NOT NULL "
    "AND NOT EXISTS (SELECT FROM match_legs AS m WHERE m.claim_id = c.id AND m.stands)"
)
# By index, whatever PostgreSQL knows of the tables: it never looks through all claims or all matches for these.
_CLAIMS: Final = (
    _CLAIM + "WHERE c.attempt_id = ANY(ARRAY(SELECT attempt_id FROM {lines})) "
    "AND NOT EXISTS (SELECT FROM match_legs AS m WHERE m.claim_id = c.id AND m.stands OFFSET 0)"
)
_LINE: Final = "id, attempt_id, kind, amount, day, came, tolerated"
# Each line beside the claim that is alike, if there is one; where several are, in more than one row.
_PAIRED: Final = (
    "CREATE TEMPORARY TABLE paired ON COMMIT DROP AS SELECT l.*, c.id AS claim_id, c.day AS claimed_on "
    "FROM ({lines}) AS l LEFT JOIN (SELECT id, attempt_id, kind, amount, day FROM ({claims}) AS open) AS c "
    "USING (attempt_id, kind, amount)"
)
# Asked as a whole, of the few that fell, and not of every pair: those that stand are a million.
_NOT_FALLEN: Final = (
    "(l.id, c.id) NOT IN (SELECT line_id, claim_id FROM match_legs WHERE NOT stands AND group_id IS NULL)"
)
_LATE: Final = "greatest(l.day - c.day - l.tolerated, 0)"


_ALIKE_ONCE: Final = (
    f"{_INSERT} SELECT l.id, c.id, NULL, 'same_payment_same_kind', {RULE_VERSION}, :run_id, 0, {_LATE} FROM (SELECT "
    "id, day, tolerated, claim_id, claimed_on FROM paired WHERE claim_id IS NOT NULL "
    "AND attempt_id NOT IN (TABLE repeated)) AS l, "
    f"LATERAL (SELECT l.claim_id AS id, l.claimed_on AS day) AS c WHERE {_NOT_FALLEN}"
)


def _taken(insert: str, lines: str = "left_lines", claims: str = "left_claims") -> str:
    """Return the statement that makes matches and takes their lines and claims out of the tables they were in.

    So no rule has to look among the million that other rules matched.
    """
    return (
        f"WITH made AS ({insert} RETURNING line_id, claim_id), "
        f"gone AS (DELETE FROM {lines} WHERE id IN (SELECT line_id FROM made)) "
        f"DELETE FROM {claims} WHERE id IN (SELECT claim_id FROM made)"
    )


def _in_order(rule: Rule, by: str, lines: str, claims: str) -> str:
    """Return the statement that matches one with one: those that are alike are told apart by their order in time."""
    alike = f"attempt_id, {by}, amount"
    place = f"row_number() OVER (PARTITION BY {alike} ORDER BY day, id) AS place"
    return (
        f"{_INSERT} SELECT l.id, c.id, NULL, '{rule}', {RULE_VERSION}, CAST(:run_id AS uuid), 0, {_LATE} "
        f"FROM (SELECT *, {place} FROM {lines}) AS l "
        f"JOIN (SELECT *, {place} FROM {claims}) AS c USING ({alike}, place) WHERE {_NOT_FALLEN}"
    )


# What a person took apart is not put together again: neither the pair nor the group.
_IN_SUM: Final = (
    "WITH l AS (SELECT attempt_id, came, sum(amount) AS amount, array_agg(id) AS ids, max(day) AS day, "
    "max(tolerated) AS tolerated FROM left_lines GROUP BY 1, 2), "
    "c AS (SELECT attempt_id, came, sum(amount) AS amount, array_agg(id) AS ids, max(day) AS day "
    "FROM left_claims GROUP BY 1, 2), "
    "found AS (SELECT CAST(md5(concat_ws('/', :run_id, attempt_id, came)) AS uuid) AS group_id, l.ids AS lines, "
    f"c.ids AS claims, {_LATE} AS late FROM l JOIN c USING (attempt_id, came, amount) "
    "WHERE NOT EXISTS (SELECT FROM match_legs AS f "
    "WHERE NOT f.stands AND (f.line_id = ANY(l.ids) OR f.claim_id = ANY(c.ids)))) "
    f"{_INSERT} SELECT line_id, NULL, group_id, 'same_payment_in_sum', {RULE_VERSION}, CAST(:run_id AS uuid), 0, late "
    "FROM found, unnest(lines) AS line_id UNION ALL "
    f"SELECT NULL, claim_id, group_id, 'same_payment_in_sum', {RULE_VERSION}, CAST(:run_id AS uuid), 0, 0 "
    "FROM found, unnest(claims) AS claim_id"
)
_OTHER_AMOUNT: Final = (
    "WITH l AS (SELECT attempt_id, came, (array_agg(id))[1] AS id, sum(amount) AS amount, max(day) AS day, "
    "max(tolerated) AS tolerated FROM left_lines GROUP BY 1, 2 HAVING count(*) = 1), "
    "c AS (SELECT attempt_id, came, (array_agg(id))[1] AS id, sum(amount) AS amount, max(day) AS day "
    "FROM left_claims GROUP BY 1, 2 HAVING count(*) = 1) "
    f"{_INSERT} SELECT l.id, c.id, NULL, 'same_payment_other_amount', {RULE_VERSION}, :run_id, l.amount - c.amount, "
    f"{_LATE} FROM l JOIN c USING (attempt_id, came) WHERE l.amount <> c.amount AND {_NOT_FALLEN}"
)


async def match(tx: Transaction, run_id: UUID, taken: Taken, days_late: Sequence[tuple[str, date, int]]) -> None:
    """Ask every rule, in its order, about what is new and what is open.

    `days_late`: for each provider and day, so many days may lie between our booking and its.
    """
    await _pair(tx, taken, days_late)
    async with planned(tx, many=taken.many):  # An ANALYZE of the matches would let the runs of others wait.
        await _ask_rules(tx, run_id)


async def _ask_rules(tx: Transaction, run_id: UUID) -> None:
    await tx.execute(_ALIKE_ONCE, run_id=run_id)
    repeated = _in_order("same_payment_same_kind", "kind", "repeated_lines", "repeated_claims")
    await tx.execute(_taken(repeated, "repeated_lines", "repeated_claims"), run_id=run_id)
    await _leave(tx)
    for rule in (
        _in_order("same_payment_other_kind", "came", "left_lines", "left_claims"),
        _IN_SUM,
        _OTHER_AMOUNT,
    ):
        await tx.execute(_taken(rule), run_id=run_id)


async def _pair(tx: Transaction, taken: Taken, days_late: Sequence[tuple[str, date, int]]) -> None:
    """Lay lines and claims side by side, as `paired`.

    Payments that have more than one row there are laid apart, as `repeated_lines` and `repeated_claims`.
    """
    told = {
        "files": list(taken.files),
        "provider": taken.provider,
    }
    days = {
        "providers": [each[0] for each in days_late],
        "days": [each[1] for each in days_late],
        "late": [each[2] for each in days_late],
    }
    if taken.many:
        lines = _LINES_TO_MATCH.format(late=_DAYS.format(name="late"))
        async with planned(tx, many=True):
            await tx.execute(_PAIRED.format(lines=lines, claims=_ALL_CLAIMS), **told, **days)
    else:
        await tx.execute(
            f"CREATE TEMPORARY TABLE provider_days ON COMMIT DROP AS SELECT * FROM {_DAYS.format(name='given')}", **days
        )
        await tx.execute("ALTER TABLE provider_days ADD PRIMARY KEY (provider, day)")
        await tx.execute("ANALYZE provider_days")
        lines = _LINES_TO_MATCH.format(late="provider_days AS late")
        await tx.execute(f"CREATE TEMPORARY TABLE candidates ON COMMIT DROP AS {lines}", **told)
        await tx.execute("ANALYZE candidates")  # Of a table that nobody looked at, any plan may be made.
        await tx.execute(_PAIRED.format(lines="SELECT * FROM candidates", claims=_CLAIMS.format(lines="candidates")))
    await lay(tx, "repeated", "SELECT attempt_id FROM paired GROUP BY attempt_id HAVING count(*) > 1")
    await lay(tx, "repeated_lines", f"SELECT DISTINCT {_LINE} FROM paired WHERE attempt_id IN (TABLE repeated)")
    await lay(tx, "repeated_claims", _CLAIMS.format(lines="repeated"))


async def _leave(tx: Transaction) -> None:
    """Make `left_lines` and `left_claims` of what the first rule took nothing of."""
    await lay(
        tx,
        "left_lines",
        f"SELECT {_LINE} FROM paired WHERE attempt_id NOT IN (TABLE repeated) AND (claim_id IS NULL "
        "OR (id, claim_id) IN (SELECT line_id, claim_id FROM match_legs WHERE NOT stands AND group_id IS NULL)) "
        f"UNION ALL SELECT {_LINE} FROM repeated_lines",
    )
    await lay(tx, "left_claims", _CLAIMS.format(lines="left_lines"))
