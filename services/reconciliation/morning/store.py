"""What the morning asks the tables of other slices, in SQL that answers from indexes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.morning.model import DueToday, Reach


async def takings(
    tx: Transaction, facilities: Sequence[str] | None, *, first: date, last: date
) -> list[tuple[date, str, Yen]]:
    """Return what came in by day and method."""
    rows = await tx.execute(
        "SELECT business_date AS day, method, sum(amount)::bigint AS taken FROM entries "
        "WHERE business_date BETWEEN :first AND :last AND kind = 'captured' "
        "AND (CAST(:facilities AS text[]) IS NULL OR facility = ANY(CAST(:facilities AS text[]))) GROUP BY 1, 2",
        first=first,
        last=last,
        facilities=list(facilities) if facilities is not None else None,
    )
    return [(row.day, row.method, Yen(row.taken)) for row in rows]


_MATCHED = "EXISTS (SELECT FROM deposit_legs AS d WHERE d.payout_id = p.id AND d.stands)"


async def due(tx: Transaction, day: date) -> list[DueToday]:
    """Return what is due on a day, by provider; what came of it stands apart from what did not."""
    rows = await tx.execute(
        f"SELECT p.provider, {_MATCHED} AS came, sum(p.net)::bigint AS net FROM payouts AS p "
        "WHERE p.arrives_on = :day AND p.net <> 0 GROUP BY 1, 2 ORDER BY 1, 2",
        day=day,
    )
    return [DueToday(row.provider, Yen(row.net), row.came) for row in rows]


async def late(tx: Transaction, day: date) -> tuple[int, Yen]:
    """Return how many payouts should have come before a day and have not, and how much they are."""
    row = (
        await tx.execute(
            "SELECT count(*) AS number, coalesce(sum(p.net), 0)::bigint AS net FROM payouts AS p "
            f"WHERE p.missed_after < :day AND p.arrives_on < :day AND p.net <> 0 AND NOT {_MATCHED}",
            day=day,
        )
    ).one()
    return row.number, Yen(row.net)


async def came(tx: Transaction, day: date) -> Yen:
    """Return what the banks' statements say came in on a day."""
    found = await tx.execute(
        "SELECT coalesce(sum(b.amount), 0)::bigint FROM (SELECT DISTINCT account FROM bank_balances) AS a "
        "JOIN bank_lines AS b ON b.account = a.account AND b.booked_on = :day "
        "WHERE b.basis = 'statement' AND b.amount > 0 AND NOT b.cancelled",
        day=day,
    )
    return Yen(found.scalar_one())


async def provider_reaches(tx: Transaction) -> list[Reach]:
    """Return until when the statements of each provider tell, those of a contract without any included."""
    rows = await tx.execute(
        "SELECT provider, max(until) AS until FROM (SELECT provider, until FROM provider_reach UNION ALL "
        "SELECT provider, NULL FROM provider_contracts) AS known GROUP BY 1 ORDER BY 1"
    )
    return [Reach(row.provider, row.until) for row in rows]


async def account_reaches(tx: Transaction) -> list[Reach]:
    """Return until when the statements of each bank account tell."""
    rows = await tx.execute("SELECT account, max(last_day) AS until FROM bank_balances GROUP BY 1 ORDER BY 1")
    return [Reach(row.account, row.until) for row in rows]


async def open_days(tx: Transaction, first: date, last: date) -> tuple[int, date | None]:
    """Return how many days of a range are not closed, and the first of them."""
    row = (
        await tx.execute(
            "SELECT count(*) AS number, min(day)::date AS first FROM generate_series(CAST(:first AS date), "
            "CAST(:last AS date), interval '1 day') AS day WHERE NOT EXISTS (SELECT FROM standing_closings AS c "
            "WHERE c.kind = 'day' AND c.first_day = day::date)",
            first=first,
            last=last,
        )
    ).one()
    return row.number, row.first


async def suggestions(tx: Transaction) -> int:
    """Return how many suggestions wait at the matching desk."""
    return int((await tx.execute("SELECT count(*) FROM deposit_suggestions")).scalar_one())


async def approvals(tx: Transaction, name: str) -> int:
    """Return how many resolutions wait for somebody who did not propose them."""
    found = await tx.execute(
        "SELECT count(*) FROM discrepancies WHERE state = 'proposed' AND proposed_by <> :name", name=name
    )
    return int(found.scalar_one())


async def reopenings(tx: Transaction, name: str) -> int:
    """Return how many wishes to open a period again wait for somebody who did not ask for them."""
    found = await tx.execute("SELECT count(*) FROM reopenings WHERE decision IS NULL AND asked_by <> :name", name=name)
    return int(found.scalar_one())
