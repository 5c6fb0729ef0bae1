"""What is known about periods that may close, asked set-based of the slices that know it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from kernel.clock import business_date
from kernel.money import Yen
from kernel.rows import Transaction
from reconciliation.closing import store
from reconciliation.closing.missing import NONE, Due, Gathered, Reach, Tally, tally_of
from reconciliation.closing.model import Period, PeriodKind, day_period, is_closed, periods_between
from reconciliation.days.wording import METHODS, provider_name
from reconciliation.discrepancies import actions as discrepancies
from reconciliation.discrepancies import listing
from reconciliation.discrepancies.model import DAY_KINDS, StillExamining
from reconciliation.journal import sources
from reconciliation.journal import store as journal
from reconciliation.journal.actions import DAYS_AT_ONCE
from reconciliation.journal.model import corrections
from reconciliation.journal.rules import drafts_of
from reconciliation.provider_contracts import store as contracts
from reconciliation.provider_contracts.model import Terms


async def books_begin(tx: Transaction) -> date | None:
    """Return the first day of the books; None if there is nothing in them."""
    found = await tx.execute("SELECT min(business_date) FROM entries")
    answer: date | None = found.scalar_one()
    return answer


async def gather(
    tx: Transaction, periods: Sequence[Period], *, at: datetime, grace: timedelta
) -> dict[Period, Gathered]:
    """Return what is known about periods of one kind, which are in their order. Raises StillExamining."""
    if not periods:
        return {}
    begins = await books_begin(tx)
    first, last = periods[0].first_day, periods[-1].last_day
    closed = await store.closed(tx, first=first, last=last)
    arriving: dict[Period, Tally] = {}
    open_: dict[Period, Tally] = {}
    if periods[0].kind != "year":
        if not await discrepancies.up_to_date(tx, at=at, grace=grace):
            raise StillExamining
        # What has changed since a day closed is booked on an open one: it keeps no period from closing.
        by_day = {day: each for each in periods for day in each.days()}
        for day, (items, size) in (await listing.by_day(tx, None, first=first, last=last, without=DAY_KINDS)).items():
            if day in by_day:
                open_[by_day[day]] = open_.get(by_day[day], NONE) + Tally(items, size)
        for found in await discrepancies.pending_ones(tx, None, at=at, grace=grace, days=(first, last)):
            if found.day in by_day:
                arriving[by_day[found.day]] = arriving.get(by_day[found.day], NONE) + tally_of([found.amount])
    over = [each for each in periods if each.kind == "day" and each.last_day < business_date(at)]
    unbooked = await _unbooked(tx, [each for each in over if each not in open_ and each not in arriving])
    # Of a month that has not begun nothing can be missing but that.
    months = [each for each in periods if each.kind == "month" and each.first_day <= business_date(at)]
    terms = await contracts.terms(tx) if months else {}
    reaches = {each: await _reaches(tx, each, terms) for each in months}
    payouts = {each: await _payouts(tx, each, terms) for each in months}
    return {
        each: Gathered(
            begins,
            arriving=arriving.get(each, NONE),
            discrepancies=open_.get(each, NONE),
            unbooked=unbooked.get(each, NONE),
            open_parts=_open_parts(each, begins, closed),
            reaches=reaches.get(each, ()),
            payouts=payouts.get(each, ()),
        )
        for each in periods
    }


async def _unbooked(tx: Transaction, days: Sequence[Period]) -> dict[Period, Tally]:
    """Return what the journal lacks of days that agree: it books what it is told, and once more what has changed."""
    found: dict[Period, Tally] = {}
    for start in range(0, len(days), DAYS_AT_ONCE):
        some = [each.first_day for each in days[start : start + DAYS_AT_ONCE]]
        said = drafts_of(await sources.of_days(tx, some))
        for each in corrections(said, await journal.standing_of_days(tx, some)):
            day = day_period(each.draft.business_date)
            found[day] = found.get(day, NONE) + Tally(1, each.draft.amount)
    return found


_PARTS: Final[dict[PeriodKind, PeriodKind]] = {"month": "day", "year": "month"}


def _open_parts(period: Period, begins: date | None, closed: Collection[Period]) -> tuple[date, ...]:
    """Return the first days of a month's days or a year's months that are open, from the beginning of the books on."""
    if period.kind not in _PARTS or begins is None:
        return ()
    parts = periods_between(_PARTS[period.kind], max(begins, period.first_day), period.last_day)
    return tuple(each.first_day for each in parts if not is_closed(each, closed))


_CLAIMS: Final = """
SELECT c.method, c.facility, c.business_date AS day, count(*) FILTER (WHERE m.claim_id IS NULL) AS unseen,
    coalesce(sum(abs(c.amount)) FILTER (WHERE m.claim_id IS NULL), 0)::bigint AS amount
