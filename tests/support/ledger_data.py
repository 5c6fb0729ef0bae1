"""A month of events as ticketing and payments would publish them, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID

from kernel.clock import JAPAN
from kernel.contracts import Envelope, Fact, payments, ticketing
from kernel.money import Yen, tax_within

PLACES = {
    "hpam": (("collection", "adult", 510), ("collection", "university", 310), ("special", "adult", 1500)),
    "shukkeien": (("garden", "adult", 350), ("garden", "university", 150), ("garden", "high_and_below", 0)),
    "forest-park": (("entrance", "adult", 420), ("entrance", "child", 170)),
    "history-museum": (("permanent", "adult", 290), ("permanent", "university", 210)),
    "miyoshi-fudoki": (("permanent", "adult", 200), ("permanent", "child", 0)),
}
WEIGHTS = (9, 14, 7, 4, 2)
METHODS = ("stripe_card", "paypay", "payeasy_komoju")


@dataclass
class Story:
    """Writes one order's events; every id comes from the seed."""

    dice: random.Random
    events: list[Envelope] = field(default_factory=list)

    def id(self) -> UUID:
        return UUID(int=self.dice.getrandbits(128), version=4)

    def tell(self, fact: Fact, subject: object, at: datetime) -> None:
        version = 1 + sum(event.subject == str(subject) for event in self.events)
        self.events.append(
            Envelope(
                id=self.id(),
                type=fact.TYPE,
                source=f"momiji/{fact.TYPE.split('.', maxsplit=1)[0]}",
                subject=str(subject),
                aggregate_version=version,
                time=at,
                correlation_id="seeded",
                fact=fact,
            )
        )


def order_story(
    dice: random.Random, at: datetime, *, end: str = "admitted", place: str = "", method: str = ""
) -> Story:
    """Return one order's events; `end` says how it ends."""
    told = Story(dice)
    place = place or dice.choices(list(PLACES), WEIGHTS)[0]
    method = method or dice.choices(METHODS, (6, 5, 2))[0]
    order_id, charge_id = told.id(), told.id()
    number = f"{dice.randrange(10**5):05d}-{dice.randrange(10**5):05d}"
    chosen = dice.sample(PLACES[place], k=dice.randint(1, 2))
    if all(price == 0 for _, _, price in chosen) and end != "free":
        chosen = [PLACES[place][0]]
    owner = "manager-hpam" if place in {"hpam", "shukkeien"} else "hiroshima"
    account = f"一般会計・使用料及び手数料・使用料・教育使用料・{place}"
    lines = tuple(
        ticketing.OrderLine(
            facility=place,
            product=product,
            category=category,
            quantity=(quantity := dice.randint(1, 4)),
            unit_price=Yen(price),
            amount=Yen(price * quantity),
            tax_rate_percent=10,
            revenue_owner=owner,
            revenue_account=account,
        )
        for product, category, price in chosen
    )
    amount = sum((line.amount for line in lines), Yen(0))
    whole = {
        "order_id": order_id,
        "number": number,
        "authority": "hiroshima",
        "facility": place,
        "visit_date": at.astimezone(JAPAN).date(),
        "method": method if amount else "none",
        "lines": lines,
        "total": amount,
        "tax": tax_within(amount, 10),
    }
    told.tell(ticketing.OrderPlaced(**whole, placed_at=at, expires_at=at + timedelta(minutes=40)), order_id, at)
    allocations = tuple(
        payments.Allocation(
            facility=line.facility,
            product=line.product,
            revenue_owner=owner,
            revenue_account=account,
            tax_rate_percent=10,
            amount=line.amount,
        )
        for line in lines
        if line.amount
    )
    charge = {
        "charge_id": charge_id,
        "reference": str(order_id),
        "caller": "ticketing",
        "method": method,
        "amount": amount,
        "facility": place,
        "allocations": allocations,
    }
    paid_at, attempt_id = at + timedelta(seconds=dice.randint(30, 240)), told.id()
    if amount:
        told.tell(
            payments.ChargeRequested(**charge, requested_at=at, expires_at=at + timedelta(minutes=35)), charge_id, at
        )
    if end == "abandoned":
        later = at + timedelta(minutes=41)
        told.tell(payments.ChargeExpired(**charge, expired_at=later), charge_id, later)
        told.tell(ticketing.OrderExpired(**whole, expired_at=later), order_id, later)
        return told
    if amount and end != "not_captured":
        captured = amount - Yen(100) if end == "short" else amount
        fact = payments.ChargeCaptured(
            **charge,
            attempt_id=attempt_id,
            captured=captured,
            provider_reference=f"p{told.id().hex}",
            captured_at=paid_at,
        )
        told.tell(fact, charge_id, paid_at)
    if end == "not_sold":
        return told
    if end == "late":
        _pay_too_late(told, whole, charge, paid_at + timedelta(minutes=1))
        return told
    told.tell(
        ticketing.OrderConfirmed(**whole, confirmed_at=paid_at, received_at=paid_at, charge_id=charge_id),
        order_id,
        paid_at,
    )
    tickets = [
        {
            "ticket_id": told.id(),
            "order_id": order_id,
            "facility": place,
            "product": line.product,
            "category": line.category,
            "visit_date": whole["visit_date"],
            "price": line.unit_price,
        }
        for line in lines
        for _ in range(line.quantity)
    ]
    for ticket in tickets:
        told.tell(ticketing.TicketIssued(**ticket, issued_at=paid_at), ticket["ticket_id"], paid_at)
    if end == "unallocated":
        fact = payments.ChargeUnallocated(
            **charge, attempt_id=attempt_id, captured=amount, cause="paid_twice", unallocated_at=paid_at
        )
        told.tell(fact, charge_id, paid_at)
    if end == "reversed":
        later = paid_at + timedelta(minutes=20)
        fact = payments.ChargeReversed(**charge, attempt_id=attempt_id, reversed=amount, reversed_at=later)
        told.tell(fact, charge_id, later)
        fact = ticketing.OrderCancelled(**whole, cancelled_at=later, reason="payment_reversed", was_paid=True)
        told.tell(fact, order_id, later)
        return told
    if end in {"cancelled", "refund_outstanding"}:
        _cancel(told, whole, charge, tickets, paid_at + timedelta(minutes=20), settled=end == "cancelled")
    elif end != "kept":
        _enter(told, place, tickets, paid_at + timedelta(minutes=dice.randint(3, 90)), undone=end == "undone")
    return told


