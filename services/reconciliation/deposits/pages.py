"""The matching desk: what may belong together, matching by hand, what is matched, and a search in all of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import Principal
from kernel.clock import new_id
from kernel.money import Yen, total
from kernel.refusals import Forbidden, Invalid, Refusal, Unauthenticated
from kernel.rows import Transaction
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from reconciliation.days.wording import provider_name
from reconciliation.deposits import actions, listing, store
from reconciliation.deposits.listing import Asked
from reconciliation.deposits.model import Deposit, Match
from reconciliation.deposits.searching import (
    EVERYTHING,
    LISTS,
    Chosen,
    DeskSearchUnreadable,
    Place,
    Typed,
    named,
    require_few,
    understand,
)
from reconciliation.payouts import store as payouts
from reconciliation.provider_contracts import store as contracts
from reconciliation.staff.desk import SEE_OTHER, for_reader
from reconciliation.wiring import Wiring, keeps_books, scope_of

router = APIRouter(include_in_schema=False)

PATH: Final = "/matching"
READ: Final[dict[str, Callable[[Transaction, Asked], Awaitable[listing.Page]]]] = {
    "suggested": listing.suggestions,
    "lines": listing.open_lines,
    "payouts": listing.open_payouts,
    "matched": listing.matches,
}
SHOWN_MAX: Final = {"suggested": 20, "lines": 50, "payouts": 50, "matched": 20}

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
    """Show suggestions, what is open on either side, and matches, as far as they are searched for."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        return await _desk(wiring, request, principal, _place(request.query_params))

    return await for_reader(request, page, everywhere=True)


async def _desk(
    wiring: Wiring,
    request: Request,
    principal: Principal,
    place: Place,
    *,
    refusal: Refusal | None = None,
    reason: str = "",
) -> Response:
    wish, problem = EVERYTHING, refusal
    try:
        wish = understand(place.typed)
    except DeskSearchUnreadable as unreadable:
        problem = refusal or unreadable
    async with wiring.database.transaction(correlation_id.get()) as tx:
        meant = named(wish.name, await contracts.terms(tx))
        listed = {
            name: await read(tx, Asked(wish, meant, place.turned.get(name, ""), SHOWN_MAX[name]))
            for name, read in READ.items()
        }
        found = await store.some_suggestions(tx, listed["suggested"].ids)
        matches = await store.some_matches(tx, listed["matched"].ids)
        chosen_lines = [each for each in await store.deposits_of(tx, place.chosen.lines) if each.match_id is None]
        chosen_payouts = [each for each in await payouts.some(tx, place.chosen.payouts) if each.match_id is None]
        shown_lines = {*_lines_of(found, matches), *listed["lines"].ids}
        lines = {each.id: each for each in await store.deposits_of(tx, shown_lines)}
        shown_payouts = {*_payouts_of(found, matches), *listed["payouts"].ids}
        dues = {each.id: each for each in await payouts.some(tx, shown_payouts)}
        nets = await store.nets(tx, [*dues, *(each.id for each in chosen_payouts)])
    kept = {*(each.id for each in chosen_lines), *(each.id for each in chosen_payouts)}
    return wiring.pages.render(
        request,
        "matching.html",
        status=200 if problem is None else 422,
        principal=principal,
        may_decide=keeps_books(principal),
        typed=place.typed,
        narrowed=wish.narrows,
        turned=place.turned,
        next={name: each.next for name, each in listed.items()},
        address=lambda **turn: place.address(PATH, **turn),
        query=place.address(""),
        suggestions=found,
        lines=lines,
        dues=dues,
        nets=nets,
        chosen=kept,
        open_lines=[*chosen_lines, *(lines[each] for each in listed["lines"].ids if each not in kept)],
        open_payouts=[*chosen_payouts, *(dues[each] for each in listed["payouts"].ids if each not in kept)],
        matches=matches,
        said=_reasons(wiring, request),
        provider=provider_name,
        against=AGAINST,
        rules=RULE_WORDS,
        problem=None if problem is None else wiring.pages.advice(request, problem),
        done=DONE.get(request.query_params.get("done", "")),
        reason=reason,
        sums=_sums(chosen_lines, [nets[each.id] for each in chosen_payouts]) if kept else None,
    )


