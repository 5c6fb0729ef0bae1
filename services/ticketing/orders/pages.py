"""Pages of an order: place it by a form, pay, see the tickets, cancel."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, time
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, RedirectResponse, StreamingResponse
from pydantic import ValidationError

from kernel.clock import business_date
from kernel.idempotency import KeyReused
from kernel.problems import status_of as http_status_of
from kernel.refusals import Conflict, Invalid, Refusal
from kernel.signin import SignIn
from kernel.telemetry import correlation_id
from kernel.web import language_of
from kernel.web.pages import BUILT
from ticketing.orders import actions, model, store
from ticketing.orders.charging import PaymentsAway
from ticketing.orders.model import AwaitingPayment, Order, status_of
from ticketing.orders.routes import LineWanted, OrderWanted, pay_again, place, start_payment
from ticketing.orders.visitors import order_of_visitor, remember
from ticketing.orders.ways import Pause, paused_now, way_known
from ticketing.tickets import store as tickets
from ticketing.tickets.model import Ticket
from ticketing.wiring import Wiring, wiring_of

router = APIRouter(include_in_schema=False)

SEE_OTHER = 303
LIVE_SECONDS_MAX = 600
FIELDS_MAX = 300
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
BEAT_SECONDS = 20


class FormWrong(Invalid):
    """The form was not filled in as it can be accepted."""

    slug = "form-wrong"
    advice = "Something on the form is missing or not readable. Go back, check the day, the numbers and the way to pay."


class FormUsed(Conflict):
    """The same form was sent with another content: the visitor went back and chose something else."""

    slug = "form-used"
    advice = (
        "An order was placed with this form already, and your places are kept there. "
        "Go back to your choice to place another order."
    )


def _secure(request: Request) -> bool:
    return wiring_of(request).settings.ticketing_url.startswith("https://")


@router.post("/orders")
async def post_order_form(request: Request) -> Response:
    """Place the order of a form once, however often it is sent, and go on to pay."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    try:
        SignIn.require_own_page(request)
        async with request.form(max_fields=FIELDS_MAX) as form:
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    try:
        wanted = _wanted(fields, language_of(request).tag)
        body = wanted.model_dump_json().encode()
        placed = await place(wiring, wanted, key=f"form:{fields['form_id'][:64]}", body=body, at=at)
        order = await _pay(wiring, placed.order)
    except KeyReused:
        return _back_to_the_choice(request, FormUsed(), {name: fields[name] for name in fields if name != "form_id"})
    except Refusal as refusal:
        return _back_to_the_choice(request, refusal, fields)
    order_id = order.basket.id
    url = order.checkout_url if isinstance(order, AwaitingPayment) else None
    answer = RedirectResponse(url or f"/orders/{order_id}", status_code=SEE_OTHER)
    remember(answer, order_id, wiring.order_key(order_id), secure=_secure(request))
    return answer


def _back_to_the_choice(request: Request, refusal: Refusal, fields: dict[str, str]) -> Response:
    """Say why nothing was ordered, with a way back to the form as it was filled in."""
    wiring = wiring_of(request)
    facility, day = fields.get("facility", ""), fields.get("visit_date", "")
    known = wiring.books.current.get(facility) is not None and DAY.fullmatch(day) is not None
    if not known:
        return wiring.pages.refusal(request, refusal)
    return wiring.pages.render(
        request,
        "not-ordered.html",
        status=int(http_status_of(refusal)),
        advice=wiring.pages.advice(request, refusal),
        again=f"/f/{facility}/{day}",
        other_day=f"/f/{facility}",
        fields={name: value[:254] for name, value in fields.items() if name != "step"},
    )


def _wanted(fields: dict[str, str], language: str) -> OrderWanted:
    """Parse the form; raise FormWrong."""
    if not fields.get("form_id"):
        raise FormWrong
    lines = []
    for name, value in fields.items():
        parts = name.split(".")
        if len(parts) == 3 and parts[0] == "quantity" and value.strip() not in {"", "0"}:  # noqa: PLR2004 - the name
            if not value.strip().isdecimal():
                raise FormWrong
            lines.append(LineWanted(product=parts[1], category=parts[2], quantity=min(int(value), 100_000)))
    try:
        return OrderWanted(
            facility=fields.get("facility", ""),
            visit_date=date.fromisoformat(fields.get("visit_date", "")),
            slot=time.fromisoformat(fields["slot"]) if fields.get("slot") else None,
            lines=lines,
            method=fields.get("method", ""),  # pydantic refuses what is no method
            locale="ja" if language == "ja" else "en",
            email=fields.get("email", "").strip() or None,
        )
    except (ValidationError, ValueError) as wrong:
        raise FormWrong from wrong


async def _pay(wiring: Wiring, order: Order) -> Order:
    """Open the charge of an order that waits; an order whose payment cannot start now stays as it is."""
    if not isinstance(order, AwaitingPayment) or order.checkout_url:
        return order
    try:
        return await start_payment(wiring, order, order.method, expires_at=order.expires_at)
    except PaymentsAway:
        return order


@router.get("/o/{order_id}")
async def arrive(request: Request, order_id: UUID, key: str = "") -> Response:
    """Exchange the key in the address for a cookie, and go on to the clean address."""
    wiring = wiring_of(request)
    try:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await order_of_visitor(request, tx, order_id, key=key)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    answer = RedirectResponse(f"/orders/{order_id}", status_code=SEE_OTHER)
    remember(answer, order_id, key, secure=_secure(request))
    return answer


