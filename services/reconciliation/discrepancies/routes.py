"""JSON about discrepancies: which there are, what each went through, and what people do about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from kernel import idempotency
from kernel.access import Principal, Role
from kernel.clock import business_date
from kernel.money import Yen
from kernel.rows import Transaction
from kernel.telemetry import correlation_id
from reconciliation.discrepancies import actions, handling, listing, store
from reconciliation.discrepancies.handling import BULK_MAX, Cause, Reason, State, Step, Stored
from reconciliation.discrepancies.listing import Sort, Wish
from reconciliation.discrepancies.model import Discrepancy
from reconciliation.discrepancies.wording import EXPLANATIONS, KINDS, SEVERITIES
from reconciliation.wiring import Wiring, scope_of, wiring_of

router = APIRouter(tags=["discrepancies"])

PATH = "/v1/discrepancies"
PAGE_SIZE_MAX = 200
CURSOR_CHARACTERS_MAX = 200
STEPS_SHOWN_MAX = 500
OK, ACCEPTED = 200, 202
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
    what, then = (words(message).format(amount=amount) for message in EXPLANATIONS[found.kind])
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


class ReasonIn(BaseModel):
    """Why it is settled, for whoever asks later; `cause` from the list, `reason` in one's own words."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=1000)
    cause: Cause = "other"


class ResolvedOut(BaseModel):
    """Who settled what, and when; where `state` is proposed, nobody yet: a second person approves it."""

    id: UUID
    kind: str
    state: str
    resolved_by: str | None
    resolved_at: datetime | None
    proposed_by: str
    approved_by: str


def _resolved(found: Stored, by: str) -> ResolvedOut:
    done = found.state == "resolved"
    return ResolvedOut(
        id=found.id,
        kind=found.kind,
        state=found.state,
        resolved_by=(found.proposed_by or by) if done else None,
        resolved_at=found.changed_at if done else None,
        proposed_by=found.proposed_by,
        approved_by=found.approved_by,
    )


Answer = tuple[int, BaseModel]


async def _once(
    request: Request,
    response: Response,
    principal: Principal,
    what: str,
    body: str,
    work: Callable[[Transaction], Awaitable[Answer]],
) -> Any:
    """Do something once for its Idempotency-Key, which is needed; answer a second time as the first time."""
    wiring = wiring_of(request)
    key, scope = idempotency.require_key(request.headers.get("idempotency-key")), f"{what}:{principal.name}"
    at = wiring.clock.now()
    async with wiring.database.transaction(correlation_id.get()) as tx:
        before = await idempotency.claim(tx, scope=scope, key=key, body=body.encode(), at=at)
        if before is not None:
            response.status_code = before.status
            return dict(before.answer)
        status, answer = await work(tx)
        await idempotency.keep(tx, scope=scope, key=key, status=status, answer_json=answer.model_dump_json(), at=at)
    response.status_code = status
    return answer.model_dump(mode="json")


KEY = Annotated[str | None, Header()]
DECIDED: Any = {ACCEPTED: {"model": ResolvedOut, "description": "Proposed: a second person has to approve it."}}


@router.post(PATH + "/{discrepancy_id}/resolve", responses=DECIDED, response_model=ResolvedOut)
async def resolve(
    request: Request,
    response: Response,
    discrepancy_id: UUID,
    given: ReasonIn,
    idempotency_key: KEY = None,  # noqa: ARG001 - for the description; _once reads it
) -> Any:
    """Note why a discrepancy is settled; its amount changing opens it again. Above an amount it is a proposal (202)."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)

    async def work(tx: Transaction) -> Answer:
        found = await actions.resolve(
            tx,
            discrepancy_id,
            scope_of(principal),
            reason=Reason(given.cause, given.reason),
            by=principal.name,
            at=wiring.clock.now(),
            grace=wiring.grace,
            alone_max=wiring.alone_max,
        )
        return OK if found.state == "resolved" else ACCEPTED, _resolved(found, principal.name)

    body = f"{discrepancy_id}\n{given.reason}\n{given.cause}"
    return await _once(request, response, principal, "resolve", body, work)


@router.post(PATH + "/{discrepancy_id}/approve", response_model=ResolvedOut)
async def approve(
    request: Request,
    response: Response,
    discrepancy_id: UUID,
    idempotency_key: KEY = None,  # noqa: ARG001 - as above
) -> Any:
    """Approve what another person proposed."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)

    async def work(tx: Transaction) -> Answer:
        found = await actions.approve(
            tx, discrepancy_id, scope_of(principal), by=principal.name, at=wiring.clock.now(), grace=wiring.grace
        )
        return OK, _resolved(found, principal.name)

    return await _once(request, response, principal, "approve", str(discrepancy_id), work)


