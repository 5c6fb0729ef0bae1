"""Matching in SQL, set-based: what is new and what is still open is joined by one rule after the other, each once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.matching.model import IN_KINDS, OUT_KINDS, RULE_VERSION, Carrier, Leg, LineDay, OpenItem, Rule, Run

STATEMENT_SECONDS_MAX: Final = 900
ROWS_UNSEEN_MAX: Final = 20_000  # More new rows than these make PostgreSQL's picture of a table wrong for its plans.
ROWS_LAID_MAX: Final = 1_000  # It takes a table that it never looked at for one of about so many rows.
_KINDS: Final = ", ".join(f"'{each}'" for each in (*IN_KINDS, *OUT_KINDS))
_IN: Final = ", ".join(f"'{each}'" for each in IN_KINDS)
_INSERT: Final = (
    "INSERT INTO match_legs (line_id, claim_id, group_id, rule, rule_version, run_id, difference, days_late) "
)
# A provider is late by what is more than its contract tolerates; `late` has one row for each provider and day.
_LINES: Final = (
    f"SELECT l.id, l.attempt_id, l.kind, l.gross AS amount, l.occurred_on AS day, l.kind IN ({_IN}) AS came, "
    "coalesce(late.days, 0) AS tolerated FROM settlement_lines AS l "
    "LEFT JOIN provider_days AS late ON late.provider = l.provider AND late.day = l.occurred_on "
    f"WHERE l.attempt_id IS NOT NULL AND l.kind IN ({_KINDS}) "
)
# A line that no run has seen is in no match.
_NEW_LINES: Final = f"{_LINES} AND l.file_id IN (SELECT file_id FROM new_files)"
_OPEN_LINES: Final = (
    f"{_LINES} AND l.id IN (SELECT line_id FROM open_lines) "
    "AND NOT EXISTS (SELECT FROM match_legs AS m WHERE m.line_id = l.id AND m.stands)"
)
_CLAIM: Final = (
    f"SELECT c.id, c.attempt_id, c.kind, c.amount, c.business_date AS day, c.kind IN ({_IN}) AS came FROM claims AS c "
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
LINES_OF_MOST_CLAIMS: Final = 100_000  # From so many lines on it is cheaper to join all claims than to pick theirs.
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


_PLANS: Final = "SELECT set_config('enable_nestloop', '{0}', true), set_config('enable_mergejoin', '{0}', true)"
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
# What no rule took, and what does not name a payment of ours at all.
_OPENED: Final = (
    "INSERT INTO open_lines SELECT id FROM left_lines UNION ALL SELECT l.id FROM settlement_lines AS l "
    f"WHERE l.kind IN ({_KINDS}) AND l.attempt_id IS NULL AND l.file_id IN (SELECT file_id FROM new_files) "
    "AND NOT EXISTS (SELECT FROM match_legs AS m WHERE m.line_id = l.id AND m.stands) ON CONFLICT DO NOTHING"
)
_CARRIERS: Final = (
    "unnest(CAST(:methods AS text[]), CAST(:facilities AS text[]), CAST(:providers AS text[]), "
    "CAST(:firsts AS date[]), CAST(:lasts AS date[]), CAST(:late AS integer[])) "
    "AS k (method, facility, provider, first_day, last_day, days_late)"
)
_MISSED: Final = (
    f"INSERT INTO open_claims SELECT c.id, k.provider, c.business_date + k.days_late FROM {_CARRIERS} "
    "JOIN claims AS c ON c.method = k.method AND c.business_date BETWEEN k.first_day AND k.last_day "
    "AND (k.facility IS NULL OR k.facility = c.facility) "
    "WHERE NOT EXISTS (SELECT FROM match_legs AS m WHERE m.claim_id = c.id AND m.stands)"
)


def _told(carriers: Sequence[Carrier]) -> dict[str, Any]:
    return {
        "methods": [each.method for each in carriers],
        "facilities": [each.facility for each in carriers],
        "providers": [each.provider for each in carriers],
        "firsts": [each.first for each in carriers],
        "lasts": [each.last for each in carriers],
        "late": [each.days_late for each in carriers],
    }


async def lock(tx: Transaction) -> None:
    """Let no other run match at the same time, and give this one the time that a year of lines takes on a busy machine.

    Cut short, it would begin again and again and never end.
    """
    await tx.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS_MAX}s'")
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('matching', 13))")


async def take_new_files(tx: Transaction, run_id: UUID) -> int:
    """Note every file that matching has not seen, as `new_files` too; return how many there are."""
    await tx.execute("CREATE TEMPORARY TABLE new_files (file_id uuid PRIMARY KEY) ON COMMIT DROP")
    taken = await tx.execute(
        "WITH taken AS (INSERT INTO matched_files (file_id, run_id) SELECT f.id, :run_id FROM statement_files AS f "
        "WHERE NOT EXISTS (SELECT FROM matched_files AS m WHERE m.file_id = f.id) RETURNING file_id) "
        "INSERT INTO new_files SELECT file_id FROM taken",
        run_id=run_id,
    )
    return taken.rowcount


async def is_seen(tx: Transaction, file_id: UUID) -> bool:
    """Tell whether a run has matched a file."""
    found = await tx.execute("SELECT EXISTS (SELECT FROM matched_files WHERE file_id = :id)", id=file_id)
    return bool(found.scalar_one())


async def has_unseen_files(tx: Transaction, *, since: datetime) -> bool:
    """Tell whether files that were received since a moment wait for matching."""
    found = await tx.execute(
        "SELECT EXISTS (SELECT FROM statement_files AS f WHERE received_at >= :since "
        "AND NOT EXISTS (SELECT FROM matched_files AS m WHERE m.file_id = f.id))",
        since=since,
    )
    return bool(found.scalar_one())


async def days_of_lines(tx: Transaction) -> list[LineDay]:
    """Return of which provider, day and brand there are lines that are new, or older ones that are still open."""
    rows = await tx.execute(
        "SELECT provider, occurred_on, brand, true AS new, bool_or(kind <> 'payout') AS moves FROM settlement_lines "
        "WHERE file_id IN (SELECT file_id FROM new_files) GROUP BY 1, 2, 3 "
        "UNION ALL SELECT DISTINCT l.provider, l.occurred_on, l.brand, false, true FROM settlement_lines AS l "
        "WHERE l.id IN (SELECT line_id FROM open_lines)"
    )
    return [LineDay(row.provider, row.occurred_on, row.brand, row.new, row.moves) for row in rows]


async def match(tx: Transaction, run_id: UUID, days_late: Sequence[tuple[str, date, int]]) -> bool:
    """Ask every rule, in its order, about what is new and what is open; return whether that was a great deal.

    `days_late`: for each provider and day, so many days may lie between our booking and its.
    """
    await tx.execute("SET LOCAL work_mem = '128MB'")
    await tx.execute(
        "CREATE TEMPORARY TABLE provider_days ON COMMIT DROP AS "
        "SELECT * FROM unnest(CAST(:providers AS text[]), CAST(:days AS date[]), CAST(:late AS integer[])) "
        "AS given (provider, day, days)",
        providers=[each[0] for each in days_late],
        days=[each[1] for each in days_late],
        late=[each[2] for each in days_late],
    )
    await tx.execute("ALTER TABLE provider_days ADD PRIMARY KEY (provider, day)")
    await tx.execute("ANALYZE provider_days")
    many = await _pair(tx)
    made = await tx.execute(_ALIKE_ONCE, run_id=run_id)
    if made.rowcount > ROWS_UNSEEN_MAX:
        await tx.execute("ANALYZE match_legs")
    repeated = _in_order("same_payment_same_kind", "kind", "repeated_lines", "repeated_claims")
    await tx.execute(_taken(repeated, "repeated_lines", "repeated_claims"), run_id=run_id)
    await _leave(tx)
    for rule in (
        _in_order("same_payment_other_kind", "came", "left_lines", "left_claims"),
        _IN_SUM,
        _OTHER_AMOUNT,
    ):
        await tx.execute(_taken(rule), run_id=run_id)
    return many


async def _pair(tx: Transaction) -> bool:
    """Lay lines and claims side by side, as `paired`; return whether they are a great many.

    Payments that have more than one row there are laid apart, as `repeated_lines` and `repeated_claims`.
    """
    lines, claims = f"{_NEW_LINES} UNION ALL {_OPEN_LINES}", _ALL_CLAIMS
    found = await tx.execute(
        "SELECT (SELECT coalesce(sum(new_count), 0) FROM statement_files WHERE id IN (SELECT file_id FROM new_files)) "
        "+ (SELECT count(*) FROM open_lines)"
    )
    many = bool(found.scalar_one() >= LINES_OF_MOST_CLAIMS)
    if not many:
        await tx.execute(f"CREATE TEMPORARY TABLE candidates ON COMMIT DROP AS {lines}")
        await tx.execute("ANALYZE candidates")  # Of a table that nobody looked at, any plan may be made.
        lines, claims = "SELECT * FROM candidates", _CLAIMS.format(lines="candidates")
        await tx.execute(_PAIRED.format(lines=lines, claims=claims))
    else:
        # Both as wholes, whatever PostgreSQL knows of rows that have just come: no claim is looked up for each line.
        await tx.execute(_PLANS.format("off"))
        await tx.execute(_PAIRED.format(lines=lines, claims=claims))
        await tx.execute(_PLANS.format("on"))
    await _lay(tx, "repeated", "SELECT attempt_id FROM paired GROUP BY attempt_id HAVING count(*) > 1")
    await _lay(tx, "repeated_lines", f"SELECT DISTINCT {_LINE} FROM paired WHERE attempt_id IN (TABLE repeated)")
    await _lay(tx, "repeated_claims", _CLAIMS.format(lines="repeated"))
    return many


async def _leave(tx: Transaction) -> None:
    """Make `left_lines` and `left_claims` of what the first rule took nothing of."""
    await _lay(
        tx,
        "left_lines",
        f"SELECT {_LINE} FROM paired WHERE attempt_id NOT IN (TABLE repeated) AND (claim_id IS NULL "
        "OR (id, claim_id) IN (SELECT line_id, claim_id FROM match_legs WHERE NOT stands AND group_id IS NULL)) "
        f"UNION ALL SELECT {_LINE} FROM repeated_lines",
    )
    await _lay(tx, "left_claims", _CLAIMS.format(lines="left_lines"))


async def _lay(tx: Transaction, table: str, query: str) -> None:
    """Lay a query's rows down as a table of this transaction, and let PostgreSQL look at it if they are many."""
    made = await tx.execute(f"CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS {query}")
    if made.rowcount > ROWS_LAID_MAX:
        await tx.execute(f"ANALYZE {table}")


