"""What the pages show of a day, worked out before any template: bars, calendar weeks, the first sentence."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from kernel.money import Yen, total
from reconciliation.days.figures import DayRow
from reconciliation.days.model import CalendarDay
from reconciliation.days.wording import METHODS

BAR_UNITS = 1000
SUNDAY = 6
MONTHS = 12
COLOURS = 6  # .m0 to .m5 of ledger.css; the last is of every method that has none of its own


@dataclass(frozen=True, slots=True)
class Segment:
    """One method's part of a bar; `x` and `width` in thousandths of the longest bar."""

    method: str
    place: int
    x: int
    width: int
    amount: Yen


@dataclass(frozen=True, slots=True)
class Bar:
    """One facility's takings."""

    facility: str
    amount: Yen
    segments: tuple[Segment, ...]


def methods_of(rows: Sequence[DayRow]) -> list[str]:
    """Return the methods in which money came, in a fixed order."""
    return sorted({row.method for row in rows if row.captured})


def colour_of(method: str) -> int:
    """Return a method's place among the colours: the same on every day."""
    known = list(METHODS)
    return min(known.index(method) if method in known else len(known), COLOURS - 1)


def bars_of(rows: Sequence[DayRow]) -> list[Bar]:
    """Return takings by facility, the largest first, stacked by method."""
    methods = methods_of(rows)
    sums = {
        facility: total(row.captured for row in rows if row.facility == facility)
        for facility in {row.facility for row in rows}
    }
    longest = max((each.amount for each in sums.values()), default=0)
    bars = []
    for facility, amount in sorted(sums.items(), key=lambda pair: (-pair[1].amount, pair[0])):
        if not amount:
            continue
        segments, before = [], 0
        for method in methods:
            part = total(row.captured for row in rows if row.facility == facility and row.method == method)
            if part:
                x = before * BAR_UNITS // longest
                end = (before + part.amount) * BAR_UNITS // longest
                segments.append(Segment(method, colour_of(method), x, max(1, end - x), part))
                before += part.amount
        bars.append(Bar(facility, amount, tuple(segments)))
    return bars


def month_of(day: date) -> tuple[date, date]:
    """Return the first and the last day of a day's month."""
    return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])


def weeks_of(days: Sequence[CalendarDay]) -> list[list[CalendarDay | None]]:
    """Return a month's days in weeks that begin on Sunday, as Japanese calendars do."""
    if not days:
        return []
    lead = (days[0].date.weekday() + 1) % 7
    cells: list[CalendarDay | None] = [*([None] * lead), *days]
    cells += [None] * (-len(cells) % 7)
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]


def neighbours(day: date) -> tuple[date, date]:
    """Return the day before and the day after."""
    return day - timedelta(days=1), day + timedelta(days=1)


def months_beside(day: date) -> tuple[date, date]:
    """Return the first days of the month before and of the month after."""
    first, last = month_of(day)
    return (first - timedelta(days=1)).replace(day=1), last + timedelta(days=1)