class WordsIn(BaseModel):
    """What somebody writes."""

    model_config = ConfigDict(extra="forbid")

    words: str = Field(min_length=1, max_length=1000)


@router.post(PATH + "/{discrepancy_id}/decline", response_model=ResolvedOut)
async def decline(
    request: Request,
    response: Response,
    discrepancy_id: UUID,
    given: WordsIn,
    idempotency_key: KEY = None,  # noqa: ARG001 - as above
) -> Any:
    """Decline what another person proposed, with words; the discrepancy is open again."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)

    async def work(tx: Transaction) -> Answer:
        found = await actions.decline(
            tx,
            discrepancy_id,
            scope_of(principal),
            words=given.words,
            by=principal.name,
            at=wiring.clock.now(),
            grace=wiring.grace,
        )
        return OK, _resolved(found, principal.name)

    return await _once(request, response, principal, "decline", f"{discrepancy_id}\n{given.words}", work)


class AssigneeIn(BaseModel):
    """To whom; '' for nobody."""

    model_config = ConfigDict(extra="forbid")

    assignee: str = Field(max_length=100)


@router.post(PATH + "/{discrepancy_id}/assign")
async def assign(request: Request, discrepancy_id: UUID, given: AssigneeIn) -> DiscrepancyOut:
    """Give a discrepancy to somebody; the same again changes nothing."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)
    at = wiring.clock.now()
    move = partial(handling.assign, to=given.assignee, by=principal.name, at=at)
    return await _change_one(wiring, principal, discrepancy_id, move, given.assignee, at)


@router.post(PATH + "/{discrepancy_id}/comment")
async def comment(request: Request, discrepancy_id: UUID, given: WordsIn) -> DiscrepancyOut:
    """Write something down about a discrepancy; staff of its facility may too."""
    wiring = wiring_of(request)
    principal = commenter(wiring, request)
    at = wiring.clock.now()
    move = partial(handling.comment, words=given.words, by=principal.name, at=at)
    return await _change_one(wiring, principal, discrepancy_id, move, given.words, at)


def commenter(wiring: Wiring, request: Request) -> Principal:
    """Return who may write a comment; raise Unauthenticated or Forbidden."""
    return wiring.reader(request).require(Role.ACCOUNTING, Role.FACILITY)


async def _change_one(
    wiring: Wiring, principal: Principal, discrepancy_id: UUID, move: actions.Change, words: str, at: datetime
) -> DiscrepancyOut:
    async with wiring.database.transaction(correlation_id.get()) as tx:
        [found] = await actions.change_many(
            tx, [discrepancy_id], scope_of(principal), move, words=words, at=at, grace=wiring.grace
        )
    return kept(wiring, found)


class BulkIn(BaseModel):
    """What to do with many at once: assign (to `assignee`), comment (`words`) or resolve (`words` and `cause`)."""

    model_config = ConfigDict(extra="forbid")

    ids: list[UUID] = Field(min_length=1, max_length=BULK_MAX)
    action: Literal["assign", "comment", "resolve"]
    assignee: str = Field(default="", max_length=100)
    words: str = Field(default="", max_length=1000)
    cause: Cause = "other"


class BulkOut(BaseModel):
    """How many were changed, and how many of them wait for a second person now."""

    changed: int
    resolved: int
    proposed: int


@router.post(PATH + "/bulk", response_model=BulkOut)
async def bulk(
    request: Request,
    response: Response,
    given: BulkIn,
    idempotency_key: KEY = None,  # noqa: ARG001 - as above
) -> Any:
    """Do the same to up to 500 discrepancies, or to none of them: the first that may not be changed is the answer."""
    wiring = wiring_of(request)
    principal = wiring.bookkeeper(request)
    at = wiring.clock.now()
    move = bulk_move(wiring, given.action, given.assignee, given.words, given.cause, by=principal.name, at=at)

    async def work(tx: Transaction) -> Answer:
        said = given.assignee if given.action == "assign" else given.words
        found = await actions.change_many(
            tx, given.ids, scope_of(principal), move, words=said, at=at, grace=wiring.grace
        )
        states = [each.state for each in found] if given.action == "resolve" else []
        return OK, BulkOut(changed=len(found), resolved=states.count("resolved"), proposed=states.count("proposed"))

    return await _once(request, response, principal, "bulk", given.model_dump_json(), work)


def bulk_move(
    wiring: Wiring, action: str, assignee: str, words: str, cause: Cause, *, by: str, at: datetime
) -> actions.Change:
    """Return what is done to each of many."""
    match action:
        case "assign":
            return partial(handling.assign, to=assignee, by=by, at=at)
        case "comment":
            return partial(handling.comment, words=words, by=by, at=at)
        case _:
            reason = Reason(cause, words)
            return partial(handling.resolve, reason=reason, by=by, at=at, alone_max=wiring.alone_max)