async def note_open_lines(tx: Transaction) -> None:
    """Keep which lines of `new_files` no match explains."""
    await tx.execute(_OPENED)


async def note_open_claims(tx: Transaction, carriers: Sequence[Carrier], *, many: bool) -> None:
    """Keep which claims no match explains, as far as the providers' statements reach.

    `many`: so many may be among them that they are compared with all matches as a whole, and not one by one.
    """
    await tx.execute(_PLANS.format("off" if many else "on"))
    await tx.execute(f"{_MISSED} ON CONFLICT DO NOTHING", **_told(carriers))
    await tx.execute(_PLANS.format("on"))


async def forget_what_is_matched(tx: Transaction) -> None:
    """Forget lines and claims that were open and are matched now."""
    for table, column in (("open_lines", "line_id"), ("open_claims", "claim_id")):
        await tx.execute(
            f"DELETE FROM {table} AS o WHERE EXISTS "
            f"(SELECT FROM match_legs AS m WHERE m.{column} = o.{column} AND m.stands)"
        )


async def forget_open_claims(tx: Transaction, provider: str) -> None:
    """Forget which claims are open at a provider, before they are looked for again."""
    await tx.execute("DELETE FROM open_claims WHERE provider = :provider", provider=provider)


async def forget_new_files(tx: Transaction) -> None:
    """Drop what only this run needed: another run may follow in the same transaction."""
    await tx.execute(
        "DROP TABLE IF EXISTS new_files, provider_days, candidates, paired, repeated, repeated_lines, repeated_claims, "
        "left_lines, left_claims"
    )