FROM claims AS c LEFT JOIN match_legs AS m ON m.claim_id = c.id AND m.stands
WHERE c.business_date BETWEEN :first AND :last GROUP BY 1, 2, 3
"""
# Its last file is one of the format that its last line came in, with or without a new line in it.
_REACHES: Final = """
SELECT r.provider, r.until, (
    SELECT max(f.received_at) FROM statement_files AS f WHERE split_part(f.format, '@', 1) = (
        SELECT split_part(k.format, '@', 1) FROM settlement_lines AS l JOIN statement_files AS k ON k.id = l.file_id
        WHERE l.provider = r.provider AND l.occurred_on = r.until LIMIT 1)) AS taken_at
FROM provider_reach AS r
"""


async def _reaches(tx: Transaction, period: Period, terms: Mapping[str, Terms]) -> tuple[Reach, ...]:
    """Return how far the statements reach of every provider that we claim something of in a month.

    A claim is of the provider whose contract carries its method at its facility on its day; where none does, the
    method stands for its provider.
    """
    unseen: dict[str, Tally] = {}
    for row in await tx.execute(_CLAIMS, first=period.first_day, last=period.last_day):
        carrier = _carrier_of(terms, row.method, row.facility, row.day)
        unseen[carrier] = unseen.get(carrier, NONE) + Tally(row.unseen, Yen(row.amount))
    reached = {row.provider: row for row in await tx.execute(_REACHES)}
    return tuple(_reach(each, terms, unseen[each], reached.get(each)) for each in sorted(unseen))


def _carrier_of(terms: Mapping[str, Terms], method: str, facility: str, day: date) -> str:
    carry = (who for who, said in terms.items() if said.on(day).definition.carries(method, facility))
    return next(carry, method)


def _name_of(terms: Mapping[str, Terms], provider: str) -> str:
    """Return what people call a provider: the title of its contract, the word for a method, or its name or code."""
    if provider in terms:
        return terms[provider].newest.definition.title
    return METHODS.get(provider) or provider_name(provider)


def _reach(provider: str, terms: Mapping[str, Terms], unseen: Tally, row: Any) -> Reach:
    until, taken_at = (None, None) if row is None else (row.until, row.taken_at)
    return Reach(provider, _name_of(terms, provider), unseen, until, business_date(taken_at) if taken_at else None)


# What people found out about a payout that did not come is in the discrepancies: it is not missed twice.
_PAYOUTS: Final = """
SELECT p.provider, count(*) AS count, sum(abs(p.net))::bigint AS amount FROM payouts AS p
WHERE p.arrives_on BETWEEN :first AND :last AND p.net <> 0
  AND NOT EXISTS (SELECT FROM deposit_legs AS d WHERE d.payout_id = p.id AND d.stands)
  AND NOT EXISTS (SELECT FROM discrepancies AS d WHERE d.kind = 'deposit_missing' AND d.subject = 'payout:' || p.id
                  AND d.state = 'resolved')
GROUP BY p.provider ORDER BY p.provider
"""


async def _payouts(tx: Transaction, period: Period, terms: Mapping[str, Terms]) -> tuple[Due, ...]:
    """Return the payouts that were due in a month and have not come, together for each provider."""
    answer = await tx.execute(_PAYOUTS, first=period.first_day, last=period.last_day)
    return tuple(Due(row.provider, _name_of(terms, row.provider), Tally(row.count, Yen(row.amount))) for row in answer)
