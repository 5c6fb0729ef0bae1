"""Orders of the made-up world as the events of ticketing and payments tell them, with what is wrong with each."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from console.bench.reconciling.goods import GOODS
from kernel.clock import JAPAN
from kernel.contracts import Envelope, Fact, payments, ticketing
from kernel.money import ZERO, Yen, tax_within

OrderFault = Literal[
    "not_captured",
    "not_sold",
    "amounts_differ",
    "refund_outstanding",
    "refund_failed",
    "refunded_too_much",
    "unallocated",
    "admitted_though_void",
    "admitted_without_order",
]
Good = Literal["visited", "cancelled", "expired", "taken_back"]
ORDER_FAULTS: Final[tuple[OrderFault, ...]] = (
    *("not_captured", "not_sold", "amounts_differ", "refund_outstanding", "refund_failed", "refunded_too_much"),
    *("unallocated", "admitted_though_void", "admitted_without_order"),
)
GOOD: Final[tuple[Good, ...]] = ("visited", "cancelled", "expired", "taken_back")
TAX_PERCENT: Final = 10


@dataclass(frozen=True, slots=True)
class Label:
    """What a person must be shown of an order."""

    kind: OrderFault
    order_id: UUID
    amount: Yen


@dataclass(slots=True)
class Story:
    """One order's events as they are told, and what is wrong with it, if anything."""

    dice: random.Random
    at: datetime
    events: list[Envelope] = field(default_factory=list)
    label: Label | None = None

    def id(self) -> UUID:
        """Draw an id."""
        return UUID(int=self.dice.getrandbits(128), version=4)

    def tell(self, fact: Fact, subject: UUID, minutes: int) -> None:
        """Publish a fact so many minutes after the order was placed."""
        self.events.append(
            Envelope(
                id=self.id(),
                type=fact.TYPE,
                source=f"momiji/{fact.TYPE.partition('.')[0]}",
                subject=str(subject),
                aggregate_version=1 + sum(each.subject == str(subject) for each in self.events),
                time=self.after(minutes),
                correlation_id="made-up",
                fact=fact,
            )
        )

    def after(self, minutes: int) -> datetime:
        """Return the moment so many minutes after the order was placed."""
        return self.at + timedelta(minutes=minutes)


def stories(seed: int, at: datetime, *, each: int) -> Iterator[Story]:
    """Yield so many orders of each fault and twice as many of each good end, drawn from a seed, around a moment."""
    dice = random.Random(seed)  # noqa: S311 - a world is drawn, not kept secret
    ends: list[OrderFault | Good] = [*ORDER_FAULTS * each, *GOOD * (2 * each)]
    dice.shuffle(ends)
    for number, end in enumerate(ends):
        yield _story(Story(dice, at + timedelta(minutes=number)), end)


def _story(told: Story, end: OrderFault | Good) -> Story:
    order, charge, ticket = _drawn(told)
    order_id, total = order["order_id"], order["total"]
    amount: Mapping[OrderFault, Yen] = {
        "amounts_differ": Yen(-100),
        "refunded_too_much": Yen(50),
        "admitted_though_void": ZERO,
        "admitted_without_order": ZERO,
    }
    for fault in ORDER_FAULTS:
        if fault == end:
            told.label = Label(fault, order_id, amount.get(fault, total))
    if end == "admitted_without_order":
        _enter(told, ticket)
        return told
    told.tell(ticketing.OrderPlaced(**order, placed_at=told.at, expires_at=told.after(40)), order_id, 0)
    told.tell(
        payments.ChargeRequested(**charge, requested_at=told.at, expires_at=told.after(35)), charge["charge_id"], 0
    )
    if end == "expired":
        told.tell(payments.ChargeExpired(**charge, expired_at=told.after(41)), charge["charge_id"], 41)
        told.tell(ticketing.OrderExpired(**order, expired_at=told.after(41)), order_id, 41)
        return told
    if end != "not_captured":
        _capture(told, charge, total - Yen(100) if end == "amounts_differ" else total)
    if end == "not_sold":
        return told
    sold = {"confirmed_at": told.after(3), "received_at": told.after(3), "charge_id": charge["charge_id"]}
    told.tell(ticketing.OrderConfirmed(**order, **sold), order_id, 3)
    told.tell(ticketing.TicketIssued(**ticket, issued_at=told.after(3)), ticket["ticket_id"], 3)
    match end:
        case "visited":
            _enter(told, ticket)
        case "unallocated":
            again = {"attempt_id": told.id(), "captured": total, "cause": "paid_twice", "unallocated_at": told.after(5)}
            told.tell(payments.ChargeUnallocated(**charge, **again), charge["charge_id"], 5)
        case "taken_back":
            back = {"attempt_id": told.id(), "reversed": total, "reversed_at": told.after(20)}
            told.tell(payments.ChargeReversed(**charge, **back), charge["charge_id"], 20)
            _cancel(told, order, ticket, "payment_reversed")
        case "not_captured" | "amounts_differ":
            pass
        case _:
            _cancel(told, order, ticket, "visitor_cancelled")
            _give_back(told, order, charge, end)
            if end == "admitted_though_void":
                _enter(told, ticket)
    return told


