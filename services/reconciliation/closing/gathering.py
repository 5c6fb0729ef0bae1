"""What is known about periods that may close, asked set-based of the slices that know it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from kernel.clock import business_date
from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.closing import store
from reconciliation.closing.missing import Gathered, Reach, Tally, tally_of
from reconciliation.closing.model import Period, PeriodKind, is_closed, periods_between
from reconciliation.discrepancies import actions as discrepancies


async def books_begin(tx: Transaction) -> date | None:
    """Return the first day of the books; None if there is nothing in them."""
    found = await tx.execute("SELECT min(business_date) FROM entries")
    answer: date | None = found.scalar_one()
    return answer


async def gather(
    tx: Transaction, periods: Sequence[Period], *, at: datetime, grace: timedelta
) -> dict[Period, Gathered]:
    """Return what is known about periods of one kind, which are in their order."""
    if not periods:
        return {}
    begins = await books_begin(tx)
    first, last = periods[0].first_day, periods[-1].last_day
    closed = await store.closed(tx, first=first, last=last)
    open_: dict[Period, list[Yen]] = {}
    arriving: dict[Period, list[Yen]] = {}
    if periods[0].kind != "year":
        by_day = {day: each for each in periods for day in each.days()}
        for found in await discrepancies.open_ones(tx, None, at=at, grace=grace, days=(first, last)):
            if found.day in by_day:
                (arriving if found.pending else open_).setdefault(by_day[found.day], []).append(found.amount)
    months = periods if periods[0].kind == "month" else ()
    reaches = {each: await _reaches(tx, each) for each in months}
    payouts = {each: await _payouts(tx, each) for each in months}
    return {
        each: Gathered(
            begins,
            arriving=tally_of(arriving.get(each, ())),
            discrepancies=tally_of(open_.get(each, ())),
            open_parts=_open_parts(each, begins, closed),
            reaches=reaches.get(each, ()),
            payouts=payouts.get(each, ()),
        )
        for each in periods
    }


_PARTS: Final[dict[PeriodKind, PeriodKind]] = {"month": "day", "year": "month"}


def _open_parts(period: Period, begins: date | None, closed: Collection[Period]) -> tuple[date, ...]:
    """Return the first days of a month's days or a year's months that are open, from the beginning of the books on."""
    if period.kind not in _PARTS or begins is None:
        return ()
    parts = periods_between(_PARTS[period.kind], max(begins, period.first_day), period.last_day)
    return tuple(each.first_day for each in parts if not is_closed(each, closed))


# Whose statement tells of a claim: that of the contract that carried its method at its facility on its day; where no
# contract does, the method stands for its provider.
_REACHES: Final = """
WITH versions AS (
    SELECT DISTINCT ON (name, since) name, provider, since, definition FROM provider_contracts
    ORDER BY name, since, version DESC
), sums AS (
    SELECT c.method, c.facility, c.business_date, count(*) FILTER (WHERE m.claim_id IS NULL) AS unseen,
        coalesce(sum(abs(c.amount)) FILTER (WHERE m.claim_id IS NULL), 0) AS amount
    FROM claims AS c LEFT JOIN match_legs AS m ON m.claim_id = c.id AND m.stands
    WHERE c.business_date BETWEEN :first AND :last GROUP BY 1, 2, 3
), owed AS (
    SELECT coalesce(k.provider, s.method) AS provider, sum(s.unseen) AS unseen, sum(s.amount) AS amount
    FROM sums AS s LEFT JOIN LATERAL (
        SELECT v.provider FROM versions AS v WHERE v.definition -> 'methods' ? s.method AND v.since <= s.business_date
            AND (coalesce(jsonb_array_length(v.definition -> 'facilities'), 0) = 0
                 OR v.definition -> 'facilities' ? s.facility)
        ORDER BY v.since DESC LIMIT 1) AS k ON true
    GROUP BY 1
)
SELECT o.provider, o.unseen, o.amount, l.until, f.received_at
FROM owed AS o
LEFT JOIN LATERAL (SELECT max(occurred_on) AS until FROM settlement_lines WHERE provider = o.provider) AS l ON true
LEFT JOIN LATERAL (SELECT max(received_at) AS received_at FROM statement_files WHERE id IN (
    SELECT file_id FROM settlement_lines WHERE provider = o.provider)) AS f ON true
ORDER BY o.provider
"""


async def _reaches(tx: Transaction, period: Period) -> tuple[Reach, ...]:
    """Return how far the statements reach of every provider that we claim something of in a month."""
    answer = await tx.execute(_REACHES, first=period.first_day, last=period.last_day)
    return tuple(
        Reach(
            row.provider,
            Tally(int(row.unseen), Yen(int(row.amount))),
            row.until,
            business_date(row.received_at) if row.received_at else None,
        )
        for row in answer
    )


# What people found out about a payout that did not come is in the discrepancies: it is not missed twice.
_PAYOUTS: Final = """
SELECT p.provider, count(*) AS count, sum(p.net) AS amount FROM payouts AS p
WHERE p.arrives_on BETWEEN :first AND :last AND p.net > 0
  AND NOT EXISTS (SELECT FROM deposit_legs AS d WHERE d.payout_id = p.id AND d.stands)
  AND NOT EXISTS (SELECT FROM discrepancies AS d WHERE d.kind = 'deposit_missing' AND d.subject = 'payout:' || p.id
                  AND d.state = 'resolved')
GROUP BY p.provider ORDER BY p.provider
"""


async def _payouts(tx: Transaction, period: Period) -> tuple[tuple[str, Tally], ...]:
    """Return the payouts, by provider, that were due in a month and have not come."""
    answer = await tx.execute(_PAYOUTS, first=period.first_day, last=period.last_day)
    return tuple((row.provider, Tally(row.count, Yen(int(row.amount)))) for row in answer)
