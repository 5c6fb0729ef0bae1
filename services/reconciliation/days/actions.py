"""Reading business days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from kernel.rows import Transaction
from reconciliation.closing import store as closings
from reconciliation.closing.model import changed_since
from reconciliation.days import store
from reconciliation.days.figures import DayRow, totals_of
from reconciliation.days.model import Day
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
    closed = await closings.standing(tx, "day", first=first, last=last)
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
