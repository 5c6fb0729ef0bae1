"""Rows of orders, and the one statement that takes places."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, assert_never
from uuid import UUID

from sqlalchemy import text

from kernel.money import Yen
from kernel.rows import Transaction, Write
from ticketing.facilities.model import Place, QuotedLine
from ticketing.orders.model import AwaitingPayment, Basket, Cancelled, Confirmed, Expired, Order, status_of
from ticketing.orders.ways import Pause

ORDER_CHANNEL = "momiji_orders"

_TAKE = text(
    "UPDATE slots SET taken = taken + :quantity "
    "WHERE facility = :facility AND pool = :pool AND visit_date = :visit_date AND starts_at = :starts_at "
    "AND taken + :quantity <= capacity RETURNING taken"
)
_MAKE = text(
    "INSERT INTO slots (facility, pool, visit_date, starts_at, capacity) "
    "VALUES (:facility, :pool, :visit_date, :starts_at, :capacity) ON CONFLICT DO NOTHING"
)
_LEFT = text(
    "SELECT capacity - taken AS remaining FROM slots WHERE facility = :facility AND pool = :pool "
    "AND visit_date = :visit_date AND starts_at = :starts_at"
)
_GIVE_BACK = text(
    "UPDATE slots SET taken = taken - :quantity WHERE facility = :facility AND pool = :pool "
    "AND visit_date = :visit_date AND starts_at = :starts_at"
)
# What changes of an order; the rest of its columns never does.
_CHANGING = (
    "status",
    "version",
    "method",
    "expires_at",
    "charge_id",
    "checkout_url",
    "payment_problem",
    "payment_refused_because",
    "confirmed_at",
    "received_at",
    "cancelled_at",
    "cancel_reason",
    "expired_at",
)
_INSERT = (
    "INSERT INTO orders (id, number, key_sha256, authority, facility, visit_date, slot, lines, places, total, tax, "
    f"locale, email, correlation_id, placed_at, {', '.join(_CHANGING)}) "
    "VALUES (:id, :number, :key_sha256, :authority, :facility, :visit_date, :slot, CAST(:lines AS jsonb), "
    "CAST(:places AS jsonb), :total, :tax, :locale, :email, :correlation_id, :placed_at, "
    f"{', '.join(f':{name}' for name in _CHANGING)})"
)
# The pages that show the order are woken with the same round trip.
_SAVE = text(
    f"WITH saved AS (UPDATE orders SET {', '.join(f'{name} = :{name}' for name in _CHANGING)} WHERE id = :id) "
    "SELECT pg_notify(:channel, CAST(:id AS text))"
)


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund that was asked for an order."""

    id: UUID
    charge_id: UUID
    amount: Yen
    reason: str
    status: str


async def take(tx: Transaction, place: Place) -> bool:
    """Take places if there is room; tell whether there was. The slot's row stays locked until the commit."""
    parameters = _slot(place) | {"quantity": place.quantity}
    if (await tx.session.execute(_TAKE, parameters)).one_or_none() is not None:
        return True
    # Full, or one of the first orders of this slot: then somebody makes its row, the others wait for it here.
    await tx.session.execute(_MAKE, _slot(place) | {"capacity": place.capacity})
    return (await tx.session.execute(_TAKE, parameters)).one_or_none() is not None


async def remaining(tx: Transaction, place: Place) -> int:
    """Return how many places are left in a slot."""
    found = (await tx.session.execute(_LEFT, _slot(place))).scalar_one_or_none()
    return place.capacity if found is None else max(0, int(found))


async def give_back(tx: Transaction, places: Iterable[Place]) -> None:
    """Free places, in the one order in which they are always locked."""
    for place in sorted(places, key=lock_order):
        await tx.session.execute(_GIVE_BACK, _slot(place) | {"quantity": place.quantity})


def lock_order(place: Place) -> tuple[str, str, date, time]:
    """Return the key by which slots are always locked, so that two transactions never wait in a circle."""
    return (place.facility, place.pool, place.visit_date, place.starts_at)


def _slot(place: Place) -> dict[str, Any]:
    return {
        "facility": place.facility,
        "pool": place.pool,
        "visit_date": place.visit_date,
        "starts_at": place.starts_at,
    }


def adding(order: Order, *, key_sha256: bytes, email: str | None) -> Write:
    """Return the insertion of a new order in whatever state it begins."""
    basket = order.basket
    return Write(
        _INSERT,
        _changing(order)
        | {
            "id": basket.id,
            "number": basket.number,
            "key_sha256": key_sha256,
            "authority": basket.authority,
            "facility": basket.facility,
            "visit_date": basket.visit_date,
            "slot": basket.slot,
            "lines": json.dumps([_line_to_json(line) for line in basket.lines]),
            "places": json.dumps([_place_to_json(place) for place in basket.places]),
            "total": basket.total.amount,
            "tax": basket.tax.amount,
            "locale": basket.locale,
            "email": email,
            "correlation_id": basket.correlation_id,
            "placed_at": basket.placed_at,
        },
    )


