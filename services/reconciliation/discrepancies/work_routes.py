"""JSON for those who work on discrepancies: assign, comment, resolve, approve, decline, one by one or many at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from kernel import idempotency
from kernel.access import Principal, Role
from kernel.rows import Transaction
from kernel.telemetry import correlation_id
from reconciliation.discrepancies import actions, handling
from reconciliation.discrepancies.handling import BULK_MAX, Cause, Reason, Stored
from reconciliation.discrepancies.routes import PATH, DiscrepancyOut, kept
from reconciliation.wiring import Wiring, scope_of, wiring_of

router = APIRouter(tags=["discrepancies"])

OK, ACCEPTED = 200, 202


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
