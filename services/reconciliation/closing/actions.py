"""Closing a period, opening one again, and what others ask about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from kernel.cards import CardNumberRefused, holds_card_number
from kernel.clock import business_date
from kernel.contracts import Fact
from kernel.contracts.reconciliation import DayClosed, PeriodClosed
from kernel.refusals import Conflict
from kernel.rows import Transaction
from reconciliation.closing import model, reopening, store
from reconciliation.closing.gathering import gather
from reconciliation.closing.missing import Gathered, Missing, State, closes_from, missing_of, state_of
from reconciliation.closing.model import (
    PERIODS,
    Closing,
    DayClosedAlready,
    DayDisagrees,
    DayNotOver,
    Period,
    PeriodClosedAlready,
    PeriodIncomplete,
    PeriodKind,
    PeriodNotOver,
    day_period,
    longer_periods,
    periods_between,
)
from reconciliation.closing.reopening import (
    Asked,
    Decided,
    Decision,
    NotClosed,
    Person,
    ReopeningWaits,
    UnknownReopening,
)
from reconciliation.days import store as figures
from reconciliation.days.figures import Totals, totals_of

LOOKS_MAX: Final = 10
FAR: Final = date(9999, 1, 1)


async def is_closed(tx: Transaction, day: date) -> bool:
    """Tell whether a day is closed; it stays so until the transaction ends."""
    await store.hold(tx, day)
    return model.is_closed(day_period(day), await store.closed(tx, first=day, last=day))


async def first_open_day(tx: Transaction, day: date) -> date:
    """Return the day itself if it is open, else the first open day after it; it stays open until the transaction ends.

    Raises Conflict if days are closed as fast as they are found.
    """
    found = day
    for _ in range(LOOKS_MAX):
        await store.hold(tx, found)
        looked_at, found = found, model.first_open_day(day, await store.closed(tx, first=day, last=FAR))
        if found == looked_at:
            return found
    raise Conflict


@dataclass(frozen=True, slots=True)
class Standing:
    """How a period stands. `changed`: what its days' figures are now over what they were when it was closed.

    `held_until`: it was opened again, and does not close by itself before this moment. `asked`: somebody asked to open
    it and nobody has decided.
    """

    period: Period
    state: State
    missing: tuple[Missing, ...]
    closing: Closing | None
    changed: Totals | None
    held_until: datetime | None
    asked: Asked | None


async def overview(
    tx: Transaction, kind: PeriodKind, *, first: date, last: date, at: datetime, grace: timedelta, starts: time
) -> list[Standing]:
    """Return how every period of a kind with a day in a range stands."""
    periods = periods_between(kind, first, last)
    first, last = periods[0].first_day, periods[-1].last_day
    closings = await store.standing(tx, kind, first=first, last=last)
    closed = await store.closed(tx, first=first, last=last)
    open_ones = [each for each in periods if not model.is_closed(each, closed)]
    known = await gather(tx, open_ones, at=at, grace=grace)
    changes = await _changes(tx, kind, list(closings.values()), first=first, last=last)
    held = await held_until(tx, open_ones, starts=starts)
    asked = {each.period: each for each in await store.asked(tx)}
    return [
        _standing(each, closings.get(each.first_day), known.get(each), changes, held, asked, at=at) for each in periods
    ]


def _standing(
    period: Period,
    closing: Closing | None,
    known: Gathered | None,
    changes: Mapping[Period, Totals],
    held: Mapping[Period, datetime],
    asked: Mapping[Period, Asked],
    *,
    at: datetime,
) -> Standing:
    missing = missing_of(period, known, at=at) if known else []
    state = state_of(period, missing, begins=known.begins, today=business_date(at)) if known else "closed"
    return Standing(period, state, tuple(missing), closing, changes.get(period), held.get(period), asked.get(period))


async def _changes(
    tx: Transaction, kind: PeriodKind, closings: Sequence[Closing], *, first: date, last: date
) -> dict[Period, Totals]:
    """Return by how much the figures of closed periods are others now; those that are not are left out."""
    if not closings:
        return {}
    now: dict[Period, list[Totals]] = {}
    for day, totals in (await figures.totals(tx, None, first=first, last=last)).items():
        now.setdefault(PERIODS[kind](day), []).append(totals)
    more = {each.period: totals_of(now.get(each.period, ())) - each.totals for each in closings}
    return {period: totals for period, totals in more.items() if totals}


async def held_until(tx: Transaction, periods: Sequence[Period], *, starts: time) -> dict[Period, datetime]:
    """Return until when periods that were opened again do not close by themselves: the next morning."""
    if not periods:
        return {}
    opened = await store.opened_at(tx, first=periods[0].first_day, last=periods[-1].last_day)
    return {each: closes_from(day_period(business_date(opened[each])), starts) for each in periods if each in opened}


async def close(tx: Transaction, period: Period, *, by: str, at: datetime, grace: timedelta, event_id: UUID) -> Closing:
    """Close a period with its figures.

    Raises DayNotOver, DayClosedAlready, DayDisagrees, PeriodNotOver, PeriodClosedAlready or PeriodIncomplete.
    """
    await store.lock(tx, period)
    if model.is_closed(period, await store.closed(tx, first=period.first_day, last=period.last_day)):
        raise _closed_already(period)
    known = (await gather(tx, [period], at=at, grace=grace))[period]
    missing = missing_of(period, known, at=at)
    if missing:
        raise _incomplete(period, missing)
    rows = (
        tuple(await figures.rows(tx, None, first=period.first_day, last=period.last_day)) if _is_day(period) else None
    )
    totals = totals_of(rows) if rows is not None else await _sum_of_parts(tx, period)
    version = await store.next_version(tx, period)
    closing = Closing(period, version, totals, by, at, rows)
    await store.add(tx, closing)
    await tx.publish(_fact(closing), subject=_subject(period), version=version, event_id=event_id, at=at)
    return closing


def _is_day(period: Period) -> bool:
    return period.kind == "day"


async def _sum_of_parts(tx: Transaction, period: Period) -> Totals:
    """Return the sums of a month's days or of a year's months as they were closed: reports of any length agree."""
    part: PeriodKind = "month" if period.kind == "year" else "day"
    closings = await store.standing(tx, part, first=period.first_day, last=period.last_day)
    return totals_of([each.totals for each in closings.values()])


def _closed_already(period: Period) -> Conflict:
    if _is_day(period):
        return DayClosedAlready(day=str(period))
    return PeriodClosedAlready(period=str(period))


def _incomplete(period: Period, missing: Sequence[Missing]) -> Conflict:
    kinds = {each.kind: each.count for each in missing}
    if "not_over" in kinds:
        if _is_day(period):
            return DayNotOver(day=str(period))
        return PeriodNotOver(period=str(period), day=period.last_day.isoformat())
    if kinds.keys() <= {"arriving", "discrepancies"}:
        return DayDisagrees(day=str(period), count=sum(kinds.values()))
    return PeriodIncomplete(period=str(period), count=len(missing))


def _subject(period: Period) -> str:
    return str(period) if _is_day(period) else f"{period.kind}:{period}"


def _fact(closing: Closing) -> Fact:
    period, totals = closing.period, closing.totals
    if _is_day(period):
        return DayClosed(
            day=period.first_day,
            sold=totals.sold,
            captured=totals.captured,
            refunded=totals.refunded,
            admitted_count=totals.admitted,
            closed_by=closing.closed_by,
            closed_at=closing.closed_at,
        )
    return PeriodClosed(
        kind=period.kind,
        first_day=period.first_day,
        last_day=period.last_day,
        sold=totals.sold,
        captured=totals.captured,
        refunded=totals.refunded,
        reversed=totals.reversed,
        unallocated=totals.unallocated,
        admitted_count=totals.admitted,
        closed_by=closing.closed_by,
        closed_at=closing.closed_at,
    )


async def ask_to_reopen(
    tx: Transaction, period: Period, *, reopening_id: UUID, reason: str, by: Person, at: datetime
) -> Asked:
    """Ask to open a period's closing again.

    Raises ReopeningReasonMissing, CardNumberRefused, NotClosed and ReopeningWaits.
    """
    said = reopening.require_reason(reason)
    if holds_card_number(said):
        raise CardNumberRefused
    await store.lock_reopenings(tx)
    closing = await store.find(tx, period)
    if closing is None:
        raise NotClosed(period=str(period))
    waiting = next((each for each in await store.asked(tx) if each.period == period), None)
    if waiting is not None:
        raise ReopeningWaits(name=waiting.asked_by.name, period=str(period))
    asked = Asked(reopening_id, period, closing.version, said, by, at)
    await store.ask(tx, asked)
    return asked


async def decide_on_reopening(
    tx: Transaction, period: Period, reopening_id: UUID, decision: Decision, *, by: Person, at: datetime
) -> Decided:
    """Decide what another one asked; approved, the period is open, and so are the longer ones that hold it.

    Raises UnknownReopening, ReopeningDecided, SamePerson, AccountingNeeded and NotClosed.
    """
    await store.lock_reopenings(tx)
    await store.lock(tx, period)
    found = await store.reopening(tx, reopening_id)
    if found is None or found.period != period:
        raise UnknownReopening(period=str(period), id=str(reopening_id))
    decided = reopening.decide(found, decision, by=by, at=at)
    closing = await store.find(tx, period)
    if decision == "approved" and (closing is None or closing.version != decided.version):
        raise NotClosed(period=str(period))
    await store.decide(tx, decided)
    if decision == "approved":
        closed = await store.closed(tx, first=period.first_day, last=period.last_day)
        for each in (period, *longer_periods(period)):
            if each in closed:
                await store.reopen(tx, each, reopening_id)
    return decided
