"""The work list of discrepancies, and one discrepancy with what it rests on and what it went through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import Principal, Role
from kernel.clock import business_date
from kernel.problems import status_of
from kernel.refusals import Invalid, Refusal
from kernel.rows import Transaction
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from kernel.web import language_of
from reconciliation.days.names import name_of
from reconciliation.days.wording import method_name, provider_name
from reconciliation.discrepancies import actions, charts, evidence, handling, listing, store
from reconciliation.discrepancies.handling import CAUSES, OPEN_STATES, Reason, Stored, require_cause
from reconciliation.discrepancies.listing import Wish
from reconciliation.discrepancies.routes import STEPS_SHOWN_MAX, explain, title
from reconciliation.discrepancies.wording import AT_THE_DESK, KINDS, SEVERITIES, SEVERITY_WORDS, SORTS, STATES, STEPS
from reconciliation.discrepancies.wording import CAUSES as CAUSE_WORDS
from reconciliation.discrepancies.work_routes import bulk_move, commenter
from reconciliation.records.wording import LINE_KINDS
from reconciliation.staff.desk import SEE_OTHER, for_reader
from reconciliation.wiring import Wiring, scope_of

router = APIRouter(include_in_schema=False)

PAGE: Final = "/discrepancies"
PAGE_ROWS: Final = 100
ME, NOBODY = "=me", "=nobody"  # no name begins so
TEXT_MAX: Final = 100
PASSING: Final = frozenset({"cursor", "checked", "changed", "lang"})  # of one answer only
ACTIONS: Final = ("assign", "comment", "resolve")

Query = Mapping[str, str]


def wish_of(query: Query, me: str) -> Wish:
    """Return what somebody asks for; what cannot be read is left out."""
    assignee = query.get("assignee", "")
    return Wish(
        state=next((each for each in STATES if each == query.get("state")), "open"),
        kind=query.get("kind", "")[:TEXT_MAX],
        facility=query.get("facility", "")[:TEXT_MAX],
        provider=query.get("provider", "")[:TEXT_MAX],
        assignee={"": None, ME: me, NOBODY: ""}.get(assignee, assignee[:TEXT_MAX]),
        first_day=_day(query.get("from", "")),
        last_day=_day(query.get("to", "")),
        amount_min=_yen(query.get("amount_min", "")),
        amount_max=_yen(query.get("amount_max", "")),
        text=query.get("number", "").strip()[:TEXT_MAX],
        sort=next((each for each in SORTS if each == query.get("sort")), "age"),
    )


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given)
    except ValueError:
        return None


def _yen(given: str) -> int | None:
    digits = given.strip().replace(",", "").removeprefix("¥")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 15 else None  # noqa: PLR2004 - Yen's end


@router.get(PAGE)
async def work_list(request: Request) -> Response:
    """Show what does not agree, filtered and sorted as asked."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        return await _list(wiring, request, principal, dict(request.query_params))

    return await for_reader(request, page)


async def _list(
    wiring: Wiring,
    request: Request,
    principal: Principal,
    query: Query,
    *,
    refusal: Refusal | None = None,
    typed: Query | None = None,
    chosen: frozenset[str] = frozenset(),
) -> Response:
    at, tag, scope = wiring.clock.now(), language_of(request).tag, scope_of(principal)
    wish, today = wish_of(query, principal.name), business_date(at)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        complete = await actions.up_to_date(tx, at=at, grace=wiring.grace)
        cursor = query.get("cursor", "")
        try:
            rows, more = await listing.page(tx, scope, wish, cursor=cursor, limit=PAGE_ROWS)
        except Invalid:  # a cursor of another order: the list begins anew
            cursor, (rows, more) = "", await listing.page(tx, scope, wish, cursor="", limit=PAGE_ROWS)
        tallies = await listing.tallies(tx, scope, wish, today=today)
        choices = await listing.choices(tx, scope, wish.state)
    kept = {
        name: value for name, value in query.items() if value and name not in {"cursor", "checked", "changed", "lang"}
    }
    if query.get("checked") == "all":
        chosen = frozenset(str(each.id) for each in rows)
    return wiring.pages.render(
        request,
        "discrepancies.html",
        status=int(status_of(refusal)) if refusal else 200,
        **await _common(wiring, request, principal),
        problem=wiring.pages.advice(request, refusal) if refusal else "",
        complete=complete,
        wish=wish,
        query=query,
        typed=typed or {},
        chosen=chosen,
        rows=[_row(wiring, each, tag, today) for each in rows],
        tallies=tallies,
        chart=charts.by_kind(tallies),
        ages=charts.ages(tallies),
        choices=choices,
        kinds=sorted({*(each.kind for each in tallies.each), *([wish.kind] if wish.kind else [])}),
        states=STATES,
        sorts=SORTS,
        filtered=any(kept.get(name) for name in kept if name not in {"state", "sort"}),
        link=lambda **changed: f"{PAGE}?{urlencode({k: v for k, v in {**kept, **changed}.items() if v})}",
        next_cursor=more,
        cursor=cursor,
        back=urlencode(kept | ({"cursor": cursor} if cursor else {})),
        changed=query.get("changed", "") if query.get("changed", "").isdigit() else "",
        count_max=PAGE_ROWS,
    )


