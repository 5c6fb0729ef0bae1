"""Rows of matching: which files were taken, how far statements reach, what is open, and matches that fall."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.matching.model import IN_KINDS, OUT_KINDS, Carrier, Leg, LineDay, OpenItem, Run, Taken
from reconciliation.matching.scratch import lay, planned

STATEMENT_SECONDS_MAX: Final = 900
_ALL: Final = "hashtextextended('matching', 13)"
_ONE: Final = "hashtextextended('matching ' || :provider, 13)"
LINES_OF_MOST_CLAIMS: Final = 100_000  # From so many lines on it is cheaper to join all claims than to pick theirs.
IN: Final = ", ".join(f"'{each}'" for each in IN_KINDS)
KINDS: Final = ", ".join(f"'{each}'" for each in (*IN_KINDS, *OUT_KINDS))
_UNSEEN: Final = "NOT EXISTS (SELECT FROM matched_files AS m WHERE m.file_id = f.id)"
OPEN_LINES: Final = "SELECT line_id FROM open_lines WHERE CAST(:provider AS text) IS NULL OR provider = :provider"
# What no rule took, and what does not name a payment of ours at all.
_OPENED: Final = (
    "INSERT INTO open_lines (line_id, provider) SELECT l.id, l.provider FROM settlement_lines AS l "
    "WHERE l.id IN (SELECT id FROM left_lines) UNION ALL SELECT l.id, l.provider FROM settlement_lines AS l "
    f"WHERE l.kind IN ({KINDS}) AND l.attempt_id IS NULL AND l.file_id = ANY(CAST(:files AS uuid[])) "
    "AND NOT EXISTS (SELECT FROM match_legs AS m WHERE m.line_id = l.id AND m.stands) ON CONFLICT DO NOTHING"
)
_CARRIERS: Final = (
    "unnest(CAST(:methods AS text[]), CAST(:facilities AS text[]), CAST(:providers AS text[]), "
    "CAST(:firsts AS date[]), CAST(:lasts AS date[]), CAST(:late AS integer[])) "
    "AS k (method, facility, provider, first_day, last_day, days_late)"
)
_MISSED: Final = (
    f"SELECT c.id, k.provider, c.business_date + k.days_late AS missed_after FROM {_CARRIERS} "
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


async def lock(tx: Transaction, provider: str | None = None) -> None:
    """Let no other run match at the same time, or (provider) none of this provider's and none of all.

    And give this one the time that a year of lines takes on a busy machine, as cut short it would begin again and again
    and never end; and the room to join them in memory.
    """
    await tx.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS_MAX}s'")
    await tx.execute("SET LOCAL work_mem = '128MB'")
    if provider is None:
        await tx.execute(f"SELECT pg_advisory_xact_lock({_ALL})")
        return
    await tx.execute(f"SELECT pg_advisory_xact_lock_shared({_ALL})")
    await tx.execute(f"SELECT pg_advisory_xact_lock({_ONE})", provider=provider)


async def try_lock(tx: Transaction, provider: str | None) -> bool:
    """Lock as `lock` does, if nobody else has it; return whether.

    Then others, such as the end of another provider's run, are waited for as long as a run may take.
    """
    if provider is None:
        tried = await tx.execute(f"SELECT pg_try_advisory_xact_lock({_ALL})")
    else:
        tried = await tx.execute(
            f"SELECT pg_try_advisory_xact_lock_shared({_ALL}) AND pg_try_advisory_xact_lock({_ONE})", provider=provider
        )
    free = bool(tried.scalar_one())
    if free:
        await tx.execute(f"SET LOCAL lock_timeout = '{STATEMENT_SECONDS_MAX}s'")
    return free


async def waiting(tx: Transaction, *, since: datetime | None = None) -> list[str]:
    """Return whose files wait for matching, those that wait longest first; BANKS where they are no provider's.

    Of those that were received since a moment, or (None) of all.
    """
    found = await tx.execute(
        f"SELECT provider FROM statement_files AS f WHERE {_UNSEEN} "
        "AND received_at >= coalesce(CAST(:since AS timestamptz), '-infinity') "
        "GROUP BY provider ORDER BY min(received_at), provider",
        since=since,
    )
    return list(found.scalars())


async def take_new_files(tx: Transaction, run_id: UUID, provider: str | None) -> Taken:
    """Note every file that matching has not seen, or every one of a provider or of BANKS, and return them."""
    taken = await tx.execute(
        "INSERT INTO matched_files (file_id, run_id) SELECT f.id, :run_id FROM statement_files AS f "
        f"WHERE {_UNSEEN} AND (CAST(:provider AS text) IS NULL OR f.provider = :provider) RETURNING file_id",
        run_id=run_id,
        provider=provider,
    )
    files = tuple(taken.scalars())
    whose = provider or None
    found = await tx.execute(
        "SELECT (SELECT coalesce(sum(new_count), 0) FROM statement_files WHERE id = ANY(CAST(:files AS uuid[]))) "
        f"+ (SELECT count(*) FROM ({OPEN_LINES}) AS open)",
        files=list(files),
        provider=whose,
    )
    return Taken(files, many=bool(found.scalar_one() >= LINES_OF_MOST_CLAIMS), provider=whose)


async def has_unseen_files(tx: Transaction, *, since: datetime) -> bool:
    """Tell whether files that were received since a moment wait for matching."""
    found = await tx.execute(
        f"SELECT EXISTS (SELECT FROM statement_files AS f WHERE received_at >= :since AND {_UNSEEN})",
        since=since,
    )
    return bool(found.scalar_one())


async def unseen_files(tx: Transaction, *, until: datetime) -> int:
    """Return how many files that were received until a moment wait for matching."""
    found = await tx.execute(
        f"SELECT count(*) FROM statement_files AS f WHERE received_at < :until AND {_UNSEEN}",
        until=until,
    )
    return int(found.scalar_one())


async def days_of_lines(tx: Transaction, provider: str | None = None) -> list[LineDay]:
    """Return of which provider, day and brand there are lines: those summed up, and older ones that are still open.

    Of the older ones those of a provider, or (None) of all.
    """
    rows = await tx.execute(
        "SELECT provider, occurred_on, brand, true AS new, bool_or(kind <> 'payout') AS moves FROM alike_lines "
        "GROUP BY 1, 2, 3 "
        "UNION ALL SELECT DISTINCT l.provider, l.occurred_on, l.brand, false, true FROM settlement_lines AS l "
        f"WHERE l.id IN ({OPEN_LINES})",
        provider=provider,
    )
    return [LineDay(row.provider, row.occurred_on, row.brand, row.new, row.moves) for row in rows]


async def note_open_lines(tx: Transaction, taken: Taken) -> None:
    """Keep which lines of new files no match explains."""
    await tx.execute(_OPENED, files=list(taken.files))


async def note_open_claims(tx: Transaction, carriers: Sequence[Carrier], *, many: bool) -> None:
    """Keep which claims no match explains, as far as the providers' statements reach.

    `many`: so many may be among them that they are compared with all matches as a whole, and not one by one.
    """
    async with planned(tx, many=many):
        await lay(tx, "missed", _MISSED, **_told(carriers))
    await tx.execute("INSERT INTO open_claims TABLE missed ON CONFLICT DO NOTHING")
    await tx.execute("DROP TABLE missed")


async def forget_what_is_matched(tx: Transaction, provider: str | None) -> None:
    """Forget lines and claims that were open and are matched now: a provider's, or (None) all."""
    for table, column in (("open_lines", "line_id"), ("open_claims", "claim_id")):
        await tx.execute(
            f"DELETE FROM {table} AS o WHERE (CAST(:provider AS text) IS NULL OR provider = :provider) AND EXISTS "
            f"(SELECT FROM match_legs AS m WHERE m.{column} = o.{column} AND m.stands)",
            provider=provider,
        )


async def forget_open_claims(tx: Transaction, provider: str) -> None:
    """Forget which claims are open at a provider, before they are looked for again."""
    await tx.execute("DELETE FROM open_claims WHERE provider = :provider", provider=provider)


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
        "INSERT INTO open_lines (line_id, provider) SELECT id, provider FROM settlement_lines WHERE id = ANY(:ids) "
        "ON CONFLICT DO NOTHING",
        ids=[each.line_id for each in legs if each.line_id],
    )


async def reopen_claims(tx: Transaction, legs: Sequence[Leg], carriers: Sequence[Carrier]) -> None:
    """Let the claims of a match that fell be missed at their provider."""
    await tx.execute(
        f"INSERT INTO open_claims {_MISSED} AND c.id = ANY(:ids) ON CONFLICT DO NOTHING",
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