def _place(given: Any) -> Place:
    """Return where an address or a form is at the desk; raise Invalid for ids that are none."""
    lines, due = (tuple(dict.fromkeys(_uuid(str(each)) for each in given.getlist(name))) for name in ("line", "payout"))
    turned = {name: str(given.get(name) or "") for name in LISTS}
    return Place(Typed.of(given), turned, Chosen(lines, due))


def _reasons(wiring: Wiring, request: Request) -> Callable[[Any], str]:
    return lambda reason: wiring.pages.text(
        request, REASON_WORDS[reason.word], number=reason.number, yen=str(Yen(abs(reason.number)))
    )


def _lines_of(*several: Iterable[Any]) -> set[UUID]:
    return {line for some in several for each in some for line in each.bank_lines}


def _payouts_of(*several: Iterable[Any]) -> set[UUID]:
    return {payout for some in several for each in some for payout in each.payouts}


def _sums(lines: Iterable[Deposit], due: Iterable[Yen]) -> tuple[Yen, Yen, Yen]:
    """Return what came, what was due, and the difference of what is chosen."""
    came, wanted = total(each.amount for each in lines), total(due)
    return came, wanted, came - wanted


Decision = Callable[[Transaction, str], Awaitable[Any]]


async def _decide(request: Request, decision: Decision, done: str) -> Response:
    """Carry out what somebody of accounting decides; a refusal is shown on the desk."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        SignIn.require_own_page(request)
        bookkeeper, place = _bookkeeper(wiring, request), _place(request.query_params)
        try:
            async with wiring.database.transaction(correlation_id.get()) as tx:
                await decision(tx, bookkeeper.name)
        except Refusal as refusal:
            return await _desk(wiring, request, principal, place, refusal=refusal)
        return RedirectResponse(place.address(PATH, done=done), status_code=SEE_OTHER)

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
    """Search or turn a list with what is chosen kept, show the difference of what is chosen, or match it."""
    form = await request.form()
    reason, wish = str(form.get("reason", "")), str(form.get("wish", ""))

    async def page(wiring: Wiring, principal: Principal) -> Response:
        SignIn.require_own_page(request)
        place = _place(form)
        try:
            if wish == "match":
                await _match(wiring, _bookkeeper(wiring, request), place.chosen, reason)
                done = Place(place.typed, {}, Chosen()).address(PATH, done="matched")
                return RedirectResponse(done, status_code=SEE_OTHER)
            require_few(place.chosen)
        except (Forbidden, Unauthenticated):
            raise
        except Refusal as refusal:
            return await _desk(wiring, request, principal, place, refusal=refusal, reason=reason)
        name, _, cursor = wish.partition(" ")
        if name in LISTS:
            place = Place(place.typed, {**place.turned, name: cursor}, place.chosen)
        if name == "search":
            place = Place(place.typed, {}, place.chosen)
        if wish == "sum" or reason:  # A reason is in no address; the page keeps it.
            return await _desk(wiring, request, principal, place, reason=reason)
        return RedirectResponse(place.address(PATH) + ("#hand" if name in LISTS else ""), status_code=SEE_OTHER)

    return await for_reader(request, page, everywhere=True)


def _bookkeeper(wiring: Wiring, request: Request) -> Principal:
    bookkeeper = wiring.bookkeeper(request)
    if scope_of(bookkeeper) is not None:
        raise Forbidden  # A transfer is about all facilities.
    return bookkeeper


async def _match(wiring: Wiring, bookkeeper: Principal, chosen: Chosen, reason: str) -> None:
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await actions.match_by_hand(
            tx,
            bank_lines=chosen.lines,
            payouts=chosen.payouts,
            decision_id=new_id(),
            by=bookkeeper.name,
            reason=reason,
            at=wiring.clock.now(),
        )


def _uuid(said: str) -> UUID:
    try:
        return UUID(said)
    except ValueError:
        raise Invalid(problem="The form is damaged. Load the page again") from None
