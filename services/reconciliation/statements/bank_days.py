"""Days on which banks in Japan book: no Saturday, Sunday or holiday, and not from 31 December to 3 January.

Source: 銀行法15条 and 銀行法施行令5条.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import holidays

SATURDAY: Final = 5
NEW_YEAR: Final = frozenset({(12, 31), (1, 1), (1, 2), (1, 3)})


@lru_cache(maxsize=8)
def _holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("JP", years=year))


def is_bank_day(day: date) -> bool:
    """Tell whether banks book on a day."""
    return day.weekday() < SATURDAY and (day.month, day.day) not in NEW_YEAR and day not in _holidays(day.year)


def bank_day_before(day: date) -> date:
    """Return the last bank day before a day."""
    return bank_days_from(day, -1)


def bank_days_from(day: date, count: int) -> date:
    """Return the day so many bank days after a day, or (negative) before it; any day may be the first."""
    step = timedelta(days=1 if count > 0 else -1)
    left, reached = abs(count), day
    while left:
        reached += step
        left -= is_bank_day(reached)
    return reached


@lru_cache(maxsize=10_000)
def bank_days_between(first: date, last: date) -> int:
    """Return how many bank days there are after one day until another, which is counted; negative if it is earlier."""
    if last < first:
        return -bank_days_between(last, first)
    return sum(is_bank_day(first + timedelta(days=number)) for number in range(1, (last - first).days + 1))
