"""The pages of closings: a year at a glance, one period, closing it, and opening it again by two people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import Principal
from kernel.clock import business_date, fiscal_year, new_id
from kernel.refusals import Forbidden
from kernel.rows import Transaction
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from kernel.web import language_of
from reconciliation.closing import actions, display, reading
from reconciliation.closing.missing import Missing
from reconciliation.closing.model import BY_ITSELF, Period, PeriodKind, day_period, period_of, year_period
from reconciliation.closing.reopening import Asked
from reconciliation.closing.routes import look_of, person
from reconciliation.closing.wording import explain
from reconciliation.days.names import name_of
from reconciliation.days.wording import method_name
from reconciliation.journal.rounds import post_once
from reconciliation.staff.desk import SEE_OTHER, for_reader
from reconciliation.wiring import Wiring, keeps_books, scope_of

router = APIRouter(include_in_schema=False)

FIRST_YEAR, LAST_YEAR = 2019, 2199


@router.get("/closings")
async def closings(request: Request, year: str = "") -> Response:
    """Show a fiscal year at a glance: the present one unless another is chosen."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        today = business_date(wiring.clock.now())
        number = int(year) if year.isascii() and year.isdigit() and len(year) == len("2026") else fiscal_year(today)
        period = year_period(date(min(max(number, FIRST_YEAR), LAST_YEAR), 4, 1))
        async with wiring.database.transaction(correlation_id.get()) as tx:
            found = await reading.year(tx, period, look_of(wiring))
        todo = display.to_do(found)
        return wiring.pages.render(
            request,
            "closings.html",
            **_common(wiring, request, principal),
            found=found,
            months=display.months_of(found, today),
            todo=todo[: display.TO_DO_MAX],
            todo_count=len(todo),
            blocked=sum(each.state == "blocked" for each in todo),
            changed=[each for each in found.days if each.changed],
            neighbours=display.neighbours(period),
            today=today,
        )

    return await for_reader(request, page, everywhere=True)


@router.get("/closings/{kind}/{first_day}")
async def closing(request: Request, kind: PeriodKind, first_day: date) -> Response:
    """Show all about one period."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        period = period_of(kind, first_day)
        tag = language_of(request).tag
        names = await wiring.names.all()
        words = wiring.pages.gettext_of(tag)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            found = await reading.detail(tx, period, look_of(wiring))
        return wiring.pages.render(
            request,
            "closing.html",
            **_common(wiring, request, principal),
            found=found,
            shown=found.standing,
            neighbours=display.neighbours(period),
            year=year_period(period.first_day),
            titles=lambda some: words(", ").join(display.title_of(each, language_of(request), words) for each in some),
            facility=lambda code: name_of(names, code, tag),
            method=lambda code: method_name(code, wiring.settings.methods, tag, words),
        )

    return await for_reader(request, page, everywhere=True)


def _common(wiring: Wiring, request: Request, principal: Principal) -> dict[str, Any]:
    language = language_of(request)
    words = wiring.pages.gettext_of(language.tag)

    def told(missing: Missing) -> tuple[str, str]:
        return explain(wiring.pages, missing, language.tag)

    def title(period: Period) -> str:
        return display.title_of(period, language, words)

    def may_decide(asked: Asked) -> bool:
        return keeps_books(principal) and asked.asked_by.name != principal.name

    return {
        "principal": principal,
        "keeps_books": keeps_books(principal),
        "told": told,
        "title": title,
        "may_decide": may_decide,
        "mark": display.mark_of,
        "states": display.STATES,
        "signs": display.SIGNS,
        "by_itself": BY_ITSELF,
    }


Deed = Callable[[Wiring, Transaction, Principal], Awaitable[object]]


async def _do(request: Request, deed: Deed, back: str, *, closes: bool = False) -> Response:
    """Let a bookkeeper of all facilities do something, and go back to a page.

    `closes`: before it the journal books what is new, so that whoever closes need not wait for its next round.
    """

    async def page(wiring: Wiring, _reader: Principal) -> Response:
        SignIn.require_own_page(request)
        request.state.back = back  # where a refusal leads to
        principal = wiring.bookkeeper(request)
        if scope_of(principal) is not None:
            raise Forbidden
        if closes:
            await post_once(wiring, through=business_date(wiring.clock.now()))
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await deed(wiring, tx, principal)
        return RedirectResponse(back, status_code=SEE_OTHER)

    return await for_reader(request, page)


def _closer(period: Period) -> Deed:
    async def deed(wiring: Wiring, tx: Transaction, principal: Principal) -> object:
        return await actions.close(
            tx, period, by=principal.name, at=wiring.clock.now(), grace=wiring.grace, event_id=new_id()
        )

    return deed


@router.post("/days/{day}/close")
async def close_day(request: Request, day: date) -> Response:
    """Close a day from its page."""
    return await _do(request, _closer(day_period(day)), f"/?day={day}", closes=True)


@router.post("/closings/{kind}/{first_day}/close")
async def close_period(request: Request, kind: PeriodKind, first_day: date) -> Response:
    """Close a period from its page."""

    async def deed(wiring: Wiring, tx: Transaction, principal: Principal) -> object:
        return await _closer(period_of(kind, first_day))(wiring, tx, principal)

    return await _do(request, deed, f"/closings/{kind}/{first_day}", closes=True)


@router.post("/closings/{kind}/{first_day}/reopenings")
async def ask_to_reopen(request: Request, kind: PeriodKind, first_day: date) -> Response:
    """Ask from its page to open a period again."""
    reason = str((await request.form()).get("reason", ""))

    async def deed(wiring: Wiring, tx: Transaction, principal: Principal) -> object:
        period, by = period_of(kind, first_day), person(request, principal)
        return await actions.ask_to_reopen(
            tx, period, reopening_id=new_id(), reason=reason, by=by, at=wiring.clock.now()
        )

    return await _do(request, deed, f"/closings/{kind}/{first_day}")


@router.post("/closings/{kind}/{first_day}/reopenings/{reopening_id}/{verb}")
async def decide_on_reopening(
    request: Request, kind: PeriodKind, first_day: date, reopening_id: UUID, verb: Literal["approve", "decline"]
) -> Response:
    """Approve or decline from a page what another one asked."""

    async def deed(wiring: Wiring, tx: Transaction, principal: Principal) -> object:
        return await actions.decide_on_reopening(
            tx,
            period_of(kind, first_day),
            reopening_id,
            "approved" if verb == "approve" else "declined",
            by=person(request, principal),
            at=wiring.clock.now(),
        )

    return await _do(request, deed, f"/closings/{kind}/{first_day}")
