"""Pages of facility staff: signing in and out, and the office with the day's orders."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from kernel.access import ALL_FACILITIES, Principal, Role
from kernel.clock import business_date
from kernel.refusals import Refusal, Unauthenticated
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from kernel.web import language_of
from ticketing.orders import actions, model, store
from ticketing.orders.model import status_of
from ticketing.orders.ways import way_known
from ticketing.tickets import store as tickets
from ticketing.tickets.number import read_number
from ticketing.wiring import Wiring, wiring_of

router = APIRouter(include_in_schema=False)

SEE_OTHER = 303
ORDERS_SHOWN_MAX = 200
PLACES = ("/gate", "/office")


def _local(target: str) -> str:
    """Return where to go after signing in: only to our own staff pages."""
    return target if target.startswith(PLACES) and "//" not in target and "\\" not in target else "/office"


@router.get("/staff/sign-in")
async def sign_in_page(request: Request, next: str = "/office") -> Response:  # noqa: A002 - the address's own word
    """Show the sign-in form."""
    return wiring_of(request).pages.render(request, "sign_in.html", next=_local(next), problem=None, name="")


@router.post("/staff/sign-in")
async def sign_in(request: Request) -> Response:
    """Sign in by name and password, or by a pasted token."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    form = {name: str(value) for name, value in (await request.form()).items()}
    target = _local(form.get("next", ""))
    try:
        SignIn.require_own_page(request)
        if form.get("token", "").strip():
            principal = wiring.sign_in.by_token(form["token"], at=at)
        else:
            principal = wiring.sign_in.by_password(form.get("name", ""), form.get("password", ""))
    except Refusal as refusal:
        problem = wiring.pages.advice(request, refusal)
        return wiring.pages.render(
            request, "sign_in.html", status=401, next=target, problem=problem, name=form.get("name", "")
        )
    answer = RedirectResponse(target, status_code=SEE_OTHER)
    secure = wiring.settings.ticketing_url.startswith("https://")
    wiring.sign_in.start_session(answer, principal, at=at, secure=secure)
    return answer


@router.post("/staff/sign-out")
async def sign_out(request: Request) -> Response:
    """Sign out."""
    SignIn.require_own_page(request)
    answer = RedirectResponse("/staff/sign-in", status_code=SEE_OTHER)
    wiring_of(request).sign_in.end_session(answer)
    return answer


def _office(request: Request) -> tuple[Wiring, Principal]:
    wiring = wiring_of(request)
    principal = wiring.sign_in.principal(request, at=wiring.clock.now())
    return wiring, principal.require(Role.FACILITY, Role.SUPERVISOR)


@router.get("/office")
async def office(request: Request, day: str = "", number: str = "") -> Response:
    """Show the orders for a day's visits at somebody's facilities, or the one with a number."""
    try:
        wiring, principal = _office(request)
    except Unauthenticated:
        return RedirectResponse("/staff/sign-in?next=/office", status_code=SEE_OTHER)
    except Refusal as refusal:
        return wiring_of(request).pages.refusal(request, refusal)
    shown = _day(day) or business_date(wiring.clock.now())
    mine = None if ALL_FACILITIES in principal.facilities else sorted(principal.facilities)
    visits: list[tuple[str, int, int]] = []
    async with wiring.database.transaction(correlation_id.get()) as tx:
        if number.strip():
            found = await store.find_by_number(tx, read_number(number) or "")
            orders = [found] if found is not None and principal.may_see(found.basket.facility) else []
        else:
            orders = await store.of_day(tx, mine, shown, limit=ORDERS_SHOWN_MAX)
            visits = await tickets.visits_of_day(tx, mine, shown)
        used = await tickets.used_of(tx, [order.basket.id for order in orders])
    return wiring.pages.render(
        request,
        "office.html",
        principal=principal,
        day_shown=shown,
        number=number[:40],
        visits=[(_name(wiring, request, code), expected, entered) for code, expected, entered in visits],
        rows=[_row(wiring, request, order, used.get(order.basket.id, 0)) for order in orders],
        limit=ORDERS_SHOWN_MAX,
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _name(wiring: Wiring, request: Request, code: str) -> str:
    facility = wiring.books.current.get(code)
    return facility.name.of(language_of(request).tag) if facility else code


def _row(wiring: Wiring, request: Request, order: model.Order, used: int) -> dict[str, Any]:
    return {
        "id": order.basket.id,
        "number": order.basket.number,
        "facility": _name(wiring, request, order.basket.facility),
        "visit_date": order.basket.visit_date,
        "slot": order.basket.slot,
        "status": status_of(order),
        "method": order.method,
        "way": way_known(wiring.rules.holds.ways, order.method),
        "total": order.basket.total,
        "people": sum(line.quantity for line in order.basket.lines),
        "admitted": used,
        "placed_at": order.basket.placed_at,
        "may_cancel": status_of(order) in {"awaiting_payment", "confirmed"} and not used,
    }


@router.post("/office/orders/{order_id}/cancel")
async def cancel(request: Request, order_id: UUID) -> Response:
    """Cancel an order for a visitor; the money goes back."""
    wiring = wiring_of(request)
    try:
        SignIn.require_own_page(request)
        _, principal = _office(request)
        reason = str((await request.form()).get("reason", "staff_cancelled"))
        at = wiring.clock.now()
        async with wiring.database.transaction(correlation_id.get()) as tx:
            order = await store.find(tx, order_id)
            if order is None or not principal.may_see(order.basket.facility):
                raise model.UnknownOrder
            await actions.cancel(
                tx,
                order_id,
                reason="closure" if reason == "closure" else "staff_cancelled",
                rules=wiring.rules,
                at=at,
            )
            await tx.execute(
                "INSERT INTO audit (at, actor, action, subject) VALUES (:at, :actor, 'order.cancelled', :subject)",
                at=at,
                actor=principal.name,
                subject=order.basket.number,
            )
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    return RedirectResponse(f"/office?number={order.basket.number}", status_code=SEE_OTHER)
