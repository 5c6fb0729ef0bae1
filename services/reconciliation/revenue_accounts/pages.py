"""The page of revenue accounts: what codes mean, what is booked without a meaning, and saying a new one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from kernel.access import Principal, Role
from kernel.clock import business_date
from kernel.refusals import Forbidden, Invalid, Refusal
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from reconciliation.revenue_accounts import actions, store
from reconciliation.revenue_accounts.model import CODE_LENGTH_MAX, Meaning
from reconciliation.staff.desk import SEE_OTHER, for_reader
from reconciliation.wiring import Wiring, scope_of

router = APIRouter(include_in_schema=False)

PAGE = "/revenue-accounts"
LEVELS = ("fund", "part", "chapter", "item", "section")


class MeaningIncomplete(Invalid):
    """Something is not filled in."""

    slug = "revenue-account-incomplete"
    advice = "Write the code, the day from which it counts, and all five levels, each with at most 100 characters."


@router.get(PAGE)
async def revenue_accounts(request: Request) -> Response:
    """Show what codes mean, and which are booked without a meaning."""

    async def page(wiring: Wiring, principal: Principal) -> Response:
        return await _page(wiring, request, principal, _begun(request.query_params), "")

    return await for_reader(request, page, everywhere=True)


def _begun(asked: Mapping[str, str]) -> dict[str, str]:
    """Return a form that is begun for a code: one that names five levels means them, most likely."""
    code = asked.get("code", "")[:CODE_LENGTH_MAX]
    levels = code.split("・")
    said = dict(zip(LEVELS, levels, strict=True)) if len(levels) == len(LEVELS) else {}
    return said | {name: value for name in ("code", "valid_from") if (value := asked.get(name, "")[:CODE_LENGTH_MAX])}


async def _page(
    wiring: Wiring, request: Request, principal: Principal, given: Mapping[str, str], problem: str
) -> Response:
    today = business_date(wiring.clock.now())
    async with wiring.database.transaction(correlation_id.get()) as tx:
        chart = await store.chart(tx)
        findings = await store.findings(tx)
    current = {(found.code, found.valid_from) for each in chart.versions if (found := chart.on(each.code, today))}
    return wiring.pages.render(
        request,
        "revenue-accounts.html",
        status=422 if problem else 200,
        principal=principal,
        accounts=[
            {
                "code": each.code,
                "valid_from": each.valid_from,
                "meaning": each.meaning,
                "made_by": each.made_by,
                "current": (each.code, each.valid_from) in current,
            }
            for each in chart.versions
        ],
        findings=findings,
        codes=sorted({each.code for each in findings if each.code} | {each.code for each in chart.versions}),
        today=today,
        given=given,
        problem=problem,
        may_write=principal.role in {Role.ACCOUNTING, Role.ADMIN},
    )


@router.post(PAGE)
async def say(request: Request) -> Response:
    """Say what a code means from a day on, or say what is wrong with what was written."""

    async def page(wiring: Wiring, reader: Principal) -> Response:
        SignIn.require_own_page(request)
        principal = wiring.bookkeeper(request)
        if scope_of(principal) is not None:
            raise Forbidden
        given = {name: str(value) for name, value in (await request.form()).items()}
        try:
            code, day, meaning = _said(given)
            async with wiring.database.transaction(correlation_id.get()) as tx:
                await actions.define(tx, code, day, meaning, by=principal.name, at=wiring.clock.now())
        except Refusal as refusal:
            return await _page(wiring, request, reader, given, wiring.pages.advice(request, refusal))
        return RedirectResponse(PAGE, status_code=SEE_OTHER)

    return await for_reader(request, page, everywhere=True)


def _said(given: Mapping[str, str]) -> tuple[str, date, Meaning]:
    code = given.get("code", "").strip()
    try:
        if not 1 <= len(code) <= CODE_LENGTH_MAX:
            raise MeaningIncomplete
        meaning = Meaning.model_validate({name: given.get(name, "") for name in (*LEVELS, "regime")})
        return code, date.fromisoformat(given.get("valid_from", "")), meaning
    except (ValidationError, ValueError):
        raise MeaningIncomplete from None
