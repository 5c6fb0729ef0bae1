"""Orders of the made-up world as the events of ticketing and payments tell them, with what is wrong with each."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from console.bench.reconciling.goods import GOODS
from console.bench.reconciling.goods import Good as Offer
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
Good = Literal[
    "visited",
    "stayed_away",
    "turned_back",
    "cancelled",
    "expired",
    "taken_back",
    "paid_twice",
    "contested_and_lost",
    "contested_and_won",
]
End = OrderFault | Good
ORDER_FAULTS: Final[tuple[OrderFault, ...]] = (
    *("not_captured", "not_sold", "amounts_differ", "refund_outstanding", "refund_failed", "refunded_too_much"),
    *("unallocated", "admitted_though_void", "admitted_without_order"),
)
GOOD: Final[tuple[Good, ...]] = (
    *("visited", "stayed_away", "turned_back", "cancelled", "expired", "taken_back", "paid_twice"),
    *("contested_and_lost", "contested_and_won"),
)
TAX_PERCENT: Final = 10
ENTERS: Final = 50  # minutes after the order was placed
_SINCE: Final[Mapping[OrderFault, int]] = {
    "not_captured": 3,
    "not_sold": 2,
    "amounts_differ": 3,
    "refund_outstanding": 20,
    "refund_failed": 20,
    "refunded_too_much": 25,
    "unallocated": 5,
    "admitted_though_void": ENTERS,
    "admitted_without_order": ENTERS,
}


@dataclass(frozen=True, slots=True)
class Label:
    """What a person must be shown of an order; it is so since so many minutes after the order was placed."""

    kind: OrderFault
    order_id: UUID
    amount: Yen
    minutes: int


@dataclass(slots=True)
class Story:
    """One order's events as they are told, and what is wrong with it, if anything.

    `offer`: what is sold; drawn unless it is given. `ids`: every id in the order in which it was drawn, which is the
    same for all stories of one end; the first is the order's.
    """

    dice: random.Random
    at: datetime
    offer: Offer | None = None
    method: str = "paypay"
    number: str = ""
    events: list[Envelope] = field(default_factory=list)
    ids: list[UUID] = field(default_factory=list)
    label: Label | None = None

    def id(self) -> UUID:
        """Draw an id."""
        self.ids.append(UUID(int=self.dice.getrandbits(128), version=4))
        return self.ids[-1]

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
    ends: list[End] = [*ORDER_FAULTS * each, *GOOD * (2 * each)]
    dice.shuffle(ends)
    for number, end in enumerate(ends):
        yield lived(Story(dice, at + timedelta(minutes=number)), end)


def lived(told: Story, end: End) -> Story:
    """Let an order come to its end; return its story."""
    order, charge, ticket = _drawn(told)
    told.label = _label(order, end)
    if end == "admitted_without_order":
        _enter(told, ticket)
        return told
    order_id, total = order["order_id"], order["total"]
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
    if end != "not_sold":
        sold = {"confirmed_at": told.after(3), "received_at": told.after(3), "charge_id": charge["charge_id"]}
        told.tell(ticketing.OrderConfirmed(**order, **sold), order_id, 3)
        told.tell(ticketing.TicketIssued(**ticket, issued_at=told.after(3)), ticket["ticket_id"], 3)
        _go_on(told, order, charge, ticket, end)
    return told


def _label(order: dict[str, Any], end: End) -> Label | None:
    amount: Mapping[OrderFault, Yen] = {
        "amounts_differ": Yen(-100),
        "refunded_too_much": Yen(50),
        "admitted_though_void": ZERO,
        "admitted_without_order": ZERO,
    }
    for fault in ORDER_FAULTS:
        if fault == end:
            return Label(fault, order["order_id"], amount.get(fault, order["total"]), _SINCE[fault])
    return None


def _go_on(told: Story, order: dict[str, Any], charge: dict[str, Any], ticket: dict[str, Any], end: End) -> None:
    """Tell what comes after the sale."""
    match end:
        case "visited":
            _enter(told, ticket)
        case "turned_back":
            _turn_back(told, ticket, _enter(told, ticket))
        case "unallocated" | "paid_twice":
            _pay_again(told, charge, gives_back=end == "paid_twice")
        case "taken_back":
            back = {"attempt_id": told.id(), "reversed": order["total"], "reversed_at": told.after(20)}
            told.tell(payments.ChargeReversed(**charge, **back), charge["charge_id"], 20)
            _cancel(told, order, ticket, "payment_reversed")
        case "contested_and_lost" | "contested_and_won":
            _contest(told, charge, won=end == "contested_and_won")
        case "not_captured" | "amounts_differ" | "stayed_away":
            pass
        case _:
            _cancel(told, order, ticket, "visitor_cancelled")
            _give_back(told, order, charge, end)
            if end == "admitted_though_void":
                _enter(told, ticket)


def _drawn(told: Story) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return what every event of an order, of its charge and of its ticket carries."""
    dice, good = told.dice, told.offer or told.dice.choice(GOODS)
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
        "number": told.number or f"{dice.randrange(10**5):05d}-{dice.randrange(10**5):05d}",
        "authority": "hiroshima",
        "facility": good.facility,
        "visit_date": told.at.astimezone(JAPAN).date(),
        "method": told.method,
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
        "method": told.method,
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


