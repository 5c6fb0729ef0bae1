"""Closing a period, opening one again, and what others ask about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from kernel.cards import CardNumberRefused, holds_card_number
from kernel.contracts import Fact
from kernel.contracts.reconciliation import DayClosed, PeriodClosed
from kernel.refusals import Conflict
from kernel.rows import Transaction
from reconciliation.closing import model, reopening, store
from reconciliation.closing.gathering import gather
from reconciliation.closing.missing import Missing, missing_of
from reconciliation.closing.model import (
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


async def close(tx: Transaction, period: Period, *, by: str, at: datetime, grace: timedelta, event_id: UUID) -> Closing:
    """Close a period with its figures.

    Raises DayNotOver, DayClosedAlready, DayDisagrees, PeriodNotOver, PeriodClosedAlready or PeriodIncomplete.
    """
    await store.lock(tx, period)
    if model.is_closed(period, await store.closed(tx, first=period.first_day, last=period.last_day)):
        raise _closed_already(period)
    # The figures come first: whatever is in them is then asked for in the journal, and what comes in between is late.
    rows = (
        tuple(await figures.rows(tx, None, first=period.first_day, last=period.last_day)) if _is_day(period) else None
    )
    known = (await gather(tx, [period], at=at, grace=grace))[period]
    missing = missing_of(period, known, at=at)
    if missing:
        raise _incomplete(period, missing)
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