async def save(tx: Transaction, order: Order) -> None:
    """Write an order's new state and wake the pages that show it."""
    await tx.session.execute(_SAVE, _changing(order) | {"id": order.basket.id, "channel": ORDER_CHANNEL})


def _changing(order: Order) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(_CHANGING) | {
        "status": status_of(order),
        "version": order.version,
        "method": order.method,
        "expires_at": order.expires_at,
        "charge_id": order.charge_id,
    }
    match order:
        case AwaitingPayment():
            return values | {
                "checkout_url": order.checkout_url,
                "payment_problem": order.problem,
                "payment_refused_because": order.refused_because,
            }
        case Confirmed():
            return values | {"confirmed_at": order.confirmed_at, "received_at": order.received_at}
        case Cancelled():
            return values | {
                "cancelled_at": order.cancelled_at,
                "cancel_reason": order.reason,
                "confirmed_at": order.confirmed_at,
                "received_at": order.received_at,
            }
        case Expired():
            return values | {"expired_at": order.expired_at}
        case _:
            assert_never(order)


async def find(tx: Transaction, order_id: UUID, *, lock: bool = False) -> Order | None:
    """Return an order, locked for a change if wanted."""
    found = await tx.session.execute(
        text(f"SELECT * FROM orders WHERE id = :id{' FOR UPDATE' if lock else ''}"), {"id": order_id}
    )
    row = found.one_or_none()
    return None if row is None else to_order(row)


async def find_by_number(tx: Transaction, number: str) -> Order | None:
    """Return the order with a number."""
    row = (await tx.session.execute(text("SELECT * FROM orders WHERE number = :n"), {"n": number})).one_or_none()
    return None if row is None else to_order(row)


async def key_hash(tx: Transaction, order_id: UUID) -> bytes | None:
    """Return the SHA-256 of an order's key."""
    found = await tx.session.execute(text("SELECT key_sha256 FROM orders WHERE id = :id"), {"id": order_id})
    value = found.scalar_one_or_none()
    return None if value is None else bytes(value)


async def due(tx: Transaction, *, at: datetime, limit: int) -> list[AwaitingPayment]:
    """Lock and return orders whose hold is over; those that another sweeper holds are left to it."""
    rows = await tx.session.execute(
        text(
            "SELECT * FROM orders WHERE status = 'awaiting_payment' AND expires_at <= :at "
            "ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED"
        ),
        {"at": at, "limit": limit},
    )
    return [order for order in map(to_order, rows) if isinstance(order, AwaitingPayment)]


async def of_day(tx: Transaction, facilities: Sequence[str] | None, day: date, *, limit: int) -> list[Order]:
    """Return the orders for visits on a day, newest first; `None` means every facility."""
    rows = await tx.session.execute(
        text(
            "SELECT * FROM orders WHERE visit_date = :day AND (:all OR facility = ANY(:facilities)) "
            "ORDER BY placed_at DESC LIMIT :limit"
        ),
        {"day": day, "all": facilities is None, "facilities": list(facilities or ()), "limit": limit},
    )
    return [to_order(row) for row in rows]


async def add_refund(
    tx: Transaction, *, refund_id: UUID, order_id: UUID, charge_id: UUID, amount: Yen, reason: str, at: datetime
) -> bool:
    """Write down that a refund is asked for; tell whether it is new."""
    found = await tx.session.execute(
        text(
            "INSERT INTO order_refunds (id, order_id, charge_id, amount, reason, status, requested_at) "
            "VALUES (:id, :order_id, :charge_id, :amount, :reason, 'requested', :at) "
            "ON CONFLICT (order_id, charge_id, reason) DO NOTHING RETURNING id"
        ),
        {
            "id": refund_id,
            "order_id": order_id,
            "charge_id": charge_id,
            "amount": amount.amount,
            "reason": reason,
            "at": at,
        },
    )
    return found.one_or_none() is not None


async def finish_refund(tx: Transaction, refund_id: UUID, *, status: str, at: datetime) -> UUID | None:
    """Write down how a refund ended; return its order. A settled refund stays settled."""
    found = await tx.session.execute(
        text(
            "UPDATE order_refunds SET status = :status, finished_at = :at WHERE id = :id AND status <> 'settled' "
            "RETURNING order_id"
        ),
        {"id": refund_id, "status": status, "at": at},
    )
    return found.scalar_one_or_none()


