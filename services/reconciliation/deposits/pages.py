"""The matching desk: what may belong together, matching by hand, and what is matched, by which rule or person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import Principal, Role
from kernel.clock import business_date, new_id
from kernel.money import Yen, total
from kernel.refusals import Forbidden, Invalid, Refusal
from kernel.rows import Transaction
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from reconciliation.deposits import actions, store
from reconciliation.deposits.model import Match
from reconciliation.payouts import store as payouts
from reconciliation.provider_contracts import store as contracts
from reconciliation.staff.desk import SEE_OTHER, for_reader
from reconciliation.wiring import Wiring, scope_of

router = APIRouter(include_in_schema=False)

PATH: Final = "/matching"
SUGGESTIONS_SHOWN_MAX: Final = 50
OPEN_SHOWN_MAX: Final = 100
MATCHES_SHOWN_MAX: Final = 30
LOOKED_BACK: Final = timedelta(days=120)

REASON_WORDS: Final = {
    "amount_same": "The amount is the same",
    "amount_same_in_sum": "{number} payouts make the same amount",
    "amount_with_transfer_fee": "Apart by a transfer fee of {yen}",
    "amount_near": "The amount is nearly the same, {yen} apart",
    "amount_differs": "The amount is {yen} apart",
    "day_in_time": "It came on time",
    "days_late": "It came {number} bank days late",
    "days_early": "It came {number} bank days early",
    "name_same": "The sender's name is the same",
    "name_similar": "The sender's name is {number} % alike",
    "name_missing": "The sender's name is not known",
    "name_differs": "The sender has another name",
    "not_unique": "Something else fits as well",
}
AGAINST: Final = frozenset(
    {"amount_near", "amount_differs", "days_late", "days_early", "name_missing", "name_differs", "not_unique"}
)
RULE_WORDS: Final = {
    "one_transfer_one_payout": "Rule: one transfer, one payout",
    "one_transfer_less_carried": "Rule: one transfer, less what was carried over",
    "one_transfer_of_a_group": "Rule: one transfer for several contracts",
    "suggestion_accepted": "A suggestion that a person accepted",
    "by_hand": "By hand",
}
DONE: Final = {
    "accepted": "Accepted. The transfer and its payouts are matched.",
    "dismissed": "Dismissed. It is not suggested again.",
    "matched": "Matched by hand.",
    "taken-back": "The match is taken back; no rule makes it again.",
}


@router.get(PATH)
async def desk(request: Request) -> Response:
    """Show suggestions, what is open on either side, and the latest matches."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        return await _desk(wiring, request, principal)

    return await for_reader(request, page, everywhere=True)


async def _desk(
    wiring: Wiring,
    request: Request,
    principal: Principal,
    *,
    refusal: Refusal | None = None,
    chosen: tuple[list[UUID], list[UUID], str] | None = None,
) -> Response:
    today = business_date(wiring.clock.now())
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.suggestions(tx, limit=SUGGESTIONS_SHOWN_MAX + 1)
        open_lines = await store.deposits(
            tx, first=today - LOOKED_BACK, last=today, matched=False, limit=OPEN_SHOWN_MAX
        )
        due = (await store.dues(tx, await contracts.terms(tx)))[:OPEN_SHOWN_MAX]
        open_payouts = await payouts.some(tx, [each.id for each in due])
        matches = await store.latest_matches(tx, limit=MATCHES_SHOWN_MAX)
        lines = {each.id: each for each in await store.deposits_of(tx, _lines_of(found, matches))}
        dues = {each.id: each for each in await payouts.some(tx, _payouts_of(found, matches))}
        nets = await store.nets(tx, [*dues, *(each.id for each in open_payouts)])
    lines_chosen, payouts_chosen, reason = chosen or ([], [], "")
    return wiring.pages.render(
        request,
        "matching.html",
        status=200 if refusal is None else 422,
        principal=principal,
        may_decide=principal.role in {Role.ACCOUNTING, Role.ADMIN} and scope_of(principal) is None,
        suggestions=found[:SUGGESTIONS_SHOWN_MAX],
        more=len(found) > SUGGESTIONS_SHOWN_MAX,
        lines=lines,
        dues=dues,
        nets=nets,
        open_lines=sorted(
            (each for each in open_lines if each.amount > Yen(0)), key=lambda each: each.booked_on, reverse=True
        ),
        open_payouts=open_payouts[::-1],
        matches=matches,
        said=_reasons(wiring, request),
        against=AGAINST,
        rules=RULE_WORDS,
        problem=None if refusal is None else wiring.pages.advice(request, refusal),
        done=DONE.get(request.query_params.get("done", "")),
        lines_chosen=lines_chosen,
        payouts_chosen=payouts_chosen,
        reason=reason,
        sums=_sums(open_lines, nets, lines_chosen, payouts_chosen) if chosen else None,
    )


