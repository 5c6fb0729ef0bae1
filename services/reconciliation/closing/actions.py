"""Closing a period, and what others ask about it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from kernel.clock import business_date
from kernel.contracts.reconciliation import DayClosed
from kernel.refusals import Conflict
from kernel.rows import Transaction
from reconciliation.closing import store
from reconciliation.closing.model import Closing, DayClosedAlready, DayDisagrees, DayNotOver, day_period
from reconciliation.days import store as figures
from reconciliation.days.figures import totals_of
from reconciliation.discrepancies import actions as discrepancies

LOOKS_MAX: Final = 10


async def is_closed(tx: Transaction, day: date) -> bool:
    """Tell whether a day is closed; it stays so until the transaction ends."""
    period = day_period(day)
    await store.hold(tx, period)
    return await store.is_closed(tx, period)


async def first_open_day(tx: Transaction, day: date) -> date:
    """Return the day itself if it is open, else the first open day after it; it stays open until the transaction ends.

    Raises Conflict if days are closed as fast as they are found.
    """
    for _ in range(LOOKS_MAX):
        found = await store.first_open_day(tx, day)
        await store.hold(tx, day_period(found))
        if not await store.is_closed(tx, day_period(found)):
            return found
    raise Conflict


async def close(tx: Transaction, day: date, *, by: str, at: datetime, grace: timedelta, event_id: UUID) -> Closing:
    """Close a day; raise DayNotOver, DayClosedAlready, or DayDisagrees with how much is missing."""
    if day >= business_date(at):
        raise DayNotOver(day=day.isoformat())
    period = day_period(day)
    await store.lock(tx, period)
    if await store.is_closed(tx, period):
        raise DayClosedAlready(day=day.isoformat())
    found = await discrepancies.open_ones(tx, None, at=at, grace=grace, days=(day, day))
    if found:
        raise DayDisagrees(day=day.isoformat(), count=len(found))
    rows = tuple(await figures.rows(tx, None, first=day, last=day))
    totals, version = totals_of(rows), await store.next_version(tx, period)
    closing = Closing(period, version, totals, by, at, rows)
    await store.add(tx, closing)
    fact = DayClosed(
        day=day,
        sold=totals.sold,
        captured=totals.captured,
        refunded=totals.refunded,
        admitted_count=totals.admitted,
        closed_by=by,
        closed_at=at,
    )
    await tx.publish(fact, subject=day.isoformat(), version=version, event_id=event_id, at=at)
    return closing