async def _common(wiring: Wiring, request: Request, principal: Principal) -> dict[str, Any]:
    tag = language_of(request).tag
    names = await wiring.names.all()
    return {
        "keeps_books": principal.role in {Role.ACCOUNTING, Role.ADMIN},
        "me": principal.name,
        "ME": ME,
        "NOBODY": NOBODY,
        "facility": lambda code: name_of(names, code, tag),
        "provider": provider_name,
        "kind_title": lambda kind: title(wiring, kind, tag),
        "causes": {each: CAUSE_WORDS[require_cause(each)] for each in CAUSES},
        "alone_max": wiring.alone_max,
    }


def _row(wiring: Wiring, found: Stored, tag: str, today: date) -> dict[str, Any]:
    known = next((kind for kind in KINDS if kind == found.kind), None)
    severity = SEVERITIES[known] if known else "normal"
    what, then = explain(wiring, listing.as_found(found), tag)
    return {
        "id": str(found.id),
        "is": found,
        "title": title(wiring, found.kind, tag),
        "what": what,
        "then": then,
        "severity": severity,
        "severity_word": SEVERITY_WORDS[severity],
        "state_word": STATES[found.state],
        "at_the_desk": known in AT_THE_DESK,
        "days": max(0, (today - found.day).days),
    }


@router.post(PAGE + "/bulk")
async def change_many(request: Request) -> Response:
    """Do the same to all that were checked, or to none."""

    async def page(wiring: Wiring, _reader: Principal) -> Response:
        SignIn.require_own_page(request)
        principal = wiring.bookkeeper(request)
        form = await request.form(max_fields=handling.BULK_MAX + 20)
        given = {name: str(value) for name, value in form.items() if name != "id"}
        chosen = [str(value) for value in form.getlist("id")]
        query = dict(parse_qsl(given.get("back", "")[:2_000]))
        at = wiring.clock.now()
        try:
            words = given.get("assignee" if given.get("action") == "assign" else "words", "")
            action = given.get("action", "")
            if action not in ACTIONS or not chosen:
                raise handling.TooManyAtOnce(count_max=PAGE_ROWS)
            cause = require_cause(given.get("cause", "") if action == "resolve" else "other")
            move = bulk_move(
                wiring, action, given.get("assignee", ""), given.get("words", ""), cause, by=principal.name, at=at
            )
            async with wiring.database.transaction(correlation_id.get()) as tx:
                done = await actions.change_many(
                    tx, _ids(chosen), scope_of(principal), move, words=words, at=at, grace=wiring.grace
                )
        except Refusal as refusal:
            known = frozenset(chosen)
            return await _list(wiring, request, principal, query, refusal=refusal, typed=given, chosen=known)
        return RedirectResponse(f"{PAGE}?{urlencode(query | {'changed': str(len(done))})}", status_code=SEE_OTHER)

    return await for_reader(request, page)


def _ids(chosen: Sequence[str]) -> list[UUID]:
    try:
        return [UUID(each) for each in chosen]
    except ValueError:
        raise handling.TooManyAtOnce(count_max=PAGE_ROWS) from None


