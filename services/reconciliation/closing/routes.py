"""JSON about closings: how periods stand, closing one, and opening one again by two people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from kernel import idempotency
from kernel.access import Principal
from kernel.clock import business_date, new_id
from kernel.refusals import Forbidden
from kernel.rows import Transaction
from kernel.settings import Environment
from kernel.telemetry import correlation_id
from reconciliation.closing import actions
from reconciliation.closing.model import Closing, Period, PeriodKind, day_period, period_of
from reconciliation.closing.reading import Look, Standing, overview
from reconciliation.closing.reopening import Decided, Decision, Person, Reopening, require_person
from reconciliation.closing.wording import explain
from reconciliation.days.model import require_range
from reconciliation.days.routes import TotalsOut, totals_out
from reconciliation.discrepancies.routes import Explanation
from reconciliation.journal.rounds import post_once
from reconciliation.wiring import Wiring, scope_of, wiring_of

router = APIRouter(tags=["closing"])

DAYS_MAX = 400  # of days; of months and years as many times more as they are longer
LONGER_DAYS_MAX = 3_700


class ClosingOut(BaseModel):
    """The figures that a day was closed with."""

    date: date
    sold: int
    captured: int
    refunded: int
    admitted: int
    closed_by: str
    closed_at: datetime


class PeriodClosingOut(BaseModel):
    """The closing of a period: its figures, its version (one more each time it was opened again), by whom."""

    kind: PeriodKind
    period: str
    first_day: date
    last_day: date
    version: int
    totals: TotalsOut
    closed_by: str
    closed_at: datetime


class MissingOut(BaseModel):
    """One thing that a period needs to close. `where`: the page to go to; '' where there is nothing to do but wait."""

    kind: str
    count: int
    amount: int
    provider: str
    where: str
    explanation: Explanation


class ReopeningOut(BaseModel):
    """That somebody asked to open a closing again, and what another one decided."""

    id: UUID
    kind: PeriodKind
    period: str
    first_day: date
    version: int
    reason: str
    asked_by: str
    asked_at: datetime
    decision: Decision | None
    decided_by: str | None
    decided_at: datetime | None


class PeriodOut(BaseModel):
    """How a period stands. `changed`: what its days' figures are now over those it was closed with.

    `state`: no_books (before they begin), running, ready (closes by itself), waiting (for what comes by itself),
    blocked (somebody has to do something) or closed. `held_until`: it was opened again and does not close by itself
    before this moment. `asked`: a reopening about which nobody has decided.
    """

    kind: PeriodKind
    period: str
    first_day: date
    last_day: date
    state: str
    missing: list[MissingOut]
    closing: PeriodClosingOut | None
    changed: TotalsOut | None
    held_until: datetime | None
    asked: ReopeningOut | None


class PeriodsOut(BaseModel):
    """A range of periods."""

    items: list[PeriodOut]


def _closing(closing: Closing) -> PeriodClosingOut:
    return PeriodClosingOut(
        kind=closing.period.kind,
        period=str(closing.period),
        first_day=closing.period.first_day,
        last_day=closing.period.last_day,
        version=closing.version,
        totals=totals_out(closing.totals),
        closed_by=closing.closed_by,
        closed_at=closing.closed_at,
    )


def _reopening(reopening: Reopening) -> ReopeningOut:
    decided = reopening if isinstance(reopening, Decided) else None
    return ReopeningOut(
        id=reopening.id,
        kind=reopening.period.kind,
        period=str(reopening.period),
        first_day=reopening.period.first_day,
        version=reopening.version,
        reason=reopening.reason,
        asked_by=reopening.asked_by.name,
        asked_at=reopening.asked_at,
        decision=decided.decision if decided else None,
        decided_by=decided.decided_by.name if decided else None,
        decided_at=decided.decided_at if decided else None,
    )


def _period(wiring: Wiring, standing: Standing) -> PeriodOut:
    return PeriodOut(
        kind=standing.period.kind,
        period=str(standing.period),
        first_day=standing.period.first_day,
        last_day=standing.period.last_day,
        state=standing.state,
        missing=[
            MissingOut(
                kind=each.kind,
                count=each.count,
                amount=each.amount.amount,
                provider=each.provider,
                where=each.where,
                explanation=Explanation(**{tag: " ".join(explain(wiring.pages, each, tag)) for tag in ("ja", "en")}),
            )
            for each in standing.missing
        ],
        closing=_closing(standing.closing) if standing.closing else None,
        changed=totals_out(standing.changed) if standing.changed else None,
        held_until=standing.held_until,
        asked=_reopening(standing.asked) if standing.asked else None,
    )


def look_of(wiring: Wiring) -> Look:
    """Return when and how somebody looks."""
    return Look(wiring.clock.now(), wiring.grace, wiring.settings.closing_starts_at)


@router.get("/v1/periods")
async def periods(
    request: Request,
    kind: PeriodKind,
    first: Annotated[date, Query(alias="from")],
    last: Annotated[date, Query(alias="to")],
) -> PeriodsOut:
    """Return how every day, month or fiscal year with a day in a range stands, and what it is missing."""
    wiring = wiring_of(request)
    if scope_of(wiring.reader(request)) is not None:
        raise Forbidden  # A period is closed for all facilities at once.
    require_range(first, last, days_max=DAYS_MAX if kind == "day" else LONGER_DAYS_MAX)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await overview(tx, kind, look_of(wiring), first=first, last=last)
    return PeriodsOut(items=[_period(wiring, each) for each in found])


Act = Callable[[Transaction, Principal, datetime], Awaitable[BaseModel]]


async def _once(request: Request, key: str | None, purpose: str, body: str, act: Act) -> dict[str, Any]:
    """Let a bookkeeper of all facilities do something once, and give the same answer to the same key."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)
    if scope_of(principal) is not None:
        raise Forbidden  # A period is closed for all facilities at once.
    known, scope, at = idempotency.require_key(key), f"{purpose}:{principal.name}", wiring.clock.now()
    async with wiring.database.transaction(correlation_id.get()) as tx:
        kept = await idempotency.claim(tx, scope=scope, key=known, body=body.encode(), at=at)
        if kept is not None:
            return dict(kept.answer)
        answer = await act(tx, principal, at)
        await idempotency.keep(tx, scope=scope, key=known, status=200, answer_json=answer.model_dump_json(), at=at)
    return answer.model_dump(mode="json")


