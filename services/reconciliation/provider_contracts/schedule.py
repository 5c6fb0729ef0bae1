"""Which payout a day's payments are in, and when it arrives: pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from reconciliation.provider_contracts.model import Closing, Definition, Named, Periods
from reconciliation.statements.bank_days import bank_days_from, is_bank_day

MONTHS = 12


@dataclass(frozen=True, slots=True)
class Period:
    """Days whose payments are paid out together, and the bank day on which that arrives."""

    first: date
    last: date
    arrives_on: date

    @property
    def key(self) -> str:
        """What names it among the payouts of its contract."""
        return self.last.isoformat()


def period_of(periods: Periods, day: date) -> Period:
    """Return the period that a day is in."""
    ends = [(end, closing) for month in (-1, 0, 1) for end, closing in _ends(periods, *_month(day, month))]
    last, closing = min((each for each in ends if each[0] >= day), key=lambda each: each[0])
    before = max(end for end, _ in ends if end < day)
    return Period(before + timedelta(days=1), last, _arrival(closing, last))


def period_paid_around(periods: Periods, day: date) -> Period:
    """Return the period that a transfer of a day is most likely about: whose arrival is nearest to it."""
    later = max(each.months_later for each in periods.closings) + 1
    year, month = _month(day, -later)
    near, period = date(year, month, 1), period_of(periods, date(year, month, 1))
    found = [period]
    while near <= day:
        near = period.last + timedelta(days=1)
        period = period_of(periods, near)
        found.append(period)
    return min(found, key=lambda each: (abs((each.arrives_on - day).days), each.last))


def arrival_of_named(named: Named, last: date) -> date:
    """Return when a payout arrives whose lines, the last of them of a day, do not say it."""
    return bank_days_from(last, named.bank_days_after) if named.bank_days_after else due_on(last)


def due_on(day: date) -> date:
    """Return the day on which banks book what is due on a day: itself or the next bank day."""
    return day if is_bank_day(day) else bank_days_from(day, 1)


def last_day_of(definition: Definition, arrives_on: date) -> date:
    """Return the last day on which a payout may arrive without being late."""
    return bank_days_from(due_on(arrives_on), definition.bank_days_late)


def _month(day: date, later: int) -> tuple[int, int]:
    count = day.year * MONTHS + day.month - 1 + later
    return count // MONTHS, count % MONTHS + 1


def _day_in(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))


def _ends(periods: Periods, year: int, month: int) -> Iterator[tuple[date, Closing]]:
    """Yield each day of a month on which a period ends; of two that fall on its last day, the later closing counts."""
    found = {_day_in(year, month, each.day): each for each in periods.closings}
    yield from sorted(found.items())


def _arrival(closing: Closing, last: date) -> date:
    year, month = _month(last, closing.months_later)
    day = _day_in(year, month, closing.pays_on)
    if is_bank_day(day):
        return day
    return bank_days_from(day, 1 if closing.moved == "next" else -1)
