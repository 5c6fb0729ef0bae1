"""The board's pages: key figures, cash that was counted, and what is assumed."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from kernel.access import Principal
from kernel.clock import business_date, fiscal_year
from kernel.refusals import Forbidden, Words
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from kernel.web import language_of
from reconciliation.board import actions, cash_file, display, store
from reconciliation.board.cash_file import CashRow
from reconciliation.board.model import Assumptions, BadAssumption, BadYear, months_of, next_month
from reconciliation.days.display import colour_of
from reconciliation.days.names import name_of
from reconciliation.days.wording import method_name, provider_name
from reconciliation.staff.desk import SEE_OTHER, for_reader
from reconciliation.wiring import Wiring, keeps_books, scope_of

router = APIRouter(include_in_schema=False)

YEAR_FIRST, YEAR_LAST = 2019, 2199
FILE_BYTES_MAX: Final = 1_000_000
# Each number that is assumed: what it is, as a gettext message.
NUMBERS: Final[dict[str, str]] = {
    "facilities_total": "Facilities in the plan",
    "seconds_per_sale": "Seconds of staff for a sale in cash, counting included",
    "seconds_per_match": "Seconds to find one payment on a provider's list by hand",
    "minutes_per_facility_day": "Minutes for one facility's daily report of takings",
    "minutes_per_discrepancy": "Minutes spent on one thing that does not agree (taken off)",
    "sheets_per_ticket": "Sheets of paper for a ticket",
    "sheets_per_payment": "Sheets of paper for a receipt",
    "printed_percent": "Percent of tickets and receipts that visitors print all the same",
}
PLAN = "Plan: a day and a number of facilities in each line, such as 2027-03-31 9"


def _year(said: str, today: date) -> int:
    """Return the fiscal year asked for. Raises BadYear."""
    if not said:
        return fiscal_year(today)
    if not (said.isascii() and said.isdigit() and YEAR_FIRST <= int(said) <= YEAR_LAST):
        raise BadYear(found=said[:20])
    return int(said)


@router.get("/board")
async def board_page(request: Request, year: str = "", assumptions: str = "") -> Response:
    """Show a fiscal year's key figures, by the newest assumptions unless an older version is asked for."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        at, tag = wiring.clock.now(), language_of(request).tag
        words = wiring.pages.gettext_of(tag)
        chosen = _year(year, business_date(at))
        version = int(assumptions) if assumptions.isascii() and assumptions.isdigit() else None
        months = months_of(chosen)
        names = await wiring.names.all()
        async with wiring.database.transaction(correlation_id.get()) as tx:
            found = await actions.board(tx, chosen, at=at, version=version)
            days = await store.days(tx, months[0], next_month(months[-1]))
            versions = await store.assumptions(tx)

        def method(code: str) -> str:
            return method_name(code, wiring.settings.methods, tag, words)

        takings = display.takings_of(days, [each.first for each in found.months], method, colour_of)
        return wiring.pages.render(
            request,
            "board.html",
            year=chosen,
            this_year=fiscal_year(business_date(at)),
            board=found,
            charts=display.charts_of(found, takings, words, tag),
            span=lambda tenths: display.span(tenths, words),
            facility=lambda code: name_of(names, code, tag),
            method=method,
            provider=provider_name,
            versions=versions,
            numbers=[(words(title), getattr(found.assumed.values, name)) for name, title in NUMBERS.items()],
            may_change=keeps_books(principal),
        )

    return await for_reader(request, page, everywhere=True)


