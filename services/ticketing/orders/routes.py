"""JSON about orders: place, read, pay again, cancel."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from kernel import idempotency
from kernel.access import Role
from kernel.cards import CardNumberRefused, holds_card_number
from kernel.clock import JAPAN
from kernel.refusals import Invalid, Unauthenticated
from kernel.rows import Transaction
from kernel.telemetry import correlation_id
from ticketing.facilities.model import Wish
from ticketing.orders import actions, model, store
from ticketing.orders.actions import Given, Placed
from ticketing.orders.charging import PaymentsAway
from ticketing.orders.model import AwaitingPayment, Order, UnknownOrder, status_of
from ticketing.orders.ways import NAME_PATTERN, way_sold
from ticketing.tickets import store as tickets
from ticketing.tickets.model import Ticket
from ticketing.tickets.number import RANDOM_BITS, number_from, read_number
from ticketing.wiring import Wiring, wiring_of

log = logging.getLogger(__name__)

router = APIRouter(tags=["orders"])

LINES_MAX = 50
SCOPE = "orders"
MethodName = Annotated[
    str,
    Field(
        pattern=NAME_PATTERN,
        description="one of the ways to pay that the installation sells by (MOMIJI_METHODS)",
        examples=["stripe_card", "paypay", "payeasy_komoju"],
    ),
]
STAFF_ROLES = (Role.FACILITY, Role.SUPERVISOR, Role.ACCOUNTING, Role.AUDITOR)


class LineWanted(BaseModel):
    """So many tickets of a product for a category."""

    product: str = Field(min_length=1, max_length=64)
    category: str = Field(min_length=1, max_length=64)
    quantity: int = Field(ge=0, le=100_000)


class OrderWanted(BaseModel):
    """What `POST /v1/orders` takes. Days and times are Japan's."""

    model_config = ConfigDict(extra="forbid")

    facility: str = Field(min_length=1, max_length=64)
    visit_date: date
    slot: time | None = None
    lines: list[LineWanted] = Field(max_length=LINES_MAX)
    method: MethodName
    locale: Literal["ja", "en"] = "ja"
    email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None


class MethodWanted(BaseModel):
    """Another way to pay for an order that still waits."""

    method: MethodName


class CancelWanted(BaseModel):
    """Why an order is cancelled, and which tickets: all of them for now."""

    reason: Literal["visitor_cancelled", "staff_cancelled", "closure"] | None = None
    tickets: list[UUID] | None = Field(default=None, max_length=1_000)


class TicketAnswer(BaseModel):
    """One ticket. `code` is what its QR carries; the addresses take the order's key or its cookie."""

    id: UUID
    code: str
    category: str
    product: str
    status: Literal["valid", "admitted", "voided"]
    svg_url: str
    pdf_url: str


class OrderAnswer(BaseModel):
    """An order as it stands. Yen, tax included; `expires_at` ends the hold; `checkout_url` is where to pay."""

    id: UUID
    number: str
    status: Literal["awaiting_payment", "confirmed", "cancelled", "expired"]
    facility: str
    visit_date: date
    slot: str | None
    method: str = Field(description="the way to pay; none if there is nothing to pay")
    total: int
    tax: int
    expires_at: datetime
    checkout_url: str | None
    payment_problem: Literal["failed", "expired"] | None
    tickets: list[TicketAnswer]


class NewOrderAnswer(OrderAnswer):
    """A new order with its key, which nobody can ask for again; `page_url` carries it once."""

    key: str
    page_url: str


class OrdersAnswer(BaseModel):
    """The orders that were found."""

    items: list[OrderAnswer]


class WholeOrdersOnly(Invalid):
    """Single tickets cannot be cancelled yet."""

    slug = "whole-orders-only"
    advice = "Single tickets cannot be cancelled yet. Leave 'tickets' out to cancel the whole order."


