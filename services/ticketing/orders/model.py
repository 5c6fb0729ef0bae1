"""An order's states and transitions; nothing here reads a clock or a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal, assert_never
from uuid import UUID

from kernel.clock import JAPAN
from kernel.money import ZERO, Yen
from kernel.refusals import Conflict, NotFound
from ticketing.facilities.model import Place, QuotedLine
from ticketing.orders.ways import FREE, WAYS, Way, way_sold

CancelReason = Literal["visitor_cancelled", "staff_cancelled", "closure", "payment_reversed"]
PaymentProblem = Literal["failed", "expired"]
PAYEASY_LEAD = timedelta(hours=2)  # Less than this before the deadline nobody gets to a bank in time.


@dataclass(frozen=True, slots=True)
class Basket:
    """What was ordered: the part of an order that never changes."""

    id: UUID
    number: str
    authority: str
    facility: str
    visit_date: date
    slot: time | None
    lines: tuple[QuotedLine, ...]
    places: tuple[Place, ...]
    total: Yen
    tax: Yen
    locale: str
    correlation_id: str
    placed_at: datetime


@dataclass(frozen=True, slots=True)
class AwaitingPayment:
    """Places are held until `expires_at`. `problem` says why the last try to pay came to nothing.

    `refused_because` is payments' word for why a try failed; a page shows those that it knows.
    """

    basket: Basket
    version: int
    method: str
    expires_at: datetime
    charge_id: UUID | None = None
    checkout_url: str | None = None
    problem: PaymentProblem | None = None
    refused_because: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Paid, or free: tickets exist. `received_at` is when the money came."""

    basket: Basket
    version: int
    method: str
    expires_at: datetime
    confirmed_at: datetime
    received_at: datetime
    charge_id: UUID | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Cancelled as a whole. `charge_id` names the charge that is given back, if it was paid."""

    basket: Basket
    version: int
    method: str
    expires_at: datetime
    cancelled_at: datetime
    reason: str
    charge_id: UUID | None
    confirmed_at: datetime | None = None
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Expired:
    """Nobody paid in time."""

    basket: Basket
    version: int
    method: str
    expires_at: datetime
    expired_at: datetime
    charge_id: UUID | None = None


Order = AwaitingPayment | Confirmed | Cancelled | Expired


@dataclass(frozen=True, slots=True)
class Holds:
    """How long places are held for each method.

    `longest` is how long after placing trying again by card or QR may still lengthen a hold: otherwise whoever keeps
    switching would hold places for ever without paying.
    """

    card: timedelta
    qr: timedelta
    payeasy_until: time
    provider_margin: timedelta
    longest: timedelta
    ways: tuple[Way, ...] = WAYS


class SoldOut(Conflict):
    """There is not enough room."""

    slug = "sold-out"
    advice = "Only {remaining} places are left for {day}. Choose fewer tickets, another time or another day."


class MethodNotOffered(Conflict):
    """The method cannot be used for this visit."""

    slug = "method-not-offered"
    advice = "Pay-easy is offered up to the day before the visit. Choose card or PayPay, or a later day."


class TooLateToPay(Conflict):
    """The visit would be over before the payment's deadline."""

    slug = "too-late-to-pay"
    advice = "It is too late to pay for a visit on {day}. Choose a later day."


class NoNewTry(Conflict):
    """The hold cannot be made longer once more."""

    slug = "no-new-try"
    advice = "The time to start another payment for this order is over. Place a new order."


class UnknownOrder(NotFound):
    """There is no such order, or the key is another one's."""

    slug = "unknown-order"
    advice = (
        "There is no such order, or the key does not belong to it. Open the address that you were given when ordering."
    )


class OrderOver(Conflict):
    """The order can no longer be paid."""

    slug = "order-over"
    advice = "This order is {status} and can no longer be paid. Place a new order."


class AlreadyUsed(Conflict):
    """A ticket of the order was used."""

    slug = "ticket-already-used"
    advice = "A ticket of this order was used, so the order cannot be cancelled. Ask the facility's staff."


class VisitOver(Conflict):
    """The day of the visit is over."""

    slug = "visit-over"
    advice = "The day of the visit is over, so the order cannot be cancelled. Ask the facility's staff."


class NotCancellable(Conflict):
    """The order is not in a state to be cancelled."""

    slug = "not-cancellable"
    advice = "This order is {status} already; there is nothing to cancel."


def hold_until(method: str, visit_date: date, holds: Holds, *, at: datetime) -> datetime:
    """Return until when places are held; raise a Refusal if a payment by the method would come too late."""
    if method == FREE:
        return at
    match way_sold(holds.ways, method).kind:
        case "card":
            return _before_the_visit_ends(at + holds.card, visit_date)
        case "qr":
            return _before_the_visit_ends(at + holds.qr, visit_date)
        case "payeasy":
            evening = datetime.combine(visit_date - timedelta(days=1), holds.payeasy_until, tzinfo=JAPAN)
            if evening - holds.provider_margin - at < PAYEASY_LEAD:
                raise MethodNotOffered
            return evening
        case unheard_of:
            assert_never(unheard_of)


def _before_the_visit_ends(until: datetime, visit_date: date) -> datetime:
    if until > datetime.combine(visit_date + timedelta(days=1), time.min, tzinfo=JAPAN):
        raise TooLateToPay(day=visit_date.isoformat())
    return until