def _closer(request: Request, period: Period, show: Callable[[Closing], BaseModel]) -> Act:
    grace = wiring_of(request).grace

    async def act(tx: Transaction, principal: Principal, at: datetime) -> BaseModel:
        return show(await actions.close(tx, period, by=principal.name, at=at, grace=grace, event_id=new_id()))

    return act


@router.post("/v1/days/{day}/close")
async def close_day(
    request: Request, day: date, idempotency_key: Annotated[str | None, Header()] = None
) -> dict[str, Any]:
    """Close a day: refused while something does not agree."""
    await _journal(request)
    closer = _closer(request, day_period(day), _day_closing)
    return await _once(request, idempotency_key, "close", day.isoformat(), closer)


async def _journal(request: Request) -> None:
    """Let the journal book what is new, so that whoever closes need not wait for its next round."""
    wiring = wiring_of(request)
    wiring.bookkeeper(request)
    await post_once(wiring, through=business_date(wiring.clock.now()))


def _day_closing(closing: Closing) -> ClosingOut:
    return ClosingOut(
        date=closing.period.first_day,
        sold=closing.totals.sold.amount,
        captured=closing.totals.captured.amount,
        refunded=closing.totals.refunded.amount,
        admitted=closing.totals.admitted,
        closed_by=closing.closed_by,
        closed_at=closing.closed_at,
    )


@router.post("/v1/periods/{kind}/{first_day}/close")
async def close_period(
    request: Request, kind: PeriodKind, first_day: date, idempotency_key: Annotated[str | None, Header()] = None
) -> dict[str, Any]:
    """Close a day, month or fiscal year: refused while something is missing."""
    period = period_of(kind, first_day)
    await _journal(request)
    closer = _closer(request, period, _closing)
    return await _once(request, idempotency_key, "close-period", f"{kind}\n{first_day}", closer)


def person(request: Request, principal: Principal) -> Person:
    """Return one of the two who open a closing; raise TokenIsNobody where it could be anybody."""
    production = wiring_of(request).settings.environment is Environment.PRODUCTION
    return require_person(Person(principal.name, principal.role), production=production)


class ReopeningIn(BaseModel):
    """Why the closing has to be opened again."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=1000)


@router.post("/v1/periods/{kind}/{first_day}/reopenings")
async def ask_to_reopen(
    request: Request,
    kind: PeriodKind,
    first_day: date,
    given: ReopeningIn,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    """Ask to open a closing again; somebody else has to approve."""
    period = period_of(kind, first_day)

    async def act(tx: Transaction, principal: Principal, at: datetime) -> BaseModel:
        by = person(request, principal)
        return _reopening(
            await actions.ask_to_reopen(tx, period, reopening_id=new_id(), reason=given.reason, by=by, at=at)
        )

    return await _once(request, idempotency_key, "reopen", f"{kind}\n{first_day}\n{given.reason}", act)


@router.post("/v1/periods/{kind}/{first_day}/reopenings/{reopening_id}/{verb}")
async def decide_on_reopening(
    request: Request,
    kind: PeriodKind,
    first_day: date,
    reopening_id: UUID,
    verb: Literal["approve", "decline"],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    """Approve what another one asked, and with the period open the longer ones that hold it; or decline it."""
    period = period_of(kind, first_day)
    decision: Decision = "approved" if verb == "approve" else "declined"

    async def act(tx: Transaction, principal: Principal, at: datetime) -> BaseModel:
        by = person(request, principal)
        return _reopening(await actions.decide_on_reopening(tx, period, reopening_id, decision, by=by, at=at))

    return await _once(request, idempotency_key, "decide-reopening", f"{reopening_id}\n{decision}", act)
