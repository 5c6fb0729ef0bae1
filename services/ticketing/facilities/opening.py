"""Which days are open: weekly closed days that move after holidays, yearly closings, seasons, free days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta

from ticketing.facilities.catalogue import Facility, Opening, Words, falls_in

SEARCH_DAYS_MAX = 60


@dataclass(frozen=True, slots=True)
class Open:
    """The facility is open between two times; on a free day entry costs nothing."""

    opens: time
    closes: time
    free: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """The facility is closed; `reason` says why."""

    reason: Words


WEEKLY = Words("定休日", "Closed on this weekday")
YEARLY = Words("休館期間", "Closed at this time of the year")
SPECIAL = Words("臨時休館", "Closed on this day")


def opening_on(facility: Facility, day: date, *, holidays: frozenset[date]) -> Open | Closed:
    """Tell whether a facility is open on a day, and why not."""
    rules = facility.opening
    if day in rules.closed_days:
        return Closed(SPECIAL)
    if any(falls_in(period, day) for period in rules.closed_yearly):
        return Closed(YEARLY)
    if day not in rules.open_days and _weekly_closed(rules, day, holidays):
        return Closed(WEEKLY)
    season = next((each for each in rules.seasons if falls_in(each.period, day)), None)
    if season is None:
        return Closed(YEARLY)
    return Open(season.opens, season.closes, (day.month, day.day) in rules.free_yearly)


def _weekly_closed(rules: Opening, day: date, holidays: frozenset[date]) -> bool:
    if day.weekday() in rules.closed_weekdays:
        return day not in holidays or rules.on_holiday == "closed"
    if rules.on_holiday != "moved" or day in holidays:
        return False
    # A closed day that fell on a holiday makes the first day after the holidays closed instead.
    before = day - timedelta(days=1)
    while before in holidays:
        if before.weekday() in rules.closed_weekdays:
            return True
        before -= timedelta(days=1)
    return False


def next_open_day(facility: Facility, after: date, *, holidays: frozenset[date]) -> date | None:
    """Return the first open day after a day, looking two months ahead."""
    for days in range(1, SEARCH_DAYS_MAX + 1):
        day = after + timedelta(days=days)
        if isinstance(opening_on(facility, day, holidays=holidays), Open):
            return day
    return None
