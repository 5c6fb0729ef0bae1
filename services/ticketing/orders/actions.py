"""What is done with orders: place, pay, confirm, cancel, expire; each in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Literal, assert_never
from uuid import UUID

from kernel.clock import business_date
from kernel.contracts import Fact
from kernel.money import ZERO, Yen
from kernel.outbox import Pending, write_events
from kernel.rows import Transaction
from ticketing.facilities.actions import FacilityBook
from ticketing.facilities.model import Place, UnknownFacility, Wish, quote
from ticketing.orders import facts, model, store
from ticketing.orders.model import (
    AlreadyUsed,
    AwaitingPayment,
    Basket,
    Cancelled,
    CancelReason,
    Confirm,
    Confirmed,
    Expired,
    GiveBack,
    Holds,
    Nothing,
    Order,
    OrderOver,
    PaymentProblem,
    Rebook,
    SoldOut,
    UnknownOrder,
)
from ticketing.tickets import store as tickets
from ticketing.tickets.model import Sign, Ticket, issue

log = logging.getLogger(__name__)

DUE_ORDERS_MAX = 100
RefundReason = Literal["visitor_cancelled", "staff_cancelled", "closure", "paid_too_late", "paid_twice"]


@dataclass(frozen=True, slots=True)
class Given:
    """What a visitor asks for."""

    facility: str
    visit_date: date
    slot: time | None
    wishes: Sequence[Wish]
    method: str
    locale: str
    email: str | None


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits and helpers that placing and confirming need."""

    holds: Holds
    tickets_max: int
    days_ahead_max: int
    new_id: Callable[[], UUID]
    sign: Sign


@dataclass(frozen=True, slots=True)
class Placed:
    """An order as it stands after it was placed, or found again, with its tickets."""

    order: Order
    tickets: tuple[Ticket, ...]


async def place(
    tx: Transaction,
    given: Given,
    *,
    book: FacilityBook,
    rules: Rules,
    order_id: UUID,
    number: str,
    key_sha256: bytes,
    at: datetime,
) -> Placed:
    """Compute the prices, hold the places, and confirm at once what is free; raise a Refusal otherwise."""
    facility = book.get(given.facility)
    if facility is None:
        raise UnknownFacility(facility=given.facility[:64])
    quoted = quote(
        facility,
        given.wishes,
        visit_date=given.visit_date,
        slot=given.slot,
        today=business_date(at),
        tickets_max=rules.tickets_max,
        days_ahead_max=rules.days_ahead_max,
        facilities=book.facilities,
        holidays=book.holidays(given.visit_date),
    )
    basket = Basket(
        id=order_id,
        number=number,
        authority=facility.authority,
        facility=facility.code,
        visit_date=given.visit_date,
        slot=given.slot,
        lines=quoted.lines,
        places=quoted.places,
        total=quoted.total,
        tax=quoted.tax,
        locale=given.locale,
        correlation_id=tx.correlation_id,
        placed_at=at,
    )
    free = quoted.total == ZERO
    awaiting = model.place(basket, "none" if free else given.method, rules.holds, at=at)
    events = [_pending(tx, facts.placed(awaiting), awaiting, rules.new_id(), at)]
    placed = Placed(awaiting, ())
    if free:
        order = model.confirm(awaiting, method="none", charge_id=None, received_at=at, at=at)
        placed = Placed(order, _issue(order, rules))
        events += _confirmation(tx, order, placed.tickets, rules, at, rebooked=False)
    await tx.write(
        store.adding(placed.order, key_sha256=key_sha256, email=given.email),
        *tickets.adding(placed.tickets, at=at),
        events=events,
    )
    # Last, so that the lock on a hot slot is held only for the commit.
    await take_all(tx, basket.places)
    return placed


async def take_all(tx: Transaction, places: Sequence[Place]) -> None:
    """Take every place or raise SoldOut; always in one order, so that two orders never wait in a circle."""
    for each in sorted(places, key=store.lock_order):
        if not await store.take(tx, each):
            left = await store.remaining(tx, each)
            raise SoldOut(remaining=left, day=each.visit_date.isoformat())