@router.get(PAGE + "/{discrepancy_id}")
async def one(request: Request, discrepancy_id: UUID) -> Response:
    """Show one discrepancy: what it is, what to do, what it rests on, what it went through."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        return await _one(wiring, request, principal, discrepancy_id)

    return await for_reader(request, page)


async def _one(
    wiring: Wiring,
    request: Request,
    principal: Principal,
    discrepancy_id: UUID,
    *,
    refusal: Refusal | None = None,
    typed: Query | None = None,
) -> Response:
    at, tag = wiring.clock.now(), language_of(request).tag
    words = wiring.pages.gettext_of(tag)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await actions.up_to_date(tx, at=at, grace=wiring.grace)
        found = await store.find(tx, discrepancy_id, scope_of(principal))
        steps = await store.steps_of(tx, discrepancy_id, limit=STEPS_SHOWN_MAX)
        proposal = await store.proposal_of(tx, discrepancy_id) if found.state == "proposed" else None
        facts = await evidence.of(tx, found)
    day = partial(wiring.pages.day, language_of(request))
    called: dict[str, Callable[[str], str]] = {
        evidence.LABELS["provider"]: provider_name,
        evidence.LABELS["contract"]: provider_name,
        evidence.LABELS["kind"]: lambda kind: words(LINE_KINDS.get(kind, kind)),
        evidence.LABELS["method"]: lambda method: method_name(method, wiring.settings.methods, tag, words),
    }
    return wiring.pages.render(
        request,
        "discrepancy.html",
        status=int(status_of(refusal)) if refusal else 200,
        **await _common(wiring, request, principal),
        problem=wiring.pages.advice(request, refusal) if refusal else "",
        typed=typed or {},
        row=_row(wiring, found, tag, business_date(at)),
        found=found,
        is_open=found.state in OPEN_STATES,
        proposal=proposal,
        may_comment=principal.role in {Role.ACCOUNTING, Role.ADMIN, Role.FACILITY},
        steps=[
            {
                "is": each,
                "what": words(STEPS[each.step]),
                "cause": words(CAUSE_WORDS[require_cause(each.cause)]) if each.cause else "",
            }
            for each in steps
        ],
        facts=[
            {
                "title": words(each.title),
                "values": [
                    (words(label), evidence.told(label, value, day=day, called=called)) for label, value in each.values
                ],
                "order_id": each.order_id,
                "file_id": each.file_id,
                "links": [(words(said), address) for said, address in each.links],
                "page": each.page if scope_of(principal) is None else "",
            }
            for each in facts
        ],
    )


Deed = Callable[[Transaction, Principal, Query], Awaitable[object]]


async def _do(request: Request, discrepancy_id: UUID, deed: Deed, who: Callable[[Wiring], Principal]) -> Response:
    """Do something to one discrepancy from its page, and show it again; a refusal keeps what was typed."""

    async def page(wiring: Wiring, reader: Principal) -> Response:
        SignIn.require_own_page(request)
        principal = who(wiring)
        given = {name: str(value) for name, value in (await request.form()).items()}
        try:
            async with wiring.database.transaction(correlation_id.get()) as tx:
                await deed(tx, principal, given)
        except Refusal as refusal:
            return await _one(wiring, request, reader, discrepancy_id, refusal=refusal, typed=given)
        return RedirectResponse(f"{PAGE}/{discrepancy_id}", status_code=SEE_OTHER)

    return await for_reader(request, page)


@router.post(PAGE + "/{discrepancy_id}/{action}")
async def act(request: Request, discrepancy_id: UUID, action: str) -> Response:
    """Assign, comment, resolve, approve or decline from the page of a discrepancy."""
    wiring: Wiring = request.app.state.wiring
    at, grace = wiring.clock.now(), wiring.grace

    async def deed(tx: Transaction, principal: Principal, given: Query) -> object:
        scope, by = scope_of(principal), principal.name
        words = given.get("words", given.get("reason", ""))
        match action:
            case "resolve":
                reason = Reason(require_cause(given.get("cause", "")), words)
                more = {"reason": reason, "alone_max": wiring.alone_max}
                return await actions.resolve(tx, discrepancy_id, scope, by=by, at=at, grace=grace, **more)  # type: ignore[arg-type]
            case "approve":
                return await actions.approve(tx, discrepancy_id, scope, by=by, at=at, grace=grace)
            case "decline":
                return await actions.decline(tx, discrepancy_id, scope, words=words, by=by, at=at, grace=grace)
            case "assign":
                words = given.get("assignee", "")
                move = partial(handling.assign, to=words, by=by, at=at)
            case "comment":
                move = partial(handling.comment, words=words, by=by, at=at)
            case _:
                raise Invalid(problem="Nothing of that name is done to a discrepancy.")
        return await actions.change_many(tx, [discrepancy_id], scope, move, words=words, at=at, grace=grace)

    who = partial(commenter, request=request) if action == "comment" else partial(Wiring.bookkeeper, request=request)
    return await _do(request, discrepancy_id, deed, who)
