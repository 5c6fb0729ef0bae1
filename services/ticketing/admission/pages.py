"""The gate's page: choose a gate once, then hold tickets before the camera; a form where there is no script."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from kernel.access import Principal, Role
from kernel.refusals import Forbidden, Refusal, Unauthenticated
from kernel.telemetry import correlation_id
from ticketing.admission import actions
from ticketing.admission.actions import ScanReused
from ticketing.admission.desk import GateDesk, desk_of
from ticketing.admission.model import Answer, Gate
from ticketing.admission.routes import CODE_LENGTH_MAX, GateCode, answer_fields, new_scan

GATE_COOKIE = "momiji_gate"
REMEMBERED_SECONDS = 180 * 24 * 3600

router = APIRouter(include_in_schema=False)
Desk = Annotated[GateDesk, Depends(desk_of)]


class NoGate(Forbidden):
    """The signed-in person has no gate."""

    slug = "no-gate"
    advice = "You have no gate yet. Ask an administrator to enter your facility."


def _staff(request: Request, desk: GateDesk, at: datetime) -> Principal:
    principal = desk.who.principal(request, at=at)
    return principal.require(Role.GATE, Role.SUPERVISOR, Role.FACILITY)


def _to_sign_in(path: str) -> Response:
    return RedirectResponse(f"/staff/sign-in?next={quote(path)}", status_code=303)


@router.get("/gate")
async def choose(request: Request, desk: Desk) -> Response:
    """Offer the gates of one's own facilities; go straight to the one used last, unless ?choose is said."""
    try:
        principal = _staff(request, desk, desk.clock.now())
    except Unauthenticated:
        return _to_sign_in("/gate")
    except Refusal as refusal:
        return desk.pages.refusal(request, refusal)
    gates = desk.gates.gates_of(principal)
    if not gates:
        return desk.pages.refusal(request, NoGate())
    remembered = request.cookies.get(GATE_COOKIE)
    if "choose" not in request.query_params:
        known = [each.code for each in gates]
        target = remembered if remembered in known else known[0] if len(known) == 1 else None
        if target is not None:
            lang = request.query_params.get("lang")
            return RedirectResponse(f"/gate/{target}" + (f"?lang={quote(lang)}" if lang else ""), status_code=303)
    language = desk.language(request)
    named = [(each.code, desk.gates.gate_name(each.code, language)) for each in gates]
    return desk.pages.render(request, "gate-choose.html", gates=named, remembered=remembered)


@router.get("/gate/{gate}")
async def scanner(request: Request, gate: GateCode, desk: Desk) -> Response:
    """Show the scanner of one gate and remember the gate."""
    return await _page(request, gate, desk)


@router.post("/gate/{gate}")
async def typed(
    request: Request,
    gate: GateCode,
    desk: Desk,
    code: Annotated[str, Form(max_length=CODE_LENGTH_MAX)],
    scan_id: Annotated[UUID, Form()],
) -> Response:
    """Answer a typed code as a page, for a browser without scripts. A reload is the same scan."""
    return await _page(request, gate, desk, code=code, scan_id=scan_id)


async def _page(
    request: Request, gate: str, desk: GateDesk, *, code: str | None = None, scan_id: UUID | None = None
) -> Response:
    at = desk.clock.now()
    try:
        principal = _staff(request, desk, at)
        here = desk.gate_of(gate)
        principal.require_facility(here.facility)
        answer = None
        if code is not None and code.strip() and scan_id is not None:
            answer = await _scan(desk, scan_id, code, gate=here, by=principal, at=at)
    except Unauthenticated:
        return _to_sign_in(f"/gate/{gate}")
    except Refusal as refusal:
        return desk.pages.refusal(request, refusal)
    async with desk.database.transaction(correlation_id.get()) as tx:
        tally = await actions.tally_of_today(tx, gate=here, at=at)
    page = desk.pages.render(
        request,
        "gate.html",
        gate=here,
        gate_name=desk.gates.gate_name(here.code, desk.language(request)),
        answer=None if answer is None else answer_fields(desk, request, answer),
        tally=tally,
        now=at,
        next_scan_id=desk.new_id(),
        several=len(desk.gates.gates_of(principal)) > 1,
        scripted=desk.pages.assets.has("gate.js"),
    )
    secure = request.url.scheme == "https"
    page.set_cookie(GATE_COOKIE, here.code, max_age=REMEMBERED_SECONDS, httponly=True, samesite="lax", secure=secure)
    return page


async def _scan(desk: GateDesk, scan_id: UUID, code: str, *, gate: Gate, by: Principal, at: datetime) -> Answer:
    scan = new_scan(desk, scan_id, code, gate=gate, by=by, scanned_at=at, at=at)
    outcome = await desk.scans.submit(scan)
    if isinstance(outcome, ScanReused):
        raise outcome
    return outcome