def _reasons(wiring: Wiring, request: Request) -> Callable[[Any], str]:
    return lambda reason: wiring.pages.text(
        request, REASON_WORDS[reason.word], number=reason.number, yen=str(Yen(abs(reason.number)))
    )


def _lines_of(*several: Iterable[Any]) -> set[UUID]:
    return {line for some in several for each in some for line in each.bank_lines}


def _payouts_of(*several: Iterable[Any]) -> set[UUID]:
    return {payout for some in several for each in some for payout in each.payouts}


def _sums(open_lines: Iterable[Any], nets: dict[UUID, Yen], lines: list[UUID], due: list[UUID]) -> tuple[Yen, Yen, Yen]:
    """Return what came, what was due, and the difference of what is chosen."""
    came = total(each.amount for each in open_lines if each.id in lines)
    wanted = total(nets[each] for each in due if each in nets)
    return came, wanted, came - wanted


Decision = Callable[[Transaction, str], Awaitable[Any]]


async def _decide(request: Request, decision: Decision, done: str) -> Response:
    """Carry out what somebody of accounting decides; a refusal is shown on the desk."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        SignIn.require_own_page(request)
        bookkeeper = wiring.bookkeeper(request)
        if scope_of(bookkeeper) is not None:
            raise Forbidden  # A transfer is about all facilities.
        try:
            async with wiring.database.transaction(correlation_id.get()) as tx:
                await decision(tx, bookkeeper.name)
        except Refusal as refusal:
            return await _desk(wiring, request, principal, refusal=refusal)
        return RedirectResponse(f"{PATH}?done={done}", status_code=SEE_OTHER)

    return await for_reader(request, page, everywhere=True)


def _now(request: Request) -> Any:
    return request.app.state.wiring.clock.now()


@router.post(PATH + "/suggestions/{suggestion_id}/accept")
async def accept(request: Request, suggestion_id: UUID) -> Response:
    """Accept a suggestion."""

    async def decision(tx: Transaction, by: str) -> Match:
        return await actions.accept(tx, suggestion_id, decision_id=new_id(), by=by, at=_now(request))

    return await _decide(request, decision, "accepted")


@router.post(PATH + "/suggestions/{suggestion_id}/dismiss")
async def dismiss(request: Request, suggestion_id: UUID) -> Response:
    """Say that something does not belong together."""
    reason = str((await request.form()).get("reason", ""))

    async def decision(tx: Transaction, by: str) -> Any:
        return await actions.dismiss(tx, suggestion_id, by=by, reason=reason, at=_now(request))

    return await _decide(request, decision, "dismissed")


@router.post(PATH + "/matches/{match_id}/take-back")
async def take_back(request: Request, match_id: UUID) -> Response:
    """Take a match back."""
    reason = str((await request.form()).get("reason", ""))

    async def decision(tx: Transaction, by: str) -> Match:
        return await actions.take_back(tx, match_id, reversal_id=new_id(), by=by, reason=reason, at=_now(request))

    return await _decide(request, decision, "taken-back")


@router.post(PATH + "/by-hand")
async def match_by_hand(request: Request) -> Response:
    """Show the difference of what is chosen, or match it."""
    form = await request.form()
    reason = str(form.get("reason", ""))

    async def page(wiring: Wiring, principal: Principal) -> Response:
        SignIn.require_own_page(request)
        lines, due = ([_uuid(str(each)) for each in form.getlist(name)] for name in ("line", "payout"))
        bookkeeper = wiring.bookkeeper(request)
        if scope_of(bookkeeper) is not None:
            raise Forbidden
        chosen = lines, due, reason
        if form.get("wish") != "match":
            return await _desk(wiring, request, principal, chosen=chosen)
        try:
            async with wiring.database.transaction(correlation_id.get()) as tx:
                await actions.match_by_hand(
                    tx,
                    bank_lines=lines,
                    payouts=due,
                    decision_id=new_id(),
                    by=bookkeeper.name,
                    reason=reason,
                    at=wiring.clock.now(),
                )
        except Refusal as refusal:
            return await _desk(wiring, request, principal, refusal=refusal, chosen=chosen)
        return RedirectResponse(f"{PATH}?done=matched", status_code=SEE_OTHER)

    return await for_reader(request, page, everywhere=True)


def _uuid(said: str) -> UUID:
    try:
        return UUID(said)
    except ValueError:
        raise Invalid(problem="The form is damaged. Load the page again") from None