def hold_again(order: AwaitingPayment, method: str, holds: Holds, *, at: datetime) -> datetime:
    """Return until when places are held once the visitor tries again or pays another way.

    A new try needs the provider's whole time (a card's page lives half an hour at least), so the hold moves with it,
    but never beyond what the order had already or `holds.longest` after placing: then NoNewTry is raised.
    """
    until = hold_until(method, order.basket.visit_date, holds, at=at)
    by_the_minute = way_sold(holds.ways, method).kind != "payeasy"
    if by_the_minute and until > max(order.expires_at, order.basket.placed_at + holds.longest):
        raise NoNewTry
    return until


def methods_now(order: AwaitingPayment, holds: Holds, *, at: datetime) -> tuple[Way, ...]:
    """Return the ways in which an order can still be paid."""
    return tuple(each for each in holds.ways if each.sold and _in_time(order, each.name, holds, at))


def _in_time(order: AwaitingPayment, method: str, holds: Holds, at: datetime) -> bool:
    try:
        hold_again(order, method, holds, at=at)
    except (MethodNotOffered, TooLateToPay, NoNewTry):
        return False
    return True


def provider_deadline(expires_at: datetime, holds: Holds) -> datetime:
    """Return the deadline that the provider is given: always before the hold ends."""
    return expires_at - holds.provider_margin


def place(basket: Basket, method: str, holds: Holds, *, at: datetime) -> AwaitingPayment:
    """Place an order whose places are held."""
    return AwaitingPayment(basket, 1, method, hold_until(method, basket.visit_date, holds, at=at))


def open_charge(
    order: AwaitingPayment, *, method: str, charge_id: UUID, checkout_url: str, expires_at: datetime
) -> AwaitingPayment:
    """Note where the visitor pays now, and how, and until when."""
    return replace(
        order,
        method=method,
        charge_id=charge_id,
        checkout_url=checkout_url,
        expires_at=expires_at,
        problem=None,
        refused_because=None,
    )


def confirm(
    order: AwaitingPayment | Expired, *, method: str, charge_id: UUID | None, received_at: datetime, at: datetime
) -> Confirmed:
    """Confirm a paid or free order; an expired one only after its places were taken again.

    `method` is the one that brought the money: an older attempt may be paid after another way was chosen.
    """
    return Confirmed(
        basket=order.basket,
        version=order.version + 1,
        method=method,
        expires_at=order.expires_at,
        confirmed_at=at,
        received_at=received_at,
        charge_id=charge_id,
    )


def expire(order: AwaitingPayment, *, at: datetime) -> Expired:
    """Expire an order that nobody paid in time."""
    return Expired(order.basket, order.version + 1, order.method, order.expires_at, at, order.charge_id)


def cancel(order: Order, *, reason: CancelReason, any_admitted: bool, today: date, at: datetime) -> Cancelled:
    """Cancel a whole order; raise a Refusal that says why not."""
    match order:
        case AwaitingPayment():
            return Cancelled(
                order.basket, order.version + 1, order.method, order.expires_at, at, reason, order.charge_id
            )
        case Confirmed():
            if any_admitted:
                raise AlreadyUsed
            # Staff may help somebody who stood before a closed door the day after, too.
            if order.basket.visit_date < today and reason == "visitor_cancelled":
                raise VisitOver
            return Cancelled(
                order.basket,
                order.version + 1,
                order.method,
                order.expires_at,
                at,
                reason,
                order.charge_id,
                order.confirmed_at,
                order.received_at,
            )
        case Cancelled() | Expired():
            raise NotCancellable(status=status_of(order))
        case _:
            assert_never(order)


@dataclass(frozen=True, slots=True)
class Confirm:
    """The money is what was waited for; what is more than due goes back."""

    excess: Yen = ZERO


@dataclass(frozen=True, slots=True)
class Rebook:
    """The hold is over: take the places again if there is room, else give the money back."""

    excess: Yen = ZERO


@dataclass(frozen=True, slots=True)
class GiveBack:
    """No order can take this money."""

    amount: Yen
    reason: Literal["paid_too_late", "paid_twice"]


@dataclass(frozen=True, slots=True)
class Nothing:
    """It was known."""


OnCapture = Confirm | Rebook | GiveBack | Nothing


def on_capture(order: Order, *, charge_id: UUID, captured: Yen) -> OnCapture:
    """Decide what money for an order means, whatever state the order is in by now.

    | order             | by the same charge | by another charge |
    |-------------------|--------------------|-------------------|
    | awaiting payment  | confirm            | confirm           |
    | expired           | rebook             | rebook            |
    | confirmed         | nothing            | give back         |
    | cancelled, paid   | nothing            | give back         |
    | cancelled, unpaid | give back          | give back         |

    Less than what is due confirms nothing and goes back; of more, the excess goes back.
    """
    due = order.basket.total
    match order:
        case AwaitingPayment() | Expired():
            if captured < due or captured == ZERO:
                return GiveBack(captured, "paid_too_late") if captured != ZERO else Nothing()
            excess = captured - due
            return Confirm(excess) if isinstance(order, AwaitingPayment) else Rebook(excess)
        case Confirmed():
            return Nothing() if order.charge_id == charge_id else GiveBack(captured, "paid_twice")
        case Cancelled():
            paid_before = order.received_at is not None and order.charge_id == charge_id
            return Nothing() if paid_before else GiveBack(captured, "paid_too_late")
        case _:
            assert_never(order)


STATUSES: Mapping[type, str] = {
    AwaitingPayment: "awaiting_payment",
    Confirmed: "confirmed",
    Cancelled: "cancelled",
    Expired: "expired",
}


def status_of(order: Order) -> str:
    """Return the order's status as the interface names it."""
    return STATUSES[type(order)]