async def refunds_of(tx: Transaction, order_id: UUID) -> list[Refund]:
    """Return the refunds of an order."""
    rows = await tx.session.execute(
        text(
            "SELECT id, charge_id, amount, reason, status FROM order_refunds WHERE order_id = :id ORDER BY requested_at"
        ),
        {"id": order_id},
    )
    return [Refund(row.id, row.charge_id, Yen(row.amount), row.reason, row.status) for row in rows]


def to_order(row: Any) -> Order:
    """Parse a row into the state that it says."""
    basket = Basket(
        id=row.id,
        number=row.number,
        authority=row.authority,
        facility=row.facility,
        visit_date=row.visit_date,
        slot=row.slot,
        lines=tuple(_line_from_json(line) for line in row.lines),
        places=tuple(_place_from_json(place) for place in row.places),
        total=Yen(row.total),
        tax=Yen(row.tax),
        locale=row.locale,
        correlation_id=row.correlation_id,
        placed_at=row.placed_at,
    )
    match row.status:
        case "awaiting_payment":
            return AwaitingPayment(
                basket,
                row.version,
                row.method,
                row.expires_at,
                row.charge_id,
                row.checkout_url,
                row.payment_problem,
                row.payment_refused_because,
            )
        case "confirmed":
            return Confirmed(
                basket, row.version, row.method, row.expires_at, row.confirmed_at, row.received_at, row.charge_id
            )
        case "cancelled":
            return Cancelled(
                basket,
                row.version,
                row.method,
                row.expires_at,
                row.cancelled_at,
                row.cancel_reason or "",
                row.charge_id,
                row.confirmed_at,
                row.received_at,
            )
        case "expired":
            return Expired(basket, row.version, row.method, row.expires_at, row.expired_at, row.charge_id)
        case unknown:
            raise ValueError(f"orders.status holds {unknown}, which its CHECK forbids")


def _line_to_json(line: QuotedLine) -> dict[str, Any]:
    return {
        "facility": line.facility,
        "product": line.product,
        "category": line.category,
        "quantity": line.quantity,
        "unit_price": line.unit_price.amount,
        "amount": line.amount.amount,
        "tax_rate_percent": line.tax_rate_percent,
        "revenue_owner": line.revenue_owner,
        "revenue_account": line.revenue_account,
        "admits": list(line.admits),
    }


def _line_from_json(kept: dict[str, Any]) -> QuotedLine:
    return QuotedLine(
        **(
            kept
            | {
                "unit_price": Yen(kept["unit_price"]),
                "amount": Yen(kept["amount"]),
                "admits": tuple(kept["admits"]),
            }
        )
    )


def _place_to_json(place: Place) -> dict[str, Any]:
    return {
        "facility": place.facility,
        "pool": place.pool,
        "visit_date": place.visit_date.isoformat(),
        "starts_at": place.starts_at.isoformat(),
        "quantity": place.quantity,
        "capacity": place.capacity,
    }


def _place_from_json(kept: dict[str, Any]) -> Place:
    return Place(
        kept["facility"],
        kept["pool"],
        date.fromisoformat(kept["visit_date"]),
        time.fromisoformat(kept["starts_at"]),
        kept["quantity"],
        kept["capacity"],
    )


async def save_pause(tx: Transaction, pause: Pause, *, version: int) -> None:
    """Write down that a way to pay rests; what is older than what is known changes nothing."""
    await _pause(tx, pause.method, paused_at=pause.paused_at, until=pause.until, rests=True, version=version)


async def end_pause(tx: Transaction, method: str, *, version: int, at: datetime) -> None:
    """Write down that a way to pay is back; what is older than what is known changes nothing."""
    await _pause(tx, method, paused_at=at, until=None, rests=False, version=version)


async def _pause(
    tx: Transaction, method: str, *, paused_at: datetime, until: datetime | None, rests: bool, version: int
) -> None:
    await tx.execute(
        "INSERT INTO pauses (method, rests, paused_at, until, version) "
        "VALUES (:method, :rests, :paused_at, :until, :version) ON CONFLICT (method) DO UPDATE "
        "SET rests = excluded.rests, paused_at = excluded.paused_at, until = excluded.until, "
        "version = excluded.version WHERE excluded.version > pauses.version",
        method=method,
        rests=rests,
        paused_at=paused_at,
        until=until,
        version=version,
    )


async def pauses(tx: Transaction) -> list[Pause]:
    """Return the ways to pay that rest, as far as payments told."""
    rows = await tx.execute("SELECT method, paused_at, until FROM pauses WHERE rests ORDER BY method")
    return [Pause(row.method, row.paused_at, row.until) for row in rows]
