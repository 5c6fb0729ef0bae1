"""The pages of reports: all of them with their files, and each as a table whose figures lead to what is behind them."""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response

from kernel.access import Principal
from kernel.clock import business_date
from kernel.telemetry import correlation_id
from kernel.web import language_of
from reconciliation.exports import actions, store
from reconciliation.exports.discovery import format_named, formats, title_of
from reconciliation.exports.routes import download
from reconciliation.reports import display
from reconciliation.reports.discovery import report_named, reports
from reconciliation.reports.model import Asked, NoDay, Report
from reconciliation.reports.names import names
from reconciliation.reports.periods import FIRST_DAY, LAST_DAY, chosen, chosen_day, periods
from reconciliation.staff.desk import for_reader
from reconciliation.wiring import Wiring, scope_of

router = APIRouter(include_in_schema=False)

EXPORTS_SHOWN_MAX = 8


@router.get("/reports")
async def reports_page(request: Request) -> Response:
    """Show every report and every other format, for the days and the facility that are chosen."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        scope, tag = scope_of(principal), language_of(request).tag
        async with wiring.database.transaction(correlation_id.get()) as tx:
            latest = await store.latest(tx, scope, before=None, limit=EXPORTS_SHOWN_MAX)
        mine = [each for each in formats().values() if scope is None or not each.everywhere]
        return wiring.pages.render(
            request,
            "reports.html",
            **await _form(wiring, request, principal),
            reports=[
                {
                    "name": each.name,
                    "title": each.title.of(tag),
                    "about": each.about.of(tag),
                    "formats": [one for one in mine if one.report == each.name],
                }
                for each in reports().values()
                if scope is None or not each.everywhere
            ],
            others=[(each, each.title.of(tag)) for each in mine if not each.report],
            latest=latest,
            title_of=lambda name: title_of(name, tag),
        )

    return await for_reader(request, page)


async def _form(wiring: Wiring, request: Request, principal: Principal, *, one_day: bool = False) -> dict[str, Any]:
    """Return what the form of days and facility needs, and what is chosen in it."""
    asked = request.query_params
    today = business_date(wiring.clock.now())
    days = chosen_day if one_day else chosen
    first, last = days(asked.get("from", ""), asked.get("to", ""), today)
    known = await names(wiring, language_of(request).tag)
    places = display.facilities_of(known.facilities, scope_of(principal))
    facility = asked.get("facility", "")
    return {
        "first": first,
        "last": last,
        "facility": facility if facility in places else "",
        "facilities": [(code, known.facility(code)) for code in places],
        "facility_name": known.facility,
        "periods": periods(today),
    }


@router.get("/reports/files/{format_name}")
async def file(request: Request, format_name: str) -> Response:
    """Return a file to somebody at a page: what is refused is said on a page too."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        asked = request.query_params
        first, last = _required(asked.get("from", "")), _required(asked.get("to", ""))
        chosen_format, facility = format_named(format_name), asked.get("facility", "")
        made = await actions.make(wiring, principal, chosen_format, first=first, last=last, facility=facility)
        return download(made)

    return await for_reader(request, page)


def _required(day: str) -> date:
    """Return a day of our era; raise NoDay."""
    try:
        found = date.fromisoformat(day)
    except ValueError:
        raise NoDay(day=day[:40]) from None
    if not FIRST_DAY <= found <= LAST_DAY:
        raise NoDay(day=day)
    return found


@router.get("/reports/{name}")
async def report_page(request: Request, name: str) -> Response:
    """Show a report as a table."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        report, language = report_named(name), language_of(request)
        form = await _form(wiring, request, principal, one_day=report.one_day)
        wish = await actions.asked(
            wiring,
            principal,
            first=form["first"],
            last=form["last"],
            facility=form["facility"],
            everywhere=report.everywhere,
            tag=language.tag,
        )
        document = await _read(wiring, report, wish)
        return wiring.pages.render(
            request,
            "report.html",
            **form,
            report=report,
            title=report.title.of(language.tag),
            about=report.about.of(language.tag),
            document=document,
            tables=display.tables_of(document, language),
            chart=document.chart,
            bars=display.bars_of(document.chart) if document.chart else [],
            chart_top=display.top_of(document.chart) if document.chart else "",
            formats=[each for each in formats().values() if each.report == name],
        )

    return await for_reader(request, page)


async def _read(wiring: Wiring, report: Report, wish: Asked) -> Any:
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await actions.read_only(tx)
        return await report.read(tx, wish)
