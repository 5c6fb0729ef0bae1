"""Reading business days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from kernel.money import ZERO
from kernel.rows import Transaction
from reconciliation.closing import store as closings
from reconciliation.days import store
from reconciliation.days.figures import NOTHING, totals_of
from reconciliation.days.model import CalendarDay, Day
from reconciliation.discrepancies import actions as discrepancies
from reconciliation.discrepancies import listing

DISAGREEMENTS_SHOWN_MAX = 200


async def calendar(
    tx: Transaction, facilities: Sequence[str] | None, *, first: date, last: date, at: datetime, grace: timedelta
) -> list[CalendarDay]:
    """Return every day of a range, summed up, those without sales included."""
    behind = not await discrepancies.up_to_date(tx, at=at, grace=grace)
    totals = await store.totals(tx, facilities, first=first, last=last)
    counted = await listing.by_day(tx, facilities, first=first, last=last)
    waiting = await discrepancies.pending_ones(tx, facilities, at=at, grace=grace, days=(first, last))
    closed = await closings.standing(tx, "day", first=first, last=last)
    answer = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        count, stake = counted.get(day, (0, ZERO))
        pending = tuple(each for each in waiting if each.day == day)
        answer.append(CalendarDay(day, totals.get(day, NOTHING), count, stake, pending, closed.get(day), behind))
    return answer


async def one_day(
    tx: Transaction, facilities: Sequence[str] | None, day: date, *, at: datetime, grace: timedelta
) -> Day:
    """Return one business day with its rows by facility and method."""
    [summed] = await calendar(tx, facilities, first=day, last=day, at=at, grace=grace)
    rows = tuple(await store.rows(tx, facilities, first=day, last=day))
    found = await listing.open_ones(tx, facilities, days=(day, day), limit=DISAGREEMENTS_SHOWN_MAX)
    return Day(
        day,
        totals_of(rows),
        summed.open_count,
        summed.stake,
        summed.pending,
        summed.closing,
        summed.behind,
        tuple(found),
        rows,
    )
