"""Reading business days, and closing one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from kernel.clock import business_date
from kernel.contracts.reconciliation import DayClosed
from kernel.rows import Transaction
from reconciliation.days import store
from reconciliation.days.model import (
    Closing,
    Day,
    DayClosedAlready,
    DayDisagrees,
    DayNotOver,
    DayRow,
    changed_since,
    totals_of,
)
from reconciliation.discrepancies import actions as discrepancies


async def days(
    tx: Transaction,
    facilities: Sequence[str] | None,
    *,
    first: date,
    last: date,
    at: datetime,
    grace: timedelta,
) -> list[Day]:
    """Return every day of a range, those without sales included."""
    by_day: dict[date, list[DayRow]] = {}
    for row in await store.rows(tx, facilities, first=first, last=last):
        by_day.setdefault(row.day, []).append(row)
    found = await discrepancies.open_ones(tx, facilities, at=at, grace=grace, days=(first, last))
    closed = await store.closings(tx, first=first, last=last)
    answer = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        rows = tuple(by_day.get(day, ()))
        mine = [each for each in found if each.day == day]
        closing = closed.get(day)
        # A closing is about all facilities: whoever sees some of them cannot tell whether it still holds.
        changed = changed_since(closing, totals_of(rows)) if closing and facilities is None else None
        answer.append(
            Day(
                date=day,
                rows=rows,
                disagreements=(*(each for each in mine if not each.pending), *([changed] if changed else [])),
                pending=tuple(each for each in mine if each.pending),
                closing=closing,
            )
        )
    return answer


async def one_day(
    tx: Transaction, facilities: Sequence[str] | None, day: date, *, at: datetime, grace: timedelta
) -> Day:
    """Return one business day."""
    return (await days(tx, facilities, first=day, last=day, at=at, grace=grace))[0]


async def close(tx: Transaction, day: date, *, by: str, at: datetime, grace: timedelta, event_id: UUID) -> Closing:
    """Close a day; raise DayNotOver, DayClosedAlready, or DayDisagrees with how much is missing."""
    if day >= business_date(at):
        raise DayNotOver(day=day.isoformat())
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(:day, 9))", day=day.isoformat())
    seen = await one_day(tx, None, day, at=at, grace=grace)
    if seen.closing:
        raise DayClosedAlready(day=day.isoformat())
    missing = len(seen.disagreements) + len(seen.pending)
    if missing:
        raise DayDisagrees(day=day.isoformat(), count=missing)
    totals = seen.totals
    closing = Closing(day, totals.sold, totals.captured, totals.refunded, totals.admitted, by, at)
    await store.add_closing(tx, closing)
    fact = DayClosed(
        day=day,
        sold=totals.sold,
        captured=totals.captured,
        refunded=totals.refunded,
        admitted_count=totals.admitted,
        closed_by=by,
        closed_at=at,
    )
    await tx.publish(fact, subject=day.isoformat(), version=1, event_id=event_id, at=at)
    return closing
