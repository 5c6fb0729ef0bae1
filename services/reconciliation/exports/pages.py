"""The pages of exports: who fetched what, and whether the same file would be made today."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from kernel.access import Principal
from kernel.refusals import Refusal
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from kernel.web import language_of
from reconciliation.exports import actions, store
from reconciliation.exports.discovery import formats, title_of
from reconciliation.exports.model import Fetched, UnknownExport
from reconciliation.reports.names import names
from reconciliation.staff.desk import for_reader
from reconciliation.wiring import Wiring, scope_of

router = APIRouter(include_in_schema=False)

PAGE_SIZE = 50


@router.get("/exports")
async def exports_page(request: Request, before: int | None = None) -> Response:
    """List who fetched what, newest first."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        tag = language_of(request).tag
        async with wiring.database.transaction(correlation_id.get()) as tx:
            found = await store.latest(tx, scope_of(principal), before=before, limit=PAGE_SIZE + 1)
        known = await names(wiring, tag)
        return wiring.pages.render(
            request,
            "exports.html",
            exports=found[:PAGE_SIZE],
            next_before=found[PAGE_SIZE - 1].position if len(found) > PAGE_SIZE else None,
            newest=before is None,
            title_of=lambda name: title_of(name, tag),
            facility_name=known.facility,
        )

    return await for_reader(request, page)


@router.get("/exports/{position}")
async def export_page(request: Request, position: int) -> Response:
    """Show one export."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        return await _page(wiring, request, principal, await _found(wiring, principal, position))

    return await for_reader(request, page)


@router.post("/exports/{position}/again")
async def fetch_again(request: Request, position: int) -> Response:
    """Make an export again and say whether it is the same; that this was fetched is kept too."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        SignIn.require_own_page(request)
        before = await _found(wiring, principal, position)
        try:
            now = (await actions.make_again(wiring, principal, before)).fetched
        except Refusal as refusal:
            advice = wiring.pages.advice(request, refusal)
            return await _page(wiring, request, principal, before, advice=advice)
        return await _page(wiring, request, principal, before, now=now)

    return await for_reader(request, page)


async def _found(wiring: Wiring, principal: Principal, position: int) -> Fetched:
    async with wiring.database.transaction(correlation_id.get()) as tx:
        found = await store.find(tx, position, scope_of(principal))
    if found is None:
        raise UnknownExport(position=position)
    return found


async def _page(
    wiring: Wiring,
    request: Request,
    principal: Principal,
    export: Fetched,
    *,
    now: Fetched | None = None,
    advice: str = "",
) -> Response:
    tag = language_of(request).tag
    came = 0
    if now is not None and now.sha256 != export.sha256:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            came = await store.entries_since(tx, export.facilities, first=export.first, last=export.last, at=export.at)
    known, chosen = await names(wiring, tag), formats().get(export.format)
    return wiring.pages.render(
        request,
        "export.html",
        export=export,
        now=now,
        came=came,
        advice=advice,
        title=title_of(export.format, tag),
        report=chosen.report if chosen else "",
        may_make=chosen is not None and (scope_of(principal) is None or not chosen.everywhere),
        facility_name=known.facility,
    )
