"""JSON about discrepancies: which there are, how many, and what each went through."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from kernel.clock import business_date
from kernel.money import Yen
from kernel.telemetry import correlation_id
from reconciliation.discrepancies import actions, listing, store
from reconciliation.discrepancies.handling import State, Step, Stored
from reconciliation.discrepancies.listing import Sort, Wish
from reconciliation.discrepancies.model import Discrepancy
from reconciliation.discrepancies.wording import EXPLANATIONS, GOING_OUT, KINDS, SEVERITIES
from reconciliation.wiring import Wiring, scope_of, wiring_of

router = APIRouter(tags=["discrepancies"])

PATH = "/v1/discrepancies"
PAGE_SIZE_MAX = 200
CURSOR_CHARACTERS_MAX = 200
STEPS_SHOWN_MAX = 500
TEXT = Query(max_length=100)


class Explanation(BaseModel):
    """What is wrong and what to do, in both languages."""

    ja: str
    en: str


class DiscrepancyOut(BaseModel):
    """One discrepancy. `number` is the order's; `amount` in yen; `pending`: events may still be on their way."""

    id: UUID
    kind: str
    order: str
    number: str
    facility: str
    amount: int
    day: date
    since: datetime
    pending: bool
    explanation: Explanation
    subject: str = ""
    provider: str = ""
    severity: str = "normal"
    state: str = "open"
    assignee: str = ""
    proposed_by: str = ""
    approved_by: str = ""
    version: int = 0


def shown(wiring: Wiring, found: Discrepancy) -> DiscrepancyOut:
    """Return a discrepancy with its explanation."""
    said = {tag: explain(wiring, found, tag) for tag in ("ja", "en")}
    return DiscrepancyOut(
        id=found.id,
        kind=found.kind,
        order=found.order_id,
        number=found.number,
        facility=found.facility,
        amount=found.amount.amount,
        day=found.day,
        since=found.since,
        pending=found.pending,
        explanation=Explanation(**{tag: " ".join(parts) for tag, parts in said.items()}),
        subject=found.about,
        provider=found.provider,
        severity=SEVERITIES.get(found.kind, "normal"),
    )


def kept(wiring: Wiring, found: Stored) -> DiscrepancyOut:
    """Return a stored discrepancy with its explanation and how it stands."""
    more = {
        "id": found.id,
        "state": found.state,
        "assignee": found.assignee,
        "proposed_by": found.proposed_by,
        "approved_by": found.approved_by,
        "version": found.version,
    }
    return shown(wiring, listing.as_found(found)).model_copy(update=more)


def explain(wiring: Wiring, found: Discrepancy, tag: str) -> tuple[str, str]:
    """Return what is wrong and what to do, in one language; of a kind that nobody explained, its code."""
    words = wiring.pages.gettext_of(tag)
    amount = Yen(abs(found.amount.amount))
    if found.kind not in EXPLANATIONS:
        return f"{found.kind}: {amount}", ""
    said = EXPLANATIONS[found.kind]
    if found.amount.amount < 0:
        said = GOING_OUT.get(found.kind, said)
    what, then = (words(message).format(amount=amount) for message in said)
    return what, then


def title(wiring: Wiring, kind: str, tag: str) -> str:
    """Return what people call a kind."""
    return next((wiring.pages.gettext_of(tag)(said) for known, said in KINDS.items() if known == kind), kind)


class DiscrepanciesOut(BaseModel):
    """A page of discrepancies in the order asked for, the oldest first unless another is."""

    items: list[DiscrepancyOut]
    next_cursor: str | None


@router.get(PATH)
async def discrepancies(
    request: Request,
    cursor: Annotated[str, Query(max_length=CURSOR_CHARACTERS_MAX)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX)] = 50,
    state: State = "open",
    kind: Annotated[str, TEXT] = "",
    facility: Annotated[str, TEXT] = "",
    provider: Annotated[str, TEXT] = "",
    assignee: Annotated[str | None, TEXT] = None,
    first: Annotated[date | None, Query(alias="from")] = None,
    last: Annotated[date | None, Query(alias="to")] = None,
    amount_min: Annotated[int | None, Query(ge=0, le=10**15)] = None,
    amount_max: Annotated[int | None, Query(ge=0, le=10**15)] = None,
    number: Annotated[str, TEXT] = "",
    sort: Sort = "age",
) -> DiscrepanciesOut:
    """Return what does not agree: what nobody has explained, unless another state is asked for.

    `number` is the beginning of an order's number, or its id; amounts are yen, whichever way; an empty `assignee`: of
    nobody. What is still arriving is not listed; a day tells of it.
    """
    wiring = wiring_of(request)
    scope = scope_of(wiring.reader(request))
    wish = Wish(state, kind, facility, provider, assignee, first, last, amount_min, amount_max, number.strip(), sort)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await actions.up_to_date(tx, at=wiring.clock.now(), grace=wiring.grace)
        found, next_cursor = await listing.page(tx, scope, wish, cursor=cursor, limit=limit)
    return DiscrepanciesOut(items=[kept(wiring, each) for each in found], next_cursor=next_cursor)


class CountOut(BaseModel):
    """How many of a kind are open, and over how much, whichever way."""

    kind: str
    count: int
    amount: int


@router.get(PATH + "/counts")
async def counts(request: Request, state: State = "open") -> list[CountOut]:
    """Return how many there are of each kind."""
    wiring = wiring_of(request)
    scope = scope_of(wiring.reader(request))
    at = wiring.clock.now()
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await actions.up_to_date(tx, at=at, grace=wiring.grace)
        found = await listing.tallies(tx, scope, Wish(state=state), today=business_date(at))
    return [
        CountOut(
            kind=kind,
            count=sum(each.items for each in found.each if each.kind == kind),
            amount=sum(each.size.amount for each in found.each if each.kind == kind),
        )
        for kind in dict.fromkeys(each.kind for each in found.each)
    ]


class StepOut(BaseModel):
    """Something that happened. `words`: what somebody wrote; of assigned, to whom. `amount`: what it was about then."""

    step: str
    at: datetime
    by: str
    amount: int
    cause: str
    words: str


class StoryOut(DiscrepancyOut):
    """A discrepancy with what it went through, oldest first."""

    steps: list[StepOut]


def _step(step: Step) -> StepOut:
    return StepOut(
        step=step.step, at=step.at, by=step.by, amount=step.amount.amount, cause=step.cause, words=step.words
    )


@router.get(PATH + "/{discrepancy_id}")
async def discrepancy(request: Request, discrepancy_id: UUID) -> StoryOut:
    """Return one discrepancy, open or not, and what it went through."""
    wiring = wiring_of(request)
    scope = scope_of(wiring.reader(request))
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await actions.up_to_date(tx, at=wiring.clock.now(), grace=wiring.grace)
        found = await store.find(tx, discrepancy_id, scope)
        steps = await store.steps_of(tx, discrepancy_id, limit=STEPS_SHOWN_MAX)
    return StoryOut(**kept(wiring, found).model_dump(), steps=[_step(each) for each in steps])