def _drawn(told: Story) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return what every event of an order, of its charge and of its ticket carries."""
    dice, good = told.dice, told.dice.choice(GOODS)
    order_id, charge_id, amount = told.id(), told.id(), Yen(good.price * 2)
    line = ticketing.OrderLine(
        facility=good.facility,
        product=good.product,
        category=good.category,
        quantity=2,
        unit_price=Yen(good.price),
        amount=amount,
        tax_rate_percent=TAX_PERCENT,
        revenue_owner=good.owner,
        revenue_account=good.account,
    )
    order = {
        "order_id": order_id,
        "number": f"{dice.randrange(10**5):05d}-{dice.randrange(10**5):05d}",
        "authority": "hiroshima",
        "facility": good.facility,
        "visit_date": told.at.astimezone(JAPAN).date(),
        "method": "paypay",
        "lines": (line,),
        "total": amount,
        "tax": tax_within(amount, TAX_PERCENT),
    }
    allocation = payments.Allocation(
        facility=good.facility,
        product=good.product,
        revenue_owner=good.owner,
        revenue_account=good.account,
        tax_rate_percent=TAX_PERCENT,
        amount=amount,
    )
    charge = {
        "charge_id": charge_id,
        "reference": str(order_id),
        "caller": "ticketing",
        "method": "paypay",
        "amount": amount,
        "facility": good.facility,
        "allocations": (allocation,),
    }
    ticket = {
        "ticket_id": told.id(),
        "order_id": order_id,
        "facility": good.facility,
        "product": good.product,
        "category": good.category,
        "visit_date": order["visit_date"],
        "price": Yen(good.price),
    }
    return order, charge, ticket


def _capture(told: Story, charge: dict[str, Any], captured: Yen) -> None:
    fact = payments.ChargeCaptured(
        **charge,
        attempt_id=told.id(),
        captured=captured,
        provider_reference=f"p{told.id().hex}",
        captured_at=told.after(2),
    )
    told.tell(fact, charge["charge_id"], 2)


def _cancel(told: Story, order: dict[str, Any], ticket: dict[str, Any], reason: Any) -> None:
    cancelled = ticketing.OrderCancelled(**order, cancelled_at=told.after(20), reason=reason, was_paid=True)
    told.tell(cancelled, order["order_id"], 20)
    voided = ticketing.TicketVoided(**ticket, voided_at=told.after(20), reason="cancelled")
    told.tell(voided, ticket["ticket_id"], 20)


def _give_back(told: Story, order: dict[str, Any], charge: dict[str, Any], end: OrderFault | Good) -> None:
    refund_id = told.id()
    shared = ("order_id", "number", "facility", "method", "lines")
    asked = ticketing.RefundRequested(
        **{name: order[name] for name in shared},
        refund_id=refund_id,
        charge_id=charge["charge_id"],
        amount=order["total"],
        reason="visitor_cancelled",
        requested_at=told.after(20),
    )
    told.tell(asked, order["order_id"], 20)
    kept = {name: charge[name] for name in ("charge_id", "reference", "method", "facility", "amount", "allocations")}
    if end == "refund_failed":
        fact = payments.RefundFailed(refund_id=refund_id, **kept, reason="account_closed", failed_at=told.after(25))
        told.tell(fact, refund_id, 25)
    elif end != "refund_outstanding":
        told.tell(payments.RefundSettled(refund_id=refund_id, **kept, settled_at=told.after(25)), refund_id, 25)
    if end == "refunded_too_much":
        again, more = told.id(), kept | {"amount": Yen(50), "allocations": ()}
        told.tell(payments.RefundSettled(refund_id=again, **more, settled_at=told.after(30)), again, 30)


def _enter(told: Story, ticket: dict[str, Any]) -> None:
    entered = {"gate": f"{ticket['facility']}-1", "gate_facility": ticket["facility"], "scan_id": told.id()}
    told.tell(ticketing.TicketAdmitted(**ticket, **entered, admitted_at=told.after(50)), ticket["ticket_id"], 50)
