"""How periods stand, for whoever looks: what is missing, how they were closed, what has changed since."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from kernel.clock import business_date
from kernel.rows import Transaction
from reconciliation.closing import model, store
from reconciliation.closing.gathering import gather
from reconciliation.closing.missing import Missing, State, closes_from, missing_of, state_of
from reconciliation.closing.model import (
    PERIODS,
    Closing,
    Period,
    PeriodKind,
    day_period,
    longer_periods,
    periods_between,
)
from reconciliation.closing.reopening import Asked, Decided
from reconciliation.days import store as figures
from reconciliation.days.figures import NOTHING, DayRow, Totals, totals_of

PARTS: Final[dict[PeriodKind, PeriodKind]] = {"month": "day", "year": "month"}


@dataclass(frozen=True, slots=True)
class Look:
    """When somebody looks. `starts`: the time of the day in Japan from which on periods close by themselves."""

    at: datetime
    grace: timedelta
    starts: time


@dataclass(frozen=True, slots=True)
class Standing:
    """How a period stands. `now`: its days' figures as they are, whatever it was closed with.

    `held_until`: it was opened again, and does not close by itself before this moment. `asked`: somebody asked to open
    it and nobody has decided.
    """

    period: Period
    state: State
    missing: tuple[Missing, ...]
    closing: Closing | None
    now: Totals
    held_until: datetime | None
    asked: Asked | None

    @property
    def changed(self) -> Totals | None:
        """What its days' figures are now over what they were when it was closed; None where that is nothing."""
        return (self.now - self.closing.totals or None) if self.closing else None

    @property
    def totals(self) -> Totals:
        """The figures that count: those it was closed with, else those of now."""
        return self.closing.totals if self.closing else self.now


async def overview(
    tx: Transaction,
    kind: PeriodKind,
    look: Look,
    *,
    first: date,
    last: date,
    sums: Mapping[date, Totals] | None = None,
) -> list[Standing]:
    """Return how every period of a kind with a day in a range stands. `sums`: those of its days, if they are known."""
    periods = periods_between(kind, first, last)
    first, last = periods[0].first_day, periods[-1].last_day
    closings = await store.standing(tx, kind, first=first, last=last)
    closed = await store.closed(tx, first=first, last=last)
    open_ones = [each for each in periods if not model.is_closed(each, closed)]
    known = await gather(tx, open_ones, at=look.at, grace=look.grace)
    held = await held_until(tx, open_ones, starts=look.starts)
    asked = {each.period: each for each in await store.asked(tx)}
    now: dict[Period, list[Totals]] = {}
    for day, totals in (await figures.totals(tx, None, first=first, last=last) if sums is None else sums).items():
        now.setdefault(PERIODS[kind](day), []).append(totals)
    answer = []
    for each in periods:
        missing = missing_of(each, known[each], at=look.at) if each in known else []
        today = business_date(look.at)
        state = state_of(each, missing, begins=known[each].begins, today=today) if each in known else "closed"
        totals = totals_of(now.get(each, ()))
        closing = closings.get(each.first_day)
        answer.append(Standing(each, state, tuple(missing), closing, totals, held.get(each), asked.get(each)))
    return answer


async def held_until(tx: Transaction, periods: Sequence[Period], *, starts: time) -> dict[Period, datetime]:
    """Return until when periods that were opened again do not close by themselves: the next morning."""
    if not periods:
        return {}
    opened = await store.opened_at(tx, first=periods[0].first_day, last=periods[-1].last_day)
    return {each: closes_from(day_period(business_date(opened[each])), starts) for each in periods if each in opened}


@dataclass(frozen=True, slots=True)
class Year:
    """A fiscal year at a glance. `asked`: what waits for a second person, whenever it is of."""

    year: Standing
    months: tuple[Standing, ...]
    days: tuple[Standing, ...]
    asked: tuple[Asked, ...]


async def year(tx: Transaction, period: Period, look: Look) -> Year:
    """Return how a fiscal year stands with its months and days."""
    first, last = period.first_day, period.last_day
    sums = await figures.totals(tx, None, first=first, last=last)
    [whole] = await overview(tx, "year", look, first=first, last=last, sums=sums)
    months = await overview(tx, "month", look, first=first, last=last, sums=sums)
    days = await overview(tx, "day", look, first=first, last=last, sums=sums)
    return Year(whole, tuple(months), tuple(days), tuple(await store.asked(tx)))


@dataclass(frozen=True, slots=True)
class RowChange:
    """The figures of one facility and method on a closed day: as it was closed, and over that what they are now."""

    facility: str
    method: str
    before: Totals
    more: Totals


@dataclass(frozen=True, slots=True)
class Detail:
    """All about one period. `parts`: a month's days, a year's months. `changes`: of a closed day that has changed.

    `opens_too`: the longer periods that would be opened with it. `versions`: every closing it ever had, and `decided`
    what was decided about opening it or a part of it, the newest first.
    """

    standing: Standing
    parts: tuple[Standing, ...]
    changes: tuple[RowChange, ...]
    opens_too: tuple[Period, ...]
    versions: tuple[Closing, ...]
    decided: tuple[Decided, ...]


async def detail(tx: Transaction, period: Period, look: Look) -> Detail:
    """Return all about one period."""
    first, last = period.first_day, period.last_day
    sums = await figures.totals(tx, None, first=first, last=last)
    [standing] = await overview(tx, period.kind, look, first=first, last=last, sums=sums)
    parts: list[Standing] = []
    if period.kind in PARTS:
        parts = await overview(tx, PARTS[period.kind], look, first=first, last=last, sums=sums)
    changes: list[RowChange] = []
    if standing.changed and period.kind == "day":
        closing = await store.find(tx, period)
        now = await figures.rows(tx, None, first=first, last=last)
        changes = changes_of(closing.rows or () if closing else (), now)
    closed = await store.closed(tx, first=first, last=last)
    return Detail(
        standing,
        tuple(parts),
        tuple(changes),
        tuple(each for each in longer_periods(period) if each in closed),
        tuple(await store.versions(tx, period)),
        tuple(each for each in await store.decided(tx, first=first, last=last) if each.period.first_day in period),
    )


def changes_of(before: Collection[DayRow], now: Collection[DayRow]) -> list[RowChange]:
    """Return where the rows of a day differ from those that it was closed with."""
    then = {(row.facility, row.method): totals_of([row]) for row in before}
    there = {(row.facility, row.method): totals_of([row]) for row in now}
    return [
        RowChange(*place, then.get(place, NOTHING), more)
        for place in sorted(then.keys() | there.keys())
        if (more := there.get(place, NOTHING) - then.get(place, NOTHING))
    ]