@router.get("/board/cash")
async def cash_page(request: Request, month: str = "") -> Response:
    """Show what was counted in a month, with a form for it."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        today = business_date(wiring.clock.now())
        chosen = cash_file.month_of(month) if month else today.replace(day=1)
        return await _cash(wiring, request, principal, chosen)

    return await for_reader(request, page, everywhere=True)


async def _cash(wiring: Wiring, request: Request, principal: Principal, month: date) -> Response:
    tag = language_of(request).tag
    names = await wiring.names.all()
    async with wiring.database.transaction(correlation_id.get()) as tx:
        kept = {each.facility: each for each in await store.cash(tx, month, next_month(month)) if each.known}
        seen = {facility for facility, _ in await store.firsts(tx)}
    return wiring.pages.render(
        request,
        "board-cash.html",
        month=month,
        rows=[(code, name_of(names, code, tag), kept.get(code)) for code in sorted({*names, *seen, *kept})],
        columns=", ".join(cash_file.COLUMNS),
        before_month=date.fromordinal(month.toordinal() - 1).replace(day=1),
        after_month=next_month(month),
        may_change=keeps_books(principal),
    )


@router.post("/board/cash")
async def enter_cash(request: Request) -> Response:
    """Keep what was typed for a month, or what a file says."""

    async def page(wiring: Wiring, _reader: Principal) -> Response:
        principal = _bookkeeper(wiring, request)
        async with request.form(max_files=1) as form:
            given = form.get("file")
            if isinstance(given, UploadFile) and given.filename:
                rows = cash_file.read(await given.read(FILE_BYTES_MAX))
                month = max((row.month for row in rows), default=business_date(wiring.clock.now()).replace(day=1))
            else:
                fields = {name: str(value) for name, value in form.items() if isinstance(value, str)}
                month = cash_file.month_of(fields.get("month", ""))
                rows = _typed(fields, month)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await actions.enter_cash(tx, rows, by=principal.name, at=wiring.clock.now())
        return RedirectResponse(f"/board/cash?month={month:%Y-%m}", status_code=SEE_OTHER)

    return await for_reader(request, page, everywhere=True)


def _bookkeeper(wiring: Wiring, request: Request) -> Principal:
    SignIn.require_own_page(request)
    principal = wiring.bookkeeper(request)
    if scope_of(principal) is not None:
        raise Forbidden
    return principal


def _typed(fields: dict[str, str], month: date) -> list[CashRow]:
    """Return the rows of the form. Raises CashRowWrong."""
    found = []
    for number, code in enumerate(sorted(name[5:] for name in fields if name.startswith("cash-")), start=1):
        cells = [fields.get(f"{kind}-{code}", "").strip() for kind in ("cash", "payments", "paper")]
        found.append(cash_file.row_of(month, cash_file.facility_of(code, row=number), cells, row=number))
    return found


@router.get("/board/assumptions")
async def assumptions_page(request: Request) -> Response:
    """Show what is assumed, with a form for it, and every earlier version."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        words = wiring.pages.gettext_of(language_of(request).tag)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            versions = await store.assumptions(tx)
        values = versions[0].values
        return wiring.pages.render(
            request,
            "board-assumptions.html",
            versions=versions,
            numbers=[(name, words(title), getattr(values, name)) for name, title in NUMBERS.items()],
            plan_title=words(PLAN),
            plan=display.milestones_text(values),
            may_change=keeps_books(principal),
        )

    return await for_reader(request, page, everywhere=True)


@router.post("/board/assumptions")
async def change_assumptions(request: Request) -> Response:
    """Make a version of the assumptions from the form."""

    async def page(wiring: Wiring, _reader: Principal) -> Response:
        principal = _bookkeeper(wiring, request)
        form = {name: str(value).strip() for name, value in (await request.form()).items()}
        values = _assumed(form)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await actions.change_assumptions(
                tx, values, reason=form.get("reason", ""), by=principal.name, at=wiring.clock.now()
            )
        return RedirectResponse("/board/assumptions", status_code=SEE_OTHER)

    return await for_reader(request, page, everywhere=True)


def _assumed(form: dict[str, str]) -> Assumptions:
    """Return what the form says. Raises BadAssumption."""
    given: dict[str, Any] = {name: form.get(name, "") for name in NUMBERS}
    try:
        given["milestones"] = display.milestones_from(form.get("milestones", ""))
    except ValueError:
        raise BadAssumption(field=Words(PLAN), found=form.get("milestones", "")[:100]) from None
    try:
        return Assumptions.model_validate(given)
    except ValidationError as problem:
        name = str(problem.errors()[0]["loc"][0]) if problem.errors()[0]["loc"] else "milestones"
        title = NUMBERS.get(name, PLAN)
        raise BadAssumption(field=Words(title), found=form.get(name, "")[:100]) from None
