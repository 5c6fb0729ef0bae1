"""Periods that close: a day, a month, a fiscal year; what a closing holds and how it differs from now. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
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

    def days(self) -> list[date]:
        """Return its days."""
        return [self.first_day + timedelta(days=number) for number in range((self.last_day - self.first_day).days + 1)]


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


def periods_between(kind: PeriodKind, first: date, last: date) -> list[Period]:
    """Return the periods of a kind that have a day of a range, in their order."""
    found: list[Period] = []
    day = first
    while day <= last:
        found.append(PERIODS[kind](day))
        day = found[-1].last_day + timedelta(days=1)
    return found


def is_closed(period: Period, closed: Collection[Period]) -> bool:
    """Tell whether a period is closed: itself, or with the longer one that holds it, as a day from before the books."""
    return period in closed or any(each in closed for each in longer_periods(period))


def first_open_day(day: date, closed: Collection[Period]) -> date:
    """Return the day itself if it is open, else the first open day after it. `closed`: what is, from the day on."""
    while is_closed(day_period(day), closed):
        day += timedelta(days=1)
    return day


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
    """Return how a closed day differs from its closing, if it does. Each closing of a day is a subject of its own."""
    more = totals - closing.totals
    if not more:
        return None
    amounts = (more.sold, more.captured, more.refunded, more.reversed, more.unallocated)
    amount = next((each for each in amounts if each), ZERO)
    return Discrepancy(
        "changed_after_closing",
        "",
        "",
        "",
        amount,
        closing.closed_at,
        subject=f"day:{closing.period}:{closing.version}",
        shows_on=closing.period.first_day,
        detail=" ".join(f"{each.name}={getattr(more, each.name)}" for each in fields(more) if getattr(more, each.name)),
    )


class NotAPeriod(Invalid):
    """Nothing of this kind begins on that day."""

    slug = "not-a-period"
    advice = "No such period begins on {day}. The one that holds this day begins on {first}."


class PeriodNotOver(Conflict):
    """The month or year still runs."""

    slug = "period-not-over"
    advice = "{period} is not over yet. Its last day is {day}."


class PeriodIncomplete(Conflict):
    """Something is missing."""

    slug = "period-incomplete"
    advice = "{period} cannot be closed: {count} kinds of things are missing. The page of closings names each of them."


class PeriodClosedAlready(Conflict):
    """Somebody closed it before."""

    slug = "period-closed-already"
    advice = "{period} was closed already. To change it, ask to open it again."


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