@router.get("/orders/sw.js")
async def service_worker(request: Request) -> Response:
    """Serve the worker that keeps ticket pages for when there is no network; its scope is /orders/."""
    wiring = wiring_of(request)
    if not wiring.pages.assets.has("order-sw-worker.js"):
        return Response(status_code=404)
    name = wiring.pages.assets.url("order-sw-worker.js").rsplit("/", 1)[1]
    return FileResponse(BUILT / name, media_type="text/javascript", headers={"cache-control": "no-cache"})


@router.get("/orders/{order_id}")
async def order_page(request: Request, order_id: UUID) -> Response:
    """Show an order: how to pay, the tickets, or what became of it."""
    wiring = wiring_of(request)
    try:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            order = await order_of_visitor(request, tx, order_id)
            held = await tickets.of_order(tx, order_id)
            refunds = await store.refunds_of(tx, order_id)
            pauses = await store.pauses(tx) if isinstance(order, AwaitingPayment) else ()
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    shown = _shown(wiring, request, order, held, pauses)
    return wiring.pages.render(request, "order.html", **shown, refunds=refunds, stamp=_stamp(order, held, refunds))


def _stamp(order: Order, held: Sequence[Ticket], refunds: Sequence[store.Refund]) -> str:
    """Return what differs whenever the order's page would show something else."""
    shown = repr((order, [(ticket.id, ticket.status) for ticket in held], refunds))
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def _shown(
    wiring: Wiring, request: Request, order: Order, held: Sequence[Ticket], pauses: Iterable[Pause] = ()
) -> dict[str, Any]:
    language = language_of(request).tag
    basket = order.basket
    facility = wiring.books.current.get(basket.facility)

    def product_name(code: str) -> str:
        product = facility.product(code) if facility else None
        return product.name.of(language) if product else code

    def category_name(code: str) -> str:
        category = facility.category(code) if facility else None
        return category.name.of(language) if category else code

    def facility_name(code: str) -> str:
        known = wiring.books.current.get(code)
        return known.name.of(language) if known else code

    at = wiring.clock.now()
    today = business_date(at)
    resting = paused_now(pauses, at=at)
    ways = model.methods_now(order, wiring.rules.holds, at=at) if isinstance(order, AwaitingPayment) else ()
    return {
        "order": order,
        "basket": basket,
        "state": status_of(order),
        "facility_name": facility_name,
        "facility": facility,
        "payments_url": wiring.settings.payments_url,
        "tickets": held,
        "product_name": product_name,
        "category_name": category_name,
        "today": today,
        "may_cancel": status_of(order) in {"awaiting_payment", "confirmed"}
        and basket.visit_date >= today
        and not any(ticket.status == "admitted" for ticket in held),
        "way": way_known(wiring.rules.holds.ways, order.method),
        "ways": [(each, resting.get(each.name)) for each in ways],
        "minutes_left": int((order.expires_at - at).total_seconds() // 60),
        "live": wiring.pages.assets.has("order.js"),
    }


@router.post("/orders/{order_id}/pay")
async def pay_form(request: Request, order_id: UUID) -> Response:
    """Try again to pay, or pay another way."""
    wiring = wiring_of(request)
    try:
        SignIn.require_own_page(request)
        method = str((await request.form()).get("method", ""))
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await order_of_visitor(request, tx, order_id)
            waiting = await actions.find_for_payment(tx, order_id)
        order = await pay_again(wiring, waiting, method, at=wiring.clock.now())
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    url = order.checkout_url if isinstance(order, AwaitingPayment) else None
    return RedirectResponse(url or f"/orders/{order_id}", status_code=SEE_OTHER)


@router.get("/orders/{order_id}/cancel")
async def cancel_page(request: Request, order_id: UUID) -> Response:
    """Ask once more before cancelling."""
    wiring = wiring_of(request)
    try:
        async with wiring.database.transaction(correlation_id.get()) as tx:
            order = await order_of_visitor(request, tx, order_id)
            held = await tickets.of_order(tx, order_id)
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    return wiring.pages.render(request, "cancel.html", **_shown(wiring, request, order, held))


@router.post("/orders/{order_id}/cancel")
async def cancel_form(request: Request, order_id: UUID) -> Response:
    """Cancel the whole order."""
    wiring = wiring_of(request)
    try:
        SignIn.require_own_page(request)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await order_of_visitor(request, tx, order_id)
            await actions.cancel(tx, order_id, reason="visitor_cancelled", rules=wiring.rules, at=wiring.clock.now())
    except model.NotCancellable:
        pass  # A second click on the same button: the page shows what was done.
    except Refusal as refusal:
        return wiring.pages.refusal(request, refusal)
    return RedirectResponse(f"/orders/{order_id}", status_code=SEE_OTHER)


@router.get("/orders/{order_id}/live")
async def live(request: Request, order_id: UUID, seen: str = "") -> Response:
    """Tell an open page, as server-sent events, whenever it would show something else than what was seen."""
    wiring = wiring_of(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await order_of_visitor(request, tx, order_id)
    wiring.watch.require_room()

    async def stamp() -> str:
        async with wiring.database.transaction("live") as tx:
            order = await store.find(tx, order_id)
            if order is None:
                return ""
            return _stamp(order, await tickets.of_order(tx, order_id), await store.refunds_of(tx, order_id))

    async def events() -> AsyncIterator[str]:
        last = seen
        async with wiring.watch.watching(order_id) as changed:
            # Whatever happened between the page and this connection is found by looking once more.
            changed.set()
            ends = asyncio.get_running_loop().time() + LIVE_SECONDS_MAX
            while asyncio.get_running_loop().time() < ends:
                try:
                    await asyncio.wait_for(changed.wait(), BEAT_SECONDS)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                changed.clear()
                now = await stamp()
                if now != last:
                    last = now
                    yield f"event: changed\ndata: {now}\n\n"

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)
