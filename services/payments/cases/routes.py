"""JSON about cases: the queue, and what staff decide."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from kernel import idempotency
from kernel.clock import new_id
from kernel.rows import Transaction
from kernel.telemetry import correlation_id
from payments.cases import actions, store
from payments.cases.model import REASON_LENGTH_MAX, Case, Kind, Resolution, State, UnknownCase
from payments.charges import store as charges
from payments.staff.desk import Staff, staff_of
from payments.wiring import wiring_of

router = APIRouter(tags=["cases"])

LIST_MAX = 200


class CaseAnswer(BaseModel):
    """A case: money or an outcome that does not agree by itself. `amount` in yen."""

    id: UUID
    charge: UUID
    attempt: UUID | None
    kind: Kind
    amount: int
    state: State
    opened_at: AwareDatetime
    refund: UUID | None
    closed_at: AwareDatetime | None
    resolution: Resolution | None
    words: str


class Cases(BaseModel):
    """Cases in their order; `next` is the next page's cursor, if there is one."""

    cases: list[CaseAnswer]
    next: UUID | None


class CloseWanted(BaseModel):
    """Why a case is closed; auditors read it."""

    model_config = ConfigDict(extra="forbid")

    words: str = Field(min_length=1, max_length=REASON_LENGTH_MAX)


def answer(case: Case) -> CaseAnswer:
    """Return a case as the JSON interface shows it."""
    return CaseAnswer(
        id=case.id,
        charge=case.charge_id,
        attempt=case.attempt_id,
        kind=case.kind,
        amount=case.amount.amount,
        state=case.state,
        opened_at=case.opened_at,
        refund=case.refund_id,
        closed_at=case.closed_at,
        resolution=case.resolution,
        words=case.words,
    )


@router.get("/v1/cases")
async def get_cases(
    request: Request,
    state: Literal["open", "closed"] = "open",
    kind: Kind | None = None,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=LIST_MAX)] = 50,
) -> Cases:
    """Return cases that are not closed, oldest first, or closed ones, newest first."""
    staff = staff_of(request)
    async with wiring_of(request).database.transaction(correlation_id.get()) as tx:
        found = await store.listed(
            tx,
            closed=state == "closed",
            kinds=None if kind is None else [kind],
            facilities=staff.facilities,
            after=cursor,
            limit=limit + 1,
        )
    shown = [answer(case) for case, _, _ in found[:limit]]
    return Cases(cases=shown, next=shown[-1].id if len(found) > limit else None)


@router.post("/v1/cases/{case_id}/refunds", status_code=201)
async def post_refund(
    request: Request, case_id: UUID, idempotency_key: Annotated[str | None, Header()] = None
) -> CaseAnswer:
    """Give a case's money back to who paid it; the worker sends it, and the case closes when it has arrived."""
    key = idempotency.require_key(idempotency_key)
    body = await request.body()
    scope = f"cases:{case_id}"

    async def step(tx: Transaction, staff: Staff, at: datetime) -> CaseAnswer:
        kept = await idempotency.claim(tx, scope=scope, key=key, body=body, at=at)
        if kept is not None:
            return CaseAnswer.model_validate(kept.answer)
        needed = wiring_of(request).bank_account_needed
        case = await actions.give_back(
            tx, case_id, refund_id=new_id(), bank_account_needed=needed, actor=staff.name, at=at
        )
        said = answer(case)
        await idempotency.keep(tx, scope=scope, key=key, status=201, answer_json=said.model_dump_json(), at=at)
        return said

    return await _step(request, case_id, step)


@router.post("/v1/cases/{case_id}/ask", status_code=202)
async def post_ask(request: Request, case_id: UUID) -> CaseAnswer:
    """Have the provider asked again about what a case is about."""

    async def step(tx: Transaction, staff: Staff, at: datetime) -> CaseAnswer:
        return answer(await actions.ask_again(tx, case_id, actor=staff.name, at=at))

    return await _step(request, case_id, step)


@router.post("/v1/cases/{case_id}/close")
async def post_close(request: Request, case_id: UUID, wanted: CloseWanted) -> CaseAnswer:
    """Close a case by hand, with a reason."""

    async def step(tx: Transaction, staff: Staff, at: datetime) -> CaseAnswer:
        return answer(await actions.close(tx, case_id, words=wanted.words, actor=staff.name, at=at))

    return await _step(request, case_id, step)


async def _step(
    request: Request, case_id: UUID, step: Callable[[Transaction, Staff, datetime], Awaitable[CaseAnswer]]
) -> CaseAnswer:
    wiring = wiring_of(request)
    staff = staff_of(request, acts=True)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await of_mine(tx, staff, case_id)
        return await step(tx, staff, wiring.clock.now())


async def of_mine(tx: Transaction, staff: Staff, case_id: UUID) -> Case:
    """Return a case of somebody's facilities. Raises UnknownCase or Forbidden."""
    case = await store.find(tx, case_id)
    charge = None if case is None else await charges.find(tx, case.charge_id)
    if case is None or charge is None:
        raise UnknownCase
    staff.principal.require_facility(charge.facility)
    return case
