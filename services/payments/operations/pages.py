"""Staff's first pages: what needs a person now, the search, a charge with its history, and providers' health."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request, Response

from kernel.clock import business_date
from kernel.problems import status_of
from kernel.refusals import Refusal
from kernel.telemetry import correlation_id
from payments.cases import store as cases
from payments.charges import store as charges
from payments.charges.model import UnknownCharge
from payments.health import model as health
from payments.health import store as breakers
from payments.messages import store as messages
from payments.operations import model, store
from payments.operations.reader import Reader
from payments.operations.words import (
    ADVICE,
    ATTEMPT_STATES,
    CASE_STATES,
    KINDS,
    OPERATIONS,
    OUTCOMES,
    REFUND_REASONS,
    REFUND_STATES,
    STATUSES,
    TROUBLES,
)
from payments.refunds import store as refunds
from payments.staff.desk import Staff, for_staff
from payments.transfers import store as transfers
from payments.wiring import Wiring

router = APIRouter(include_in_schema=False)

HOME = "/operations"
SHOWN_MAX = 50
MESSAGES_SHOWN_MAX = 50
TRANSFERS_FOR_PEOPLE = ("awaiting_check", "awaiting_approval", "approved", "in_file")


@dataclass(frozen=True, slots=True)
class Health:
    """One operation of one method, in words. `state`: good, trouble, paused or trying."""

    method: str
    operation: str
    state: str
    trouble: str
    until: datetime | None
    last_ok_at: datetime | None
    last_trouble_at: datetime | None


def _health(reader: Reader, known: Sequence[health.Breaker], *, at: datetime) -> list[Health]:
    """Say how every operation is that was ever called."""
    said = []
    for each in known:
        paused = not health.may_call(each, at=at)
        state = "good" if each.state == "closed" and not each.failures else "trouble"
        if each.state != "closed":
            state = "paused" if paused else "trying"
        said.append(
            Health(
                method=reader.method(each.method),
                operation=reader.word(OPERATIONS, each.operation),
                state=state,
                trouble="" if each.trouble is None or state == "good" else reader.word(TROUBLES, each.trouble),
                until=each.until if paused else None,
                last_ok_at=each.last_ok_at,
                last_trouble_at=each.last_trouble_at,
            )
        )
    return said


@router.get(HOME)
async def overview(request: Request) -> Response:
    """Show what needs a person now, how providers are, and what the day brought."""

    async def page(wiring: Wiring, staff: Staff) -> Response:
        reader, at = Reader(wiring, request), wiring.clock.now()
        begins, ends = model.span(business_date(at))
        async with wiring.database.transaction(correlation_id.get()) as tx:
            open_cases = await cases.counts(tx, staff.facilities)
            waiting = await store.refunds_waiting(tx, staff.facilities)
            by_transfer = await transfers.counts(tx, staff.facilities)
            unknown = await store.unknown_now(tx, staff.facilities)
            given_up = await messages.count(tx, "given_up") if staff.everywhere else 0
            known = await breakers.every(tx)
            hours = await store.hours(tx, staff.facilities, begins=begins, ends=ends)
            today = await store.day_by_method(tx, staff.facilities, begins=begins, ends=ends)
        to_decide = sum(by_transfer.get(each, 0) for each in TRANSFERS_FOR_PEOPLE)
        methods = [each.method for each in today if each.paid or each.opened]
        return wiring.pages.render(
            request,
            "operations.html",
            staff=staff,
            day_shown=business_date(at),
            at=at,
            cases=[
                (kind, reader.word(KINDS, kind), reader.word(ADVICE, kind), count, amount, oldest)
                for kind, count, amount, oldest in open_cases
            ],
            refunds=[(reader.word(REFUND_STATES, state), each) for state, each in waiting.items()],
            to_decide=to_decide,
            unknown=unknown,
            given_up=given_up,
            calm=not (open_cases or to_decide or unknown.count or given_up),
            health=[each for each in _health(reader, known, at=at) if each.state != "good"],
            asked=bool(known),
            chart=model.chart(hours, methods),
            today=[(place % model.COLOURS, reader.method(each.method), each) for place, each in enumerate(today)],
            names={each: reader.method(each) for each in methods},
        )

    return await for_staff(request, page)


@router.get(HOME + "/providers")
async def providers_page(request: Request) -> Response:
    """Say how the providers are, operation by operation."""

    async def page(wiring: Wiring, _staff: Staff) -> Response:
        reader = Reader(wiring, request)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            known = await breakers.every(tx)
        said = _health(reader, known, at=wiring.clock.now())
        called = {each.method for each in known}
        return wiring.pages.render(
            request,
            "providers.html",
            rows=said,
            quiet=[reader.method(each) for each in wiring.settings.methods_enabled if each not in called],
            retired=[reader.method(each) for each in wiring.settings.methods_retired],
        )

    return await for_staff(request, page)


@router.get(HOME + "/charges")
async def search_page(
    request: Request, q: str = "", amount: str = "", day: str = "", before: UUID | None = None
) -> Response:
    """Look charges up; without a wish, the newest ones."""
    typed = {"q": q[: model.WISH_LENGTH_MAX], "amount": amount[:20], "day": day[:20]}

    async def page(wiring: Wiring, staff: Staff) -> Response:
        reader = Reader(wiring, request)
        problem, found = None, []
        try:
            wish = model.wish(typed["q"], amount=typed["amount"], day=typed["day"])
            async with wiring.database.transaction(correlation_id.get()) as tx:
                found = await store.search(
                    tx,
                    wish,
                    facilities=staff.facilities,
                    methods=list(wiring.methods),
                    before=before,
                    limit=SHOWN_MAX + 1,
                )
        except Refusal as refusal:
            problem = refusal
        shown = found[:SHOWN_MAX]
        more = urlencode({**typed, "before": str(shown[-1].id)}) if len(found) > SHOWN_MAX else ""
        return wiring.pages.render(
            request,
            "charges.html",
            status=200 if problem is None else status_of(problem),
            problem="" if problem is None else wiring.pages.advice(request, problem),
            typed=typed,
            wished=any(typed.values()),
            rows=[(each, reader.method(each.method), reader.word(STATUSES, each.status)) for each in shown],
            more=more,
        )

    return await for_staff(request, page)


@router.get(HOME + "/charges/{charge_id}")
async def charge_page(request: Request, charge_id: UUID) -> Response:
    """Show all of one charge: its money, its attempts, messages, refunds and cases, and what happened."""

    async def page(wiring: Wiring, staff: Staff) -> Response:
        reader = Reader(wiring, request)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            charge = await charges.find(tx, charge_id)
            if charge is None:
                raise UnknownCharge
            staff.principal.require_facility(charge.facility)
            tries = await charges.attempts_of(tx, charge_id)
            back = await refunds.of_charge(tx, charge_id)
            theirs = await cases.of_charge(tx, charge_id)
            history = await charges.history(tx, charge_id)
            named = [
                *(str(each.id) for each in tries),
                *(each.provider_id for each in tries if each.provider_id),
                *(str(each.id) for each in back),
                *(each.provider_id for each in back if each.provider_id),
            ]
            told = await messages.naming(tx, named, limit=MESSAGES_SHOWN_MAX)
            received = await store.received(tx, charge_id)
            given_back = await store.given_back(tx, charge_id)
        return wiring.pages.render(
            request,
            "charge.html",
            charge=charge,
            status_word=reader.word(STATUSES, charge.status),
            received=received,
            given_back=given_back,
            net=received - given_back,
            attempts=[(each, reader.method(each.method), reader.word(ATTEMPT_STATES, each.state)) for each in tries],
            refunds=[
                (each, reader.word(REFUND_STATES, each.state), reader.word(REFUND_REASONS, each.reason))
                for each in back
            ],
            by_transfer=wiring.bank_account_needed,
            methods_of={each.id: each.method for each in tries},
            cases=[(each, reader.word(KINDS, each.kind), reader.word(CASE_STATES, each.state)) for each in theirs],
            messages=[
                (each, reader.method(each.method), reader.word(OUTCOMES, each.outcome) if each.outcome else "")
                for each in told
            ],
            everywhere=staff.everywhere,
            lines=[(when, reader.sentence(kind, fields)) for when, kind, fields in history],
        )

    return await for_staff(request, page)