async def reach(tx: Transaction) -> dict[str, date]:
    """Return until which day each provider's statements reach."""
    rows = await tx.execute("SELECT provider, until FROM provider_reach")
    return {row.provider: row.until for row in rows}


async def set_reach(tx: Transaction, reached: dict[str, date]) -> None:
    """Keep until which day the statements of providers reach; they never reach less far than before."""
    await tx.execute(
        "INSERT INTO provider_reach AS r SELECT * FROM unnest(CAST(:providers AS text[]), CAST(:days AS date[])) "
        "ON CONFLICT (provider) DO UPDATE SET until = greatest(r.until, EXCLUDED.until)",
        providers=list(reached),
        days=list(reached.values()),
    )


async def add_run(tx: Transaction, run: Run) -> None:
    """Write down what a run made, if it made anything."""
    if run.lines or run.claims or run.payouts or run.deposits:
        await tx.execute(
            "INSERT INTO match_runs (id, began_at, lines, claims, differing, payouts, deposits) "
            "VALUES (:id, :at, :lines, :claims, :differing, :payouts, :deposits)",
            id=run.id,
            at=run.began_at,
            lines=run.lines,
            claims=run.claims,
            differing=run.differing,
            payouts=run.payouts,
            deposits=run.deposits,
        )


async def counts(tx: Transaction, run_id: UUID) -> tuple[int, int, int]:
    """Return how many lines, claims and differing matches a run made."""
    found = await tx.execute(
        "SELECT count(line_id) AS lines, count(claim_id) AS claims, "
        "count(*) FILTER (WHERE difference <> 0) AS differing FROM match_legs WHERE run_id = :run_id",
        run_id=run_id,
    )
    row = found.one()
    return row.lines, row.claims, row.differing