async def place(wiring: Wiring, wanted: OrderWanted, *, key: str, body: bytes, at: datetime) -> Placed:
    """Place an order once for its idempotency key; a repeat finds the same order as it stands by now."""
    if wanted.email is not None and holds_card_number(wanted.email):
        raise CardNumberRefused
    given = Given(
        facility=wanted.facility,
        visit_date=wanted.visit_date,
        slot=wanted.slot,
        wishes=[Wish(line.product, line.category, line.quantity) for line in wanted.lines],
        method=wanted.method,
        locale=wanted.locale,
        email=wanted.email,
    )
    order_id = wiring.rules.new_id()
    # The answer names the order; its key is derived again for a repeat, and never lies in a table.
    known = (201, json.dumps({"order_id": str(order_id)}))
    async with wiring.database.transaction(correlation_id.get()) as tx:
        kept = await idempotency.claim(tx, scope=SCOPE, key=key, body=body, at=at, known=known)
        if kept is not None:
            order = await _existing(tx, UUID(kept.answer["order_id"]))
            return Placed(order, tuple(await tickets.of_order(tx, order.basket.id)))
        way_sold(wiring.rules.holds.ways, given.method)  # a free order names one, too
        return await actions.place(
            tx,
            given,
            book=wiring.books.current,
            rules=wiring.rules,
            order_id=order_id,
            number=number_from(secrets.randbits(RANDOM_BITS)),
            key_sha256=hashlib.sha256(wiring.order_key(order_id).encode()).digest(),
            at=at,
        )


async def start_payment(wiring: Wiring, order: AwaitingPayment, method: str, *, expires_at: datetime) -> Order:
    """Open the charge and keep where to pay; raise PaymentsAway if that does not work now."""
    opened = await wiring.charges.open(
        order,
        method=method,
        description=_description(wiring, order),
        expires_at=model.provider_deadline(expires_at, wiring.rules.holds),
        return_url=f"{wiring.settings.ticketing_url}/orders/{order.basket.id}",
        correlation_id=order.basket.correlation_id,
    )
    async with wiring.database.transaction(order.basket.correlation_id) as tx:
        return await actions.note_charge(
            tx,
            order.basket.id,
            charge_id=opened.id,
            checkout_url=opened.checkout_url,
            method=method,
            expires_at=expires_at,
        )


async def pay_again(wiring: Wiring, order: AwaitingPayment, method: str, *, at: datetime) -> Order:
    """Try again to pay, or pay another way, with a hold that is long enough for it."""
    expires_at = model.hold_again(order, method, wiring.rules.holds, at=at)
    return await start_payment(wiring, order, method, expires_at=expires_at)


def _description(wiring: Wiring, order: AwaitingPayment) -> str:
    facility = wiring.books.current.get(order.basket.facility)
    name = facility.name.of(order.basket.locale) if facility else order.basket.facility
    return f"{name} {order.basket.visit_date.isoformat()} {order.basket.number}"


@router.post("/v1/orders", status_code=201, response_model=NewOrderAnswer)
async def post_order(
    request: Request, wanted: OrderWanted, idempotency_key: Annotated[str | None, Header()] = None
) -> Response:
    """Place an order: compute prices, hold places, open the charge. A repeat answers with the order as it stands."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    key = idempotency.require_key(idempotency_key)
    placed = await place(wiring, wanted, key=key, body=await request.body(), at=at)
    order = placed.order
    if isinstance(order, AwaitingPayment) and order.checkout_url is None:
        try:
            order = await start_payment(wiring, order, order.method, expires_at=order.expires_at)
        except PaymentsAway:
            log.info("an order waits without a charge", extra={"order_id": str(order.basket.id)})
    # Answered without a second look by pydantic: on the day that sales open, everybody takes this path at once.
    order_id = order.basket.id
    answer = _answer(wiring, order, placed.tickets) | {
        "key": wiring.order_key(order_id),
        "page_url": wiring.page_url(order_id),
    }
    return JSONResponse(answer, status_code=201)


@router.get("/v1/orders/{order_id}", response_model=OrderAnswer)
async def get_order(
    request: Request, order_id: UUID, x_order_key: Annotated[str | None, Header()] = None
) -> dict[str, Any]:
    """Return an order to whoever holds its key, or to staff of its facility."""
    wiring = wiring_of(request)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        order = await allowed(request, tx, order_id, key=x_order_key)
        return _answer(wiring, order, await tickets.of_order(tx, order_id))


@router.get("/v1/orders", response_model=OrdersAnswer)
async def find_orders(request: Request, number: Annotated[str, Query(min_length=1, max_length=40)]) -> dict[str, Any]:
    """Return the order with a number, to staff of its facility."""
    wiring = wiring_of(request)
    principal = wiring.sign_in.principal(request, at=wiring.clock.now()).require(*STAFF_ROLES)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        order = await store.find_by_number(tx, read_number(number) or "")
        if order is None or not principal.may_see(order.basket.facility):
            return {"items": []}
        return {"items": [_answer(wiring, order, await tickets.of_order(tx, order.basket.id))]}


@router.post("/v1/orders/{order_id}/charge", response_model=OrderAnswer)
async def post_charge(
    request: Request,
    order_id: UUID,
    wanted: MethodWanted,
    x_order_key: Annotated[str | None, Header()] = None,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    """Try again to open the charge, or choose another method; a repeat with the same key does it once."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    key = idempotency.require_key(idempotency_key)
    scope = f"charge:{order_id}"
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await allowed(request, tx, order_id, key=x_order_key)
        # Claimed and let go: only what follows may be kept, and payments itself opens one charge however often asked.
        done = await idempotency.claim(tx, scope=scope, key=key, body=await request.body(), at=at)
        order = await _existing(tx, order_id) if done else await actions.find_for_payment(tx, order_id)
    if done is None and isinstance(order, AwaitingPayment):
        await pay_again(wiring, order, wanted.method, at=at)
        async with wiring.database.transaction(correlation_id.get()) as tx:
            await idempotency.keep(tx, scope=scope, key=key, status=200, answer_json="{}", at=at)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        return _answer(wiring, await _existing(tx, order_id), await tickets.of_order(tx, order_id))


