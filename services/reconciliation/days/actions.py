"""Reading business days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from kernel.rows import Transaction
from reconciliation.closing import store as closings
from reconciliation.closing.model import Closing, changed_since
from reconciliation.days import store
from reconciliation.days.figures import NOTHING, Totals, totals_of
from reconciliation.days.model import CalendarDay, Day
from reconciliation.discrepancies import actions as discrepancies
from reconciliation.discrepancies.model import Discrepancy


async def calendar(
    tx: Transaction, facilities: Sequence[str] | None, *, first: date, last: date, at: datetime, grace: timedelta
) -> list[CalendarDay]:
    """Return every day of a range, summed up, those without sales included."""
    totals = await store.totals(tx, facilities, first=first, last=last)
    found = await discrepancies.open_ones(tx, facilities, at=at, grace=grace, days=(first, last))
    closed = await closings.standing(tx, "day", first=first, last=last)
    by_day: dict[date, list[Discrepancy]] = {}
    for each in found:
        by_day.setdefault(each.day, []).append(each)
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [_summed(day, facilities, totals.get(day, NOTHING), by_day.get(day, ()), closed.get(day)) for day in days]


def _summed(
    day: date,
    facilities: Sequence[str] | None,
    totals: Totals,
    found: Sequence[Discrepancy],
    closing: Closing | None,
) -> CalendarDay:
    # A closing is about all facilities: whoever sees some of them cannot tell whether it still holds.
    changed = changed_since(closing, totals) if closing and facilities is None else None
    return CalendarDay(
        date=day,
        totals=totals,
        disagreements=(*(each for each in found if not each.pending), *([changed] if changed else [])),
        pending=tuple(each for each in found if each.pending),
        closing=closing,
    )


async def one_day(
    tx: Transaction, facilities: Sequence[str] | None, day: date, *, at: datetime, grace: timedelta
) -> Day:
    """Return one business day with its rows by facility and method."""
    rows = tuple(await store.rows(tx, facilities, first=day, last=day))
    found = await discrepancies.open_ones(tx, facilities, at=at, grace=grace, days=(day, day))
    closed = await closings.standing(tx, "day", first=day, last=day)
    summed = _summed(day, facilities, totals_of(rows), found, closed.get(day))
    return Day(day, summed.totals, summed.disagreements, summed.pending, summed.closing, rows)
