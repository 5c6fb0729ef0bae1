"""Periods that close: a day, a month, a fiscal year; what a closing holds and how it differs from now. Pure."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from kernel.clock import FISCAL_YEAR_FIRST_MONTH, fiscal_year
from kernel.money import ZERO
from kernel.refusals import Conflict, Invalid
from reconciliation.days.figures import DayRow, Totals
from reconciliation.discrepancies.model import Discrepancy

PeriodKind = Literal["day", "month", "year"]
BY_ITSELF: Final = "momiji"  # who closed it, where nobody had to


@dataclass(frozen=True, slots=True)
class Period:
    """A day, a month, or a fiscal year (April to March), by its first and last day."""

    kind: PeriodKind
    first_day: date
    last_day: date

    def __str__(self) -> str:
        match self.kind:
            case "day":
                return self.first_day.isoformat()
            case "month":
                return f"{self.first_day:%Y-%m}"
            case "year":
                return f"{self.first_day:%Y}"

    def __contains__(self, day: date) -> bool:
        return self.first_day <= day <= self.last_day


def day_period(day: date) -> Period:
    """Return a day as a period."""
    return Period("day", day, day)


def month_period(day: date) -> Period:
    """Return the month that a day is in."""
    return Period("month", day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1]))


def year_period(day: date) -> Period:
    """Return the fiscal year that a day is in."""
    year = fiscal_year(day)
    return Period("year", date(year, FISCAL_YEAR_FIRST_MONTH, 1), date(year + 1, FISCAL_YEAR_FIRST_MONTH - 1, 31))


PERIODS: Final = {"day": day_period, "month": month_period, "year": year_period}


def period_of(kind: PeriodKind, first_day: date) -> Period:
    """Return the period that begins on a day; raise NotAPeriod if none of this kind does."""
    period = PERIODS[kind](first_day)
    if period.first_day != first_day:
        raise NotAPeriod(day=first_day.isoformat(), first=period.first_day.isoformat())
    return period


def longer_periods(period: Period) -> tuple[Period, ...]:
    """Return the longer periods that hold this one, the shorter first."""
    match period.kind:
        case "day":
            return month_period(period.first_day), year_period(period.first_day)
        case "month":
            return (year_period(period.first_day),)
        case "year":
            return ()


@dataclass(frozen=True, slots=True)
class Closing:
    """A period's figures as they were when it was closed; `rows` are a day's by facility and method, where kept."""

    period: Period
    version: int
    totals: Totals
    closed_by: str
    closed_at: datetime
    rows: tuple[DayRow, ...] | None = None


def changed_since(closing: Closing, totals: Totals) -> Discrepancy | None:
    """Return how a closed day differs from its closing, if it does."""
    more = totals - closing.totals
    if not more:
        return None
    amounts = (more.sold, more.captured, more.refunded, more.reversed, more.unallocated)
    amount = next((each for each in amounts if each), ZERO)
    return Discrepancy("changed_after_closing", f"day:{closing.period}", "", "", amount, closing.closed_at)


class NotAPeriod(Invalid):
    """Nothing of this kind begins on that day."""

    slug = "not-a-period"
    advice = "No such period begins on {day}. The one that holds this day begins on {first}."


class DayNotOver(Conflict):
    """The day still runs."""

    slug = "day-not-over"
    advice = "{day} is not over yet. Close it from the next morning on."


class DayDisagrees(Conflict):
    """Something is not explained yet."""

    slug = "day-disagrees"
    advice = "{day} cannot be closed: {count} things do not agree yet. Settle or explain each of them first."


class DayClosedAlready(Conflict):
    """Somebody closed it before."""

    slug = "day-closed-already"
    advice = "{day} was closed already. Later corrections belong to an open day."
