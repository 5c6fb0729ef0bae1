"""How a visitor shows that an order is theirs: the key once, then a cookie that only this service can read."""

from __future__ import annotations

from uuid import UUID

from fastapi import Request, Response

from kernel.rows import Transaction
from ticketing.orders.model import Order
from ticketing.orders.routes import allowed

COOKIE_PREFIX = "momiji_order_"
COOKIE_DAYS = 200


def cookie_of(order_id: UUID) -> str:
    """Return the name of an order's cookie: one order, one cookie, so that several may be open."""
    return f"{COOKIE_PREFIX}{order_id.hex}"


def remember(response: Response, order_id: UUID, key: str, *, secure: bool) -> None:
    """Exchange the key in an address for an HttpOnly cookie."""
    response.set_cookie(
        cookie_of(order_id),
        key,
        max_age=COOKIE_DAYS * 86_400,
        httponly=True,
        samesite="lax",
        secure=secure,
        path="/",
    )


async def order_of_visitor(request: Request, tx: Transaction, order_id: UUID, *, key: str | None = None) -> Order:
    """Return the order of a header's key or of the visitor's cookie; raise UnknownOrder (404) otherwise."""
    return await allowed(request, tx, order_id, key=key or request.cookies.get(cookie_of(order_id)))
