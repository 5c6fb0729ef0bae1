"""The periods that people ask for by a word, pure."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from kernel.clock import FISCAL_YEAR_FIRST_MONTH, fiscal_year

FIRST_DAY: Final = date(2019, 5, 1)
LAST_DAY: Final = date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Period:
    """Some days; `title` is a gettext message."""

    title: str
    first: date
    last: date


YESTERDAY: Final = "Yesterday"
THIS_MONTH: Final = "This month"
LAST_MONTH: Final = "Last month"
THIS_YEAR: Final = "This fiscal year"
LAST_YEAR: Final = "Last fiscal year"
TITLES: Final = (YESTERDAY, THIS_MONTH, LAST_MONTH, THIS_YEAR, LAST_YEAR)


def periods(today: date) -> tuple[Period, ...]:
    """Return the periods around today; whole months and fiscal years, what is still to come included."""
    yesterday = today - timedelta(days=1)
    before = today.replace(day=1) - timedelta(days=1)
    year = fiscal_year(today)
    return (
        Period(YESTERDAY, yesterday, yesterday),
        Period(THIS_MONTH, *month_of(today)),
        Period(LAST_MONTH, *month_of(before)),
        Period(THIS_YEAR, *year_of(year)),
        Period(LAST_YEAR, *year_of(year - 1)),
    )


def month_of(day: date) -> tuple[date, date]:
    """Return the first and the last day of a day's month."""
    return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])


def year_of(year: int) -> tuple[date, date]:
    """Return the first and the last day of a fiscal year."""
    return (
        date(year, FISCAL_YEAR_FIRST_MONTH, 1),
        date(year + 1, FISCAL_YEAR_FIRST_MONTH, 1) - timedelta(days=1),
    )


def chosen(first: str, last: str, today: date) -> tuple[date, date]:
    """Return the days asked for; this month for anything that is no day of our era or the wrong way round."""
    try:
        days = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return month_of(today)
    return days if FIRST_DAY <= days[0] <= days[1] <= LAST_DAY else month_of(today)


def chosen_day(first: str, last: str, today: date) -> tuple[date, date]:
    """Return the days for what is about the last one: a first day after it does not count."""
    begin, end = chosen(min(first, last), last, today)
    return begin, end
