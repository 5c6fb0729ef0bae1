"""From an order's state to the facts that are published about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from kernel.contracts import ticketing as facts
from kernel.money import Yen
from ticketing.facilities.model import QuotedLine
from ticketing.orders.model import AwaitingPayment, Basket, Cancelled, Confirmed, Expired, Order
from ticketing.tickets.model import Ticket


def _whole(order: Order) -> dict[str, Any]:
    basket = order.basket
    return {
        "order_id": basket.id,
        "number": basket.number,
        "authority": basket.authority,
        "facility": basket.facility,
        "visit_date": basket.visit_date,
        "slot": basket.slot.strftime("%H:%M") if basket.slot else None,
        "method": order.method,
        "lines": lines_of(basket),
        "total": basket.total,
        "tax": basket.tax,
    }


def lines_of(basket: Basket) -> tuple[facts.OrderLine, ...]:
    """Return the order's lines as events carry them."""
    return tuple(_line(line) for line in basket.lines)


def _line(line: QuotedLine) -> facts.OrderLine:
    return facts.OrderLine(
        facility=line.facility,
        product=line.product,
        category=line.category,
        quantity=line.quantity,
        unit_price=line.unit_price,
        amount=line.amount,
        tax_rate_percent=line.tax_rate_percent,
        revenue_owner=line.revenue_owner,
        revenue_account=line.revenue_account,
    )


def placed(order: AwaitingPayment) -> facts.OrderPlaced:
    """Return the fact of a placed order."""
    return facts.OrderPlaced(**_whole(order), placed_at=order.basket.placed_at, expires_at=order.expires_at)


def confirmed(order: Confirmed, *, rebooked: bool = False) -> facts.OrderConfirmed:
    """Return the fact of a confirmed order."""
    return facts.OrderConfirmed(
        **_whole(order),
        confirmed_at=order.confirmed_at,
        received_at=order.received_at,
        charge_id=order.charge_id,
        rebooked=rebooked,
    )


def cancelled(order: Cancelled) -> facts.OrderCancelled:
    """Return the fact of a cancelled order."""
    return facts.OrderCancelled(
        **_whole(order),
        cancelled_at=order.cancelled_at,
        reason=order.reason,
        was_paid=order.received_at is not None,
    )


def expired(order: Expired) -> facts.OrderExpired:
    """Return the fact of an expired order."""
    return facts.OrderExpired(**_whole(order), expired_at=order.expired_at)


def refund_requested(
    order: Order,
    *,
    refund_id: UUID,
    charge_id: UUID,
    amount: Yen,
    reason: Literal["visitor_cancelled", "staff_cancelled", "closure", "paid_too_late", "paid_twice"],
    at: datetime,
) -> facts.RefundRequested:
    """Return the fact that money is to go back."""
    basket = order.basket
    return facts.RefundRequested(
        refund_id=refund_id,
        order_id=basket.id,
        charge_id=charge_id,
        number=basket.number,
        facility=basket.facility,
        method=order.method,
        amount=amount,
        reason=reason,
        lines=lines_of(basket),
        requested_at=at,
    )


def ticket_issued(ticket: Ticket, *, at: datetime) -> facts.TicketIssued:
    """Return the fact of an issued ticket."""
    return facts.TicketIssued(**_ticket(ticket), issued_at=at)


def ticket_voided(ticket: Ticket, *, reason: str, at: datetime) -> facts.TicketVoided:
    """Return the fact of a voided ticket."""
    return facts.TicketVoided(**_ticket(ticket), voided_at=at, reason=reason)


def _ticket(ticket: Ticket) -> dict[str, Any]:
    return {
        "ticket_id": ticket.id,
        "order_id": ticket.order_id,
        "facility": ticket.facility,
        "product": ticket.product,
        "category": ticket.category,
        "visit_date": ticket.visit_date,
        "price": ticket.price,
    }