async def note_charge(
    tx: Transaction, order_id: UUID, *, charge_id: UUID, checkout_url: str, method: str, expires_at: datetime
) -> Order:
    """Keep where the visitor pays; the charge may have been captured meanwhile, then nothing is to be noted."""
    order = await store.find(tx, order_id, lock=True)
    if order is None:
        raise UnknownOrder
    if not isinstance(order, AwaitingPayment):
        return order
    newer = model.open_charge(
        order, method=method, charge_id=charge_id, checkout_url=checkout_url, expires_at=expires_at
    )
    await store.save(tx, newer)
    return newer


async def note_problem(
    tx: Transaction, order_id: UUID, problem: PaymentProblem, *, refused_because: str | None = None
) -> None:
    """Keep why the last try to pay came to nothing; the hold goes on, and the page offers to try again."""
    order = await store.find(tx, order_id, lock=True)
    if isinstance(order, AwaitingPayment):
        await store.save(tx, replace(order, problem=problem, refused_because=refused_because))


async def find_for_payment(tx: Transaction, order_id: UUID) -> AwaitingPayment:
    """Return an order that can still be paid; raise OrderOver otherwise."""
    order = await store.find(tx, order_id)
    match order:
        case None:
            raise UnknownOrder
        case AwaitingPayment():
            return order
        case Confirmed() | Cancelled() | Expired():
            raise OrderOver(status=model.status_of(order))
        case _:
            assert_never(order)


async def capture(
    tx: Transaction,
    order_id: UUID,
    *,
    charge_id: UUID,
    captured: Yen,
    method: str,
    received_at: datetime,
    rules: Rules,
    at: datetime,
) -> None:
    """Act on money that came for an order: confirm it, take the places again, or ask to give it back."""
    order = await store.find(tx, order_id, lock=True)
    if order is None:
        return  # Another system's charge: payments is open to all of them.
    decision = model.on_capture(order, charge_id=charge_id, captured=captured)
    match decision:
        case Nothing():
            return
        case Confirm(excess=excess) | Rebook(excess=excess):
            assert isinstance(order, AwaitingPayment | Expired)  # noqa: S101 - on_capture's promise
            rebooked = isinstance(decision, Rebook)
            if rebooked and not await _retake(tx, order.basket.places):
                await _give_back(tx, order, charge_id, captured, "paid_too_late", rules, at)
                return
            confirmed = model.confirm(order, method=method, charge_id=charge_id, received_at=received_at, at=at)
            made = _issue(confirmed, rules)
            await store.save(tx, confirmed)
            events = _confirmation(tx, confirmed, made, rules, at, rebooked=rebooked)
            await tx.write(*tickets.adding(made, at=at), events=events)
            if excess:
                await _give_back(tx, confirmed, charge_id, excess, "paid_twice", rules, at)
        case GiveBack(amount=amount, reason=reason):
            await _give_back(tx, order, charge_id, amount, reason, rules, at)
        case _:
            assert_never(decision)


async def _retake(tx: Transaction, places: Sequence[Place]) -> bool:
    """Take the places again, all or none."""
    try:
        async with tx.session.savepoint():
            await take_all(tx, places)
    except SoldOut:
        return False
    return True


def _issue(order: Confirmed, rules: Rules) -> tuple[Ticket, ...]:
    basket = order.basket
    return issue(
        basket.id,
        basket.lines,
        visit_date=basket.visit_date,
        slot=basket.slot,
        new_id=rules.new_id,
        sign=rules.sign,
    )


def _confirmation(
    tx: Transaction, order: Confirmed, made: Sequence[Ticket], rules: Rules, at: datetime, *, rebooked: bool
) -> list[Pending]:
    return [
        _pending(tx, facts.confirmed(order, rebooked=rebooked), order, rules.new_id(), at),
        *(
            Pending(
                facts.ticket_issued(ticket, at=at),
                str(ticket.id),
                ticket.version,
                rules.new_id(),
                tx.correlation_id,
                at,
            )
            for ticket in made
        ),
    ]