def _give_back(told: Story, order: dict[str, Any], charge: dict[str, Any], end: End) -> None:
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
    kept = _kept(charge)
    if end == "refund_failed":
        fact = payments.RefundFailed(refund_id=refund_id, **kept, reason="account_closed", failed_at=told.after(25))
        told.tell(fact, refund_id, 25)
    elif end != "refund_outstanding":
        told.tell(payments.RefundSettled(refund_id=refund_id, **kept, settled_at=told.after(25)), refund_id, 25)
    if end == "refunded_too_much":
        again, more = told.id(), kept | {"amount": Yen(50), "allocations": ()}
        told.tell(payments.RefundSettled(refund_id=again, **more, settled_at=told.after(30)), again, 30)


def _pay_again(told: Story, charge: dict[str, Any], *, gives_back: bool) -> None:
    """Let money come a second time; it goes back without being asked for, as no order has it."""
    attempt_id = told.id()
    again = {"captured": charge["amount"], "cause": "paid_twice", "unallocated_at": told.after(5)}
    told.tell(payments.ChargeUnallocated(**charge, attempt_id=attempt_id, **again), charge["charge_id"], 5)
    if gives_back:
        refund_id, kept = told.id(), _kept(charge) | {"attempt_id": attempt_id}
        told.tell(payments.RefundSettled(refund_id=refund_id, **kept, settled_at=told.after(25)), refund_id, 25)


def _contest(told: Story, charge: dict[str, Any], *, won: bool) -> None:
    """Let the payer contest the payment; its provider takes the money at once, and gives it back if we win."""
    [attempt_id] = [each.fact.attempt_id for each in told.events if isinstance(each.fact, payments.ChargeCaptured)]
    dispute_id = told.id()
    kept = {name: charge[name] for name in ("charge_id", "reference", "method", "facility", "amount")}
    kept |= {"dispute_id": dispute_id, "attempt_id": attempt_id, "reason": "fraudulent"}
    told.tell(payments.DisputeOpened(**kept, opened_at=told.after(30)), dispute_id, 30)
    told.tell(payments.DisputeClosed(**kept, won=won, closed_at=told.after(45)), dispute_id, 45)


def _kept(charge: dict[str, Any]) -> dict[str, Any]:
    """Return what a refund of a whole charge carries of it."""
    return {name: charge[name] for name in ("charge_id", "reference", "method", "facility", "amount", "allocations")}


def _enter(told: Story, ticket: dict[str, Any]) -> UUID:
    """Let somebody in; return the scan's id."""
    scan_id = told.id()
    entered = {"gate": f"{ticket['facility']}-1", "gate_facility": ticket["facility"], "scan_id": scan_id}
    fact = ticketing.TicketAdmitted(**ticket, **entered, admitted_at=told.after(ENTERS))
    told.tell(fact, ticket["ticket_id"], ENTERS)
    return scan_id


def _turn_back(told: Story, ticket: dict[str, Any], scan_id: UUID) -> None:
    undone = {"gate": f"{ticket['facility']}-1", "scan_id": scan_id, "reason": "mistake"}
    fact = ticketing.TicketAdmissionReversed(**ticket, **undone, reversed_at=told.after(ENTERS + 2))
    told.tell(fact, ticket["ticket_id"], ENTERS + 2)