def _cancel(told: Story, whole: dict, charge: dict, tickets: list[dict], at: datetime, *, settled: bool) -> None:
    order_id, refund_id = whole["order_id"], told.id()
    told.tell(
        ticketing.OrderCancelled(**whole, cancelled_at=at, reason="visitor_cancelled", was_paid=True), order_id, at
    )
    for ticket in tickets:
        told.tell(ticketing.TicketVoided(**ticket, voided_at=at, reason="cancelled"), ticket["ticket_id"], at)
    told.tell(
        ticketing.RefundRequested(
            refund_id=refund_id,
            order_id=order_id,
            charge_id=charge["charge_id"],
            number=whole["number"],
            facility=whole["facility"],
            method=whole["method"],
            amount=whole["total"],
            reason="visitor_cancelled",
            lines=whole["lines"],
            requested_at=at,
        ),
        order_id,
        at,
    )
    if settled:
        later = at + timedelta(seconds=40)
        kept = {
            name: charge[name] for name in ("charge_id", "reference", "method", "facility", "amount", "allocations")
        }
        told.tell(payments.RefundSettled(refund_id=refund_id, **kept, settled_at=later), refund_id, later)


def _pay_too_late(told: Story, whole: dict, charge: dict, at: datetime) -> None:
    """Let the money come once the order is over: payments sets aside what it had captured, and gives it back."""
    order_id, refund_id = whole["order_id"], told.id()
    told.tell(ticketing.OrderExpired(**whole, expired_at=at), order_id, at)
    told.tell(
        ticketing.RefundRequested(
            refund_id=refund_id,
            order_id=order_id,
            charge_id=charge["charge_id"],
            number=whole["number"],
            facility=whole["facility"],
            method=whole["method"],
            amount=whole["total"],
            reason="paid_too_late",
            lines=whole["lines"],
            requested_at=at,
        ),
        order_id,
        at,
    )
    fact = payments.ChargeUnallocated(**charge, captured=whole["total"], cause="paid_too_late", unallocated_at=at)
    told.tell(fact, charge["charge_id"], at)
    kept = {name: charge[name] for name in ("charge_id", "reference", "method", "facility", "amount", "allocations")}
    told.tell(payments.RefundSettled(refund_id=refund_id, **kept, settled_at=at), refund_id, at)


def _enter(told: Story, place: str, tickets: list[dict], at: datetime, *, undone: bool) -> None:
    for position, ticket in enumerate(tickets):
        scan = told.id()
        when = at + timedelta(seconds=3 * position)
        fact = ticketing.TicketAdmitted(
            **ticket, gate=f"{place}-1", gate_facility=place, scan_id=scan, admitted_at=when
        )
        told.tell(fact, ticket["ticket_id"], when)
        if undone and position == 0:
            fact = ticketing.TicketAdmissionReversed(
                **ticket, gate=f"{place}-1", scan_id=scan, reversed_at=when, reason="mistaken"
            )
            told.tell(fact, ticket["ticket_id"], when)


def month(
    seed: int, first: date, last: date, *, orders_a_day: int, faults: dict[date, tuple[str, ...]]
) -> Iterator[Envelope]:
    """Yield the events of a range of days; `faults` name orders that end badly. Mondays are closed."""
    dice = random.Random(seed)
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if day.weekday() == 0 and day not in faults:
            continue
        busy = orders_a_day * (2 if day.weekday() >= 5 else 1)
        ends = dice.choices(("admitted", "cancelled", "abandoned", "kept", "undone"), (80, 7, 6, 6, 1), k=busy)
        for end in (*ends, *faults.get(day, ())):
            at = datetime.combine(day, time(9), JAPAN) + timedelta(seconds=dice.randint(0, 7 * 3600))
            yield from order_story(dice, at, end=end).events