async def _give_back(
    tx: Transaction,
    order: Order,
    charge_id: UUID,
    amount: Yen,
    reason: RefundReason,
    rules: Rules,
    at: datetime,
) -> None:
    """Ask payments to give money back, once for each charge and reason."""
    refund_id = rules.new_id()
    if not await store.add_refund(
        tx, refund_id=refund_id, order_id=order.basket.id, charge_id=charge_id, amount=amount, reason=reason, at=at
    ):
        return
    newer = replace(order, version=order.version + 1)
    await store.save(tx, newer)
    fact = facts.refund_requested(newer, refund_id=refund_id, charge_id=charge_id, amount=amount, reason=reason, at=at)
    await write_events(tx, [_pending(tx, fact, newer, rules.new_id(), at)])


async def cancel(tx: Transaction, order_id: UUID, *, reason: CancelReason, rules: Rules, at: datetime) -> Cancelled:
    """Cancel a whole order: void its tickets, free its places, ask for the refund if it was paid."""
    order = await store.find(tx, order_id, lock=True)
    if order is None:
        raise UnknownOrder
    held = await tickets.of_order(tx, order_id, lock=True)
    used = any(ticket.status == "admitted" for ticket in held)
    cancelled = model.cancel(order, reason=reason, any_admitted=used, today=business_date(at), at=at)
    voided = [ticket for ticket in held if ticket.status == "valid"]
    await tickets.void(tx, voided, reason=reason, at=at)
    await store.save(tx, cancelled)
    events = [_pending(tx, facts.cancelled(cancelled), cancelled, rules.new_id(), at)]
    events += [
        Pending(
            facts.ticket_voided(ticket, reason=reason, at=at),
            str(ticket.id),
            ticket.version + 1,
            rules.new_id(),
            tx.correlation_id,
            at,
        )
        for ticket in voided
    ]
    await write_events(tx, events)
    paid = cancelled.received_at is not None and cancelled.charge_id is not None and order.basket.total != ZERO
    if paid and cancelled.charge_id is not None and reason != "payment_reversed":
        await _give_back(tx, cancelled, cancelled.charge_id, order.basket.total, reason, rules, at)
    await store.give_back(tx, order.basket.places)
    return cancelled


async def reverse(tx: Transaction, order_id: UUID, *, charge_id: UUID, rules: Rules, at: datetime) -> None:
    """Cancel an order whose money the provider took back, unless somebody entered with it: then a person must look."""
    order = await store.find(tx, order_id, lock=True)
    if not isinstance(order, Confirmed) or order.charge_id != charge_id:
        return
    try:
        await cancel(tx, order_id, reason="payment_reversed", rules=rules, at=at)
    except AlreadyUsed:
        log.warning("money was taken back for tickets that were used", extra={"order_id": str(order_id)})


async def expire_due(tx: Transaction, *, rules: Rules, at: datetime) -> int:
    """Expire orders whose hold is over and free their places; return how many there were."""
    over = await store.due(tx, at=at, limit=DUE_ORDERS_MAX)
    freed: dict[tuple[str, str, date, time], Place] = {}
    events: list[Pending] = []
    for order in over:
        expired = model.expire(order, at=at)
        await store.save(tx, expired)
        # The event belongs to the visitor's own request, not to the sweep.
        own = Transaction(tx.session, tx.service, order.basket.correlation_id)
        events.append(_pending(own, facts.expired(expired), expired, rules.new_id(), at))
        for each in order.basket.places:
            key = store.lock_order(each)
            before = freed.get(key)
            freed[key] = each if before is None else replace(each, quantity=each.quantity + before.quantity)
    await write_events(tx, events)
    await store.give_back(tx, freed.values())
    return len(over)


def _pending(
    tx: Transaction,
    fact: Fact,
    order: Order,
    event_id: UUID,
    at: datetime,
) -> Pending:
    return Pending(fact, str(order.basket.id), order.version, event_id, tx.correlation_id, at)
