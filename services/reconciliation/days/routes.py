"""JSON about business days: one, and many."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from kernel.telemetry import correlation_id
from reconciliation.closing.model import Closing
from reconciliation.days import actions
from reconciliation.days.figures import Totals
from reconciliation.days.model import Day, require_range
from reconciliation.discrepancies.routes import DiscrepancyOut, shown
from reconciliation.wiring import Wiring, scope_of, wiring_of

router = APIRouter(tags=["days"])

DAYS_MAX = 62


class TotalsOut(BaseModel):
    """A day's sums: yen, tickets (sold_count) and people (admitted)."""

    sold: int
    sold_count: int
    captured: int
    refunded: int
    reversed: int
    unallocated: int
    net: int
    admitted: int


class RowOut(TotalsOut):
    """The figures of one facility and method."""

    facility: str
    method: str


class ClosedOut(BaseModel):
    """Who closed the day, and when."""

    by: str
    at: datetime


class DayOut(BaseModel):
    """One business day in Japan. `pending`: events that may still be on their way.

    `disagreements` are the first 200 of `disagreements_count`; the list of discrepancies has them all. `behind`: so
    much came at once that not every order is judged yet.
    """

    date: date
    totals: TotalsOut
    rows: list[RowOut]
    disagreements: list[DiscrepancyOut]
    disagreements_count: int
    pending: list[DiscrepancyOut]
    behind: bool
    agrees: bool
    closed: ClosedOut | None


def _numbers(figures: Any) -> dict[str, int]:
    names = ("sold", "captured", "refunded", "reversed", "unallocated", "net")
    sums = {name: getattr(figures, name).amount for name in names}
    return sums | {"sold_count": figures.sold_count, "admitted": figures.admitted}


def _closed(closing: Closing | None) -> ClosedOut | None:
    return ClosedOut(by=closing.closed_by, at=closing.closed_at) if closing else None


def totals_out(totals: Totals) -> TotalsOut:
    """Return sums as JSON says them."""
    return TotalsOut(**_numbers(totals))


def _day(wiring: Wiring, day: Day) -> DayOut:
    return DayOut(
        date=day.date,
        totals=totals_out(day.totals),
        rows=[RowOut(facility=row.facility, method=row.method, **_numbers(row)) for row in day.rows],
        disagreements=[shown(wiring, each) for each in day.disagreements],
        pending=[shown(wiring, each) for each in day.pending],
        disagreements_count=day.open_count,
        behind=day.behind,
        agrees=not day.open_count and not day.behind,
        closed=_closed(day.closing),
    )


class DaySummary(BaseModel):
    """One day of a calendar."""

    date: date
    state: str
    totals: TotalsOut
    disagreements: int
    closed: bool


class DaysOut(BaseModel):
    """A range of days."""

    items: list[DaySummary]


@router.get("/v1/days")
async def many_days(
    request: Request, first: Annotated[date, Query(alias="from")], last: Annotated[date, Query(alias="to")]
) -> DaysOut:
    """Return how each day of a range stands."""
    wiring = wiring_of(request)
    scope = scope_of(wiring.reader(request))
    require_range(first, last, days_max=DAYS_MAX)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await actions.calendar(tx, scope, first=first, last=last, at=wiring.clock.now(), grace=wiring.grace)
    return DaysOut(
        items=[
            DaySummary(
                date=day.date,
                state=day.state,
                totals=totals_out(day.totals),
                disagreements=day.open_count,
                closed=day.closing is not None,
            )
            for day in found
        ]
    )


@router.get("/v1/days/{day}")
async def one_day(request: Request, day: date) -> DayOut:
    """Return one business day."""
    wiring = wiring_of(request)
    scope = scope_of(wiring.reader(request))
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await actions.one_day(tx, scope, day, at=wiring.clock.now(), grace=wiring.grace)
    return _day(wiring, found)