def _leg(row: Any) -> Leg:
    difference = Yen(row.difference)
    return Leg(
        row.line_id, row.claim_id, row.group_id, row.rule, row.rule_version, row.run_id, difference, row.days_late
    )


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
    """Let a match fall, and write down who did it and why; its lines and claims are open again."""
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
    await tx.execute(
        "INSERT INTO open_lines SELECT * FROM unnest(CAST(:ids AS uuid[])) ON CONFLICT DO NOTHING",
        ids=[each.line_id for each in legs if each.line_id],
    )


async def reopen_claims(tx: Transaction, legs: Sequence[Leg], carriers: Sequence[Carrier]) -> None:
    """Let the claims of a match that fell be missed at their provider."""
    await tx.execute(
        f"{_MISSED} AND c.id = ANY(:ids) ON CONFLICT DO NOTHING",
        ids=[each.claim_id for each in legs if each.claim_id],
        **_told(carriers),
    )


async def open_items(
    tx: Transaction,
    *,
    limit: int,
    kind: str | None = None,
    facilities: Sequence[str] | None = None,
    after: tuple[date, str, str] | None = None,
) -> list[OpenItem]:
    """Return what is open, oldest first, after a place in that order; of a kind and some facilities, or (None) all."""
    day, after_kind, subject = after or (None, None, None)
    rows = await tx.execute(
        "SELECT * FROM open_items WHERE (CAST(:kind AS text) IS NULL OR kind = :kind) "
        "AND (CAST(:facilities AS text[]) IS NULL OR facility = ANY(CAST(:facilities AS text[]))) "
        "AND (CAST(:day AS date) IS NULL OR (day, kind, subject) > (CAST(:day AS date), :after_kind, :subject)) "
        "ORDER BY day, kind, subject LIMIT :limit",
        kind=kind,
        facilities=None if facilities is None else list(facilities),
        day=day,
        after_kind=after_kind,
        subject=subject,
        limit=limit,
    )
    return [
        OpenItem(
            row.kind,
            row.subject,
            row.order_id,
            row.number,
            row.facility,
            row.provider,
            row.day,
            Yen(row.amount),
            row.since,
        )
        for row in rows
    ]
