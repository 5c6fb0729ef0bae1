"""What ticketing publishes: orders, tickets, refunds asked for, closures."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import StringConstraints

from kernel.contracts.envelope import Fact, Moment, YenField

# A way to pay that the installation sells by, or "none" where there was nothing to pay: a new one is no change here.
Method = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class OrderLine(Fact):
    """One product and category of an order, with where its money belongs.

    `facility` is where the money is earned; `amount` is quantity × unit price, tax included.
    """

    facility: str
    product: str
    category: str
    quantity: int
    unit_price: YenField
    amount: YenField
    tax_rate_percent: int
    revenue_owner: str
    revenue_account: str


class OrderFact(Fact):
    """The whole order, as every order event carries it; `received_at` is when the money came."""

    AGGREGATE: ClassVar[str] = "order"

    order_id: UUID
    number: str
    authority: str
    facility: str
    visit_date: date
    slot: str | None = None
    method: Method
    lines: tuple[OrderLine, ...]
    total: YenField
    tax: YenField


class OrderPlaced(OrderFact):
    """Prices are computed and places are held until `expires_at`."""

    TYPE: ClassVar[str] = "ticketing.order.placed.v1"
    placed_at: Moment
    expires_at: Moment


class OrderConfirmed(OrderFact):
    """The order is paid (or free) and its tickets exist."""

    TYPE: ClassVar[str] = "ticketing.order.confirmed.v1"
    confirmed_at: Moment
    received_at: Moment
    charge_id: UUID | None = None
    rebooked: bool = False


class OrderCancelled(OrderFact):
    """The whole order is cancelled; a refund, if one is due, is asked for separately."""

    TYPE: ClassVar[str] = "ticketing.order.cancelled.v1"
    cancelled_at: Moment
    reason: str
    was_paid: bool


class OrderExpired(OrderFact):
    """Nobody paid in time; the places are free again."""

    TYPE: ClassVar[str] = "ticketing.order.expired.v1"
    expired_at: Moment


class RefundRequested(Fact):
    """Ticketing asks payments to give money back for an order."""

    TYPE: ClassVar[str] = "ticketing.refund.requested.v1"
    AGGREGATE: ClassVar[str] = "order"

    refund_id: UUID
    order_id: UUID
    charge_id: UUID
    number: str
    facility: str
    method: Method
    amount: YenField
    reason: Literal["visitor_cancelled", "staff_cancelled", "closure", "paid_too_late", "paid_twice"]
    lines: tuple[OrderLine, ...]
    requested_at: Moment


class TicketFact(Fact):
    """One ticket for one person, as every ticket event carries it."""

    AGGREGATE: ClassVar[str] = "ticket"

    ticket_id: UUID
    order_id: UUID
    facility: str
    product: str
    category: str
    visit_date: date
    price: YenField


class TicketIssued(TicketFact):
    """The ticket exists and its code is signed."""

    TYPE: ClassVar[str] = "ticketing.ticket.issued.v1"
    issued_at: Moment


class TicketVoided(TicketFact):
    """The ticket admits nobody any more."""

    TYPE: ClassVar[str] = "ticketing.ticket.voided.v1"
    voided_at: Moment
    reason: str


class TicketAdmitted(TicketFact):
    """A person went through a gate. `gate_facility` is where, for a ticket of two facilities."""

    TYPE: ClassVar[str] = "ticketing.ticket.admitted.v1"
    gate: str
    gate_facility: str
    scan_id: UUID
    admitted_at: Moment
    offline: bool = False


class TicketAdmissionReversed(TicketFact):
    """A supervisor undid an admission."""

    TYPE: ClassVar[str] = "ticketing.ticket.admission_reversed.v1"
    gate: str
    scan_id: UUID
    reversed_at: Moment
    reason: str


class TicketRejected(Fact):
    """A gate refused a code; the ticket may not exist, so the scan is the aggregate."""

    TYPE: ClassVar[str] = "ticketing.ticket.rejected.v1"
    AGGREGATE: ClassVar[str] = "scan"

    scan_id: UUID
    gate: str
    gate_facility: str
    ticket_id: UUID | None = None
    reason: Literal[
        "already_admitted",
        "wrong_facility",
        "wrong_date",
        "voided",
        "unknown_ticket",
        "bad_signature",
        "malformed",
    ]
    rejected_at: Moment


class ClosureDeclared(Fact):
    """A facility closes on a day that was open."""

    TYPE: ClassVar[str] = "ticketing.closure.declared.v1"
    AGGREGATE: ClassVar[str] = "facility"

    facility: str
    day: date
    reason: str
    declared_at: Moment