@router.post("/v1/orders/{order_id}/cancel", response_model=OrderAnswer)
async def post_cancel(
    request: Request,
    order_id: UUID,
    wanted: CancelWanted | None = None,
    x_order_key: Annotated[str | None, Header()] = None,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    """Cancel a whole order: its tickets are void, its places free, and money goes back."""
    wiring = wiring_of(request)
    at = wiring.clock.now()
    key = idempotency.require_key(idempotency_key)
    wish = wanted or CancelWanted()
    if wish.tickets is not None:
        raise WholeOrdersOnly
    async with wiring.database.transaction(correlation_id.get()) as tx:
        await allowed(request, tx, order_id, key=x_order_key)
        scope = f"cancel:{order_id}"
        if await idempotency.claim(tx, scope=scope, key=key, body=await request.body(), at=at) is None:
            by_staff = x_order_key is None
            reason = (wish.reason or "staff_cancelled") if by_staff else "visitor_cancelled"
            await actions.cancel(tx, order_id, reason=reason, rules=wiring.rules, at=at)
            await idempotency.keep(tx, scope=scope, key=key, status=200, answer_json="{}", at=at)
    async with wiring.database.transaction(correlation_id.get()) as tx:
        return _answer(wiring, await _existing(tx, order_id), await tickets.of_order(tx, order_id))


async def allowed(request: Request, tx: Transaction, order_id: UUID, *, key: str | None) -> Order:
    """Return an order if the asker holds its key or is staff of its facility; raise UnknownOrder (404) otherwise."""
    order = await store.find(tx, order_id)
    if key is not None:
        expected = await store.key_hash(tx, order_id)
        given = hashlib.sha256(key.encode()).digest()
        if order is None or expected is None or not hmac.compare_digest(given, expected):
            raise UnknownOrder
        return order
    wiring = wiring_of(request)
    try:
        principal = wiring.sign_in.principal(request, at=wiring.clock.now()).require(*STAFF_ROLES)
    except Unauthenticated:
        raise UnknownOrder from None
    if order is None or not principal.may_see(order.basket.facility):
        raise UnknownOrder
    return order


async def _existing(tx: Transaction, order_id: UUID) -> Order:
    order = await store.find(tx, order_id)
    if order is None:
        raise UnknownOrder
    return order


def _answer(wiring: Wiring, order: Order, held: Sequence[Ticket]) -> dict[str, Any]:
    base = wiring.settings.ticketing_url
    basket = order.basket
    return {
        "id": str(basket.id),
        "number": basket.number,
        "status": status_of(order),
        "facility": basket.facility,
        "visit_date": basket.visit_date.isoformat(),
        "slot": basket.slot.strftime("%H:%M") if basket.slot else None,
        "method": order.method,
        "total": basket.total.amount,
        "tax": basket.tax.amount,
        "expires_at": order.expires_at.astimezone(JAPAN).isoformat(),
        "checkout_url": order.checkout_url if isinstance(order, AwaitingPayment) else None,
        "payment_problem": order.problem if isinstance(order, AwaitingPayment) else None,
        "tickets": [
            {
                "id": str(ticket.id),
                "code": ticket.code,
                "category": ticket.category,
                "product": ticket.product,
                "status": ticket.status,
                "svg_url": f"{base}/v1/tickets/{ticket.id}.svg",
                "pdf_url": f"{base}/v1/tickets/{ticket.id}.pdf",
            }
            for ticket in held
        ],
    }
