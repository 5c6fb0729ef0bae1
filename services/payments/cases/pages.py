"""Staff's pages of cases: the queue, and one case with what may be done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, get_args
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.clock import new_id
from kernel.problems import status_of
from kernel.refusals import Forbidden, Refusal, Unauthenticated
from kernel.rows import Transaction
from kernel.telemetry import correlation_id
from payments.cases import actions, routes, store
from payments.cases.model import REASON_LENGTH_MAX, REFUNDABLE, Kind, UnknownCase
from payments.charges import store as charges
from payments.charges.model import LIVING
from payments.operations.reader import Reader
from payments.operations.words import ADVICE, CASE_STATES, KINDS, RESOLUTIONS
from payments.staff.desk import SEE_OTHER, Staff, for_staff
from payments.wiring import Wiring

router = APIRouter(include_in_schema=False)

HOME = "/operations/cases"
SHOWN_MAX = 50
UNALLOCATED: Final[Sequence[Kind]] = ("paid_twice", "overpaid", "underpaid", "paid_too_late")
QUEUES: Final[Mapping[str, Sequence[Kind] | None]] = {
    "all": None,
    "unallocated": UNALLOCATED,
    "unknown": ("outcome_unknown",),
    "refunds": ("refund_failed",),
    "banks": ("reversed", "disputed"),
    "closed": None,
}
QUEUE_NAMES: Final[Mapping[str, str]] = {
    "all": "All open cases",
    "unallocated": "Money without a place",
    "unknown": "Outcome unknown",
    "refunds": "Refunds that failed",
    "banks": "Taken back or contested",
    "closed": "Closed",
}


@router.get(HOME)
async def queue_page(request: Request, queue: str = "all", kind: str = "", after: UUID | None = None) -> Response:
    """List one queue of cases; a kind narrows it."""
    chosen = queue if queue in QUEUES else "all"
    kinds: Sequence[Kind] | None = [each for each in get_args(Kind) if each == kind] or QUEUES[chosen]

    async def page(wiring: Wiring, staff: Staff) -> Response:
        reader = Reader(wiring, request)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            numbers = {each: number for each, number, _, _ in await store.counts(tx, staff.facilities)}
            found = await store.listed(
                tx,
                closed=chosen == "closed",
                kinds=kinds,
                facilities=staff.facilities,
                after=after,
                limit=SHOWN_MAX + 1,
            )
        shown = found[:SHOWN_MAX]
        return wiring.pages.render(
            request,
            "cases.html",
            queues=QUEUE_NAMES,
            chosen=chosen,
            kind=kind if kind in KINDS else "",
            kinds=KINDS,
            counts={
                name: sum(number for each, number in numbers.items() if of is None or each in of)
                for name, of in QUEUES.items()
            },
            rows=[
                (case, reference, description, reader.word(KINDS, case.kind), reader.word(CASE_STATES, case.state))
                for case, reference, description in shown
            ],
            resolutions=RESOLUTIONS,
            next=shown[-1][0].id if len(found) > SHOWN_MAX else None,
        )

    return await for_staff(request, page)


@router.get(HOME + "/{case_id}")
async def case_page(request: Request, case_id: UUID) -> Response:
    """Show a case: what it is about, what may be done, and what happened."""

    async def page(wiring: Wiring, staff: Staff) -> Response:
        return await _one(wiring, request, staff, case_id)

    return await for_staff(request, page)


async def _one(
    wiring: Wiring,
    request: Request,
    staff: Staff,
    case_id: UUID,
    *,
    refusal: Refusal | None = None,
    words: str = "",
) -> Response:
    reader = Reader(wiring, request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        case = await routes.of_mine(tx, staff, case_id)
        charge = await charges.find(tx, case.charge_id)
        attempt = None if case.attempt_id is None else await charges.attempt(tx, case.attempt_id)
        history = await charges.history(tx, case.charge_id)
    assert charge is not None  # noqa: S101 - a case's foreign key
    mine = staff.acts and case.state == "open"
    return wiring.pages.render(
        request,
        "case.html",
        status=200 if refusal is None else status_of(refusal),
        problem="" if refusal is None else wiring.pages.advice(request, refusal),
        words=words,
        words_max=REASON_LENGTH_MAX,
        case=case,
        charge=charge,
        kind=reader.word(KINDS, case.kind),
        advice=reader.word(ADVICE, case.kind),
        state=reader.word(CASE_STATES, case.state),
        resolution="" if case.resolution is None else reader.word(RESOLUTIONS, case.resolution),
        method=reader.method(charge.method if attempt is None else attempt.method),
        may_close=mine,
        may_give_back=mine and case.kind in REFUNDABLE and attempt is not None,
        may_ask=mine and attempt is not None and attempt.state in LIVING,
        by_account=attempt is not None and attempt.method in wiring.bank_account_needed,
        lines=[(when, reader.sentence(kind, fields)) for when, kind, fields in history],
    )


@router.post(HOME + "/{case_id}/{step}")
async def act(request: Request, case_id: UUID, step: str) -> Response:
    """Give the money back, ask the provider again, or close it; a refusal is said on the case's own page."""
    form = await request.form()
    words = str(form.get("words", ""))[:REASON_LENGTH_MAX]

    async def page(wiring: Wiring, staff: Staff) -> Response:
        at = wiring.clock.now()
        try:
            async with wiring.database.transaction(correlation_id.get()) as tx:
                await routes.of_mine(tx, staff, case_id)
                await _do(wiring, tx, case_id, step, words, actor=staff.name, at=at)
        except (Unauthenticated, Forbidden, UnknownCase):
            raise
        except Refusal as refusal:
            return await _one(wiring, request, staff, case_id, refusal=refusal, words=words)
        return RedirectResponse(f"{HOME}/{case_id}", status_code=SEE_OTHER)

    return await for_staff(request, page, acts=True)


async def _do(
    wiring: Wiring, tx: Transaction, case_id: UUID, step: str, words: str, *, actor: str, at: datetime
) -> None:
    match step:
        case "give-back":
            needed = wiring.bank_account_needed
            await actions.give_back(tx, case_id, refund_id=new_id(), bank_account_needed=needed, actor=actor, at=at)
        case "ask":
            await actions.ask_again(tx, case_id, actor=actor, at=at)
        case "close":
            await actions.close(tx, case_id, words=words, actor=actor, at=at)
        case _:
            raise UnknownCase
